//! The service behind both doors: sessions, their clients, and the threads that do the network work.
//!
//! It speaks outward only through [`events::EventQueue`]; whoever rings at its doorbell (the addon, or a
//! test) drains it.

pub mod bodies;
pub mod connection;
pub mod dispatch;
pub mod engine;
pub mod events;
pub mod frames;
pub mod io;
pub mod outlet;
pub mod registry;
pub mod service;
pub mod socket;
pub mod spares;
pub mod taken;
#[cfg(test)]
pub(crate) mod testing;
pub mod timers;
pub mod websocket;

pub use engine::Engine;
pub use service::{Installed, Options, Service};
