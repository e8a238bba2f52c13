//! Sockets that were taken from Node's http server. Without the cfg `takeover` there are none.

#[cfg(not(takeover))]
mod none;
#[cfg(takeover)]
mod reactor;
#[cfg(takeover)]
mod unix;

#[cfg(not(takeover))]
pub use none::{Descriptor, Polled, Reactor, Socket};
#[cfg(takeover)]
pub use reactor::Reactor;
#[cfg(takeover)]
pub use unix::{Descriptor, Polled, Socket};

/// The owner of a socket, which a [`Reactor`] calls when the socket is ready.
pub trait Source: std::fmt::Debug + Send + Sync {
    /// Reads the bytes that have arrived, and returns their number. If `ended`, no more will arrive.
    fn readable(self: std::sync::Arc<Self>, ended: bool) -> usize;
    /// Sends bytes that had to wait until the socket is writable.
    fn writable(&self);
    /// Ends the connection, because one of the other methods has panicked.
    fn fail(&self);
}

/// Bytes that a socket has read and written since it was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// From the client.
    pub read: u64,
    /// To the client.
    pub written: u64,
}

/// What one poll of a [`Reactor`] has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PollCount {
    /// Sockets that were ready.
    pub sockets: usize,
    /// Bytes that were read.
    pub bytes: usize,
}
