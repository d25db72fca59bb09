//! libFuzzer's way into the target `scan`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| whose_fuzz::scan::check(data));
