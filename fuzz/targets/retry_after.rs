#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gatepost::fuzzing::retry_after(data));
