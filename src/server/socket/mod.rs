//! Sockets that were taken from Node's http server, on platforms that have them.

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

/// What a [`Reactor`] calls when a socket is ready.
pub trait Source: std::fmt::Debug + Send + Sync {
    /// Reads what is there; `ended` says that no more than that will come. Says how many bytes were read.
    fn readable(self: std::sync::Arc<Self>, ended: bool) -> usize;
    /// Sends what had to wait.
    fn writable(&self);
    /// Ends the connection, because one of the others has panicked.
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

/// How much there was to do in one turn of a [`Reactor`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PollCount {
    /// Sockets that were ready.
    pub sockets: usize,
    /// Bytes that were read.
    pub bytes: usize,
}
