//! OpenPGP packets: any bytes are keys, a message, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openpgp::{Key, message};

fuzz_target!(|bytes: &[u8]| {
    let _ = message::recipients(bytes);
    let Ok(keys) = Key::read(bytes) else { return };
    for key in &keys {
        let _ = key.signer(0);
        let _ = openpgp::encrypt(b"x", &[key], 0);
        for part in key.parts() {
            let _ = part.unlock(None);
        }
    }
    let _ = openpgp::decrypt(bytes, &keys, &mut |_| None);
});
