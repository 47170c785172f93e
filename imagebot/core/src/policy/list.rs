//! A list of tags that several policies look at.

use std::sync::OnceLock;

use super::semver::{self, Version};

/// The tags of a repository, and what is worked out about them once for all policies.
#[derive(Debug, Default)]
pub struct TagList {
    tags: Vec<String>,
    versions: OnceLock<Vec<Option<Version>>>,
}

impl TagList {
    /// A list in any order; policies do not depend on it.
    pub fn new(tags: Vec<String>) -> Self {
        Self { tags, versions: OnceLock::new() }
    }

    /// The tags.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Whether `tag` is among them.
    pub fn contains(&self, tag: &str) -> bool {
        self.tags.iter().any(|listed| listed == tag)
    }

    /// What each tag is as a version, in the order of [`TagList::tags`]; parsed by whoever asks first.
    pub(super) fn versions(&self) -> &[Option<Version>] {
        self.versions.get_or_init(|| self.tags.iter().map(|tag| semver::of_tag(tag)).collect())
    }
}
