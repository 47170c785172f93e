//! What to look at in a remote.

use std::fmt;

use gix::ObjectId;
use golang::semver;

use crate::Error;

/// A place in a repository's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The branch that the repository calls its default.
    Default,
    /// A branch, without `refs/heads/`.
    Branch(String),
    /// A tag, without `refs/tags/`.
    Tag(String),
    /// The highest version among the tags that a range holds.
    SemVer(Range),
    /// A full reference name, such as `refs/pull/1/head`.
    Name(String),
    /// A commit. Servers may refuse commits that no reference leads to.
    Commit(ObjectId),
}

impl Reference {
    /// The full name, where one is known without asking.
    pub(crate) fn full_name(&self) -> Option<String> {
        match self {
            Self::Default | Self::SemVer(_) | Self::Commit(_) => None,
            Self::Branch(branch) => Some(format!("refs/heads/{branch}")),
            Self::Tag(tag) => Some(format!("refs/tags/{tag}")),
            Self::Name(name) => Some(name.clone()),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default branch"),
            Self::Branch(branch) => write!(f, "branch `{branch}`"),
            Self::Tag(tag) => write!(f, "tag `{tag}`"),
            Self::SemVer(range) => write!(f, "a tag in `{range}`"),
            Self::Name(name) => write!(f, "reference `{name}`"),
            Self::Commit(id) => write!(f, "commit `{id}`"),
        }
    }
}

/// A range of versions, as Masterminds' library reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    text: String,
    range: semver::Range,
}

impl Range {
    /// Reads a range, such as `1.2.x` or `>=1.0 <2.0`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let range = semver::Range::parse(text)
            .map_err(|source| Error::Range { text: text.to_owned(), source })?;
        Ok(Self { text: text.to_owned(), range })
    }

    /// The tag of the highest version in the range; of equal ones the last by name.
    pub(crate) fn highest(&self, tags: impl IntoIterator<Item = RemoteRef>) -> Option<RemoteRef> {
        let versions = tags.into_iter().filter_map(|tag| {
            let version = semver::Version::parse(tag.name.strip_prefix(TAGS)?)?;
            self.range.matches(&version).then_some((version, tag))
        });
        let order = |a: &(semver::Version, RemoteRef), b: &(semver::Version, RemoteRef)| {
            a.0.cmp(&b.0).then_with(|| a.1.name.cmp(&b.1.name))
        };
        versions.max_by(order).map(|(_, tag)| tag)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Where tags are.
pub(crate) const TAGS: &str = "refs/tags/";

/// A reference as the remote listed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRef {
    /// The full name.
    pub name: String,
    /// What it points at: a commit, or a tag object.
    pub id: ObjectId,
    /// What the tag object leads to, when there is one.
    pub peeled: Option<ObjectId>,
    /// The reference that this one stands for, as `HEAD` does.
    pub target: Option<String>,
}

/// A commit as Flux writes it, with the reference that led to it: `main@sha1:…`, `v1.2.3@sha1:…`, and
/// `sha1:…` where none did.
pub fn revision(name: Option<&str>, commit: ObjectId) -> String {
    let name = name.unwrap_or_default();
    let short = name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix(TAGS));
    match short.unwrap_or(name) {
        "" => format!("sha1:{commit}"),
        name => format!("{name}@sha1:{commit}"),
    }
}

/// Whether a server could have a reference of this name.
pub(crate) fn is_valid(name: &str) -> bool {
    name.starts_with("refs/") && gix::refs::FullName::try_from(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_written_as_flux_writes_it() {
        let id = ObjectId::null(gix::hash::Kind::Sha1);
        let hash = format!("sha1:{id}");
        #[rustfmt::skip]
        let cases = [
            (Some("refs/heads/main"),      format!("main@{hash}")),
            (Some("refs/heads/a/b"),       format!("a/b@{hash}")),
            (Some("refs/tags/v1.2.3"),     format!("v1.2.3@{hash}")),
            (Some("refs/pull/420/head"),   format!("refs/pull/420/head@{hash}")),
            (None,                         hash.clone()),
        ];
        for (name, written) in cases {
            assert_eq!(revision(name, id), written, "{name:?}");
        }
    }
}
