//! Frames of a server: unmasked and unfragmented.

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::MAX_HEADER;

/// What a server frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
    /// Begins or answers the closing handshake.
    Close,
}

impl From<Opcode> for OpCode {
    fn from(opcode: Opcode) -> Self {
        match opcode {
            Opcode::Text => OpCode::Data(Data::Text),
            Opcode::Binary => OpCode::Data(Data::Binary),
            Opcode::Ping => OpCode::Control(Control::Ping),
            Opcode::Pong => OpCode::Control(Control::Pong),
            Opcode::Close => OpCode::Control(Control::Close),
        }
    }
}

/// Appends one unfragmented, unmasked frame.
pub fn encode(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    header(opcode, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Appends a close frame. The reason, UTF-8 unless the application wants it otherwise, is cut at 123
/// bytes, the room RFC 6455 5.5 leaves for it.
pub fn encode_close(code: u16, reason: &[u8], out: &mut Vec<u8>) {
    let mut room = reason.len().min(123);
    while room < reason.len() && room > 0 && reason[room] & 0xc0 == 0x80 {
        room -= 1;
    }
    header(Opcode::Close, 2 + room, out);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&reason[..room]);
}

/// Appends one frame whose payload `fill` writes and whose length is known only afterwards. `least` is
/// a lower bound of that length; when it is of the same order, nothing has to be moved.
pub fn encode_with(
    opcode: Opcode,
    least: usize,
    out: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    header(opcode, least, out);
    let guessed = out.len() - start;
    fill(out);
    let len = out.len() - start - guessed;
    if len == least {
        return;
    }
    let mut head = Vec::with_capacity(MAX_HEADER);
    header(opcode, len, &mut head);
    if head.len() == guessed {
        out[start..start + guessed].copy_from_slice(&head);
    } else {
        out.splice(start..start + guessed, head);
    }
}

fn header(opcode: Opcode, len: usize, out: &mut Vec<u8>) {
    let header = FrameHeader {
        is_final: true,
        opcode: opcode.into(),
        ..FrameHeader::default()
    };
    // Writing to a Vec does not fail.
    let _ = header.format(len as u64, out);
}
