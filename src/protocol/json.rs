//! `SockJS` quoting of outgoing strings, and the decoding of client payloads.
//!
//! Both directions are hot paths. Outgoing text is written straight into the frame; incoming text
//! is validated once (`serde_json`, which scans without recursion) and then handed on as slices of
//! the payload wherever it needs no unescaping.

use serde_json::value::RawValue;

/// Appends `"…"`: the UTF-16 `units` of a JavaScript string quoted as sockjs 0.3.24 `utils.quote`
/// does, in UTF-8.
///
/// That is `JSON.stringify` with the characters that some browsers mangle written as `\uxxxx`,
/// surrogates (paired or not) among them, so the output is always valid UTF-8.
/// Returns the number of UTF-16 units appended.
pub fn quote(units: &[u16], out: &mut Vec<u8>) -> usize {
    let start = out.len();
    let mut wide = 0;
    out.reserve(units.len() + 2);
    out.push(b'"');
    let mut rest = units;
    while !rest.is_empty() {
        let plain = plain_units(rest);
        narrow(&rest[..plain], out);
        rest = &rest[plain..];
        let special = rest
            .iter()
            .position(|&unit| is_plain(unit))
            .unwrap_or(rest.len());
        for &unit in &rest[..special] {
            wide += quote_unit(unit, out);
        }
        rest = &rest[special..];
    }
    out.push(b'"');
    out.len() - start - wide
}

/// [`quote`] of a string that is UTF-8 already.
pub fn quote_str(text: &str, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    let mut wide = 0;
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text;
    while !rest.is_empty() {
        let plain = plain_bytes(rest.as_bytes());
        out.extend_from_slice(&rest.as_bytes()[..plain]);
        rest = &rest[plain..];
        let mut chars = rest.chars();
        while let Some(char) = chars
            .clone()
            .next()
            .filter(|&c| !u16::try_from(u32::from(c)).is_ok_and(is_plain))
        {
            for unit in char.encode_utf16(&mut [0; 2]) {
                wide += quote_unit(*unit, out);
            }
            chars.next();
        }
        rest = chars.as_str();
    }
    out.push(b'"');
    out.len() - start - wide
}

/// Appends `JSON.stringify(frame)`, without the extra escapes of [`quote`].
///
/// `frame` is valid UTF-8, as frames are. Returns the number of UTF-16 units appended.
pub fn stringify(frame: &[u8], out: &mut Vec<u8>) -> usize {
    stringify_with(frame, out, |_, _| false)
}

/// [`stringify`] for text inside `<script>`: `</` is written as `<\/` and `<!--` as `<\!--`, which
/// JavaScript reads as the same string and an HTML parser does not read at all.
pub fn stringify_in_script(frame: &[u8], out: &mut Vec<u8>) -> usize {
    stringify_with(frame, out, |frame, at| {
        frame[..at].ends_with(b"<") && (frame[at] == b'/' || frame[at..].starts_with(b"!--"))
    })
}

/// `backslash(frame, at)` says whether the byte at `at`, plain in JSON, gets a `\` all the same.
fn stringify_with(frame: &[u8], out: &mut Vec<u8>, backslash: fn(&[u8], usize) -> bool) -> usize {
    let start = out.len();
    out.reserve(frame.len() + 2);
    out.push(b'"');
    for (at, &byte) in frame.iter().enumerate() {
        if is_plain(byte.into()) || byte > 0x7f {
            if matches!(byte, b'/' | b'!') && backslash(frame, at) {
                out.push(b'\\');
            }
            out.push(byte);
        } else {
            quote_unit(byte.into(), out);
        }
    }
    out.push(b'"');
    utf16_len(&out[start..])
}

/// The number of UTF-16 units of valid UTF-8.
pub fn utf16_len(text: &[u8]) -> usize {
    // Each sequence is one unit, those of four bytes are two. Sums of short chunks fit a byte,
    // which lets the compiler count in vectors.
    text.chunks(127)
        .map(|chunk| {
            let units: u8 = chunk
                .iter()
                .map(|&byte| u8::from(byte & 0xc0 != 0x80) + u8::from(byte >= 0xf0))
                .sum();
            usize::from(units)
        })
        .sum()
}

/// Where the messages of a payload go.
pub trait Messages {
    /// A string of ASCII bytes only.
    fn ascii(&mut self, text: &[u8]);
    /// Any other string: `fill` appends its UTF-16 units, lone surrogates included. Call it once.
    fn wide(&mut self, fill: &mut dyn FnMut(&mut Vec<u16>));
    /// A JSON value that is not a string, as its raw valid text, for JavaScript to `JSON.parse`.
    fn value(&mut self, json: &str);
}

/// Why a payload held no messages. Nothing of it has been delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// Not JSON: 500 "Broken JSON encoding.", or close 3000 "Broken framing." on a websocket.
    Broken,
    /// JSON, but no array where one is required: 500 "Payload expected.".
    NotArray,
}

/// Decodes the body of `xhr_send` or `jsonp_send`: a JSON array, each element a message.
///
/// Accepts what JavaScript's `JSON.parse` accepts: numbers of any size, any depth, escapes of lone
/// surrogates. Nothing is delivered unless all of `text` is valid.
pub fn decode_array(text: &str, to: &mut impl Messages) -> Result<(), PayloadError> {
    if let Some(only) = plain_element(text) {
        to.ascii(only);
        return Ok(());
    }
    let json = validate(text)?;
    if !json.starts_with('[') {
        return Err(PayloadError::NotArray);
    }
    Elements::new(json).deliver(to);
    Ok(())
}

/// Decodes the payload of one websocket message.
///
/// With `as_array` (text frames), a payload that *begins* with `[` is an array of messages. Any
/// other is a single message, as are binary frames: ` ["a"]` is one message that is an array, as
/// in sockjs 0.3.24. An empty payload is no message. The only error is
/// [`Broken`](PayloadError::Broken).
pub fn decode_websocket(
    text: &str,
    as_array: bool,
    to: &mut impl Messages,
) -> Result<(), PayloadError> {
    if text.is_empty() {
        return Ok(());
    }
    if as_array && text.starts_with('[') {
        return decode_array(text, to);
    }
    let json = validate(text)?;
    deliver(json, &mut Vec::new(), to);
    Ok(())
}

/// The text between the quotes when `text` is `["…"]` of plain ASCII, which is most of what
/// clients send.
fn plain_element(text: &str) -> Option<&[u8]> {
    let inner = text.as_bytes().strip_prefix(b"[\"")?.strip_suffix(b"\"]")?;
    (plain_bytes(inner) == inner.len()).then_some(inner)
}

/// The one JSON value that `text` is, without the space around it.
fn validate(text: &str) -> Result<&str, PayloadError> {
    serde_json::from_str::<&RawValue>(text)
        .map(RawValue::get)
        .map_err(|_| PayloadError::Broken)
}

/// Delivers one valid JSON value; `scratch` is reused between messages.
fn deliver(json: &str, scratch: &mut Vec<u8>, to: &mut impl Messages) {
    let Some(inner) = json
        .strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'))
    else {
        return to.value(json);
    };
    if !inner.is_ascii() {
        return to.wide(&mut |units| decode_units(inner, units));
    }
    let mut rest = inner.as_bytes();
    scratch.clear();
    while let Some(escape) = rest.iter().position(|&byte| byte == b'\\') {
        let Some(byte) = simple_escape(rest[escape + 1]) else {
            // \uXXXX, which need not be ASCII.
            return to.wide(&mut |units| decode_units(inner, units));
        };
        scratch.extend_from_slice(&rest[..escape]);
        scratch.push(byte);
        rest = &rest[escape + 2..];
    }
    if scratch.is_empty() {
        return to.ascii(rest);
    }
    scratch.extend_from_slice(rest);
    to.ascii(scratch);
}

/// Appends the UTF-16 units of the inside of a valid JSON string.
fn decode_units(inner: &str, units: &mut Vec<u16>) {
    units.reserve(inner.len());
    let mut rest = inner;
    while let Some(escape) = rest.find('\\') {
        units.extend(rest[..escape].encode_utf16());
        let code = rest.as_bytes()[escape + 1];
        let length = if let Some(byte) = simple_escape(code) {
            units.push(byte.into());
            2
        } else {
            let digits = &rest[escape + 2..escape + 6];
            // Validated: four hexadecimal digits follow \u.
            units.push(u16::from_str_radix(digits, 16).unwrap_or(0xfffd));
            6
        };
        rest = &rest[escape + length..];
    }
    units.extend(rest.encode_utf16());
}

/// What a two-character escape stands for; `None` for `\u`.
fn simple_escape(code: u8) -> Option<u8> {
    Some(match code {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return None,
        other => other,
    })
}

/// Walks the elements of an array that is known to be valid.
struct Elements<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Elements<'a> {
    fn new(json: &'a str) -> Self {
        Self { json, at: 1 }
    }

    fn deliver(self, to: &mut impl Messages) {
        let mut scratch = Vec::new();
        for element in self {
            deliver(element, &mut scratch, to);
        }
    }

    /// The index after the string whose opening quote is at `open`.
    fn end_of_string(&self, open: usize) -> usize {
        let bytes = self.json.as_bytes();
        let mut at = open + 1;
        while bytes[at] != b'"' {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        at + 1
    }

    /// The index after the value that begins at `start`.
    fn end_of_value(&self, start: usize) -> usize {
        let bytes = self.json.as_bytes();
        let mut depth = 0_usize;
        let mut at = start;
        loop {
            match bytes[at] {
                b'"' => {
                    at = self.end_of_string(at);
                    if depth == 0 {
                        return at;
                    }
                    continue;
                }
                b'[' | b'{' => depth += 1,
                b']' | b'}' | b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return at,
                b']' | b'}' => {
                    depth -= 1;
                    if depth == 0 {
                        return at + 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let space = |byte: &u8| matches!(byte, b',' | b' ' | b'\t' | b'\n' | b'\r');
        let bytes = self.json.as_bytes();
        self.at += bytes[self.at..]
            .iter()
            .take_while(|&byte| space(byte))
            .count();
        if bytes[self.at] == b']' {
            return None;
        }
        let start = self.at;
        self.at = self.end_of_value(start);
        Some(&self.json[start..self.at])
    }
}

/// Whether a unit is itself in any JSON string: printable ASCII and DEL, but `"` and `\`.
fn is_plain(unit: u16) -> bool {
    unit.wrapping_sub(0x20) < 0x60 && unit != 0x22 && unit != 0x5c
}

/// How many of the first `units` are plain.
fn plain_units(units: &[u16]) -> usize {
    // Counting instead of stopping at the first keeps the inner loop free of branches.
    let all_plain = |chunk: &&[u16]| {
        chunk
            .iter()
            .map(|&unit| u16::from(!is_plain(unit)))
            .sum::<u16>()
            == 0
    };
    let start = units.chunks_exact(CHUNK).take_while(all_plain).count() * CHUNK;
    start
        + units[start..]
            .iter()
            .take_while(|&&unit| is_plain(unit))
            .count()
}

/// How many of the first `bytes` are plain.
fn plain_bytes(bytes: &[u8]) -> usize {
    let plain = |byte: u8| byte.wrapping_sub(0x20) < 0x60 && byte != b'"' && byte != b'\\';
    let all_plain =
        |chunk: &&[u8]| chunk.iter().map(|&byte| u8::from(!plain(byte))).sum::<u8>() == 0;
    let start = bytes.chunks_exact(CHUNK).take_while(all_plain).count() * CHUNK;
    start
        + bytes[start..]
            .iter()
            .take_while(|&&byte| plain(byte))
            .count()
}

/// Appends plain units as bytes.
#[expect(
    clippy::cast_possible_truncation,
    reason = "plain units are below 0x80; a checked cast is not vectorised"
)]
fn narrow(units: &[u16], out: &mut Vec<u8>) {
    out.extend(units.iter().map(|&unit| unit as u8));
}

/// Appends one unit of a quoted string; returns how many more bytes than UTF-16 units that was.
fn quote_unit(unit: u16, out: &mut Vec<u8>) -> usize {
    let short = match unit {
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        0x22 => b'"',
        0x5c => b'\\',
        0..0x20
        | 0x200c..=0x200f
        | 0x2028..=0x202f
        | 0x2060..=0x206f
        | 0xd800..=0xdfff
        | 0xfff0.. => {
            let digit = |shift: u16| HEX[usize::from(unit >> shift & 15)];
            out.extend([b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
            return 0;
        }
        _ => {
            let mut utf8 = [0; 4];
            let char = char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER);
            let utf8 = char.encode_utf8(&mut utf8);
            out.extend_from_slice(utf8.as_bytes());
            return utf8.len() - 1;
        }
    };
    out.extend([b'\\', short]);
    0
}

const HEX: &[u8; 16] = b"0123456789abcdef";
/// Units looked at in one step without a branch.
const CHUNK: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use md5::{Digest, Md5};

    #[derive(Debug, PartialEq)]
    enum Message {
        Ascii(String),
        Wide(Vec<u16>),
        Value(String),
    }

    impl Messages for Vec<Message> {
        fn ascii(&mut self, text: &[u8]) {
            assert!(text.is_ascii());
            self.push(Message::Ascii(String::from_utf8_lossy(text).into()));
        }
        fn wide(&mut self, fill: &mut dyn FnMut(&mut Vec<u16>)) {
            let mut units = Vec::new();
            fill(&mut units);
            self.push(Message::Wide(units));
        }
        fn value(&mut self, json: &str) {
            self.push(Message::Value(json.into()));
        }
    }

    fn ascii(text: &str) -> Message {
        Message::Ascii(text.into())
    }
    fn wide(units: &[u16]) -> Message {
        Message::Wide(units.into())
    }
    fn value(json: &str) -> Message {
        Message::Value(json.into())
    }

    fn array(text: &str) -> Result<Vec<Message>, PayloadError> {
        let mut to = Vec::new();
        let result = decode_array(text, &mut to);
        assert!(
            result.is_ok() || to.is_empty(),
            "delivered part of {text:?}"
        );
        result.map(|()| to)
    }

    fn websocket(text: &str, as_array: bool) -> Result<Vec<Message>, PayloadError> {
        let mut to = Vec::new();
        decode_websocket(text, as_array, &mut to).map(|()| to)
    }

    fn quoted(units: &[u16]) -> String {
        let mut out = b"a[".to_vec();
        let appended = quote(units, &mut out);
        let text = String::from_utf8(out.split_off(2)).expect("quote writes UTF-8");
        assert_eq!(appended, text.encode_utf16().count());
        text
    }

    #[test]
    fn every_unit_is_quoted_as_in_0_3_24() {
        let all: Vec<u16> = (0..=u16::MAX).collect();
        let text = quoted(&all);
        // utils.quote of the same string in sockjs 0.3.24.
        assert_eq!(text.encode_utf16().count(), 76140);
        let digest = Md5::digest(&text);
        assert_eq!(
            u128::from_be_bytes(digest.into()),
            0xa998_bce3_793d_ab77_12d7_a84d_99b5_9793
        );
    }

    #[test]
    fn short_escapes_surrogates_and_del() {
        assert_eq!(
            quoted(&[0x61, 0x22, 0x5c, 8, 9, 10, 11, 12, 13, 0x7f]),
            r#""a\"\\\b\t\n\u000b\f\r"#.to_owned() + "\u{7f}\""
        );
        assert_eq!(
            quoted(&[0xd83d, 0xde00, 0xd800, 0x78, 0xdfff]),
            r#""\ud83d\ude00\ud800x\udfff""#
        );
        assert_eq!(quoted(&[]), r#""""#);
    }

    #[test]
    fn special_characters_are_found_at_every_offset() {
        for length in 0..100 {
            for at in 0..length {
                let mut text = vec![0x61; length];
                text[at] = 0xe9;
                let string = String::from_utf16(&text).expect("no surrogates");
                assert_eq!(quoted(&text), format!("\"{string}\""));
                let mut out = Vec::new();
                assert_eq!(quote_str(&string, &mut out), length + 2);
                assert_eq!(out, quoted(&text).into_bytes());
            }
        }
    }

    #[test]
    fn quoting_a_str_equals_quoting_its_units() {
        for text in [
            "",
            "plain",
            "\"\\\n",
            "é€\u{1f600}\u{200c}\u{fff0}x\u{7f}",
            &"\u{2028}a".repeat(50),
        ] {
            let units: Vec<u16> = text.encode_utf16().collect();
            let mut out = Vec::new();
            let appended = quote_str(text, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), quoted(&units));
            assert_eq!(
                appended,
                String::from_utf8_lossy(&out).encode_utf16().count()
            );
        }
    }

    #[test]
    fn stringify_leaves_what_json_leaves() {
        let frame = "c[1,\"\n</x><!--\u{1f600}\u{2028}/!\"]";
        let plain = "\"c[1,\\\"\\n</x><!--\u{1f600}\u{2028}/!\\\"]\"";
        let mut out = Vec::new();
        assert_eq!(
            stringify(frame.as_bytes(), &mut out),
            plain.encode_utf16().count()
        );
        assert_eq!(String::from_utf8_lossy(&out), plain);
        let script = plain.replace("</", "<\\/").replace("<!--", "<\\!--");
        out.clear();
        assert_eq!(
            stringify_in_script(frame.as_bytes(), &mut out),
            script.encode_utf16().count()
        );
        assert_eq!(String::from_utf8_lossy(&out), script);
    }

    #[test]
    fn utf16_length_counts_pairs_as_two() {
        for text in [
            "",
            "a",
            "é€\u{1f600}",
            &"\u{1f600}".repeat(500),
            &"é".repeat(1000),
        ] {
            assert_eq!(utf16_len(text.as_bytes()), text.encode_utf16().count());
        }
    }

    #[test]
    fn validity_is_that_of_json_parse() {
        // Judged by JSON.parse of Node 20.
        let valid = [
            "[]",
            "[ ]",
            "[1e400]",
            "[-0]",
            "[1E+5]",
            "[\"\\ud800\"]",
            "[\"\\uD83D\\uDE00\"]",
            "[\"\\/\"]",
            "[\"\u{7f}\"]",
            " [1] \r\n\t",
            "[\"\u{2028}\"]",
            "[[[[]]]]",
            "[\"\\u00e9é\"]",
            "[1e-999999999999]",
            "[123456789012345678901234567890]",
        ];
        let not_array = [
            "{\"a\":1,\"a\":2}",
            "{\"__proto__\":[]}",
            "null",
            "true",
            "\"a\"",
            "0",
            "\"\"",
        ];
        let broken = [
            "",
            "[01]",
            "[1.]",
            "[.5]",
            "[+1]",
            "[1e]",
            "[-]",
            "[\"\\u12\"]",
            "[\"\\x41\"]",
            "[\"\t\"]",
            "[\"\0\"]",
            "\u{feff}[]",
            "[]\u{feff}",
            "\u{a0}[]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{a:1}",
            "['a']",
            "[NaN]",
            "[Infinity]",
            "[undefined]",
            "\"a\" \"b\"",
            "\u{b}[1]",
            "\u{c}[1]",
            "[tru]",
            "[nullx]",
            "[\"a\"",
            "[\"a]",
            "[1]]",
            "// x\n[]",
            "[0x10]",
            "[1_0]",
            "-",
            "\"",
            "\"\\\"",
            "\"\\u",
            "[\"\\'\"]",
            "[\"a\",\"b]",
            "[\"",
            "[\"]",
            "[\"a\",\"b\"",
            "[",
            "]",
            "[\"ok\", 01]",
        ];
        for text in valid {
            assert!(array(text).is_ok(), "{text:?}");
        }
        for text in not_array {
            assert_eq!(array(text), Err(PayloadError::NotArray), "{text:?}");
        }
        for text in broken {
            assert_eq!(array(text), Err(PayloadError::Broken), "{text:?}");
        }
    }

    #[test]
    fn depth_does_not_use_the_stack() {
        let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(array(&deep).map(|messages| messages.len()), Ok(1));
        assert_eq!(array(&deep[1..]), Err(PayloadError::Broken));
        assert_eq!(array(&"[".repeat(1_000_000)), Err(PayloadError::Broken));
        assert_eq!(array(&"{\"a\":".repeat(100_000)), Err(PayloadError::Broken));
    }

    #[test]
    fn elements_arrive_as_strings_or_raw_values() {
        assert_eq!(array(r#"["a"]"#), Ok(vec![ascii("a")]));
        assert_eq!(array(r#"[""]"#), Ok(vec![ascii("")]));
        assert_eq!(
            array(
                " [ \"a\" ,\"\\\"\\\\\\n\",\"\\u0041\",\"é\\t\", \"\\ud800\" , 1e400 ,null,[1, \"],\\\"\"] ,{\"a\":{\"b\":[]}}, true]\n"
            ),
            Ok(vec![
                ascii("a"),
                ascii("\"\\\n"),
                wide(&[0x41]),
                wide(&[0xe9, 9]),
                wide(&[0xd800]),
                value("1e400"),
                value("null"),
                value(r#"[1, "],\""]"#),
                value(r#"{"a":{"b":[]}}"#),
                value("true"),
            ])
        );
        assert_eq!(
            array("[\"\u{1f600}\\ud83d\\ude00\"]"),
            Ok(vec![wide(&[0xd83d, 0xde00, 0xd83d, 0xde00])])
        );
        assert_eq!(
            array(r#"["{\"a\":1}","\\","\n"]"#),
            Ok(vec![ascii(r#"{"a":1}"#), ascii("\\"), ascii("\n")])
        );
    }

    #[test]
    fn a_websocket_payload_is_an_array_only_if_it_begins_with_a_bracket() {
        assert_eq!(websocket("", true), Ok(vec![]));
        assert_eq!(
            websocket(r#"["a","b"]"#, true),
            Ok(vec![ascii("a"), ascii("b")])
        );
        assert_eq!(websocket(r#" ["a"] "#, true), Ok(vec![value(r#"["a"]"#)]));
        assert_eq!(websocket(r#"["a"]"#, false), Ok(vec![value(r#"["a"]"#)]));
        assert_eq!(websocket(r#""a""#, true), Ok(vec![ascii("a")]));
        assert_eq!(websocket(" \"é\" ", false), Ok(vec![wide(&[0xe9])]));
        assert_eq!(websocket("null", true), Ok(vec![value("null")]));
        assert_eq!(websocket("[1", true), Err(PayloadError::Broken));
        assert_eq!(websocket(" ", true), Err(PayloadError::Broken));
    }
}
