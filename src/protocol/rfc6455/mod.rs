//! The frames of websockets (RFC 6455) as a pure state machine, with the decisions of faye-websocket.
//!
//! tungstenite's decoder is not used, because it differs from faye-websocket: in the close code and the text of an
//! error, in the byte at which an error is noticed, in when UTF-8 is checked (faye-websocket: when the message is
//! complete), and in the code that answers a close frame.

mod encode;

pub use encode::{Opcode, encode, encode_close, encode_with};

/// Receives what the decoder has decoded.
pub trait Incoming {
    /// A complete text message that may be invalid UTF-8. An implementation that finds only ASCII in it may handle it
    /// and return true. Otherwise the decoder checks it and calls [`Incoming::text`].
    fn ascii(&mut self, _text: &[u8]) -> bool {
        false
    }
    /// A complete text message.
    fn text(&mut self, text: &str);
    /// A complete binary message.
    fn binary(&mut self, bytes: &[u8]);
    /// A ping; answer it with a pong of the same payload.
    fn ping(&mut self, payload: &[u8]);
    /// A pong.
    fn pong(&mut self, payload: &[u8]);
    /// The client violated the protocol. Answer with this close frame and close the connection. If a close frame was
    /// sent before, ignore the violation, as faye-websocket does: for that case, decoding continues.
    fn violation(&mut self, code: u16, reason: &str);
    /// The client sent a close frame. Answer with this one and close the connection. Bytes after it are ignored.
    fn close(&mut self, code: u16, reason: &str);
}

/// Decodes the bytes of a client, in pieces of any length.
#[derive(Debug)]
pub struct Decoder {
    /// The bound of a message with all its fragments, in bytes.
    max_message_size: usize,
    header: [u8; MAX_HEADER],
    header_len: usize,
    frame: Option<Frame>,
    /// The frame is too long. The rest of its payload is dropped when it arrives.
    oversized: bool,
    /// The beginning of the frame's payload, still masked, until the rest arrives.
    partial: Vec<u8>,
    /// The payloads of the fragments that have arrived.
    message: Vec<u8>,
    /// Whether the message in `message` is text; `None` outside a fragmented message.
    fragmented_text: Option<bool>,
    closed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    last: bool,
    opcode: u8,
    /// Zeros if the frame is not masked.
    mask: [u8; MASK],
    len: usize,
}

/// The close code and faye-websocket's text for a violation.
struct Violation(u16, String);

const MAX_HEADER: usize = 14;
const MASK: usize = 4;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const TEXT_AND_LAST: u8 = 0x80 | TEXT;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const PROTOCOL_ERROR: u16 = 1002;
const UNACCEPTABLE: u16 = 1003;
const ENCODING_ERROR: u16 = 1007;
pub(super) const TOO_LARGE: u16 = 1009;
pub(super) const TOO_LARGE_REASON: &str = "WebSocket frame length too large";

impl Decoder {
    /// A decoder for the bytes that follow the handshake.
    pub fn new(max_message_size: usize) -> Self {
        Self {
            max_message_size,
            header: [0; MAX_HEADER],
            header_len: 0,
            frame: None,
            oversized: false,
            partial: Vec::new(),
            message: Vec::new(),
            fragmented_text: None,
            closed: false,
        }
    }

    /// The number of bytes kept of frames and messages that are not complete.
    pub fn buffered(&self) -> usize {
        self.partial.len() + self.message.len()
    }

    /// Decodes `input`, unmasking it in place.
    pub fn feed(&mut self, mut input: &mut [u8], to: &mut impl Incoming) {
        while !self.closed {
            let result = match self.frame {
                None if input.is_empty() => return,
                None => {
                    let (taken, result) = self.take_header(input);
                    input = &mut std::mem::take(&mut input)[taken..];
                    result
                }
                Some(frame) if self.oversized || frame.len > self.max_message_size => {
                    if input.is_empty() {
                        return;
                    }
                    let dropped = frame.len.min(input.len());
                    input = &mut std::mem::take(&mut input)[dropped..];
                    self.drop_payload(frame, dropped);
                    Ok(())
                }
                Some(frame) => {
                    let missing = frame.len - self.partial.len();
                    if missing > input.len() {
                        self.partial.extend_from_slice(input);
                        return;
                    }
                    let (piece, rest) = std::mem::take(&mut input).split_at_mut(missing);
                    input = rest;
                    self.frame = None;
                    self.header_len = 0;
                    if self.partial.is_empty() {
                        self.payload(frame, piece, to)
                    } else {
                        let mut whole = std::mem::take(&mut self.partial);
                        whole.extend_from_slice(piece);
                        self.payload(frame, &mut whole, to)
                    }
                }
            };
            if let Err(Violation(code, reason)) = result {
                to.violation(code, &reason);
                // If the violation is ignored, decoding continues after the payload of this frame, which is
                // dropped. A control frame is not dropped: it exceeds the bound only together with the
                // fragments before it.
                self.oversized |= code == TOO_LARGE && self.header[0] & 0x0f < CLOSE;
            }
        }
    }

    /// Counts `dropped` bytes of the payload of a frame that is too long.
    fn drop_payload(&mut self, frame: Frame, dropped: usize) {
        let len = frame.len - dropped;
        self.frame = (len > 0).then_some(Frame { len, ..frame });
        // The rest may be within the bound, but has to be dropped, too.
        self.oversized = len > 0;
        if len == 0 {
            self.header_len = 0;
            self.message = Vec::new();
            self.fragmented_text = None;
        }
    }

    /// All further bytes are ignored.
    fn stop(&mut self) {
        self.closed = true;
        self.message = Vec::new();
        self.partial = Vec::new();
    }

    /// Takes a frame header, or one byte of it, from `input`, which is not empty. Returns the number of bytes taken, and
    /// whether they are a violation.
    fn take_header(&mut self, input: &[u8]) -> (usize, Result<(), Violation>) {
        if self.header_len == 0 && self.common_header(input) {
            (self.header_len, Ok(()))
        } else {
            (1, self.header_byte(input[0]))
        }
    }

    /// Takes a whole header, if `input` begins with that of an unfragmented text message and it is valid, as is nearly
    /// always the case. [`Self::header_byte`] takes all others.
    fn common_header(&mut self, input: &[u8]) -> bool {
        let &[TEXT_AND_LAST, second, ..] = input else {
            return false;
        };
        let extended = extended_bytes(second);
        let len = 2 + extended + MASK;
        if self.fragmented_text.is_some() || second & 0x80 == 0 || extended > 2 {
            return false;
        }
        let Some(header) = input.get(..len) else {
            return false;
        };
        self.header[..len].copy_from_slice(header);
        if self.check_length(self.payload_len()).is_err() {
            return false;
        }
        self.header_len = len;
        self.frame = Some(self.parsed_header(MASK));
        true
    }

    /// Takes one byte of a frame header and checks it at once, as faye-websocket does.
    fn header_byte(&mut self, byte: u8) -> Result<(), Violation> {
        self.header[self.header_len] = byte;
        self.header_len += 1;
        let len = self.header_len;
        if len == 1 {
            return self.check_opcode(byte);
        }
        let second = self.header[1];
        let extended = extended_bytes(second);
        let mask = if second & 0x80 == 0 { 0 } else { MASK };
        if len == 2 + extended + mask {
            self.frame = Some(self.parsed_header(mask));
        }
        if len == 2 {
            self.check_length_byte(byte)
        } else if extended > 0 && len == 2 + extended {
            self.check_extended_length()
        } else {
            Ok(())
        }
    }

    fn check_opcode(&self, byte: u8) -> Result<(), Violation> {
        let opcode = byte & 0x0f;
        if byte & 0x70 != 0 {
            let bit = |mask: u8| u8::from(byte & mask != 0);
            return Err(protocol_error(format!(
                "One or more reserved bits are on: reserved1 = {}, reserved2 = {}, reserved3 = {}",
                bit(0x40),
                bit(0x20),
                bit(0x10)
            )));
        }
        if !matches!(opcode, CONTINUATION..=BINARY | CLOSE..=PONG) {
            return Err(protocol_error(format!(
                "Unrecognized frame opcode: {opcode}"
            )));
        }
        if opcode >= CLOSE && byte & 0x80 == 0 {
            return Err(protocol_error(format!(
                "Received fragmented control frame: opcode = {opcode}"
            )));
        }
        if self.fragmented_text.is_some() && matches!(opcode, TEXT | BINARY) {
            return Err(protocol_error(
                "Received new data frame but previous continuous frame is unfinished".into(),
            ));
        }
        Ok(())
    }

    fn check_length_byte(&self, byte: u8) -> Result<(), Violation> {
        if extended_bytes(byte) == 0 {
            self.check_length(u64::from(byte & 0x7f))?;
        }
        if byte & 0x80 == 0 {
            // RFC 6455, section 5.1, suggests 1002; faye-websocket sends 1003.
            let reason = "Received unmasked frame but masking is required";
            return Err(Violation(UNACCEPTABLE, reason.into()));
        }
        Ok(())
    }

    fn check_extended_length(&self) -> Result<(), Violation> {
        let len = self.payload_len();
        if self.header[0] & 0x0f >= CLOSE && len > 125 {
            return Err(protocol_error(format!(
                "Received control frame having too long payload: {len}"
            )));
        }
        self.check_length(len)
    }

    fn check_length(&self, len: u64) -> Result<(), Violation> {
        let room = self.max_message_size.saturating_sub(self.message.len());
        if usize::try_from(len).is_ok_and(|len| len <= room) {
            Ok(())
        } else {
            Err(too_large())
        }
    }

    fn payload_len(&self) -> u64 {
        let extended = extended_bytes(self.header[1]);
        if extended == 0 {
            return u64::from(self.header[1] & 0x7f);
        }
        self.header[2..2 + extended]
            .iter()
            .fold(0, |len, byte| len << 8 | u64::from(*byte))
    }

    fn parsed_header(&self, mask_len: usize) -> Frame {
        let at = self.header_len - mask_len;
        let mut mask = [0; MASK];
        mask[..mask_len].copy_from_slice(&self.header[at..self.header_len]);
        Frame {
            last: self.header[0] & 0x80 != 0,
            opcode: self.header[0] & 0x0f,
            mask,
            // A length above `usize::MAX` is a violation, and the payload of that frame is dropped.
            len: usize::try_from(self.payload_len()).unwrap_or(usize::MAX),
        }
    }

    fn payload(
        &mut self,
        frame: Frame,
        payload: &mut [u8],
        to: &mut impl Incoming,
    ) -> Result<(), Violation> {
        unmask(payload, frame.mask);
        match frame.opcode {
            PING => to.ping(payload),
            PONG => to.pong(payload),
            CLOSE => {
                let (code, reason) = close_answer(payload);
                self.stop();
                to.close(code, reason);
            }
            CONTINUATION => {
                let Some(text) = self.fragmented_text else {
                    let reason = "Received unexpected continuation frame";
                    return Err(protocol_error(reason.into()));
                };
                self.message.extend_from_slice(payload);
                if frame.last {
                    self.fragmented_text = None;
                    let message = std::mem::take(&mut self.message);
                    return deliver(text, &message, to);
                }
            }
            TEXT | BINARY => {
                // After a violation that was ignored, fragments of an unfinished message may be left.
                self.message.clear();
                self.fragmented_text = None;
                let text = frame.opcode == TEXT;
                if frame.last {
                    return deliver(text, payload, to);
                }
                self.fragmented_text = Some(text);
                self.message.extend_from_slice(payload);
            }
            // An unknown opcode, which `check_opcode` has reported.
            _ => {}
        }
        Ok(())
    }
}

fn protocol_error(reason: String) -> Violation {
    Violation(PROTOCOL_ERROR, reason)
}

fn too_large() -> Violation {
    Violation(TOO_LARGE, TOO_LARGE_REASON.into())
}

/// Bytes of extended payload length that follow the second header byte.
fn extended_bytes(second: u8) -> usize {
    match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    }
}

fn deliver(text: bool, message: &[u8], to: &mut impl Incoming) -> Result<(), Violation> {
    if !text {
        to.binary(message);
        return Ok(());
    }
    if to.ascii(message) {
        return Ok(());
    }
    match std::str::from_utf8(message) {
        Ok(text) => {
            to.text(text);
            Ok(())
        }
        Err(_) => Err(Violation(
            ENCODING_ERROR,
            "Could not decode a text frame as UTF-8".into(),
        )),
    }
}

/// The code and reason with which faye-websocket answers a close frame.
fn close_answer(payload: &[u8]) -> (u16, &str) {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            (1000, "")
        } else {
            (PROTOCOL_ERROR, "")
        };
    };
    let code = u16::from_be_bytes(*code);
    let known = matches!(code, 1000..=1003 | 1007..=1011 | 3000..=4999);
    match std::str::from_utf8(reason) {
        Ok(reason) if known => (code, reason),
        Ok(reason) => (PROTOCOL_ERROR, reason),
        Err(_) => (PROTOCOL_ERROR, ""),
    }
}

fn unmask(payload: &mut [u8], mask: [u8; MASK]) {
    let wide = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests;
