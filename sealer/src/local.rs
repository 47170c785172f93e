//! What `--local DIR` adds: the kinds that a directory may hold, and its SOPS-encrypted Secrets.

use std::iter;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use sealer_api::GitRepository;
use sealer_core::sops::store::Format;
use serde_json::Value;

use crate::decryption::{self, Keys, MacCheck};

/// The kinds that a directory may hold, Kustomizations only where somebody wants them.
pub fn kinds(kustomizations: bool) -> Vec<CustomResourceDefinition> {
    let mut kinds = sealer_api::crds();
    kinds.push(GitRepository::crd());
    kinds.extend(kustomizations.then(sealer_api::kustomization_crd));
    kinds
}

/// Decrypts the documents of a SOPS file, as a GitSecretSync would.
pub fn decrypt(keys: &Keys, text: &str) -> Result<Vec<Value>, String> {
    let opened = decryption::decrypt(Format::Yaml, text.as_bytes(), keys, MacCheck::Enforced);
    let documents = opened.and_then(|plain| decryption::documents(&plain));
    let documents = documents.map_err(|error| causes(&error))?;
    Ok(documents.iter().map(|document| document.expose().clone()).collect())
}

fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |error| error.source());
    let story = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    format!("{story}; give the age identity by `--age-key-file` or `SOPS_AGE_KEY_FILE`")
}

#[cfg(test)]
mod tests {
    use sealer_core::plaintext::Plaintext;
    use sealer_core::sops::age::Identities;

    use super::*;

    const KEYS: &str = include_str!("../core/fixtures/sops/key.txt");
    const FILE: &str = include_str!("../core/fixtures/sops/secret.3.13.3.enc.yaml");

    /// Encrypted by the real sops, which wrote an empty document and a ConfigMap into it, too.
    const STACK: &str = include_str!("../core/fixtures/sops/stack.3.13.3.enc.yaml");

    fn keys() -> Keys {
        Keys::of_identities(Identities::parse(&Plaintext::from(KEYS.to_owned())).unwrap())
    }

    #[test]
    fn the_documents_of_a_file_are_opened_together() {
        let keys = keys();
        let opened = decrypt(&keys, STACK).unwrap();
        let kinds: Vec<_> = opened.iter().map(|document| document["kind"].as_str()).collect();
        assert_eq!(kinds, [Some("Secret"), None, Some("ConfigMap"), Some("Secret")]);
        let alone = STACK.split_once("\n---\n").unwrap().0;
        assert!(decrypt(&keys, alone).unwrap_err().contains("MAC"));
    }

    #[test]
    fn a_file_is_opened_by_its_identity_and_by_no_other() {
        let keys = keys();
        assert_eq!(decrypt(&keys, FILE).unwrap()[0]["kind"], "Secret");
        let none = Keys::default();
        let refused = decrypt(&none, FILE).unwrap_err();
        assert!(refused.contains("age1") && refused.contains("--age-key-file"), "{refused}");
    }
}
