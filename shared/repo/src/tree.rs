//! Reading the files of a commit.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use gix::{
    ObjectId,
    objs::{TreeRefIter, tree::EntryKind},
};

use crate::{Error, Memory, error::Source, objects::Objects};

/// The files of a commit, or of a directory in it.
#[derive(Clone)]
pub struct Tree {
    objects: Arc<Objects>,
    id: ObjectId,
}

/// A file: a blob and where it is. Symbolic links and submodules are not files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path from the root of the repository.
    pub path: String,
    /// The id of its content.
    pub id: ObjectId,
}

/// What a scan came across.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Files whose content was read.
    pub read: usize,
    /// Directories and files that were known to have nothing.
    pub skipped: usize,
    /// Paths that were left out since Git's bytes are not UTF-8, made printable.
    pub unnameable: Vec<String>,
    /// Paths that were left out since they are larger than [`Tree::LARGEST_FILE`].
    pub too_large: Vec<String>,
}

impl Tree {
    /// The largest file that a scan reads.
    pub const LARGEST_FILE: u64 = 16 << 20;

    pub(crate) fn of(objects: Arc<Objects>, id: ObjectId) -> Self {
        Self { objects, id }
    }

    /// The id of the tree.
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// The file at `path`, if there is one.
    pub fn file(&self, path: &str) -> Result<Option<File>, Error> {
        let entry = self.entry(path)?;
        Ok(entry
            .filter(|(_, kind)| matches!(kind, EntryKind::Blob | EntryKind::BlobExecutable))
            .map(|(id, _)| File { path: components(path).join("/"), id }))
    }

    /// The content of the blob `id`.
    pub fn read(&self, id: ObjectId) -> Result<Vec<u8>, Error> {
        let repo = self.objects.handle();
        let mut blob = repo.find_blob(id).map_err(|source| self.objects.corrupt(id, source))?;
        Ok(std::mem::take(&mut blob.data))
    }

    /// All files below the directory `below` (`.` or empty for all), sorted by path.
    ///
    /// A directory that does not exist has no files.
    pub fn list(&self, below: &str) -> Result<Vec<File>, Error> {
        let mut files = Vec::new();
        let mut nothing = Memory::forgetful();
        let mut walk = Walk::new(self, &mut nothing);
        walk.below(below, &|_| true, &mut |_, file| {
            files.push(file);
            Ok(true)
        })?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// Shows every file below `below` whose path is `wanted` to `visit`, unless `memory` knows that
    /// it has nothing.
    ///
    /// `visit` answers whether the content has what is looked for. Content that has not is
    /// remembered, and so is a directory all of whose content has not: the next scan costs what
    /// changed. `wanted` must depend on the file's name alone, and a memory must see one pair of
    /// `wanted` and `visit` only: that is what its name stands for.
    pub fn scan(
        &self,
        below: &str,
        memory: &mut Memory,
        wanted: impl Fn(&str) -> bool,
        mut visit: impl FnMut(&File, &[u8]) -> bool,
    ) -> Result<Scan, Error> {
        let repo = self.objects.handle();
        let mut walk = Walk::new(self, memory);
        let mut content = Vec::new();
        walk.below(below, &wanted, &mut |scan, file| {
            let size = repo
                .find_header(file.id)
                .map_err(|source| self.objects.corrupt(file.id, source))?
                .size();
            if size > Self::LARGEST_FILE {
                scan.too_large.push(file.path);
                return Ok(true);
            }
            let kind = gix::objs::Find::try_find(&repo.objects, &file.id, &mut content);
            match kind {
                Ok(Some(_)) => {}
                Ok(None) => return Err(self.objects.corrupt(file.id, "the object is missing")),
                Err(source) => return Err(self.objects.corrupt(file.id, source)),
            }
            scan.read += 1;
            Ok(visit(&file, &content))
        })?;
        Ok(walk.scan)
    }

    /// What is at `path`, following directories only.
    pub(crate) fn entry(&self, path: &str) -> Result<Option<(ObjectId, EntryKind)>, Error> {
        self.paths().entry(path)
    }

    /// Looks up many paths.
    pub(crate) fn paths(&self) -> Paths<'_> {
        Paths { tree: self, repo: self.objects.handle(), directories: HashMap::new() }
    }
}

/// Paths that are looked up in one tree; each directory on the way is read once.
pub(crate) struct Paths<'t> {
    tree: &'t Tree,
    repo: gix::Repository,
    /// What directories hold, as Git keeps it.
    directories: HashMap<ObjectId, Vec<u8>>,
}

impl Paths<'_> {
    /// What is at `path`, following directories only.
    pub(crate) fn entry(&mut self, path: &str) -> Result<Option<(ObjectId, EntryKind)>, Error> {
        let mut found = (self.tree.id, EntryKind::Tree);
        for name in components(path) {
            if found.1 != EntryKind::Tree {
                return Ok(None);
            }
            let corrupt = |source: Source| self.tree.objects.corrupt(found.0, source);
            let data = match self.directories.entry(found.0) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let tree = self.repo.find_tree(found.0);
                    let mut tree = tree.map_err(|source| corrupt(source.into()))?;
                    new.insert(std::mem::take(&mut tree.data))
                }
            };
            let entries = TreeRefIter::from_bytes(data, found.0.kind());
            let mut next = None;
            for entry in entries {
                let entry = entry.map_err(|source| corrupt(source.into()))?;
                if entry.filename == name {
                    next = Some((entry.oid.to_owned(), entry.mode.kind()));
                    break;
                }
            }
            match next {
                Some(next) => found = next,
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }
}

/// The names on the way along `path`.
pub(crate) fn components(path: &str) -> Vec<&str> {
    path.split('/').filter(|name| !matches!(*name, "" | ".")).collect()
}

/// One walk over a tree.
struct Walk<'a> {
    tree: &'a Tree,
    repo: gix::Repository,
    memory: &'a mut Memory,
    scan: Scan,
}

/// Answers whether the file has what is looked for.
type Visit<'v> = dyn FnMut(&mut Scan, File) -> Result<bool, Error> + 'v;

impl<'a> Walk<'a> {
    fn new(tree: &'a Tree, memory: &'a mut Memory) -> Self {
        Self { repo: tree.objects.handle(), tree, memory, scan: Scan::default() }
    }

    fn below(
        &mut self,
        path: &str,
        wanted: &dyn Fn(&str) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        let prefix = components(path).join("/");
        match self.tree.entry(path)? {
            Some((id, EntryKind::Tree)) => self.directory(&prefix, id, wanted, visit).map(drop),
            Some((id, EntryKind::Blob | EntryKind::BlobExecutable)) => {
                self.file(File { path: prefix, id }, wanted, visit).map(drop)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Returns whether anything in the directory has what is looked for.
    fn directory(
        &mut self,
        prefix: &str,
        id: ObjectId,
        wanted: &dyn Fn(&str) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<bool, Error> {
        if self.memory.has(&id) {
            self.scan.skipped += 1;
            return Ok(false);
        }
        let repo = self.repo.clone();
        let objects = Arc::clone(&self.tree.objects);
        let tree = repo.find_tree(id).map_err(|source| objects.corrupt(id, source))?;
        let mut found = false;
        for entry in tree.iter() {
            let entry = entry.map_err(|source| objects.corrupt(id, source))?;
            let kind = entry.inner.mode.kind();
            if matches!(kind, EntryKind::Link | EntryKind::Commit) {
                continue;
            }
            let Ok(name) = std::str::from_utf8(entry.inner.filename) else {
                self.scan.unnameable.push(format!("{prefix}/{}", entry.inner.filename));
                found = true;
                continue;
            };
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            let id = entry.inner.oid.to_owned();
            found |= match kind {
                EntryKind::Tree => self.directory(&path, id, wanted, visit)?,
                _ => self.file(File { path, id }, wanted, visit)?,
            };
        }
        if !found {
            self.memory.add(id);
        }
        Ok(found)
    }

    fn file(
        &mut self,
        file: File,
        wanted: &dyn Fn(&str) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<bool, Error> {
        if !wanted(&file.path) {
            return Ok(false);
        }
        let id = file.id;
        if self.memory.has(&id) {
            self.scan.skipped += 1;
            return Ok(false);
        }
        let found = visit(&mut self.scan, file)?;
        if !found {
            self.memory.add(id);
        }
        Ok(found)
    }
}
