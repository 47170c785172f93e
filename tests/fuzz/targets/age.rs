//! An age file, and the texts of its keys: any bytes are opened, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealer_core::{
    age::{self, Identity, Recipient},
    plaintext::Plaintext,
};

/// A key whose stanzas can be opened, so that what follows them is reached.
const IDENTITY: &str = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";

fuzz_target!(|bytes: &[u8]| {
    let identity = Identity::parse(IDENTITY).expect("the key is one");
    // A header of scrypt would cost seconds, and is read like the others.
    if !bytes.windows(6).any(|word| word == b"scrypt") {
        let _ = age::decrypt(bytes, &[identity], None);
    }
    let _ = age::parse_identities(&Plaintext::new(bytes.to_vec()));
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Recipient::parse_list(text);
    }
});
