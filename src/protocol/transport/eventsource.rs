//! eventsource: each frame is a server-sent event.

use crate::protocol::json;

/// Appends an empty line.
pub(super) fn prelude(_callback: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// Appends one frame as an event. sockjs 0.3.24 writes `%`, CR, LF and NUL as JavaScript's `escape` does.
pub(super) fn wrap(_callback: &str, frame: &[u8], out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(b"data: ");
    for part in frame.split_inclusive(|byte| matches!(byte, b'%' | b'\r' | b'\n' | 0)) {
        let (plain, escape): (&[u8], &[u8]) = match part {
            [plain @ .., b'%'] => (plain, b"%25"),
            [plain @ .., b'\r'] => (plain, b"%0D"),
            [plain @ .., b'\n'] => (plain, b"%0A"),
            [plain @ .., 0] => (plain, b"%00"),
            plain => (plain, b""),
        };
        out.extend_from_slice(plain);
        out.extend_from_slice(escape);
    }
    out.extend_from_slice(b"\r\n\r\n");
    json::utf16_len(&out[start..])
}
