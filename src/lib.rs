//! sockjs-rs: the SockJS protocol as a native addon for Node.js.
//!
//! The layers, each of which knows only those above it in this list:
//!
//! - [`protocol`], [`transport`], [`http`]: pure. No clock, socket, thread or Node; this is what
//!   `--no-default-features` builds.
//! - [`server`] (feature `server`): sessions and their clients on tokio threads. Speaks outward through
//!   a queue of events.
//! - [`ingress`] (feature `server`): how clients of Node's http server get to a service: by taking over
//!   their socket, or through JavaScript.
//! - `addon` (feature `addon`): the binding to Node; the only place that knows napi.

pub mod http;
pub mod protocol;
pub mod transport;

#[cfg(feature = "addon")]
mod addon;
#[cfg(feature = "server")]
pub mod ingress;
#[cfg(feature = "panic-injection")]
mod injection;
#[cfg(feature = "server")]
pub mod server;

/// Locks a mutex. A panic while it was held has been reported and has cost its own connection; the data
/// of the others is whole, so poisoning is ignored.
#[cfg(feature = "server")]
pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs something that may cost its connection, but nobody else. `None` is a panic, which the panic hook
/// has reported.
#[cfg(feature = "server")]
pub(crate) fn catch_panic<T>(run: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).ok()
}

#[cfg(feature = "panic-injection")]
pub(crate) use injection::may_panic;

/// A place where tests make the code panic: see `injection.rs`.
#[cfg(all(feature = "server", not(feature = "panic-injection")))]
#[inline]
pub(crate) fn may_panic(_place: &str) {}
