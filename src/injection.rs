//! Panics at chosen places, for the tests of how they are contained (`npm run test:panics`).
//!
//! `SOCKJS_RS_PANIC=read:2,timer:1` makes the second pass of the place `read` and the first of `timer` panic.
//! Only with the feature `panic-injection`, which a release build refuses.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use crate::lock;

#[cfg(not(debug_assertions))]
compile_error!("panic-injection is for debug builds");

/// Panics if it is this pass of the place that is to do so.
pub(crate) fn may_panic(place: &str) {
    /// Passes that are left, by place.
    static LEFT: OnceLock<Mutex<HashMap<String, u32>>> = OnceLock::new();
    let left = LEFT.get_or_init(|| {
        let wanted = std::env::var("SOCKJS_RS_PANIC").unwrap_or_default();
        let places = wanted.split(',').filter_map(|place| {
            let (name, pass) = place.split_once(':')?;
            Some((name.to_owned(), pass.parse().ok()?))
        });
        Mutex::new(places.collect())
    });
    let is_due = match lock(left).get_mut(place) {
        Some(left) => {
            *left = left.saturating_sub(1);
            *left == 0
        }
        None => return,
    };
    if is_due {
        lock(left).remove(place);
        panic!("injected at `{place}`");
    }
}
