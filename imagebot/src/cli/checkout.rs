//! The files of a checkout: found, read in parallel, and written whole or not at all.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::terminal::Report;

/// The largest file that is read, as in the daemon.
const LARGEST: u64 = 16 << 20;

/// The files below a directory.
#[derive(Debug)]
pub(crate) struct Checkout {
    root: PathBuf,
    /// Paths from the root with `/`, in order. Links and `.git` are left out.
    pub(crate) paths: Vec<String>,
    /// Files whose names are not UTF-8.
    pub(crate) unnameable: Vec<String>,
}

/// A file.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path from the root.
    pub(crate) path: String,
    /// Its bytes.
    pub(crate) content: Vec<u8>,
}

/// Why a checkout could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not list `{}`", .path.display())]
    List { path: PathBuf, source: io::Error },
    #[error("could not read `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not write `{}`", .path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl Report for Error {}

impl Checkout {
    /// The files below `root`, or `root` itself if it is one.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        let listed = |source| Error::List { path: root.to_owned(), source };
        let mut out = Self { root: root.to_owned(), paths: Vec::new(), unnameable: Vec::new() };
        if fs::metadata(root).map_err(listed)?.is_file() {
            let name = root.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            out.paths.push(name.to_owned());
            root.parent().unwrap_or(Path::new("")).clone_into(&mut out.root);
            return Ok(out);
        }
        out.walk(String::new())?;
        out.paths.sort_unstable();
        Ok(out)
    }

    fn walk(&mut self, first: String) -> Result<(), Error> {
        let mut folders = vec![first];
        while let Some(folder) = folders.pop() {
            let path = self.root.join(&folder);
            let failed = |source| Error::List { path: path.clone(), source };
            for entry in fs::read_dir(&path).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let kind = entry.file_type().map_err(failed)?;
                let name = entry.file_name();
                let Some(name) = name.to_str() else {
                    self.unnameable.push(format!("{folder}{}", name.to_string_lossy()));
                    continue;
                };
                if kind.is_dir() && name != ".git" {
                    folders.push(format!("{folder}{name}/"));
                } else if kind.is_file() {
                    self.paths.push(format!("{folder}{name}"));
                }
            }
        }
        Ok(())
    }

    /// What `found` makes of each of the files that `wanted` names, in order. Read in parallel.
    pub(crate) fn read<T: Send>(
        &self,
        wanted: impl Fn(&str) -> bool,
        found: impl Fn(&str, &[u8]) -> Option<T> + Sync,
    ) -> Result<Vec<T>, Error> {
        let wanted: Vec<&String> = self.paths.iter().filter(|path| wanted(path)).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let (mut kept, mut content) = (Vec::new(), Vec::new());
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(path) = wanted.get(index) else { return Ok(kept) };
                self.content(path, &mut content)?;
                kept.extend(found(path, &content).map(|kept| (index, kept)));
            }
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(8);
        let parts: Vec<Result<Vec<(usize, T)>, Error>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
            joined.map(|part| part.expect("reading files does not panic")).collect()
        });
        let mut all = Vec::new();
        for part in parts {
            all.extend(part?);
        }
        all.sort_unstable_by_key(|(index, _)| *index);
        Ok(all.into_iter().map(|(_, kept)| kept).collect())
    }

    /// Puts the bytes of a file into `content`; none of one that is too large.
    fn content(&self, path: &str, content: &mut Vec<u8>) -> Result<(), Error> {
        content.clear();
        let path = self.root.join(path);
        let mut read = || -> io::Result<()> {
            fs::File::open(&path)?.take(LARGEST + 1).read_to_end(content)?;
            if content.len() as u64 > LARGEST {
                content.clear();
            }
            Ok(())
        };
        read().map_err(|source| Error::Read { path: path.clone(), source })
    }

    /// Replaces the content of a file in one step. Its permissions stay. What a power cut takes away
    /// Git still has, so nothing waits for the disk.
    pub(crate) fn write(&self, path: &str, content: &[u8]) -> Result<(), Error> {
        let path = self.root.join(path);
        let replace = || -> io::Result<()> {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
            file.write_all(content)?;
            file.as_file().set_permissions(fs::metadata(&path)?.permissions())?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        replace().map_err(|source| Error::Write { path: path.clone(), source })
    }
}
