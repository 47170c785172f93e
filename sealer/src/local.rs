//! What `--local DIR` adds: the kinds that a directory may hold, and its SOPS-encrypted Secrets.

use std::iter;
use std::path::{Path, PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use sealer_api::GitRepository;
use sealer_core::plaintext::Plaintext;
use sealer_core::sops::age::{self, Identities};
use sealer_core::sops::yaml::{self, MacCheck};
use serde_json::Value;

/// Why SOPS files of the directory cannot be decrypted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key file cannot be read.
    #[error("could not read the age identities of `{file}` (`--age-key-file`)")]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key file holds no identities.
    #[error("could not use the age identities of `{file}` (`--age-key-file`)")]
    Parse {
        /// The file.
        file: PathBuf,
        /// Why.
        source: age::Error,
    },
}

/// The kinds that a directory may hold.
pub fn kinds() -> Vec<CustomResourceDefinition> {
    let mut kinds = sealer_api::crds();
    kinds.push(GitRepository::crd());
    kinds
}

/// The identities of a key file; without one there are none, and a file says which it would need.
pub fn identities(file: Option<&Path>) -> Result<Identities, Error> {
    let read = |file: &Path| {
        std::fs::read(file).map_err(|source| Error::Read { file: file.to_owned(), source })
    };
    let text = Plaintext::new(file.map(read).transpose()?.unwrap_or_default());
    Identities::parse(&text)
        .map_err(|source| Error::Parse { file: file.unwrap_or(Path::new("")).to_owned(), source })
}

/// Decrypts the documents of a SOPS file, as a GitSecretSync would.
pub fn decrypt(identities: &Identities, text: &str) -> Result<Vec<Value>, String> {
    let opened = || {
        let decrypted = yaml::decrypt(text, identities, MacCheck::Enforced)?;
        decrypted.documents()
    };
    let documents = opened().map_err(|error| causes(&error))?;
    Ok(documents.iter().map(|document| document.expose().clone()).collect())
}

fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |error| error.source());
    let story = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    format!("{story}; give the age identity by `--age-key-file` or `SOPS_AGE_KEY_FILE`")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = include_str!("../core/fixtures/sops/key.txt");
    const FILE: &str = include_str!("../core/fixtures/sops/secret.3.13.3.enc.yaml");

    /// Encrypted by the real sops, which wrote an empty document and a ConfigMap into it, too.
    const STACK: &str = include_str!("../core/fixtures/sops/stack.3.13.3.enc.yaml");

    #[test]
    fn the_documents_of_a_file_are_opened_together() {
        let keys = Identities::parse(&Plaintext::from(KEYS.to_owned())).unwrap();
        let opened = decrypt(&keys, STACK).unwrap();
        let kinds: Vec<_> = opened.iter().map(|document| document["kind"].as_str()).collect();
        assert_eq!(kinds, [Some("Secret"), None, Some("ConfigMap"), Some("Secret")]);
        let alone = STACK.split_once("\n---\n").unwrap().0;
        assert!(decrypt(&keys, alone).unwrap_err().contains("MAC"));
    }

    #[test]
    fn a_file_is_opened_by_its_identity_and_by_no_other() {
        let keys = Identities::parse(&Plaintext::from(KEYS.to_owned())).unwrap();
        assert_eq!(decrypt(&keys, FILE).unwrap()[0]["kind"], "Secret");
        let none = identities(None).unwrap();
        let refused = decrypt(&none, FILE).unwrap_err();
        assert!(refused.contains("age1") && refused.contains("--age-key-file"), "{refused}");
    }
}
