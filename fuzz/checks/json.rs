//! A JSON parser that follows the grammar (ECMA-404) literally, to compare with. It is slow, and not recursive, so
//! that it accepts any depth.

/// An element of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// A string, as UTF-16 units.
    Text(Vec<u16>),
    /// Any other value, as its text.
    Value(String),
}

/// A parsed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// An array with its elements.
    Array(Vec<Element>),
    /// Any other value.
    Other(Element),
}

/// Parses a text as `JSON.parse` does; `None` if that throws.
pub fn parse(text: &str) -> Option<Document> {
    let mut reader = Reader { text, at: 0 };
    reader.space();
    let start = reader.at;
    let document = if reader.peek()? == b'[' {
        Document::Array(reader.elements()?)
    } else {
        reader.value()?;
        Document::Other(element(&text[start..reader.at])?)
    };
    reader.space();
    (reader.at == text.len()).then_some(document)
}

fn element(text: &str) -> Option<Element> {
    if text.starts_with('"') {
        Reader { text, at: 0 }.string().map(Element::Text)
    } else {
        Some(Element::Value(text.into()))
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| {
            self.at += word.len();
        })
    }

    fn elements(&mut self) -> Option<Vec<Element>> {
        let mut elements = Vec::new();
        self.at += 1;
        self.space();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(elements);
        }
        loop {
            self.space();
            let start = self.at;
            self.value()?;
            elements.push(element(&self.text[start..self.at])?);
            self.space();
            match self.next()? {
                b',' => {}
                b']' => return Some(elements),
                _ => return None,
            }
        }
    }

    fn value(&mut self) -> Option<()> {
        let mut open = Vec::new();
        loop {
            self.space();
            match self.peek()? {
                bracket @ (b'[' | b'{') => {
                    let close = if bracket == b'[' { b']' } else { b'}' };
                    self.at += 1;
                    self.space();
                    if self.peek()? == close {
                        self.at += 1;
                    } else {
                        open.push(close);
                        if close == b'}' {
                            self.name()?;
                        }
                        continue;
                    }
                }
                b'"' => drop(self.string()?),
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                _ => self.number()?,
            }
            loop {
                let Some(&close) = open.last() else {
                    return Some(());
                };
                self.space();
                match self.next()? {
                    b',' => {
                        if close == b'}' {
                            self.name()?;
                        }
                        break;
                    }
                    byte if byte == close => drop(open.pop()),
                    _ => return None,
                }
            }
        }
    }

    fn name(&mut self) -> Option<()> {
        self.space();
        self.string()?;
        self.space();
        (self.next()? == b':').then_some(())
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn string(&mut self) -> Option<Vec<u16>> {
        let mut units = Vec::new();
        if self.next()? != b'"' {
            return None;
        }
        loop {
            let char = self.text[self.at..].chars().next()?;
            self.at += char.len_utf8();
            match char {
                '"' => return Some(units),
                '\\' => units.push(self.escape()?),
                '\0'..='\x1f' => return None,
                char => units.extend_from_slice(char.encode_utf16(&mut [0; 2])),
            }
        }
    }

    fn escape(&mut self) -> Option<u16> {
        Some(match self.next()? {
            b'b' => 8,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            byte @ (b'"' | b'\\' | b'/') => byte.into(),
            b'u' => {
                let mut unit = 0;
                for _ in 0..4 {
                    let digit = char::from(self.next()?).to_digit(16)?;
                    unit = unit * 16 + u16::try_from(digit).ok()?;
                }
                unit
            }
            _ => return None,
        })
    }
}
