//! A native sealed value: any bytes are one or an error, reading loses nothing, and none of them opens.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use sealer_core::{
    plaintext::Plaintext,
    sealed::{
        keyring::{Keyring, Order},
        native::{PREFIX, PrivateKey, PublicKey, Suite, Value},
        scope::Scope,
    },
};

static RING: LazyLock<Keyring> = LazyLock::new(|| {
    let key = |suite| {
        let seed = Plaintext::new(vec![7; 32]);
        let created = "2026-01-01T00:00:00Z".parse().expect("a time");
        Arc::new(PrivateKey::of_seed(suite, &seed, created).expect("every seed is a key"))
    };
    Keyring::new([], Order::CertNotBefore).with_native(Suite::ALL.map(key))
});

fuzz_target!(|bytes: &[u8]| {
    let _ = PublicKey::parse_all(bytes);
    if let Ok(value) = Value::from_bytes(bytes) {
        let text = value.to_string();
        assert!(Value::parse(&text).is_ok_and(|again| again == value));
        for scope in [Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide] {
            let label = scope.label("ns", "name").of("key");
            assert!(RING.unseal(&label, &text).is_err(), "nobody can make one by chance");
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Value::parse(text);
        let _ = Value::parse(&format!("{PREFIX}{text}"));
    }
});
