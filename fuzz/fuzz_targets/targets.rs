//! libFuzzer target; see `checks/targets.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sockjs_fuzz::targets::check(data));
