//! The frames of websockets (RFC 6455) as a pure state machine, with the decisions of faye-websocket.
//!
//! tungstenite's decoder is not used, because it differs from faye-websocket: in the close code and the text of an
//! error, in the byte at which an error is noticed, in when UTF-8 is checked (faye-websocket: when the message is
//! complete), and in the code that answers a close frame.

mod decode;
mod encode;
mod header;
mod violation;

pub use decode::{Decoder, Incoming};
pub use encode::{Opcode, encode, encode_close, encode_with};
pub(super) use violation::{TOO_LARGE, TOO_LARGE_REASON};

#[cfg(test)]
mod tests;
