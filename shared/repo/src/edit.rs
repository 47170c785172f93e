//! Turning edits into a commit, in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use gix::{
    ObjectId,
    objs::{self, Write, WriteTo, tree::EntryKind},
};

use crate::{
    Commit, Error, Signature, Tree,
    error::Source,
    objects::Objects,
    pack::{self, Object},
    tree::Paths,
};

/// Changes to files, on top of a commit or of nothing.
pub struct Edit {
    objects: Arc<Objects>,
    base: Option<Commit>,
    changes: BTreeMap<String, Option<Vec<u8>>>,
}

/// What a commit says beside its files.
#[derive(Debug, Clone)]
pub struct NewCommit {
    /// Who made the change.
    pub author: Signature,
    /// Who made the commit.
    pub committer: Signature,
    /// The message; a line break is added when it does not end with one.
    pub message: String,
}

/// A commit that exists in memory only, until it is pushed.
pub struct Draft {
    pub(crate) base: Arc<Objects>,
    /// The commit's id.
    pub id: ObjectId,
    /// The id of its root tree.
    pub tree: ObjectId,
    objects: Vec<Object>,
    pack: OnceLock<Vec<u8>>,
    pub(crate) committer: gix::actor::Signature,
}

impl Draft {
    /// The draft's objects as a pack.
    pub(crate) fn pack(&self) -> Result<&[u8], Error> {
        if let Some(pack) = self.pack.get() {
            return Ok(pack);
        }
        let pack = pack::encode(&self.objects)
            .map_err(|source| Error::Corrupt { what: self.id.to_string(), source })?;
        Ok(self.pack.get_or_init(|| pack))
    }

    /// Writes the draft's objects to `objects`: as a pack when there are many, as Git does.
    pub(crate) fn write(&self, objects: &Objects) -> Result<(), Error> {
        let repo = objects.handle();
        let failed = |source| Error::Local { path: objects.path().to_owned(), source };
        if self.objects.len() > MOST_LOOSE {
            let directory = repo.objects.store_ref().path().join("pack");
            pack::receive(&mut self.pack()?, &repo, &directory, u64::MAX).map_err(failed)?;
            return Ok(());
        }
        for object in &self.objects {
            repo.objects
                .write_buf_with_known_id(object.kind, &object.data, object.id)
                .map_err(|source| failed(source.into()))?;
        }
        Ok(())
    }
}

/// Git's `transfer.unpackLimit`.
const MOST_LOOSE: usize = 100;

/// Signs the bytes of a commit and returns the armored signature.
pub type Signer<'s> = dyn Fn(&[u8]) -> Result<String, Source> + 's;

impl Edit {
    /// Starts from `base`, which becomes the parent.
    pub fn on(base: &Commit) -> Self {
        Self {
            objects: Arc::clone(&base.objects),
            base: Some(base.clone()),
            changes: BTreeMap::new(),
        }
    }

    /// Starts from nothing: the commit will have no parent.
    pub(crate) fn unborn(objects: Arc<Objects>) -> Self {
        Self { objects, base: None, changes: BTreeMap::new() }
    }

    /// Makes `content` the content of `path`. An existing file keeps its mode.
    pub fn put(&mut self, path: &str, content: Vec<u8>) -> Result<(), Error> {
        self.change(path, Some(content))
    }

    /// Removes the file at `path`.
    pub fn remove(&mut self, path: &str) -> Result<(), Error> {
        self.change(path, None)
    }

    fn change(&mut self, path: &str, content: Option<Vec<u8>>) -> Result<(), Error> {
        let refuse = |why| Err(Error::Path { path: path.to_owned(), why });
        for name in path.split('/') {
            let git = name.eq_ignore_ascii_case(".git");
            if matches!(name, "" | "." | "..") || git || name.contains('\0') {
                return refuse("it is not a plain relative path");
            }
        }
        self.changes.insert(path.to_owned(), content);
        Ok(())
    }

    /// The commit of these changes, or `None` when they change nothing.
    pub fn commit(&self, new: &NewCommit) -> Result<Option<Draft>, Error> {
        self.commit_signed(new, None)
    }

    /// [`Edit::commit`], signed when there is a `signer`.
    pub fn commit_signed(
        &self,
        new: &NewCommit,
        signer: Option<&Signer<'_>>,
    ) -> Result<Option<Draft>, Error> {
        let repo = self.objects.handle().with_object_memory();
        let tree = self.write_tree(&repo)?;
        if self.base.as_ref().is_some_and(|base| base.tree == tree) {
            return Ok(None);
        }
        let committer = new.committer.to_gix();
        let mut commit = objs::Commit {
            tree,
            parents: self.base.iter().map(|base| base.id).collect(),
            author: new.author.to_gix(),
            committer: committer.clone(),
            encoding: None,
            message: terminated(&new.message).into(),
            extra_headers: Vec::new(),
        };
        if let Some(sign) = signer {
            let mut bytes = Vec::new();
            commit.write_to(&mut bytes).map_err(|source| Error::Sign(source.into()))?;
            let signature = sign(&bytes).map_err(Error::Sign)?;
            commit.extra_headers.push(("gpgsig".into(), signature.trim_end().into()));
        }
        let id = repo
            .write_object(&commit)
            .map_err(|source| self.objects.corrupt(tree, source))?
            .detach();
        let memory = repo.objects.reset_object_memory().unwrap_or_default();
        let objects = memory.iter().map(|(id, (kind, data))| Object {
            id: *id,
            kind: *kind,
            data: data.clone(),
        });
        Ok(Some(Draft {
            base: Arc::clone(&self.objects),
            id,
            tree,
            objects: objects.collect(),
            pack: OnceLock::new(),
            committer,
        }))
    }

    fn write_tree(&self, repo: &gix::Repository) -> Result<ObjectId, Error> {
        let root = self.base.as_ref().map_or_else(|| repo.empty_tree().id, |base| base.tree);
        let files = self.base.as_ref().map(Commit::files);
        let mut paths = files.as_ref().map(Tree::paths);
        let mut editor = match &self.base {
            Some(base) => {
                repo.edit_tree(base.tree).map_err(|source| self.objects.corrupt(root, source))?
            }
            None => {
                repo.empty_tree().edit().map_err(|source| self.objects.corrupt(root, source))?
            }
        };
        for (path, content) in &self.changes {
            let existing = paths.as_mut().map(|paths| paths.entry(path)).transpose()?.flatten();
            let kind = match existing {
                None => EntryKind::Blob,
                Some((_, kind @ (EntryKind::Blob | EntryKind::BlobExecutable))) => kind,
                Some((_, EntryKind::Tree)) => return Err(refused(path, "it is a directory")),
                Some((_, EntryKind::Link)) => return Err(refused(path, "it is a symbolic link")),
                Some((_, EntryKind::Commit)) => return Err(refused(path, "it is a submodule")),
            };
            if existing.is_none() && content.is_some() {
                check_parents(paths.as_mut(), path)?;
            }
            match content {
                Some(content) => {
                    let blob = repo
                        .write_blob(content)
                        .map_err(|source| self.objects.corrupt(root, source))?;
                    editor.upsert(path, kind, blob.detach())
                }
                None => editor.remove(path),
            }
            .map_err(|source| self.objects.corrupt(root, source))?;
        }
        Ok(editor.write().map_err(|source| self.objects.corrupt(root, source))?.detach())
    }
}

/// A new file may not turn a file, link or submodule into a directory.
fn check_parents(paths: Option<&mut Paths<'_>>, path: &str) -> Result<(), Error> {
    let Some(paths) = paths else { return Ok(()) };
    for (at, _) in path.match_indices('/') {
        if let Some((_, kind)) = paths.entry(&path[..at])?
            && kind != EntryKind::Tree
        {
            return Err(refused(path, "a part of it is not a directory"));
        }
    }
    Ok(())
}

fn refused(path: &str, why: &'static str) -> Error {
    Error::Path { path: path.to_owned(), why }
}

/// Git ends every message with a line break.
fn terminated(message: &str) -> String {
    let end = if message.ends_with('\n') { "" } else { "\n" };
    format!("{message}{end}").replace('\0', "")
}
