//! One look at a repository: fetch, select, and read what has to be read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use repo::{Cache, ObjectId, Tree};

use super::clear::Opener;
use super::files::{Content, File, Memory};
use super::glob::Glob;
use super::kustomize::{Dress, Walk};
use super::origin::Source;
use super::{Error, Salt};

/// Everything that a look needs. It blocks, so it takes a thread of its own.
pub(super) struct Look {
    /// Where repositories are mirrored.
    pub(super) cache: Cache,
    /// Where the files are.
    pub(super) source: Source,
    /// The folder that is read.
    pub(super) path: String,
    /// Which files of it are read.
    pub(super) selection: Selection,
    /// What else decides what Secrets look like.
    pub(super) salt: Salt,
    /// Files, with the hash of their source, whose Secrets are as they were written.
    pub(super) settled: BTreeSet<(String, String)>,
    /// What is known about blobs.
    pub(super) memory: Arc<Memory>,
    /// How files are opened.
    pub(super) opener: Opener,
}

/// Which files are read.
#[derive(Clone, Debug)]
pub(in crate::controller) enum Selection {
    /// Those below the folder that globs pick.
    Globs {
        /// Which are read.
        include: Vec<Glob>,
        /// Which are left out of them.
        exclude: Vec<Glob>,
    },
    /// Those that kustomizations name, and what is done to their objects last.
    Kustomizations(Dress),
}

impl Look {
    /// The revision, and the files that were selected.
    pub(super) async fn run(self) -> Result<(String, Vec<File>), Error> {
        let look = tokio::task::spawn_blocking(move || self.look());
        look.await.map_err(|_| Error::Interrupted)?
    }

    fn look(self) -> Result<(String, Vec<File>), Error> {
        let mirror = self.cache.mirror(self.source.remote)?;
        let fetched = mirror.fetch(&self.source.reference)?;
        let tree = fetched.commit.files();
        let below = self.path.trim_start_matches("./").trim_matches('/');
        let selected = self.selection.of(&tree, below)?;
        let blobs: BTreeSet<ObjectId> = selected.iter().map(|(file, _)| file.id).collect();
        let keys = self.opener.keys.names();
        self.memory.retain(&self.salt.0, &keys, |blob| blobs.contains(blob));
        let mut files = Vec::with_capacity(selected.len());
        for (repo::File { path, id: blob }, dress) in selected {
            let source = self.salt.hash(blob, &dress);
            let known = if self.settled.contains(&(path.clone(), source)) {
                Some(Content::Settled)
            } else {
                self.memory.of(blob, &keys)
            };
            let content = match known {
                Some(content) => content,
                None => read(&self.opener, &self.memory, (&path, blob), &tree)?,
            };
            files.push(File { path, blob, dress, content });
        }
        let revision = repo::revision(fetched.name.as_deref(), fetched.commit.id);
        Ok((revision, files))
    }
}

/// Reads and opens a file, and remembers of it what will still be so next time.
fn read(
    opener: &Opener,
    memory: &Memory,
    (path, blob): (&str, ObjectId),
    tree: &Tree,
) -> Result<Content, repo::Error> {
    let (content, lasts) = opener.open(path, &tree.read(blob)?);
    match &content {
        Content::Failed(failure) if lasts => memory.learn(blob, Some(failure.clone())),
        Content::Nothing if lasts => memory.learn(blob, None),
        _ => {}
    }
    Ok(content)
}

impl Selection {
    fn of(&self, tree: &Tree, below: &str) -> Result<Vec<(repo::File, Dress)>, Error> {
        match self {
            Self::Globs { include, exclude } => {
                let mut files = tree.list(below)?;
                files.retain(|file| {
                    let inner = file.path.strip_prefix(below).unwrap_or(&file.path);
                    let inner = inner.trim_start_matches('/');
                    let any = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(inner));
                    any(include) && !any(exclude)
                });
                Ok(files.into_iter().map(|file| (file, Dress::default())).collect())
            }
            Self::Kustomizations(dress) => {
                let files = tree.list("")?;
                let files: BTreeMap<_, _> =
                    files.into_iter().map(|file| (file.path, file.id)).collect();
                let read = |blob| tree.read(blob);
                let found = Walk::new(&files, &read).from(below, dress)?;
                let file =
                    |(path, dress): (String, Dress)| (repo::File { id: files[&path], path }, dress);
                Ok(found.into_iter().map(file).collect())
            }
        }
    }
}
