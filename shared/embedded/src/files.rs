//! The manifests of a directory as objects.
//!
//! Every second the directory is looked at; only files that changed are read. An inotify watch
//! would be quicker by that second, and blind on the mounts of containers and over the network.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use self::{
    apply::{Applied, Record, apply, withdraw},
    manifest::{Contents, Manifest, Reader, problem},
    walk::Stamp,
};
use crate::{api::Api, failure::Failure};

mod apply;
mod manifest;
mod walk;

/// Decrypts documents that SOPS encrypted together: their file, their text, and back each of them as
/// JSON, in order, or why not. Only the documents themselves may hold anything secret.
pub type Decrypt = Arc<dyn Fn(&Path, &str) -> Result<Vec<serde_json::Value>, String> + Send + Sync>;

/// Something wrong with a file. What it describes stays as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1, where one is known.
    pub line: Option<usize>,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file.display(), self.message),
            None => write!(f, "{}: {}", self.file.display(), self.message),
        }
    }
}

/// What was found in the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The objects that files describe.
    pub objects: usize,
    /// What nobody here serves, by `apiVersion, Kind`, and how often.
    pub skipped: BTreeMap<String, usize>,
    /// Everything that is wrong, in order of the files.
    pub problems: Vec<Problem>,
}

/// What is known of one file.
struct Known {
    stamp: Stamp,
    /// The objects that it describes, right or wrong.
    keys: Vec<String>,
    skipped: Vec<String>,
    problems: Vec<Problem>,
    unclear: bool,
    retry: bool,
}

/// The directories that are looked at.
pub(crate) struct Files {
    root: PathBuf,
    /// The place of the state, with the Secrets of every daemon.
    state: PathBuf,
    owner: String,
    known: BTreeMap<PathBuf, Known>,
    /// The version up to which the API was seen when files were last tried.
    seen: u64,
    /// Whether there was somebody to decrypt when files were last tried.
    decrypts: bool,
    /// Problems that no file will solve.
    pub notices: Vec<Problem>,
}

impl Files {
    pub(crate) fn new(root: &Path, state: &Path, owner: &str) -> Self {
        Self {
            root: root.to_owned(),
            state: crate::place::resolve(state),
            owner: owner.to_owned(),
            known: BTreeMap::new(),
            seen: 0,
            decrypts: false,
            notices: Vec::new(),
        }
    }

    /// Looks at every file, and makes the objects what the changed ones say. Gives nothing when
    /// nothing had to be done.
    pub(crate) fn scan(
        &mut self,
        api: &Api,
        decrypt: Option<&Decrypt>,
    ) -> Result<Option<Report>, Failure> {
        let first = self.seen == 0;
        let version = api.store.snapshot()?.version;
        let (listed, unread) = self.listed();
        let same = |(path, stamp): &(PathBuf, Stamp)| {
            self.known.get(path).is_some_and(|known| known.stamp == *stamp)
        };
        let moved = listed.len() != self.known.len() || !listed.iter().all(same);
        let retry = moved || version != self.seen || decrypt.is_some() != self.decrypts;
        self.decrypts = decrypt.is_some();
        let due: Vec<(PathBuf, Stamp)> = listed
            .iter()
            .filter(|entry| !same(entry) || retry && self.known[&entry.0].retry)
            .cloned()
            .collect();
        if !first && !moved && due.is_empty() {
            return Ok(None);
        }
        // Below a directory that cannot be read, nothing is known to be gone.
        let there: BTreeSet<&PathBuf> = listed.iter().map(|(path, _)| path).collect();
        let hidden = |path: &Path| unread.iter().any(|problem| path.starts_with(&problem.file));
        self.known.retain(|path, _| there.contains(path) || hidden(path));
        let mut manifests = Vec::new();
        for (path, stamp) in due {
            let contents = self.reader(api, decrypt, &path).read(&path);
            manifests.extend(self.remember(&path, stamp, contents));
        }
        self.flag_duplicates();
        self.settle(api, manifests, &hidden)?;
        self.seen = api.store.snapshot()?.version;
        Ok(Some(self.report(unread)))
    }

    /// The files of the directory, and the Secrets that other daemons exported.
    fn listed(&self) -> (Vec<(PathBuf, Stamp)>, Vec<Problem>) {
        let mut found = walk::manifests(&self.root, &self.state);
        for entry in std::fs::read_dir(&self.state).into_iter().flatten().flatten() {
            if entry.file_name() != self.owner.as_str() {
                let folder = entry.path().join(crate::export::FOLDER);
                if folder.is_dir() {
                    let others = walk::manifests(&folder, Path::new(""));
                    found.files.extend(others.files);
                    found.unread.extend(others.unread);
                }
            }
        }
        let unread = found.unread.into_iter();
        let unread =
            unread.map(|(path, err)| problem(&path, None, format!("could not be read: {err}")));
        (found.files, unread.collect())
    }

    fn reader<'r>(&self, api: &'r Api, decrypt: Option<&'r Decrypt>, path: &Path) -> Reader<'r> {
        Reader { kinds: &api.kinds, decrypt, foreign: path.starts_with(&self.state) }
    }

    /// Remembers a file, and gives the objects that it describes rightly.
    fn remember(
        &mut self,
        path: &Path,
        stamp: Stamp,
        contents: Contents,
    ) -> Vec<(PathBuf, Manifest)> {
        let right = contents.manifests.iter().map(|manifest| manifest.target.key());
        let keys = right.chain(contents.held).collect();
        let known = Known {
            stamp,
            keys,
            skipped: contents.skipped,
            problems: contents.problems,
            unclear: contents.unclear,
            retry: contents.retry,
        };
        self.known.insert(path.to_owned(), known);
        contents.manifests.into_iter().map(|manifest| (path.to_owned(), manifest)).collect()
    }

    /// An object that two files describe is what neither says; both are told.
    fn flag_duplicates(&mut self) {
        let mut places: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for (path, known) in &self.known {
            for key in &known.keys {
                places.entry(key.clone()).or_default().push(path.clone());
            }
        }
        places.retain(|_, paths| paths.len() > 1);
        for (path, known) in &mut self.known {
            known.problems.retain(|problem| !problem.message.starts_with(DUPLICATE));
            let twice: BTreeSet<&String> =
                known.keys.iter().filter(|key| places.contains_key(*key)).collect();
            for key in twice {
                let others: Vec<String> = places[key]
                    .iter()
                    .map(|other| {
                        other.strip_prefix(&self.root).unwrap_or(other).display().to_string()
                    })
                    .collect();
                let message = format!(
                    "{DUPLICATE}`{key}` is described {} times, in {}; keep one of them",
                    others.len(),
                    others.join(" and ")
                );
                known.problems.push(problem(path, None, message));
                known.retry = true;
            }
        }
    }

    /// Applies what was read and withdraws what is no longer described, as one transaction.
    fn settle(
        &mut self,
        api: &Api,
        manifests: Vec<(PathBuf, Manifest)>,
        hidden: &dyn Fn(&Path) -> bool,
    ) -> Result<(), Failure> {
        let mut described: BTreeMap<&str, usize> = BTreeMap::new();
        for key in self.known.values().flat_map(|known| &known.keys) {
            *described.entry(key).or_default() += 1;
        }
        let unclear = |file: &Path| self.known.get(file).is_some_and(|known| known.unclear);
        let mut gone = Vec::new();
        for (key, bytes) in api.store.snapshot()?.files()? {
            let record = Record::parse(&key, &bytes)?;
            let file = Path::new(&record.file);
            if !described.contains_key(key.as_str()) && !unclear(file) && !hidden(file) {
                gone.push(key);
            }
        }
        let once: Vec<(PathBuf, Manifest)> = manifests
            .into_iter()
            .filter(|(_, manifest)| described.get(manifest.target.key().as_str()) == Some(&1))
            .collect();
        let troubles = api.write(false, |writer| {
            for key in gone {
                withdraw(api, writer, &key)?;
            }
            let mut troubles = Vec::new();
            for (path, manifest) in once {
                let line = manifest.line;
                let file = path.display().to_string();
                let (message, later) = match apply(api, writer, &file, manifest) {
                    Ok(Applied::Done) => continue,
                    Ok(Applied::Later(message)) => (message, true),
                    Err(failure) => (failure.into_message(), false),
                };
                troubles.push((problem(&path, Some(line), message), later));
            }
            Ok::<_, Failure>(troubles)
        })?;
        for (trouble, later) in troubles {
            if let Some(known) = self.known.get_mut(&trouble.file) {
                known.problems.push(trouble);
                known.retry |= later;
            }
        }
        Ok(())
    }

    fn report(&self, unread: Vec<Problem>) -> Report {
        let mut report = Report { problems: self.notices.clone(), ..Report::default() };
        report.problems.extend(unread);
        let mut keys = BTreeSet::new();
        for known in self.known.values() {
            keys.extend(&known.keys);
            report.problems.extend(known.problems.iter().cloned());
            for kind in &known.skipped {
                *report.skipped.entry(kind.clone()).or_default() += 1;
            }
        }
        report.objects = keys.len();
        report
    }
}

/// How the message of a duplicate begins.
const DUPLICATE: &str = "duplicate: ";
