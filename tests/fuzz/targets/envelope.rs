//! A sealed value: any bytes are an envelope or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealer_core::sealed::wire::Envelope;

fuzz_target!(|bytes: &[u8]| {
    let _ = Envelope::from_bytes(bytes.to_vec());
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Envelope::parse(text);
    }
});
