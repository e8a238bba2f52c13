//! libFuzzer target; see `checks/payloads.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sockjs_fuzz::payloads::check(data));
