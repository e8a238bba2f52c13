//! Quotes outgoing strings as SockJS does, and decodes the payloads of clients. Both are hot paths.

mod decode;
mod plain;
mod quote;

pub use decode::{Messages, PayloadError, decode_array, decode_websocket, plain_element};
pub use quote::{quote, quote_str, stringify, stringify_in_script, utf16_len};

#[cfg(test)]
mod tests;
