//! Sockets that were taken from Node's http server, on platforms that have them.

#[cfg(not(takeover))]
mod none;
#[cfg(takeover)]
mod unix;

#[cfg(not(takeover))]
pub use none::{Descriptor, Socket};
#[cfg(takeover)]
pub use unix::{Descriptor, Socket};
