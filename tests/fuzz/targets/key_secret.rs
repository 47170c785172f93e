//! Key Secrets as Flux reads them: any entry is credentials or an error.
#![no_main]

use kms::{Credentials, flux::read_secret};
use libfuzzer_sys::fuzz_target;

const ENTRIES: [&str; 5] =
    ["sops.aws-kms", "sops.azure-kv", "sops.gcp-kms", "sops.vault-token", "sops.vault-allowlist"];

fuzz_target!(|input: (u8, &[u8])| {
    let (which, bytes) = input;
    let mut credentials =
        Credentials::from_environment(|_| None, "host").expect("an empty environment is good");
    let entry = ENTRIES[usize::from(which) % ENTRIES.len()];
    let _ = read_secret(&mut credentials, [(entry, bytes)]);
});
