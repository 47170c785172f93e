//! Services as their documentation has them, and services that fail.

mod azure;
mod faults;
mod google;
mod server;

use std::collections::BTreeMap;

use sealer_core::{
    plaintext::Plaintext,
    sops::key::{KeyError, KeyService as _, MasterKey, Wrapped},
};

use crate::{Clouds, Credentials};

/// A data key, in which no test may find itself in a message.
const PART: &[u8; 32] = b"hunter2 hunter2 hunter2 hunter2!";

/// The services as somebody with this environment.
fn clouds(pairs: &[(&str, &str)]) -> Clouds {
    let find = |name: &str| pairs.iter().find(|(known, _)| *known == name);
    let credentials = Credentials::from_environment(
        |name| find(name).map(|(_, value)| (*value).to_owned()),
        "here",
    );
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    Clouds::new(credentials.unwrap(), move || now)
}

fn wrapped(key: &MasterKey, enc: &str) -> Wrapped {
    Wrapped { key: key.clone(), enc: enc.to_owned(), created_at: None }
}

fn part() -> Plaintext {
    Plaintext::new(PART.to_vec())
}

/// What `key` wraps, it opens.
#[track_caller]
fn goes_round(clouds: &Clouds, key: &MasterKey) -> String {
    let enc = clouds.encrypt(key, &part()).unwrap();
    assert_eq!(clouds.decrypt(&wrapped(key, &enc)).unwrap().expose(), PART);
    enc
}

#[test]
fn keys_of_huawei_are_refused_by_name() {
    let key = MasterKey::huawei_kms("eu:1-2").unwrap();
    let clouds = clouds(&[]);
    for error in [
        clouds.encrypt(&key, &part()).unwrap_err(),
        clouds.decrypt(&wrapped(&key, "x")).unwrap_err(),
    ] {
        assert!(matches!(&error, KeyError::Missing(text) if text.contains("`hckms`")), "{error}");
    }
}

#[test]
fn who_is_nobody_is_told_so() {
    let clouds = clouds(&[
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("GCE_METADATA_HOST", "127.0.0.1:1"),
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1"),
    ]);
    #[rustfmt::skip]
    let cases = [
        (MasterKey::aws_kms("arn:aws:kms:eu-west-1:1:key/x", &BTreeMap::new(), None),           "could not log in to AWS KMS"),
        (MasterKey::gcp_kms("projects/p/locations/l/keyRings/r/cryptoKeys/k"),                  "could not log in to Google Cloud KMS"),
        (MasterKey::azure_key_vault("https://acme.vault.azure.net/keys/k/1").unwrap(),          "could not log in to Azure Key Vault"),
    ];
    for (key, said) in cases {
        let error = clouds.encrypt(&key, &part()).unwrap_err();
        assert!(matches!(&error, KeyError::Missing(text) if text.contains(said)), "{error:?}");
    }
}

#[test]
fn names_that_lead_elsewhere_are_asked_nowhere() {
    let clouds = clouds(&[]);
    let azure = |vault_url: &str| MasterKey::AzureKeyVault {
        vault_url: vault_url.to_owned(),
        name: "k".to_owned(),
        version: "1".to_owned(),
    };
    #[rustfmt::skip]
    let cases = [
        (MasterKey::aws_kms("arn:aws:kms:evil.example/:1:key/x", &BTreeMap::new(), None),   "is not an ARN of AWS KMS"),
        (MasterKey::gcp_kms("projects/p"),                                                  "is not a key of Google Cloud KMS"),
        (azure("https://evil.example"),                                                     "is no vault of Azure's clouds"),
        (azure("nothing"),                                                                  "is not a key of Azure Key Vault"),
        (MasterKey::Vault { address: "x".into(), engine_path: "t".into(), key_name: "k".into() }, "is not a transit key"),
    ];
    for (key, said) in cases {
        let error = clouds.decrypt(&wrapped(&key, "AAAA")).unwrap_err();
        assert!(matches!(&error, KeyError::Failed(text) if text.contains(said)), "{error:?}");
    }
}
