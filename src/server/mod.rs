//! The service behind both ingresses: sessions, their clients, and the threads that do the network work.
//!
//! It reports through [`events::EventQueue`] only. The addon, or a test, implements [`events::Waker`] and drains the
//! queue.

pub mod bodies;
pub mod buffer_pool;
pub mod connection;
pub mod context;
pub mod dispatch;
pub mod events;
pub mod fan_out;
pub mod frames;
pub mod head;
pub mod io;
pub mod publication;
pub mod registry;
pub mod reply;
pub mod rooms;
pub mod runtime;
pub mod send_buffer;
pub mod service;
pub mod socket;
pub mod taken_sockets;
#[doc(hidden)]
pub mod testing;
pub mod timers;
pub mod upgrade;
pub mod websocket_reader;

pub use context::{Context, Options};
pub use runtime::Runtime;
pub use service::{Service, ServiceInUse};
