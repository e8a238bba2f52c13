//! The SockJS and websocket protocols: deterministic, without clock, socket, lock or thread.

pub mod closing;
pub mod handshake;
pub mod hixie;
pub mod json;
pub mod queue;
pub mod rfc6455;
pub mod session;
pub mod transport;
pub mod websocket_kind;
