//! Quotes strings, directly into the frame.

use super::plain::{CHUNK, are_plain, is_ascii, is_plain, narrow, plain_bytes};

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
/// Units that [`quote_part`] quotes before it appends them to the output.
const PART: usize = 32;
