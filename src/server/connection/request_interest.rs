//! Whether the application looks at the whole requests of its receivers (`recv`). An application that does so first does
//! it in its listener for `'connection'`. For all others, the requests are not copied.

use std::sync::atomic::{AtomicU8, Ordering};

/// JavaScript has not yet handled the event that announces the connection.
const UNKNOWN: u8 = 0;
/// The application has not asked for a receiver by then.
const NO: u8 = 1;
/// The application has asked for a receiver.
const YES: u8 = 2;

/// What is known about the application.
#[derive(Debug)]
pub(super) struct RequestInterest(AtomicU8);

impl RequestInterest {
    pub(super) fn new() -> Self {
        Self(AtomicU8::new(UNKNOWN))
    }

    /// The application has asked for a receiver.
    pub(super) fn asked(&self) {
        self.0.store(YES, Ordering::Relaxed);
    }

    /// JavaScript has handled the event that announces the connection.
    pub(super) fn told(&self) {
        let _ = self
            .0
            .compare_exchange(UNKNOWN, NO, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether it may ask for the request of a new receiver.
    pub(super) fn may_ask(&self) -> bool {
        self.0.load(Ordering::Relaxed) != NO
    }
}
