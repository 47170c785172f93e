//! The record of what was written last, so that a restart reads no contents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was written last: the source as it is stored (never its plaintext), and the Secret it
/// became. Forging or losing this record costs a decryption and nothing else.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Written {
    /// Hash of the source as it is stored: ciphertext, scope, template and owner.
    pub source: String,
    /// Which sealing keys opened it, by the fingerprints of their certificates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// UID of the Secret.
    pub uid: String,
    /// The `resourceVersion` that the Secret had after the write.
    pub resource_version: String,
}
