#![no_main]
//! libFuzzer's way into `conductor_fuzz::settings`, where it is told what must hold.

libfuzzer_sys::fuzz_target!(|data: &[u8]| conductor_fuzz::settings::run(data));
