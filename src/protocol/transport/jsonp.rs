//! jsonp-polling: a script that calls a function of the page with the frame.

use crate::protocol::json;

/// Appends one frame as a call.
pub(super) fn wrap(callback: &str, frame: &[u8], out: &mut Vec<u8>) -> usize {
    begin(callback, out);
    let argument = json::stringify(frame, out);
    out.extend_from_slice(AFTER);
    around(callback) + argument
}

/// The same for a frame that has been stringified.
pub(super) fn wrap_literal(callback: &str, literal: &[u8], out: &mut Vec<u8>) -> usize {
    begin(callback, out);
    out.extend_from_slice(literal);
    out.extend_from_slice(AFTER);
    around(callback)
}

fn begin(callback: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"/**/");
    out.extend_from_slice(callback.as_bytes());
    out.push(b'(');
}

const AFTER: &[u8] = b");\r\n";

/// Units around the argument. The callback is ASCII.
fn around(callback: &str) -> usize {
    b"/**/(".len() + callback.len() + AFTER.len()
}
