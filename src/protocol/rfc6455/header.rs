//! The header of a frame, checked byte by byte, as faye-websocket does.

use super::violation::{UNACCEPTABLE, Violation, protocol_error, too_large};

/// The bytes of a header that have arrived.
#[derive(Debug, Default)]
pub(super) struct Header {
    bytes: [u8; MAX_HEADER],
    len: usize,
}

/// What a frame may be at its place in the stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Whether fragments of a message precede it.
    pub(super) is_fragmented: bool,
    /// The number of bytes that its payload may have.
    pub(super) room: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) last: bool,
    pub(super) opcode: u8,
    /// Zeros if the frame is not masked.
    pub(super) mask: [u8; MASK],
    pub(super) len: usize,
}

pub(super) const MAX_HEADER: usize = 14;
pub(super) const MASK: usize = 4;
pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const TEXT_AND_LAST: u8 = 0x80 | TEXT;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

impl Header {
    /// Takes a whole header, or one byte of it, from `input`, which is not empty. Returns the number of bytes taken, and
    /// whether they are a violation.
    pub(super) fn take(&mut self, input: &[u8], limits: Limits) -> (usize, Result<(), Violation>) {
        if self.len == 0 && self.take_common(input, limits) {
            (self.len, Ok(()))
        } else {
            (1, self.take_byte(input[0], limits))
        }
    }

    /// The frame, when its header is complete.
    pub(super) fn frame(&self) -> Option<Frame> {
        let second = self.bytes[1];
        let mask_len = if second & 0x80 == 0 { 0 } else { MASK };
        if self.len < 2 || self.len != 2 + extended_bytes(second) + mask_len {
            return None;
        }
        let mut mask = [0; MASK];
        mask[..mask_len].copy_from_slice(&self.bytes[self.len - mask_len..self.len]);
        Some(Frame {
            last: self.bytes[0] & 0x80 != 0,
            opcode: self.opcode(),
            mask,
            // A length above `usize::MAX` is a violation, and the payload of that frame is dropped.
            len: usize::try_from(self.payload_len()).unwrap_or(usize::MAX),
        })
    }

    /// The opcode, when the first byte has arrived.
    pub(super) fn opcode(&self) -> u8 {
        self.bytes[0] & 0x0f
    }

    /// Makes room for the next header.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Takes a whole header, if `input` begins with that of an unfragmented text message and it is valid, as is nearly
    /// always the case. [`Self::take_byte`] takes all others.
    fn take_common(&mut self, input: &[u8], limits: Limits) -> bool {
        let &[TEXT_AND_LAST, second, ..] = input else {
            return false;
        };
        let extended = extended_bytes(second);
        let len = 2 + extended + MASK;
        if limits.is_fragmented || second & 0x80 == 0 || extended > 2 {
            return false;
        }
        let Some(header) = input.get(..len) else {
            return false;
        };
        self.bytes[..len].copy_from_slice(header);
        if check_length(self.payload_len(), limits).is_err() {
            return false;
        }
        self.len = len;
        true
    }

    /// Takes one byte and checks it at once.
    fn take_byte(&mut self, byte: u8, limits: Limits) -> Result<(), Violation> {
        self.bytes[self.len] = byte;
        self.len += 1;
        if self.len == 1 {
            return check_opcode(byte, limits);
        }
        let extended = extended_bytes(self.bytes[1]);
        if self.len == 2 {
            check_length_byte(byte, limits)
        } else if extended > 0 && self.len == 2 + extended {
            self.check_extended_length(limits)
        } else {
            Ok(())
        }
    }

    fn check_extended_length(&self, limits: Limits) -> Result<(), Violation> {
        let len = self.payload_len();
        if self.opcode() >= CLOSE && len > 125 {
            return Err(protocol_error(format!(
                "Received control frame having too long payload: {len}"
            )));
        }
        check_length(len, limits)
    }

    fn payload_len(&self) -> u64 {
        let extended = extended_bytes(self.bytes[1]);
        if extended == 0 {
            return u64::from(self.bytes[1] & 0x7f);
        }
        self.bytes[2..2 + extended]
            .iter()
            .fold(0, |len, byte| len << 8 | u64::from(*byte))
    }
}

fn check_opcode(byte: u8, limits: Limits) -> Result<(), Violation> {
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
    if limits.is_fragmented && matches!(opcode, TEXT | BINARY) {
        return Err(protocol_error(
            "Received new data frame but previous continuous frame is unfinished".into(),
        ));
    }
    Ok(())
}

fn check_length_byte(byte: u8, limits: Limits) -> Result<(), Violation> {
    if extended_bytes(byte) == 0 {
        check_length(u64::from(byte & 0x7f), limits)?;
    }
    if byte & 0x80 == 0 {
        // RFC 6455, section 5.1, suggests 1002; faye-websocket sends 1003.
        let reason = "Received unmasked frame but masking is required";
        return Err(Violation(UNACCEPTABLE, reason.into()));
    }
    Ok(())
}

fn check_length(len: u64, limits: Limits) -> Result<(), Violation> {
    if usize::try_from(len).is_ok_and(|len| len <= limits.room) {
        Ok(())
    } else {
        Err(too_large())
    }
}

/// Bytes of extended payload length that follow the second header byte.
fn extended_bytes(second: u8) -> usize {
    match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    }
}
