//! Panics at chosen places, to test that a panic ends one connection only (`npm run test:panics`).
//!
//! With `SOCKJS_RS_PANIC=read:2,timer:1`, the second call with the place `read` panics, and the first with `timer`.
//! Compiled only with the feature `panic-injection`, and not in a release build.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use crate::lock;

#[cfg(not(debug_assertions))]
compile_error!("panic-injection is for debug builds");

/// Panics if `SOCKJS_RS_PANIC` names this call with this place.
pub(crate) fn may_panic(place: &str) {
    /// The number of calls until the panic, by place.
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
