//! Translates the prefix of a service, a JavaScript regular expression without flags, into the syntax of `fancy-regex`.
//!
//! The translation matches the same texts, with two exceptions:
//!
//! - A character above U+FFFF counts as one character, in JavaScript as two. Request targets contain none, because Node
//!   reads them as latin1.
//! - A reference to a group inside a loop, as in `(a+)+\1`. JavaScript clears the group in each iteration, `fancy-regex`
//!   does not. `fancy-regex` 0.20 also does not try every way to divide the text among the iterations.

use std::fmt::{self, Write};

/// Why a prefix that JavaScript accepts cannot be translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixError(pub String);

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PrefixError {}

/// A translated prefix, from which the expressions of the routes are made.
#[derive(Debug)]
pub(super) struct Pattern {
    /// The prefix in the syntax of `fancy-regex`. A top-level alternation is not wrapped in a group, because in 0.3.24 it
    /// splits the whole expression of a route.
    pub(super) source: String,
    /// The one text that the prefix matches, if the prefix has no operators.
    pub(super) literal: Option<String>,
}

/// Any character but a line terminator: JavaScript's `.`.
pub(super) const DOT: &str = r"[^\n\r\x{2028}\x{2029}]";

/// Translates `source`, which JavaScript's `new RegExp` accepts.
pub(super) fn translate(source: &str) -> Result<Pattern, PrefixError> {
    let chars: Vec<char> = source.chars().collect();
    let names = group_names(&chars);
    let mut translator = Translator {
        chars: &chars,
        at: 0,
        names: &names,
        out: String::new(),
        literal: Some(String::new()),
    };
    while translator.at < chars.len() {
        translator.term()?;
    }
    Ok(Pattern {
        source: translator.out,
        literal: translator.literal,
    })
}

/// The names of the capture groups in order, `None` for groups without a name.
fn group_names(chars: &[char]) -> Vec<Option<String>> {
    let mut names = Vec::new();
    let mut in_class = false;
    let mut at = 0;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 1,
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => match &chars[at + 1..] {
                ['?', '<', '=' | '!', ..] => {}
                ['?', '<', name @ ..] => {
                    names.push(Some(name.iter().take_while(|&&c| c != '>').collect()));
                }
                ['?', ..] => {}
                _ => names.push(None),
            },
            _ => {}
        }
        at += 1;
    }
    names
}

struct Translator<'a> {
    chars: &'a [char],
    at: usize,
    names: &'a [Option<String>],
    out: String,
    literal: Option<String>,
}

/// The meaning of an escape or of a member of a class.
enum Atom {
    Char(char),
    /// The ranges of a class, without its brackets.
    Set(&'static str),
    /// `\b` or, negated, `\B`.
    Boundary {
        negated: bool,
    },
    /// The number of a group.
    Reference(usize),
}

impl Translator<'_> {
    fn term(&mut self) -> Result<(), PrefixError> {
        let char = self.chars[self.at];
        self.at += 1;
        match char {
            '\\' => {
                let atom = self.escape(false)?;
                self.atom(&atom);
            }
            '[' => self.class()?,
            '(' => self.open_group()?,
            '.' => self.push(DOT),
            '^' => self.push(r"\A"),
            '$' => self.push(r"\z"),
            '|' => self.push("|"),
            ')' => self.push(")"),
            '*' => self.push("*"),
            '+' => self.push("+"),
            '?' => self.push("?"),
            '{' => match self.quantifier_end() {
                Some(end) => {
                    let quantifier: String = self.chars[self.at - 1..end].iter().collect();
                    self.push(&quantifier);
                    self.at = end;
                }
                None => self.atom(&Atom::Char('{')),
            },
            char => self.atom(&Atom::Char(char)),
        }
        Ok(())
    }

    /// Appends a part that is more than a plain character, so the prefix is not a literal.
    fn push(&mut self, source: &str) {
        self.literal = None;
        self.out.push_str(source);
    }

    fn atom(&mut self, atom: &Atom) {
        match atom {
            Atom::Char(char) => {
                if let Some(literal) = &mut self.literal {
                    literal.push(*char);
                }
                push_char(*char, &mut self.out);
            }
            Atom::Set(ranges) => self.push(&format!("[{ranges}]")),
            Atom::Boundary { negated: false } => {
                self.push(&format!("(?:(?<={WORD})(?!{WORD})|(?<!{WORD})(?={WORD}))"));
            }
            Atom::Boundary { negated: true } => {
                self.push(&format!("(?:(?<={WORD})(?={WORD})|(?<!{WORD})(?!{WORD}))"));
            }
            // In JavaScript a group that has not matched is an empty string.
            Atom::Reference(group) => self.push(&format!("(?:(?({group})\\{group}|))")),
        }
    }

    /// The index after `{n}`, `{n,}` or `{n,m}` whose digits begin at `self.at`. Any other `{` matches itself.
    fn quantifier_end(&self) -> Option<usize> {
        let digits = |at: usize| {
            self.chars[at..]
                .iter()
                .take_while(|c| c.is_ascii_digit())
                .count()
        };
        let min_digits = digits(self.at);
        let mut at = self.at + min_digits;
        if min_digits > 0 && self.chars.get(at) == Some(&',') {
            at += 1;
            at += digits(at);
        }
        (min_digits > 0 && self.chars.get(at) == Some(&'}')).then_some(at + 1)
    }

    fn open_group(&mut self) -> Result<(), PrefixError> {
        let rest = &self.chars[self.at..];
        let (source, length) = match rest {
            ['?', '<', '=', ..] => ("(?<=", 3),
            ['?', '<', '!', ..] => ("(?<!", 3),
            // The name is dropped: `named_reference` refers to the group by its number.
            ['?', '<', name @ ..] => ("(", 3 + name.iter().take_while(|&&c| c != '>').count()),
            ['?', ':', ..] => ("(?:", 2),
            ['?', '=', ..] => ("(?=", 2),
            ['?', '!', ..] => ("(?!", 2),
            ['?', ..] => {
                return Err(PrefixError(
                    "modifiers such as (?i:…) are not supported in a prefix".into(),
                ));
            }
            _ => ("(", 0),
        };
        self.at += length;
        self.push(source);
        Ok(())
    }

    fn class(&mut self) -> Result<(), PrefixError> {
        let negated = self.chars.get(self.at) == Some(&'^');
        self.at += usize::from(negated);
        let mut members = String::new();
        while let Some(first) = self.class_atom()? {
            let range = self.chars.get(self.at) == Some(&'-')
                && self.chars.get(self.at + 1).is_some_and(|&c| c != ']');
            push_member(&first, &mut members);
            if range {
                self.at += 1;
                let Some(last) = self.class_atom()? else {
                    break;
                };
                let hyphen = matches!((&first, &last), (Atom::Char(_), Atom::Char(_)));
                members.push_str(if hyphen { "-" } else { r"\x{2d}" });
                push_member(&last, &mut members);
            }
        }
        match (members.is_empty(), negated) {
            (true, false) => self.push("(?!)"),
            (true, true) => self.push(r"[\x{0}-\x{10ffff}]"),
            (false, _) => self.push(&format!("[{}{members}]", if negated { "^" } else { "" })),
        }
        Ok(())
    }

    /// The next member of a class; `None` at its end.
    fn class_atom(&mut self) -> Result<Option<Atom>, PrefixError> {
        let Some(&char) = self.chars.get(self.at) else {
            return Err(PrefixError("unterminated character class".into()));
        };
        self.at += 1;
        match char {
            ']' => Ok(None),
            '\\' => self.escape(true).map(Some),
            char => Ok(Some(Atom::Char(char))),
        }
    }

    /// Reads the escape after a backslash, including those of ECMA-262, annex B.
    fn escape(&mut self, in_class: bool) -> Result<Atom, PrefixError> {
        let Some(&char) = self.chars.get(self.at) else {
            return Err(PrefixError("\\ at the end of the prefix".into()));
        };
        self.at += 1;
        Ok(match char {
            'd' => Atom::Set(DIGITS),
            'D' => Atom::Set(NOT_DIGITS),
            'w' => Atom::Set(WORDS),
            'W' => Atom::Set(NOT_WORDS),
            's' => Atom::Set(SPACES),
            'S' => Atom::Set(NOT_SPACES),
            'b' if in_class => Atom::Char('\u{8}'),
            'b' => Atom::Boundary { negated: false },
            'B' if !in_class => Atom::Boundary { negated: true },
            'f' => Atom::Char('\u{c}'),
            'n' => Atom::Char('\n'),
            'r' => Atom::Char('\r'),
            't' => Atom::Char('\t'),
            'v' => Atom::Char('\u{b}'),
            'c' => self.control(in_class),
            'x' => match self.hex(2) {
                Some(code) => Atom::Char(char::from_u32(code).unwrap_or('x')),
                None => Atom::Char('x'),
            },
            'u' => match self.hex(4) {
                Some(unit) => Atom::Char(self.unit(unit)?),
                None => Atom::Char('u'),
            },
            'k' if !in_class && self.names.iter().any(Option::is_some) => self.named_reference()?,
            '0'..='9' => self.number(char, in_class),
            other => Atom::Char(other),
        })
    }

    /// `\cX` is a control character. Without a letter after it, `\c` matches a backslash and a `c`; the `c` is read next.
    fn control(&mut self, in_class: bool) -> Atom {
        let letter =
            self.chars.get(self.at).copied().filter(|&c| {
                c.is_ascii_alphabetic() || (in_class && (c.is_ascii_digit() || c == '_'))
            });
        if let Some(letter) = letter {
            self.at += 1;
            Atom::Char(char::from(letter as u8 & 0x1f))
        } else {
            self.at -= 1;
            Atom::Char('\\')
        }
    }

    /// Consumes exactly `digits` hexadecimal digits, or nothing.
    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text: String = self.chars.get(self.at..self.at + digits)?.iter().collect();
        let code = text
            .chars()
            .all(|c| c.is_ascii_hexdigit())
            .then(|| u32::from_str_radix(&text, 16).ok())??;
        self.at += digits;
        Some(code)
    }

    /// The character of a `\uXXXX`. Consumes the next `\uXXXX` too, if the two are a surrogate pair.
    fn unit(&mut self, unit: u32) -> Result<char, PrefixError> {
        if let Some(char) = char::from_u32(unit) {
            return Ok(char);
        }
        let lone = || PrefixError("a lone surrogate cannot be matched".into());
        if self.chars.get(self.at..self.at + 2) != Some(&['\\', 'u']) {
            return Err(lone());
        }
        self.at += 2;
        let low = self
            .hex(4)
            .filter(|low| (0xdc00..0xe000).contains(low) && unit < 0xdc00)
            .ok_or_else(lone)?;
        char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)).ok_or_else(lone)
    }

    fn named_reference(&mut self) -> Result<Atom, PrefixError> {
        let name: String = self.chars[self.at..]
            .iter()
            .skip(1)
            .take_while(|&&c| c != '>')
            .collect();
        let unknown = || PrefixError(format!("no group is named {name}"));
        let group = self
            .names
            .iter()
            .position(|other| other.as_ref() == Some(&name))
            .ok_or_else(unknown)?;
        self.at += name.chars().count() + 2;
        Ok(Atom::Reference(group + 1))
    }

    /// A reference if the group exists, otherwise a character in octal (up to `\377`), otherwise the digit itself.
    fn number(&mut self, first: char, in_class: bool) -> Atom {
        let digits = self.chars[self.at..]
            .iter()
            .take_while(|c| c.is_ascii_digit())
            .count();
        let decimal: String = self.chars[self.at - 1..self.at + digits].iter().collect();
        if let Ok(group @ 1..) = decimal.parse::<usize>()
            && group <= self.names.len()
            && first != '0'
            && !in_class
        {
            self.at += digits;
            return Atom::Reference(group);
        }
        let Some(mut code) = first.to_digit(8) else {
            return Atom::Char(first);
        };
        while let Some(digit) = self
            .chars
            .get(self.at)
            .and_then(|c| c.to_digit(8))
            .filter(|digit| code * 8 + digit < 256)
        {
            code = code * 8 + digit;
            self.at += 1;
        }
        Atom::Char(char::from_u32(code).unwrap_or(first))
    }
}

/// Appends a character, escaped if it has a meaning inside or outside of a class.
fn push_char(char: char, out: &mut String) {
    if char.is_ascii_alphanumeric() || matches!(char, '/' | '_') || !char.is_ascii() {
        out.push(char);
    } else {
        let _ = write!(out, r"\x{{{:x}}}", u32::from(char));
    }
}

fn push_member(atom: &Atom, members: &mut String) {
    match atom {
        Atom::Char(char) => push_char(*char, members),
        Atom::Set(ranges) => members.push_str(ranges),
        // `escape` returns neither inside a class.
        Atom::Boundary { .. } | Atom::Reference(_) => {}
    }
}

const WORD: &str = "[0-9A-Z_a-z]";
const DIGITS: &str = "0-9";
const NOT_DIGITS: &str = r"\x{0}-\x{2f}\x{3a}-\x{10ffff}";
const WORDS: &str = "0-9A-Z_a-z";
const NOT_WORDS: &str = r"\x{0}-\x{2f}\x{3a}-\x{40}\x{5b}-\x{5e}\x{60}\x{7b}-\x{10ffff}";
const SPACES: &str = r"\x{9}-\x{d}\x{20}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}";
const NOT_SPACES: &str = concat!(
    r"\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}",
    r"\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}",
);
