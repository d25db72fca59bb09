//! libFuzzer's way into the target `snapshot`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| whose_fuzz::snapshot::check(data));
