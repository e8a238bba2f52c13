//! sockjs-rs: the SockJS protocol as a native addon for Node.js.
//!
//! The layers, each of which uses only those above it in this list:
//!
//! - [`protocol`], [`http`]: pure. No clock, socket, thread or Node; this is what `--no-default-features` builds.
//! - [`server`] (feature `server`): sessions and their clients on tokio threads. Reports to JavaScript through a queue
//!   of events.
//! - [`ingress`] (feature `server`): how requests to Node's http server reach a service: on a socket taken from Node,
//!   or through JavaScript.
//! - `addon` (feature `addon`): the binding to Node; the only place that knows napi.

pub mod byte_queue;
pub mod http;
pub mod protocol;

#[cfg(feature = "addon")]
mod addon;
#[cfg(feature = "server")]
pub mod ingress;
#[cfg(feature = "panic-injection")]
mod injection;
#[cfg(feature = "server")]
pub mod server;

/// Locks a mutex and ignores poisoning: a panic is reported and ends its own connection, and leaves the data of other
/// connections intact.
#[cfg(feature = "server")]
pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs code whose panic must not end more than one connection. `None` after a panic, which the panic hook has reported.
#[cfg(feature = "server")]
pub(crate) fn catch_panic<T>(run: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).ok()
}

#[cfg(feature = "panic-injection")]
pub(crate) use injection::may_panic;

/// Marks a place where tests can make the code panic: see `injection.rs`.
#[cfg(all(feature = "server", not(feature = "panic-injection")))]
#[inline]
pub(crate) fn may_panic(_place: &str) {}
