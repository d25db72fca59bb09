//! libFuzzer's way into the target `keys`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| whose_fuzz::keys::check(data));
