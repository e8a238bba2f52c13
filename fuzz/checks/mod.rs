//! What has to hold for any bytes: one function a subject, which panics where it does not.
//!
//! Three drivers call them: libFuzzer (`fuzz/fuzz_targets`), the property tests of `cargo test`
//! (`fuzz/properties.rs`, with the committed seeds and random bytes), and whoever replays a finding.

pub mod gate;
pub mod hixie;
pub mod input;
pub mod json;
pub mod payloads;
pub mod quoting;
pub mod session;
pub mod targets;
pub mod websocket;

/// Judges some bytes.
pub type Check = fn(&[u8]);

/// All of them, by the name of their target.
pub const ALL: [(&str, Check); 7] = [
    ("payloads", payloads::check),
    ("quoting", quoting::check),
    ("targets", targets::check),
    ("session", session::check),
    ("gate", gate::check),
    ("websocket", websocket::check),
    ("hixie", hixie::check),
];
