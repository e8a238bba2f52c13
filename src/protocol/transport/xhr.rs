//! xhr-polling and xhr-streaming: each frame is a line.

use crate::protocol::json;

/// Appends the bytes that old browsers want before they show a stream to its reader.
pub(super) fn prelude(_callback: &str, out: &mut Vec<u8>) {
    out.resize(out.len() + PRELUDE, b'h');
    out.push(b'\n');
}

/// Appends one frame as a line.
pub(super) fn wrap(_callback: &str, frame: &[u8], out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(frame);
    out.push(b'\n');
    json::utf16_len(frame) + 1
}

/// The number of these bytes, without the line feed.
const PRELUDE: usize = 2048;
