//! Decodes the frames of a client.

use super::header::{BINARY, CLOSE, CONTINUATION, Frame, Header, Limits, MASK, PING, PONG, TEXT};
use super::violation::{ENCODING_ERROR, PROTOCOL_ERROR, TOO_LARGE, Violation, protocol_error};

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
    header: Header,
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

impl Decoder {
    /// A decoder for the bytes that follow the handshake.
    pub fn new(max_message_size: usize) -> Self {
        Self {
            max_message_size,
            header: Header::default(),
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
                    self.header.clear();
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
                self.oversized |= code == TOO_LARGE && self.header.opcode() < CLOSE;
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
            self.header.clear();
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
        let limits = Limits {
            is_fragmented: self.fragmented_text.is_some(),
            room: self.max_message_size.saturating_sub(self.message.len()),
        };
        let taken = self.header.take(input, limits);
        self.frame = self.header.frame();
        taken
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
            // An unknown opcode, which `the header` has reported.
            _ => {}
        }
        Ok(())
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
pub(super) fn close_answer(payload: &[u8]) -> (u16, &str) {
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
