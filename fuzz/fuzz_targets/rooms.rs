//! libFuzzer target; see `checks/rooms.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sockjs_fuzz::rooms::check(data));
