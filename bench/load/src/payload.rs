//! The messages: their text, its forms on the wire, and the check of the echoes.
//!
//! All messages of a run are equal except for 16 hexadecimal digits: the connection in the first four, the
//! number of the message on it in the rest. So a message is made by copying a template, and checked by
//! one comparison with what sockjs 0.3.24 would have written.

use clap::ValueEnum;
use std::fmt::Write;

/// The characters of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Letters and digits.
    Ascii,
    /// JSON text, which most applications send: every `"` has to be escaped.
    Json,
    /// Two-, three- and four-byte sequences.
    Multibyte,
}

impl Kind {
    /// The size of the smallest message of this kind, in bytes.
    pub fn least_size(self) -> usize {
        match self {
            Self::Ascii | Self::Multibyte => ID_LEN,
            Self::Json => JSON_START.len() + ID_LEN + JSON_MIDDLE.len() + JSON_END.len(),
        }
    }

    fn text(self, size: usize) -> String {
        let mut text = String::with_capacity(size);
        match self {
            Self::Ascii => {
                text.push_str(PLACEHOLDER);
                text.extend(ASCII.chars().cycle().take(size - ID_LEN));
            }
            Self::Multibyte => {
                text.push_str(PLACEHOLDER);
                for char in WORDS.chars().cycle() {
                    if text.len() + char.len_utf8() > size {
                        break;
                    }
                    text.push(char);
                }
                text.extend(std::iter::repeat_n('.', size - text.len()));
            }
            Self::Json => {
                text.extend([JSON_START, PLACEHOLDER, JSON_MIDDLE]);
                while text.len() + JSON_ROW.len() + JSON_END.len() <= size {
                    text.push_str(JSON_ROW);
                }
                let fill = size - text.len() - JSON_END.len();
                text.push_str(&JSON_END[..JSON_END.len() - 2]);
                text.extend(std::iter::repeat_n('x', fill));
                text.push_str("\"}");
            }
        }
        text
    }
}

/// The text of the messages, with a placeholder for the id.
pub struct Text(String);

impl Text {
    /// `size` bytes, at least [`Kind::least_size`].
    pub fn new(kind: Kind, size: usize) -> Self {
        Self(kind.text(size))
    }

    pub fn plain(&self) -> &str {
        &self.0
    }

    /// As `JSON.stringify` writes it.
    pub fn json(&self) -> String {
        quote(&self.0, |_| false)
    }

    /// As sockjs 0.3.24 writes it (`utils.quote`): it escapes more characters.
    pub fn sockjs(&self) -> String {
        quote(&self.0, |unit| {
            matches!(unit,
                0x200c..=0x200f | 0x2028..=0x202f | 0x2060..=0x206f | 0xd800..=0xdfff | 0xfff0..)
        })
    }
}

/// The bytes of one message on the wire, and the position of its id in them.
pub struct Form {
    bytes: Vec<u8>,
    id_at: usize,
    /// The digits of the id are combined with it by exclusive or: the mask of a websocket frame, or zeros.
    mask: [u8; ID_LEN],
}

impl Form {
    pub fn new(bytes: Vec<u8>) -> Self {
        let id_at = memchr::memmem::find(&bytes, PLACEHOLDER.as_bytes())
            .expect("each form holds the text, which holds the placeholder");
        Self {
            bytes,
            id_at,
            mask: [0; ID_LEN],
        }
    }

    /// The form as the payload of a masked websocket text frame.
    pub fn into_frame(self) -> Self {
        let mut bytes = Vec::with_capacity(self.bytes.len() + 14);
        crate::frame::header(crate::frame::TEXT, self.bytes.len(), &mut bytes);
        let start = bytes.len();
        bytes.extend_from_slice(&self.bytes);
        crate::frame::mask(&mut bytes[start..]);
        let mut mask = [0; ID_LEN];
        for (at, byte) in mask.iter_mut().enumerate() {
            *byte = crate::frame::MASK[(self.id_at + at) % 4];
        }
        Self {
            bytes,
            id_at: start + self.id_at,
            mask,
        }
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends message `id`.
    pub fn push(&self, id: u64, out: &mut Vec<u8>) {
        let start = out.len() + self.id_at;
        out.extend_from_slice(&self.bytes);
        let digits = digits(id);
        for (at, byte) in out[start..start + ID_LEN].iter_mut().enumerate() {
            *byte = digits[at] ^ self.mask[at];
        }
    }

    /// Whether `bytes` begin with message `id`.
    pub fn begins(&mut self, id: u64, bytes: &[u8]) -> bool {
        self.bytes[self.id_at..self.id_at + ID_LEN].copy_from_slice(&digits(id));
        bytes.starts_with(&self.bytes)
    }

    /// The id of the message at the beginning of `bytes`, if there can be one.
    pub fn id(&self, bytes: &[u8]) -> Option<u64> {
        let digits = bytes.get(self.id_at..self.id_at + ID_LEN)?;
        u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
}

/// The id of message number `sequence` on a connection.
pub fn id(connection: usize, sequence: u64) -> u64 {
    (connection as u64) << SEQUENCE_BITS | sequence
}

/// The connection and the number of a message.
pub fn split_id(id: u64) -> (usize, u64) {
    // The connection has sixteen bits.
    let connection = usize::try_from(id >> SEQUENCE_BITS).unwrap_or(usize::MAX);
    (connection, id & ((1 << SEQUENCE_BITS) - 1))
}

fn digits(id: u64) -> [u8; ID_LEN] {
    let mut digits = [0; ID_LEN];
    for (pair, byte) in digits
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(id.to_be_bytes())
    {
        *pair = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
    }
    digits
}

fn quote(text: &str, extra: fn(u16) -> bool) -> String {
    let mut quoted = String::from('"');
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            char => {
                let mut units = [0; 2];
                let units = char.encode_utf16(&mut units);
                if units.iter().any(|unit| extra(*unit)) {
                    for unit in units {
                        write!(quoted, "\\u{unit:04x}").expect("a String takes everything");
                    }
                } else {
                    quoted.push(char);
                }
            }
        }
    }
    quoted.push('"');
    quoted
}

const ID_LEN: usize = 16;
const SEQUENCE_BITS: u32 = 48;
const HEX: &[u8; 16] = b"0123456789abcdef";
/// No text contains it elsewhere, and `g` is not a hexadecimal digit.
const PLACEHOLDER: &str = "gggggggggggggggg";
const ASCII: &str = "The quick brown fox jumps over the lazy dog 0123456789; ";
const WORDS: &str = "Grüße, Привет, Γειά, 世界に, שלום, 안녕 😀 – ";
const JSON_START: &str = "{\"id\":\"";
const JSON_MIDDLE: &str = "\",\"rows\":[";
const JSON_ROW: &str = "{\"name\":\"value\",\"n\":42,\"on\":true},";
const JSON_END: &str = "0],\"fill\":\"\"}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_size_asked_for() {
        for kind in [Kind::Ascii, Kind::Json, Kind::Multibyte] {
            for size in [kind.least_size(), 64, 1024, 65536] {
                assert_eq!(Text::new(kind, size).plain().len(), size);
            }
        }
    }

    #[test]
    fn json_messages_are_json_before_and_after_quoting() {
        let text = Text::new(Kind::Json, 1024);
        serde_json::from_str::<serde_json::Value>(text.plain()).unwrap();
        assert_eq!(
            serde_json::from_str::<String>(&text.json()).unwrap(),
            text.plain()
        );
        assert_eq!(
            serde_json::from_str::<String>(&text.sockjs()).unwrap(),
            text.plain()
        );
    }

    #[test]
    fn sockjs_escapes_astral_characters() {
        assert!(
            Text::new(Kind::Multibyte, 128)
                .sockjs()
                .contains("\\ud83d\\ude00")
        );
        assert!(!Text::new(Kind::Multibyte, 128).json().contains("\\u"));
    }

    #[test]
    fn a_form_takes_only_the_message_it_expects() {
        let mut form = Form::new(Text::new(Kind::Ascii, 32).json().into_bytes());
        let mut out = Vec::new();
        form.push(id(3, 77), &mut out);
        assert_eq!(form.id(&out).map(split_id), Some((3, 77)));
        assert!(form.begins(id(3, 77), &out));
        assert!(!form.begins(id(3, 78), &out));
        *out.last_mut().unwrap() = b'!';
        assert!(!form.begins(id(3, 77), &out));
    }
}
