//! Hixie-76 (draft-ietf-hybi-thewebsocketprotocol-00), the websocket protocol before RFC 6455, as
//! faye-websocket speaks it: its handshake, and its framing as a pure state machine.

use md5::{Digest, Md5};

use super::handshake::head;
use super::rfc6455::{Incoming, TOO_LARGE, TOO_LARGE_REASON};
use crate::http::response::HandshakeError;

/// Bytes that follow the head of the request: the third key.
pub const KEY_3: usize = 8;

const TEXT: u8 = 0x00;
const END: u8 = 0xff;
/// Begins the frame that closes, and with a length of zero is it.
const CLOSE: u8 = 0xff;
/// A frame whose first byte has this bit states its length; a byte of the length has it if another follows.
const HIGH_BIT: u8 = 0x80;

/// The headers of a handshake that decide it, as Node gives them.
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
    /// Whether a request without a version of the later protocols is one of this protocol.
    pub fn is_meant(&self) -> bool {
        [self.key_1, self.key_2]
            .iter()
            .flatten()
            .any(|key| !key.is_empty())
    }

    /// The head of the `101` response, which leaves before the third key has come (the draft, 5.2: a proxy may
    /// forward it only when it has that head), and what to answer the key with; or why there is none. The
    /// `extra` headers (`faye_server_options.headers`) come last, and of one name the first counts.
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
        // One byte a UTF-16 unit: what came as a byte above ASCII leaves as the same.
        let bytes = head.encode_utf16().map(|unit| unit.to_le_bytes()[0]);
        Ok((bytes.collect(), Challenge([number_1, number_2])))
    }
}

/// The number that a key hides: its digits, divided by how many spaces it has. `None` where that is no whole
/// number of 32 bits.
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
    // faye-websocket fails at a larger one only when the third key comes, and ends the process by that.
    u32::try_from(number / spaces).ok()
}

/// What the keys in the head of a handshake ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge(pub [u32; 2]);

impl Challenge {
    /// The bytes that prove the handshake was understood: an MD5 sum.
    pub fn answer(self, key_3: [u8; KEY_3]) -> [u8; 16] {
        let [number_1, number_2] = self.0;
        let mut sum = Md5::new();
        sum.update(number_1.to_be_bytes());
        sum.update(number_2.to_be_bytes());
        sum.update(key_3);
        sum.finalize().into()
    }
}

/// Turns bytes of a client, split anywhere, into messages. Text is what counts; frames that state their length
/// are skipped. There are no pings, no close codes and, invalid UTF-8 being replaced, no errors but size.
#[derive(Debug)]
pub struct Decoder {
    /// Bound of one message, or of a frame that is skipped, in bytes.
    max_message_size: usize,
    state: State,
    /// A text that came in several pieces.
    text: Vec<u8>,
    /// A frame of [`CLOSE`] has begun. As in faye-websocket any frame of length zero closes from then on.
    closing: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// A frame begins.
    Start,
    /// Inside a text, which ends with [`END`].
    Text,
    /// Inside the length of a frame: what it is so far.
    Length(usize),
    /// The number of bytes of a frame that are still to be skipped.
    Skip(usize),
    /// Whatever follows is dropped.
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

    /// Bytes held for a text that is not complete.
    pub fn buffered(&self) -> usize {
        self.text.len()
    }

    /// Decodes `input`.
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

    /// Takes what there is of a text. Answers what follows it.
    fn take_text<'a>(&mut self, input: &'a [u8], to: &mut impl Incoming) -> &'a [u8] {
        let room = self.max_message_size - self.text.len();
        // A byte more than there is room for is the end, or one too many.
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

    /// Takes a byte of the length of a frame: seven bits of it, the highest first.
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

/// Appends one frame with the text that `fill` writes, which has to be UTF-8: it cannot hold the byte that
/// ends the frame.
pub fn encode_with(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(TEXT);
    fill(out);
    out.push(END);
}

/// Appends the frame that closes. Nothing follows it: neither side waits for the other's.
pub fn encode_close(out: &mut Vec<u8>) {
    out.extend_from_slice(&[CLOSE, 0x00]);
}

#[cfg(test)]
#[path = "hixie_tests.rs"]
mod tests;
