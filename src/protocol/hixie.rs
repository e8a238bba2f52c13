//! Hixie-76 (draft-ietf-hybi-thewebsocketprotocol-00), the websocket protocol before RFC 6455, as
//! faye-websocket speaks it: its handshake, and its framing as a pure state machine.

use md5::{Digest, Md5};

use super::handshake::{HandshakeError, head};
use super::rfc6455::{Incoming, TOO_LARGE, TOO_LARGE_REASON};

/// The length of the third key, which follows the head of the request, in bytes.
pub const KEY_3: usize = 8;

const TEXT: u8 = 0x00;
const END: u8 = 0xff;
/// The first byte of the closing frame. The second is a length of zero.
const CLOSE: u8 = 0xff;
/// Set in the first byte of a frame that states its length, and in each byte of the length but the last.
const HIGH_BIT: u8 = 0x80;

/// The headers on which a handshake depends, as Node reads them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Handshake<'a> {
    /// `Sec-WebSocket-Key1`
    pub key_1: Option<&'a str>,
    /// `Sec-WebSocket-Key2`
    pub key_2: Option<&'a str>,
    /// `Origin`
    pub origin: Option<&'a str>,
}

impl Handshake<'_> {
    /// Whether a request without `Sec-WebSocket-Version` and `Sec-WebSocket-Key` is a handshake of this protocol.
    pub fn is_hixie_76(&self) -> bool {
        [self.key_1, self.key_2]
            .iter()
            .flatten()
            .any(|key| !key.is_empty())
    }

    /// The head of the `101` response, and the challenge that the third key completes; or the reason to refuse. The head
    /// leaves before the third key arrives, because some proxies forward the key only after it. The `extra` headers
    /// (`faye_server_options.headers`) come last; the first of several headers with the same name is sent.
    pub fn answer(
        &self,
        location: &str,
        extra: &[(String, String)],
    ) -> Result<(Vec<u8>, Challenge), HandshakeError> {
        let key = |key: Option<&str>, name| match key {
            Some(key) if !key.is_empty() => Ok(key.to_owned()),
            _ => Err(HandshakeError::MissingHixieKey(name)),
        };
        let key_1 = key(self.key_1, "Sec-WebSocket-Key1")?;
        let key_2 = key(self.key_2, "Sec-WebSocket-Key2")?;
        let (Some(number_1), Some(number_2)) = (number(&key_1), number(&key_2)) else {
            return Err(HandshakeError::HixieKeys);
        };
        let own = [
            ("Upgrade", Some("WebSocket")),
            ("Connection", Some("Upgrade")),
            ("Sec-WebSocket-Origin", self.origin),
            ("Sec-WebSocket-Location", Some(location)),
        ];
        let own = own
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let extra = extra
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let head = head("101 WebSocket Protocol Handshake", own.chain(extra));
        // Node reads headers as latin1. One byte for each UTF-16 unit gives back the client's bytes.
        let bytes = head.encode_utf16().map(|unit| unit.to_le_bytes()[0]);
        Ok((bytes.collect(), Challenge([number_1, number_2])))
    }
}

/// The number in a key: its digits, divided by the number of its spaces. `None` if the result is not a whole number of
/// 32 bits.
fn number(key: &str) -> Option<u32> {
    let spaces = key.bytes().filter(|byte| *byte == b' ').count() as u64;
    let mut digits = key.bytes().filter(u8::is_ascii_digit).peekable();
    digits.peek()?;
    let number = digits.try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })?;
    if spaces == 0 || number % spaces != 0 {
        return None;
    }
    // With a larger number, faye-websocket throws when the third key arrives, and so ends the process.
    u32::try_from(number / spaces).ok()
}

/// The numbers in the two keys of a handshake's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge(pub [u32; 2]);

impl Challenge {
    /// The bytes that complete the handshake: the MD5 sum of the three keys.
    pub fn answer(self, key_3: [u8; KEY_3]) -> [u8; 16] {
        let [number_1, number_2] = self.0;
        let mut sum = Md5::new();
        sum.update(number_1.to_be_bytes());
        sum.update(number_2.to_be_bytes());
        sum.update(key_3);
        sum.finalize().into()
    }
}

/// Decodes the bytes of a client, in pieces of any length. Only text frames are messages; frames that state their
/// length are skipped. There are no pings and no close codes. Invalid UTF-8 is replaced, so the only violation is a
/// frame that is too large.
#[derive(Debug)]
pub struct Decoder {
    /// The bound of a message, and of a frame that is skipped, in bytes.
    max_message_size: usize,
    state: State,
    /// The beginning of a text whose end has not arrived.
    text: Vec<u8>,
    /// A frame has begun with [`CLOSE`]. As in faye-websocket, the next frame with a length of zero closes, whatever its
    /// first byte is.
    closing: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before the first byte of a frame.
    Start,
    /// Inside a text, which ends with [`END`].
    Text,
    /// Inside the length of a frame. Contains its value so far.
    Length(usize),
    /// Inside a frame that is skipped. Contains the number of its bytes that are left.
    Skip(usize),
    /// All further bytes are ignored.
    Closed,
}

impl Decoder {
    /// A decoder for the bytes that follow the third key.
    pub fn new(max_message_size: usize) -> Self {
        Self {
            max_message_size,
            state: State::Start,
            text: Vec::new(),
            closing: false,
        }
    }

    /// The number of bytes kept of a text whose end has not arrived.
    pub fn buffered(&self) -> usize {
        self.text.len()
    }

    pub fn feed(&mut self, mut input: &[u8], to: &mut impl Incoming) {
        while let Some((first, rest)) = input.split_first() {
            match self.state {
                State::Start => {
                    input = rest;
                    self.closing |= *first == CLOSE;
                    self.state = if first & HIGH_BIT == TEXT {
                        State::Text
                    } else {
                        State::Length(0)
                    };
                }
                State::Text => input = self.take_text(input, to),
                State::Length(length) => {
                    input = rest;
                    self.take_length(length, *first, to);
                }
                State::Skip(left) => {
                    let skipped = left.min(input.len());
                    input = &input[skipped..];
                    self.state = match left - skipped {
                        0 => State::Start,
                        left => State::Skip(left),
                    };
                }
                State::Closed => return,
            }
        }
    }

    /// Takes bytes of a text, up to its end if that is in `input`. Returns the bytes after them.
    fn take_text<'a>(&mut self, input: &'a [u8], to: &mut impl Incoming) -> &'a [u8] {
        let room = self.max_message_size - self.text.len();
        // The byte after a text of the maximal length has to be its end.
        let within = &input[..input.len().min(room.saturating_add(1))];
        let Some(end) = memchr::memchr(END, within) else {
            if within.len() > room {
                self.too_large(to);
            } else {
                self.text.extend_from_slice(within);
            }
            return &input[within.len()..];
        };
        self.state = State::Start;
        if self.text.is_empty() {
            deliver(&input[..end], to);
        } else {
            let mut text = std::mem::take(&mut self.text);
            text.extend_from_slice(&input[..end]);
            deliver(&text, to);
        }
        &input[end + 1..]
    }

    /// Takes one byte of a frame's length. It has seven bits of it, the most significant bits first.
    fn take_length(&mut self, so_far: usize, byte: u8, to: &mut impl Incoming) {
        let length = so_far
            .saturating_mul(0x80)
            .saturating_add(usize::from(byte & !HIGH_BIT));
        if length > self.max_message_size {
            self.too_large(to);
        } else if self.closing && length == 0 {
            self.stop();
            to.close(1000, "");
        } else if byte & HIGH_BIT != 0 {
            self.state = State::Length(length);
        } else if length == 0 {
            self.state = State::Start;
        } else {
            self.state = State::Skip(length);
        }
    }

    fn too_large(&mut self, to: &mut impl Incoming) {
        self.stop();
        to.violation(TOO_LARGE, TOO_LARGE_REASON);
    }

    fn stop(&mut self) {
        self.state = State::Closed;
        self.text = Vec::new();
    }
}

fn deliver(text: &[u8], to: &mut impl Incoming) {
    if !to.ascii(text) {
        to.text(&String::from_utf8_lossy(text));
    }
}

/// Appends one frame with the text that `fill` writes. It has to be UTF-8, which never contains the byte that ends the
/// frame.
pub fn encode_with(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(TEXT);
    fill(out);
    out.push(END);
}

/// Appends the closing frame. It is the last one: neither side waits for that of the other.
pub fn encode_close(out: &mut Vec<u8>) {
    out.extend_from_slice(&[CLOSE, 0x00]);
}

#[cfg(test)]
#[path = "hixie_tests.rs"]
mod tests;
