//! Deliveries of registries: any body is pushes or an error.
#![no_main]

use imagebot_core::hook::distribution;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Option<&str>, &[u8])| {
    let (content_type, body) = input;
    let _ = distribution::pushes(content_type, body);
});
