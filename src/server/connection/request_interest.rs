//! Whether the application looks at the whole requests that receive for a session. Few do, and those do it first
//! when they are told of the connection: for all others the headers are not even copied.

use std::sync::atomic::{AtomicU8, Ordering};

/// The application has not been told of the connection.
const UNKNOWN: u8 = 0;
/// It has not asked.
const NO: u8 = 1;
/// It has asked who receives.
const YES: u8 = 2;

/// What is known of it.
#[derive(Debug)]
pub(super) struct RequestInterest(AtomicU8);

impl RequestInterest {
    pub(super) fn new() -> Self {
        Self(AtomicU8::new(UNKNOWN))
    }

    /// The application has asked.
    pub(super) fn asked(&self) {
        self.0.store(YES, Ordering::Relaxed);
    }

    /// The application has been told of the connection, and has asked by now or not.
    pub(super) fn told(&self) {
        let _ = self
            .0
            .compare_exchange(UNKNOWN, NO, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether it may ask for the request that has just come.
    pub(super) fn may_ask(&self) -> bool {
        self.0.load(Ordering::Relaxed) != NO
    }
}
