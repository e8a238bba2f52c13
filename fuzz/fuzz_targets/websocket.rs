//! libFuzzer target; see `checks/websocket.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sockjs_fuzz::websocket::check(data));
