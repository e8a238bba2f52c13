//! Properties that hold for any bytes: one function for each subject, which panics if a property does not hold.
//!
//! Three drivers call these functions: libFuzzer (`fuzz/fuzz_targets`), the property tests of `cargo test`
//! (`fuzz/properties.rs`, with the committed seeds and random bytes), and `npm run fuzz -- --replay`.

pub mod byte_queue;
pub mod frames;
pub mod gate;
pub mod hixie;
pub mod input;
pub mod json;
pub mod payloads;
pub mod quoting;
pub mod rooms;
pub mod session;
pub mod targets;
pub mod websocket;

/// Checks a property with these bytes.
pub type Check = fn(&[u8]);

/// All checks, by the name of their fuzz target.
pub const ALL: [(&str, Check); 9] = [
    ("payloads", payloads::check),
    ("quoting", quoting::check),
    ("targets", targets::check),
    ("session", session::check),
    ("gate", gate::check),
    ("websocket", websocket::check),
    ("hixie", hixie::check),
    ("byte_queue", byte_queue::check),
    ("rooms", rooms::check),
];
