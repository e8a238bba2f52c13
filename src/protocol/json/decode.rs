//! Decodes the payloads of clients. `serde_json` validates a payload once, without recursion. Strings without escapes are
//! then passed on as slices of it.

use memchr::{memchr, memchr2};
use serde_json::value::RawValue;

use super::plain::plain_bytes;

/// Receives the messages of a payload.
pub trait Messages {
    /// A string of ASCII bytes only.
    fn ascii(&mut self, text: &[u8]);
    /// A string that may have other characters. `fill` appends its UTF-16 units, which may be lone surrogates; the
    /// implementation calls it once.
    fn wide(&mut self, fill: &mut dyn FnMut(&mut Vec<u16>));
    /// A JSON value that is not a string, as valid JSON text, which JavaScript parses.
    fn value(&mut self, json: &str);
}

/// Why a payload is refused. No part of it has been delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// Not JSON: 500 "Broken JSON encoding.", or close 3000 "Broken framing." on a websocket.
    Broken,
    /// JSON, but not an array where one is required: 500 "Payload expected.".
    NotArray,
}

/// Decodes the body of `xhr_send` or `jsonp_send`: a JSON array, whose elements are messages.
///
/// Accepts what JavaScript's `JSON.parse` accepts, including numbers of any size, any depth, and escapes of lone
/// surrogates. Delivers nothing unless all of `text` is valid.
pub fn decode_array(text: &str, to: &mut impl Messages) -> Result<(), PayloadError> {
    if let Some(only) = plain_element(text.as_bytes()) {
        to.ascii(only);
        return Ok(());
    }
    if let Some(only) = simple_element(text) {
        to.ascii(&only);
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
/// With `as_array` (text frames), a payload that *begins* with `[` is an array of messages. Any other payload is one
/// message: as in 0.3.24, ` ["a"]` is one message that is an array. An empty payload contains no message. The only
/// error is [`Broken`](PayloadError::Broken).
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

/// The message, if `text` is `["…"]` with ASCII and no escapes, as most payloads are.
pub fn plain_element(text: &[u8]) -> Option<&[u8]> {
    let inner = text.strip_prefix(b"[\"")?.strip_suffix(b"\"]")?;
    (plain_bytes(inner) == inner.len()).then_some(inner)
}

/// The message, if `text` is `["…"]` with ASCII and two-character escapes, as when a message is itself JSON. Validates
/// and decodes it in one pass.
fn simple_element(text: &str) -> Option<Vec<u8>> {
    let inner = text.as_bytes().strip_prefix(b"[\"")?.strip_suffix(b"\"]")?;
    let mut decoded = vec![0; inner.len()];
    let mut slots = decoded.iter_mut();
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        *slots.next()? = match byte {
            b'\\' => match *bytes.next()? {
                code @ (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                    simple_escape(code)?
                }
                _ => return None,
            },
            b'"' | 0..0x20 | 0x80.. => return None,
            byte => byte,
        };
    }
    let unused = slots.len();
    decoded.truncate(inner.len() - unused);
    Some(decoded)
}

/// Checks that `text` is one JSON value, and returns it without the white space around it.
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
    scratch.reserve(rest.len());
    while let Some(escape) = memchr(b'\\', rest) {
        let Some(byte) = simple_escape(rest[escape + 1]) else {
            // `\uXXXX` can be any character.
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
    while let Some(escape) = memchr(b'\\', rest.as_bytes()) {
        widen(&rest[..escape], units);
        let code = rest.as_bytes()[escape + 1];
        let length = if let Some(byte) = simple_escape(code) {
            units.push(byte.into());
            2
        } else {
            let digits = &rest[escape + 2..escape + 6];
            // The text is valid, so four hexadecimal digits follow `\u`.
            units.push(u16::from_str_radix(digits, 16).unwrap_or(0xfffd));
            6
        };
        rest = &rest[escape + length..];
    }
    widen(rest, units);
}

/// Appends the UTF-16 units of valid UTF-8. To extend a Vec by `str::encode_utf16` takes twice as long, because it grows
/// unit by unit.
fn widen(text: &str, units: &mut Vec<u16>) {
    let start = units.len();
    units.resize(start + text.len(), 0);
    let mut end = start;
    for char in text.chars() {
        end += char.encode_utf16(&mut units[end..]).len();
    }
    units.truncate(end);
}

/// The character of a valid two-character escape; `None` for `\u`.
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

/// Iterates over the elements of a valid array.
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
        // The text is valid, so there is a closing quote.
        while let Some(found) = memchr2(b'"', b'\\', &bytes[at..]) {
            at += found + 1;
            if bytes[at - 1] == b'"' {
                break;
            }
            at += 1;
        }
        at
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
