//! libFuzzer target; see `checks/byte_queue.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sockjs_fuzz::byte_queue::check(data));
