//! How an object names another, and a commit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An object of the same namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalReference {
    /// Name of the object, in the namespace of the object that refers to it.
    pub name: String,
}

/// One commit of a Git repository. `commit` wins over `name`, that over `semver`, that over
/// `tag`, that over `branch`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct GitReference {
    /// The tip of a branch. Defaults to `master` in a GitRepository, and to `main` in `spec.git`
    /// of a GitSecretSync, when no other field is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,

    /// A tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,

    /// The newest tag within a range of semantic versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,

    /// A reference by its full name, such as `refs/pull/1/head`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,

    /// A commit by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}
