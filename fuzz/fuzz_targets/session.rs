//! libFuzzer target; see `checks/session.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sockjs_fuzz::session::check(data));
