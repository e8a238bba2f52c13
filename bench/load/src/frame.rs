//! Websocket frames as a client writes and reads them (RFC 6455, 5.2).

use anyhow::{Result, bail, ensure};

pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// Values of the length byte after which two or eight bytes of length follow.
const TWO_BYTES: u8 = 126;
const EIGHT_BYTES: u8 = 127;

/// The mask of every frame that is sent. A server cannot rely on its being constant.
pub const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Appends the header of a final, masked frame.
pub fn header(opcode: u8, len: usize, out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    if let Ok(len) = u8::try_from(len)
        && len < 126
    {
        out.push(0x80 | len);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(0x80 | TWO_BYTES);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(0x80 | EIGHT_BYTES);
        out.extend_from_slice(&(len as u64).to_be_bytes());
    }
    out.extend_from_slice(&MASK);
}

/// Masks a payload, beginning with its first byte.
pub fn mask(payload: &mut [u8]) {
    for (byte, mask) in payload.iter_mut().zip(MASK.iter().cycle()) {
        *byte ^= mask;
    }
}

/// Appends a whole frame.
pub fn push(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    header(opcode, payload.len(), out);
    let start = out.len();
    out.extend_from_slice(payload);
    mask(&mut out[start..]);
}

/// A frame from the server.
pub struct Frame<'a> {
    pub opcode: u8,
    pub payload: &'a [u8],
    /// Bytes of the whole frame.
    pub len: usize,
}

/// The frame at the beginning of `bytes`; `None` if it is incomplete.
pub fn parse(bytes: &[u8]) -> Result<Option<Frame<'_>>> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    ensure!(second & 0x80 == 0, "a masked frame from the server");
    ensure!(first & 0x70 == 0, "reserved bits in a frame");
    let opcode = first & 0x0f;
    if first & 0x80 == 0 || !matches!(opcode, TEXT | CLOSE | PING | PONG) {
        bail!("an unexpected frame: first byte {first:#04x}");
    }
    let (len, head) = match second & 0x7f {
        TWO_BYTES => match rest.first_chunk::<2>() {
            Some(len) => (usize::from(u16::from_be_bytes(*len)), 4),
            None => return Ok(None),
        },
        EIGHT_BYTES => match rest.first_chunk::<8>() {
            Some(len) => (usize::try_from(u64::from_be_bytes(*len))?, 10),
            None => return Ok(None),
        },
        len => (usize::from(len), 2),
    };
    Ok(bytes.get(head..head + len).map(|payload| Frame {
        opcode,
        payload,
        len: head + len,
    }))
}
