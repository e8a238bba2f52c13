//! libFuzzer target; see `checks/hixie.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sockjs_fuzz::hixie::check(data));
