//! A private ssh key: any text is a key or an error.
#![no_main]

use keyfile::{pem, ssh};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = ssh::Key::unlock(text, None);
        let _ = ssh::public_half(text);
    }
    // Behind the base64, which hides every structure from the fuzzer. There is no password: to
    // stretch one takes long on purpose.
    for label in ["OPENSSH PRIVATE KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY"] {
        let text = pem::encode(label, bytes, 64, None);
        let _ = ssh::Key::unlock(&text, None);
        let _ = ssh::public_half(&text);
    }
});
