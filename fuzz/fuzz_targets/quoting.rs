//! libFuzzer target; see `checks/quoting.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sockjs_fuzz::quoting::check(data));
