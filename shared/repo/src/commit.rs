//! A commit that the remote showed us.

use std::{fmt, sync::Arc};

use gix::ObjectId;

use crate::{Error, Tree, objects::Objects};

/// A commit of a remote.
///
/// Only a [`Mirror`](crate::Mirror) makes one, after the remote named it to the mirror's own
/// credentials; so holding one is the proof that its files may be read.
#[derive(Clone)]
pub struct Commit {
    pub(crate) objects: Arc<Objects>,
    /// The commit's id.
    pub id: ObjectId,
    /// The id of its root tree.
    pub tree: ObjectId,
    /// Its parents, which may be beyond what was fetched.
    pub parents: Vec<ObjectId>,
    /// Who made the change.
    pub author: Signature,
    /// Who made the commit.
    pub committer: Signature,
    /// The message.
    pub message: String,
}

/// Who, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
    /// Seconds since 1970 UTC.
    pub seconds: i64,
    /// The offset of the local time from UTC.
    pub offset_seconds: i32,
}

impl Commit {
    /// Reads commit `id`.
    pub(crate) fn read(objects: &Arc<Objects>, id: ObjectId) -> Result<Self, Error> {
        let repo = objects.handle();
        let commit = repo.find_commit(id).map_err(|source| objects.corrupt(id, source))?;
        let decoded = commit.decode().map_err(|source| objects.corrupt(id, source))?;
        let author = decoded.author().map_err(|source| objects.corrupt(id, source))?;
        let committer = decoded.committer().map_err(|source| objects.corrupt(id, source))?;
        Ok(Self {
            id,
            tree: decoded.tree(),
            parents: decoded.parents().collect(),
            author: Signature::of(author),
            committer: Signature::of(committer),
            message: decoded.message.to_string(),
            objects: Arc::clone(objects),
        })
    }

    /// The files.
    pub fn files(&self) -> Tree {
        Tree::of(Arc::clone(&self.objects), self.tree)
    }
}

impl Signature {
    fn of(signature: gix::actor::SignatureRef<'_>) -> Self {
        let time = signature.time().unwrap_or_default();
        Self {
            name: signature.name.to_string(),
            email: signature.email.to_string(),
            seconds: time.seconds,
            offset_seconds: time.offset,
        }
    }

    /// As Git writes it: without the characters that would end the name or the address.
    pub(crate) fn to_gix(&self) -> gix::actor::Signature {
        let clean = |text: &str| -> String {
            text.chars()
                .filter(|c| !matches!(c, '<' | '>' | '\n' | '\r' | '\0'))
                .collect::<String>()
                .trim()
                .to_owned()
        };
        gix::actor::Signature {
            name: clean(&self.name).into(),
            email: clean(&self.email).into(),
            time: gix::date::Time { seconds: self.seconds, offset: self.offset_seconds },
        }
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commit({})", self.id)
    }
}
