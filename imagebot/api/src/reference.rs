//! How one object names another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use source_api::{GitReference, LocalReference};

/// An object of this namespace or, where its owner allows that, of another.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespacedReference {
    /// Name of the object.
    pub name: String,

    /// Namespace of the object. Defaults to the namespace of the object that refers to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// An image at one tag, and at one digest where digests are reflected.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageReference {
    /// The image without its tag, exactly as `spec.image` of the ImageRepository writes it.
    pub name: String,

    /// The tag.
    pub tag: String,

    /// The digest that the tag named when it was read, such as `sha256:…`. Empty unless
    /// `digestReflectionPolicy` asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl std::fmt::Display for ImageReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)?;
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}
