//! The contents of a Secret, decoded straight into memory that is wiped.

use std::collections::BTreeMap;

use kube::api::ObjectMeta;
use reconcile::secret::Value;
use sealer_core::plaintext::Plaintext;
use serde::Deserialize;

use super::known::Known;

/// A Secret with its values.
#[derive(Debug)]
pub struct Contents {
    /// What is known without the values.
    pub known: Known,
    /// Its type.
    pub type_: String,
    /// Whether the API server refuses to change its values.
    pub immutable: bool,
    /// The values.
    pub data: BTreeMap<String, Plaintext>,
}

/// A Secret as the API server writes it.
#[derive(Deserialize)]
pub(super) struct Wire {
    metadata: ObjectMeta,
    #[serde(rename = "type", default)]
    type_: Option<String>,
    #[serde(default)]
    immutable: Option<bool>,
    #[serde(default)]
    data: Option<BTreeMap<String, Value>>,
}

impl From<Wire> for Contents {
    fn from(wire: Wire) -> Self {
        let values = wire.data.unwrap_or_default().into_iter();
        Self {
            known: Known::of(&wire.metadata),
            type_: wire.type_.unwrap_or_else(|| "Opaque".to_owned()),
            immutable: wire.immutable.unwrap_or_default(),
            data: values.map(|(key, Value(value))| (key, value.into())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_never_shown() {
        let text = r#"{"metadata":{"uid":"u","resourceVersion":"7"},"data":{"a":"aHVudGVyMg==","b":null}}"#;
        let contents: Contents = serde_json::from_str::<Wire>(text).unwrap().into();
        assert_eq!(contents.data["a"].expose(), b"hunter2");
        assert_eq!(contents.data["b"].expose(), b"");
        assert_eq!(contents.type_, "Opaque");
        assert!(!format!("{contents:?}").contains("hunter2"));
    }
}
