//! Which threads read from taken websockets: the I/O threads, or the JavaScript thread while few websockets are busy.

#[cfg(not(takeover))]
mod none;
#[cfg(takeover)]
mod policy;
#[cfg(takeover)]
mod unix;

#[cfg(not(takeover))]
pub(super) use none::UvPoll;
#[cfg(takeover)]
pub(super) use unix::UvPoll;
