//! The SockJS and websocket protocols: deterministic, without clock, socket, lock or thread.

pub mod handshake;
pub mod hixie;
pub mod json;
pub mod session;
pub mod websocket;
