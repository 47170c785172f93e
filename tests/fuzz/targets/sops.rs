//! A SOPS file: any text is decrypted, or refused, never half of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealer_core::sops::{age::Identities, config::Config, yaml};

fuzz_target!(|text: &str| {
    let _ = yaml::is_encrypted(text);
    let _ = yaml::decrypt(text, &Identities::default(), yaml::MacCheck::Enforced);
    let _ = Config::parse(text);
});
