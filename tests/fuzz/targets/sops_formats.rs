//! A SOPS file of any format: it is encrypted and given back as it was, or refused; what is no file
//! of ours is decrypted or refused, never half of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealer_core::plaintext::Plaintext;
use sealer_core::sops::cipher::{Cipher, DataKey};
use sealer_core::sops::key::{Group, MasterKey, Wrapped};
use sealer_core::sops::selector::Selector;
use sealer_core::sops::store::{self, File, Format, MacCheck, Options, Plain};

const FORMATS: [Format; 5] =
    [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini, Format::Binary];

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (format, bytes) = (FORMATS[usize::from(input.0) % FORMATS.len()], input.1);
    let key = DataKey::new(&Plaintext::new(vec![7; 32])).expect("32 bytes are a data key");
    let _ = store::is_encrypted(format, &bytes);
    if let Ok(file) = File::read(format, bytes.clone()) {
        let _ = file.decrypt(&key, MacCheck::Ignored);
        let _ = file.with_keys(file.metadata().groups.clone(), None);
    }
    let wrapped = Wrapped { key: MasterKey::age("age1x"), enc: "x".into(), created_at: None };
    let options = Options {
        groups: vec![Group(vec![wrapped])],
        threshold: None,
        selector: Selector::default(),
        mac_only_encrypted: false,
        cipher: Cipher::default(),
        now: "2026-01-02T03:04:05Z".parse().expect("it is a time"),
    };
    let plain = Plain::new(format, bytes);
    if let Ok(sealed) = store::encrypt(&plain, &key, &options, &mut rand::rng()) {
        let read = File::read(format, sealed.file.bytes().to_vec()).expect("what was written reads");
        let opened = read.decrypt(&key, MacCheck::Enforced).expect("what was sealed opens");
        assert!(opened.plain.expose() == plain.expose(), "decrypting undoes encrypting");
    }
});
