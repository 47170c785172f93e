//! What to look at in a remote.

use std::fmt;

use gix::ObjectId;

/// A place in a repository's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The branch that the repository calls its default.
    Default,
    /// A branch, without `refs/heads/`.
    Branch(String),
    /// A tag, without `refs/tags/`.
    Tag(String),
    /// A full reference name, such as `refs/pull/1/head`.
    Name(String),
    /// A commit. Servers may refuse commits that no reference leads to.
    Commit(ObjectId),
}

impl Reference {
    /// The full name, where one is known without asking.
    pub(crate) fn full_name(&self) -> Option<String> {
        match self {
            Self::Default | Self::Commit(_) => None,
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
            Self::Name(name) => write!(f, "reference `{name}`"),
            Self::Commit(id) => write!(f, "commit `{id}`"),
        }
    }
}

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

/// Whether a server could have a reference of this name.
pub(crate) fn is_valid(name: &str) -> bool {
    name.starts_with("refs/") && gix::refs::FullName::try_from(name).is_ok()
}
