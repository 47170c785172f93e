//! Manifests of key Secrets, new or from files.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};
use sealer_core::{
    plaintext::Plaintext,
    sealed::{
        certificate::{self, Certificate, KeyId},
        key,
        native::{NATIVE_LABEL, NATIVE_TYPE, PrivateKey, Suite},
    },
};
use serde_json::{Value, json};
use yaml::Schema;

use super::{Error, LABELS, store::RSA_LABEL};
use crate::{emit, manifests};

/// As long as the controller makes them valid.
const VALIDITY: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// A new RSA key.
pub(super) fn rsa(now: Timestamp) -> Result<(Value, KeyId), Error> {
    let made = certificate::generate("", now, VALIDITY, &mut rand::rng()).map_err(Error::Make)?;
    let certificate = Certificate::parse(made.certificate.as_bytes()).map_err(Error::Make)?;
    Ok((of_rsa(&made.private, &made.certificate), certificate.key_id().clone()))
}

/// A new native key.
pub(super) fn native(suite: Suite, now: Timestamp) -> (Value, KeyId) {
    let (seed, key) = PrivateKey::generate(suite, now, &mut rand::rng());
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": NATIVE_TYPE,
        "metadata": {"generateName": "signet-key", "labels": {NATIVE_LABEL: "active"}},
        "data": {
            "seed": BASE64_STANDARD.encode(seed.expose()),
            "public": BASE64_STANDARD.encode(key.public().pem()),
        },
    });
    (secret, key.id())
}

fn of_rsa(private: &Plaintext, certificate: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"generateName": "sealed-secrets-key", "labels": {RSA_LABEL: "active"}},
        "data": {
            "tls.key": BASE64_STANDARD.encode(private.expose()),
            "tls.crt": BASE64_STANDARD.encode(certificate),
        },
    })
}

/// The key Secrets of a file; a private key that comes alone gets a certificate.
#[expect(clippy::disallowed_methods, reason = "a command runs once, and now is when")]
pub(super) fn of_file(path: &Path, text: &str) -> Result<Vec<Value>, Error> {
    let private = Plaintext::new(text.as_bytes().to_vec());
    match certificate::certify(&private, Timestamp::now(), VALIDITY, &mut rand::rng()) {
        Ok(certificate) => return Ok(vec![of_rsa(&private, &certificate)]),
        Err(key::Error::NoPrivateKey) => {}
        Err(source) => return Err(Error::Key { path: path.to_owned(), source }),
    }
    let parse = |source| Error::Parse { path: path.to_owned(), source };
    let mut objects = manifests::parse(text, Schema::Kubernetes).map_err(parse)?;
    objects.retain(|object| {
        let labels = &object["metadata"]["labels"];
        object["kind"] == "Secret" && LABELS.iter().any(|label| labels[*label].is_string())
    });
    for object in &mut objects {
        emit::strip(object);
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("namespace");
            metadata.remove("ownerReferences");
        }
    }
    Ok(objects)
}
