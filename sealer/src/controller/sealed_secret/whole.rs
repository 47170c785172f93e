//! SealedSecrets of 2017, whose one value is a whole Secret.

use sealer_core::plaintext::{self, Plaintext};
use serde_json::{Value, json};

use crate::controller::object::{self, Destination};
use crate::secrets::Desired;

/// Why what was sealed is no Secret. The parser's own words could quote it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not JSON.
    #[error("what was sealed is not the JSON of an object")]
    Json,
    /// A field of it is not a Secret's.
    #[error(transparent)]
    Field(#[from] object::Error),
}

/// The Secret that was sealed, under the name and in the namespace of its SealedSecret.
pub(super) fn secret(opened: &Plaintext, namespace: &str, name: &str) -> Result<Desired, Error> {
    let mut manifest: Value = serde_json::from_slice(opened.expose()).map_err(|_| Error::Json)?;
    if !manifest.is_object() || !matches!(manifest["metadata"], Value::Null | Value::Object(_)) {
        plaintext::wipe(&mut manifest);
        return Err(Error::Json);
    }
    if manifest["metadata"].is_null() {
        manifest["metadata"] = json!({});
    }
    manifest["metadata"]["name"] = name.into();
    manifest["metadata"]["namespace"] = namespace.into();
    let here = Destination {
        kind: "SealedSecret",
        own: namespace.to_owned(),
        target: None,
        anywhere: false,
    };
    let made = object::secret(&manifest, &here);
    plaintext::wipe(&mut manifest);
    Ok(made?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_namespace_are_those_of_the_sealed_secret() {
        let sealed = json!({
            "metadata": {"name": "other", "namespace": "elsewhere", "labels": {"a": "b"}},
            "type": "t", "data": {"k": "aHVudGVyMg=="},
        });
        let opened = Plaintext::from(sealed.to_string());
        let made = secret(&opened, "apps", "db").unwrap();
        assert_eq!(made.metadata.name.as_deref(), Some("db"));
        assert_eq!(made.metadata.namespace.as_deref(), Some("apps"));
        assert_eq!((made.type_.as_deref(), made.data["k"].expose()), (Some("t"), &b"hunter2"[..]));
    }

    #[test]
    fn what_is_no_secret_is_not_quoted() {
        for text in [
            "hunter2",
            "[\"hunter2\"]",
            "{\"data\": {\"k\": \"hunter2!\"}}",
            "{\"metadata\": \"hunter2\"}",
        ] {
            let error = secret(&Plaintext::from(text.to_owned()), "apps", "db").unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
