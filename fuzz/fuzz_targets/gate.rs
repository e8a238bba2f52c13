//! libFuzzer target; see `checks/gate.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sockjs_fuzz::gate::check(data));
