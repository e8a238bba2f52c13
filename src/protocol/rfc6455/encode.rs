//! Encodes the frames of a server, which are neither masked nor fragmented.

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::header::MAX_HEADER;

/// The kinds of frames that a server sends.
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

/// Appends one frame.
pub fn encode(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    header(opcode, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Appends a close frame. The reason is cut at 123 bytes, because a control frame has at most 125 (RFC 6455, section
/// 5.5). It is UTF-8, unless the application passed other bytes, and is not cut inside of a character.
pub fn encode_close(code: u16, reason: &[u8], out: &mut Vec<u8>) {
    let mut room = reason.len().min(123);
    while room < reason.len() && room > 0 && reason[room] & 0xc0 == 0x80 {
        room -= 1;
    }
    header(Opcode::Close, 2 + room, out);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&reason[..room]);
}

/// Appends one frame with the payload that `fill` writes. `min_len` is the least length that the payload
/// can have. If its real length, which is known only afterwards, needs a header of the same size as `min_len`, the payload
/// does not have to be moved.
pub fn encode_with(
    opcode: Opcode,
    min_len: usize,
    out: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    header(opcode, min_len, out);
    let header_len = out.len() - start;
    fill(out);
    let len = out.len() - start - header_len;
    if len == min_len {
        return;
    }
    let mut head = Vec::with_capacity(MAX_HEADER);
    header(opcode, len, &mut head);
    if head.len() == header_len {
        out[start..start + header_len].copy_from_slice(&head);
    } else {
        out.splice(start..start + header_len, head);
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
