//! One look at a repository: fetch, select, and read what has to be read.

use std::collections::BTreeSet;
use std::sync::Arc;

use repo::{Cache, ObjectId, Tree};

use super::files::{Content, File, Memory};
use super::glob::Glob;
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
    /// Which files are read.
    pub(super) include: Vec<Glob>,
    /// Which are left out of them.
    pub(super) exclude: Vec<Glob>,
    /// What else decides what Secrets look like.
    pub(super) salt: Salt,
    /// Files, with the hash of their source, whose Secrets are as they were written.
    pub(super) settled: BTreeSet<(String, String)>,
    /// What is known about blobs.
    pub(super) memory: Arc<Memory>,
    /// The public halves of the keys, sorted.
    pub(super) keys: Vec<String>,
}

impl Look {
    /// The revision, and the files that were selected.
    pub(super) async fn run(self) -> Result<(String, Vec<File>), Error> {
        let look = tokio::task::spawn_blocking(move || self.look());
        look.await.map_err(|_| Error::Interrupted)?.map_err(Error::Git)
    }

    fn look(self) -> Result<(String, Vec<File>), repo::Error> {
        let mirror = self.cache.mirror(self.source.remote)?;
        let fetched = mirror.fetch(&self.source.reference)?;
        let tree = fetched.commit.files();
        let below = self.path.trim_start_matches("./").trim_matches('/');
        let mut selected = tree.list(below)?;
        selected.retain(|file| {
            let inner = file.path.strip_prefix(below).unwrap_or(&file.path).trim_start_matches('/');
            let any = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(inner));
            any(&self.include) && !any(&self.exclude)
        });
        let blobs: BTreeSet<ObjectId> = selected.iter().map(|file| file.id).collect();
        self.memory.retain(&self.salt.0, &self.keys, |blob| blobs.contains(blob));
        let mut files = Vec::with_capacity(selected.len());
        for repo::File { path, id: blob } in selected {
            let known = if self.settled.contains(&(path.clone(), self.salt.hash(blob))) {
                Some(Content::Settled)
            } else {
                self.memory.of(blob, &self.keys)
            };
            let content = known.map_or_else(|| read(&tree, blob), Ok)?;
            files.push(File { path, blob, content });
        }
        let revision = repo::revision(fetched.name.as_deref(), fetched.commit.id);
        Ok((revision, files))
    }
}

fn read(tree: &Tree, blob: ObjectId) -> Result<Content, repo::Error> {
    tree.read(blob).map(Content::Bytes)
}
