//! Violations of the protocol, with the close codes and texts of faye-websocket.

/// The close code and faye-websocket's text for a violation.
pub(super) struct Violation(pub(super) u16, pub(super) String);

pub(super) const PROTOCOL_ERROR: u16 = 1002;
pub(super) const UNACCEPTABLE: u16 = 1003;
pub(super) const ENCODING_ERROR: u16 = 1007;
pub(in crate::protocol) const TOO_LARGE: u16 = 1009;
pub(in crate::protocol) const TOO_LARGE_REASON: &str = "WebSocket frame length too large";

pub(super) fn protocol_error(reason: String) -> Violation {
    Violation(PROTOCOL_ERROR, reason)
}

pub(super) fn too_large() -> Violation {
    Violation(TOO_LARGE, TOO_LARGE_REASON.into())
}
