//! libFuzzer's way into the target `enrich`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| whose_fuzz::enrich::check(data));
