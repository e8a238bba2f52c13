//! Quotes outgoing strings as SockJS does, and decodes the payloads of clients.
//!
//! Both directions are hot paths. Outgoing text is written directly into the frame. Incoming text is validated once, by
//! `serde_json`, which scans without recursion; strings without escapes are then passed on as slices of the payload.

use memchr::{memchr, memchr2};
use serde_json::value::RawValue;

/// Appends the string with these UTF-16 `units`, quoted as by `utils.quote` of 0.3.24, in UTF-8.
///
/// It is the string's `JSON.stringify`, but with characters that some browsers change written as `\uxxxx`. All
/// surrogates are among these, so the output is always valid UTF-8. Returns the number of UTF-16 units appended.
pub fn quote(units: &[u16], out: &mut Vec<u8>) -> usize {
    let start = out.len();
    let mut extra = 0;
    out.reserve(units.len() + 2);
    out.push(b'"');
    let (chunks, rest) = units.as_chunks::<CHUNK>();
    for chunk in chunks {
        let bytes = narrow(chunk);
        if is_ascii(chunk) && are_plain(&bytes) {
            out.extend_from_slice(&bytes);
        } else {
            for part in chunk.chunks(PART) {
                extra += quote_part(part, out);
            }
        }
    }
    for part in rest.chunks(PART) {
        extra += quote_part(part, out);
    }
    out.push(b'"');
    out.len() - start - extra
}

/// Quotes up to [`PART`] units into a buffer on the stack, and appends that: growing `out` for each unit takes three
/// times as long. Returns the number of bytes appended, minus the number of UTF-16 units.
fn quote_part(part: &[u16], out: &mut Vec<u8>) -> usize {
    let mut buffer = [0; PART * LONGEST];
    let mut len = 0;
    let mut extra = 0;
    for &unit in part {
        let Some(slot) = buffer[len..].first_chunk_mut::<LONGEST>() else {
            break; // Not reached: each unit takes at most `LONGEST` bytes.
        };
        let (bytes, extra_bytes) = quoted(unit, slot);
        len += bytes;
        extra += extra_bytes;
    }
    out.extend_from_slice(&buffer[..len]);
    extra
}

/// Like [`quote`], for a string in UTF-8.
pub fn quote_str(text: &str, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    let mut extra = 0;
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
                extra += quote_unit(*unit, out);
            }
            chars.next();
        }
        rest = chars.as_str();
    }
    out.push(b'"');
    out.len() - start - extra
}

/// Appends `JSON.stringify(frame)`, without the additional escapes of [`quote`].
///
/// `frame` has to be valid UTF-8. Returns the number of UTF-16 units appended.
pub fn stringify(frame: &[u8], out: &mut Vec<u8>) -> usize {
    stringify_with(frame, out, |_, _| false)
}

/// Like [`stringify`], for text inside `<script>`: `</` is written as `<\/` and `<!--` as `<\!--`. JavaScript reads the
/// same string, and an HTML parser finds neither an end tag nor a comment.
pub fn stringify_in_script(frame: &[u8], out: &mut Vec<u8>) -> usize {
    stringify_with(frame, out, |frame, at| {
        frame[..at].ends_with(b"<") && (frame[at] == b'/' || frame[at..].starts_with(b"!--"))
    })
}

/// `backslash(frame, at)` says whether to put a `\` before the byte at `at`, although JSON needs none there.
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
    // A sequence of four bytes is two units, any other is one. The sum of a chunk fits into a byte, which lets the
    // compiler vectorise the loop.
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

/// Whether a unit needs no escape in JSON: printable ASCII and DEL, except `"` and `\`.
fn is_plain(unit: u16) -> bool {
    unit.wrapping_sub(0x20) < 0x60 && unit != 0x22 && unit != 0x5c
}

fn is_ascii(units: &[u16; CHUNK]) -> bool {
    units.iter().fold(0, |all, unit| all | unit) < 0x80
}

/// Whether all bytes are plain. The loop has no early exit, so the compiler vectorises it.
fn are_plain(bytes: &[u8; CHUNK]) -> bool {
    !bytes
        .iter()
        .fold(false, |any, &byte| any | !is_plain(byte.into()))
}

/// The number of plain bytes before the first that is not.
fn plain_bytes(bytes: &[u8]) -> usize {
    let (chunks, _) = bytes.as_chunks::<CHUNK>();
    let start = chunks.iter().take_while(|chunk| are_plain(chunk)).count() * CHUNK;
    start
        + bytes[start..]
            .iter()
            .take_while(|&&byte| is_plain(byte.into()))
            .count()
}

/// Converts ASCII units to bytes.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only used where the units are below 0x80; a checked cast is not vectorised"
)]
fn narrow(units: &[u16; CHUNK]) -> [u8; CHUNK] {
    units.map(|unit| unit as u8)
}

/// Appends one quoted unit. Returns the number of bytes appended, minus the number of UTF-16 units.
fn quote_unit(unit: u16, out: &mut Vec<u8>) -> usize {
    let mut slot = [0; LONGEST];
    let (len, extra) = quoted(unit, &mut slot);
    out.extend_from_slice(&slot[..len]);
    extra
}

/// Writes one quoted unit. Returns the number of bytes, and that number minus the number of UTF-16 units.
#[inline]
fn quoted(unit: u16, to: &mut [u8; LONGEST]) -> (usize, usize) {
    let continuation = |shift: u16| 0x80 | (unit >> shift & 0x3f).to_le_bytes()[0];
    let lead = |marker: u8, shift: u16| marker | (unit >> shift).to_le_bytes()[0];
    let short = match unit {
        _ if is_plain(unit) => {
            to[0] = unit.to_le_bytes()[0];
            return (1, 0);
        }
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
            *to = [b'\\', b'u', digit(12), digit(8), digit(4), digit(0)];
            return (6, 0);
        }
        // Surrogates are escaped above, so any other unit is two or three bytes of UTF-8.
        _ if unit < 0x800 => {
            to[0] = lead(0xc0, 6);
            to[1] = continuation(0);
            return (2, 1);
        }
        _ => {
            to[0] = lead(0xe0, 12);
            to[1] = continuation(6);
            to[2] = continuation(0);
            return (3, 2);
        }
    };
    to[0] = b'\\';
    to[1] = short;
    (2, 0)
}

/// Bytes of the longest quoted unit, `\uxxxx`.
const LONGEST: usize = 6;
const HEX: &[u8; 16] = b"0123456789abcdef";
/// Units or bytes that are checked in one step, without a branch.
const CHUNK: usize = 64;
/// Units that [`quote_part`] quotes before it appends them to the output.
const PART: usize = 32;

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
