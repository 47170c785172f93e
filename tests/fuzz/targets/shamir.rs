//! Parts of a secret: any bytes give a secret or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealer_core::{plaintext::Plaintext, sops::shamir};

fuzz_target!(|parts: Vec<Vec<u8>>| {
    let parts: Vec<_> = parts.into_iter().map(Plaintext::new).collect();
    let _ = shamir::combine(&parts);
});
