//! jsonp-polling: a script that calls a function of the page with the frame.

use crate::protocol::json;

/// Appends one frame as a call.
pub(super) fn wrap(callback: &str, frame: &[u8], out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(b"/**/");
    out.extend_from_slice(callback.as_bytes());
    out.push(b'(');
    let argument = json::stringify(frame, out);
    out.extend_from_slice(b");\r\n");
    // The callback is ASCII.
    b"/**/();\r\n".len() + callback.len() + argument
}
