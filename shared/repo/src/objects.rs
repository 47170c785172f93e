//! An object database that everything read from it keeps alive.

use std::{
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use gix::{ObjectId, odb::store::init::Slots, open::Options};

use crate::{Error, error::Source};

/// One generation of a mirror, or a local repository.
///
/// A mirror that is made anew gets a new directory; the old one goes when its last reader does.
pub(crate) struct Objects {
    repo: gix::ThreadSafeRepository,
    /// What could not be read, and why.
    suspect: OnceLock<String>,
    doomed: AtomicBool,
}

impl Objects {
    /// Opens the repository at `path`, which is no work tree's parent but the repository itself.
    pub(crate) fn open(path: &Path) -> Result<Self, Source> {
        let options = Options::isolated().config_overrides(OVERRIDES).object_store_slots(SLOTS);
        let repo = gix::ThreadSafeRepository::open_opts(path, options)?;
        Ok(Self::of(repo))
    }

    /// Creates an empty bare repository at `path`.
    pub(crate) fn create(path: &Path) -> Result<Self, Source> {
        let created = gix::create::Options::default();
        gix::ThreadSafeRepository::init_opts(
            path,
            gix::create::Kind::Bare,
            created,
            Options::isolated(),
        )?;
        Self::open(path)
    }

    fn of(repo: gix::ThreadSafeRepository) -> Self {
        Self { repo, suspect: OnceLock::new(), doomed: AtomicBool::new(false) }
    }

    /// A handle for this thread.
    pub(crate) fn handle(&self) -> gix::Repository {
        self.repo.to_thread_local()
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.repo.git_dir()
    }

    /// Reports that `what` cannot be read, and remembers it for the next fetch.
    pub(crate) fn corrupt(&self, what: ObjectId, source: impl Into<Source>) -> Error {
        let source = source.into();
        self.suspect(format!("object {what}: {source}"));
        Error::Corrupt { what: what.to_string(), source }
    }

    /// What could not be read, and why.
    pub(crate) fn suspicion(&self) -> Option<&str> {
        self.suspect.get().map(String::as_str)
    }

    /// Marks this for a new start. The first reason is kept.
    pub(crate) fn suspect(&self, why: String) {
        self.suspect.get_or_init(|| why);
    }

    /// Removes the directory once nobody reads it.
    pub(crate) fn doom(&self) {
        self.doomed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        if self.doomed.load(Ordering::Relaxed) {
            // What is left is removed when the cache is opened next.
            let _ = std::fs::remove_dir_all(self.repo.git_dir());
        }
    }
}

/// Bounds memory: delta bases are kept, but not many.
const OVERRIDES: [&str; 1] = ["core.deltaBaseCacheLimit=16m"];
/// gix finds no pack beyond its slots. A mirror has at most a pack a slot, until it is made anew.
const SLOTS: Slots = Slots::AsNeededByDiskState { multiplier: 2.0, minimum: 128 };
