//! An object database that everything read from it keeps alive.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use gix::{ObjectId, open::Options};

use crate::{Error, error::Source};

/// One generation of a mirror, or a local repository.
///
/// A mirror that is made anew gets a new directory; the old one goes when its last reader does.
pub(crate) struct Objects {
    repo: gix::ThreadSafeRepository,
    suspect: AtomicBool,
    doomed: AtomicBool,
}

impl Objects {
    /// Opens the repository at `path`, which is no work tree's parent but the repository itself.
    pub(crate) fn open(path: &Path) -> Result<Self, Source> {
        let options = Options::isolated().config_overrides(OVERRIDES);
        let repo = gix::ThreadSafeRepository::open_opts(path, options.strict_config(false))?;
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
        Self { repo, suspect: AtomicBool::new(false), doomed: AtomicBool::new(false) }
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
        self.suspect.store(true, Ordering::Relaxed);
        Error::Corrupt { what: what.to_string(), source: source.into() }
    }

    /// Whether something could not be read.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    /// Marks this for a new start.
    pub(crate) fn suspect(&self) {
        self.suspect.store(true, Ordering::Relaxed);
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
