//! A mirror on the disk, which survives being killed at any point.
//!
//! ```text
//! <key>/used              when it was used last, by modification time
//! <key>/memory-<name>     ids known to have nothing
//! <key>/g<N>/             a bare repository; only the newest with tips counts
//!       ├ packed-refs     what we have, complete: written after its objects
//!       ├ shallow         where its history ends
//!       └ fresh           its size in bytes when it was made
//! <key>/corrupt/          the last mirror that could not be read
//! ```
//!
//! Every file is replaced by a rename, and Git's lock files are never made, so nothing that a killed
//! process leaves behind can block the next.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use gix::ObjectId;

use crate::guard::lock;
use crate::{Commit, Error, Rebuilt, objects::Objects};

/// The directory of a mirror.
pub(crate) struct Store {
    dir: PathBuf,
    state: Mutex<State>,
}

/// The present generation of a mirror.
pub(crate) struct State {
    dir: PathBuf,
    number: u64,
    pub(crate) objects: Arc<Objects>,
    /// What we have, complete.
    pub(crate) tips: BTreeMap<String, ObjectId>,
    pub(crate) shallow: Vec<ObjectId>,
    /// What was found when the store was opened, until it is reported.
    found: Option<Rebuilt>,
}

impl Store {
    /// Opens the mirror in `dir`, or makes an empty one.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(Error::disk(dir))?;
        let numbers = generations(dir)?;
        // One that was being made when its process was killed has no tips yet.
        let whole = |number: &&u64| generation(dir, **number).join("packed-refs").exists();
        let newest = numbers.iter().rev().find(whole).or(numbers.last()).copied();
        for number in numbers.iter().filter(|number| Some(**number) != newest) {
            // A leftover costs space only, and the next opening tries again.
            let _ = fs::remove_dir_all(generation(dir, *number));
        }
        let state = match newest.map(|number| State::open(dir, number)) {
            Some(Ok(state)) => state,
            Some(Err(error)) => {
                let number = newest.unwrap_or_default();
                let aside = set_aside(dir, &generation(dir, number))?;
                let state = State::create(dir, number + 1)?;
                State { found: Some(Rebuilt::Corrupt { aside, why: error.to_string() }), ..state }
            }
            None => State::create(dir, 1)?,
        };
        state.touch()?;
        Ok(Self { dir: dir.to_owned(), state: Mutex::new(state) })
    }

    /// The mirror, for one operation at a time.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl State {
    fn create(dir: &Path, number: u64) -> Result<Self, Error> {
        let path = generation(dir, number);
        let objects = Objects::create(&path).map_err(|source| Error::Local { path, source })?;
        Ok(Self {
            dir: dir.to_owned(),
            number,
            objects: Arc::new(objects),
            tips: BTreeMap::new(),
            shallow: Vec::new(),
            found: None,
        })
    }

    /// Opens a generation, and looks whether its tips can be read.
    fn open(dir: &Path, number: u64) -> Result<Self, Error> {
        let path = generation(dir, number);
        clean(&path.join("objects/pack"))?;
        let tips = read_tips(&path.join("packed-refs"))?;
        let shallow = read_shallow(&path.join("shallow"))?;
        let objects = Objects::open(&path).map_err(|source| Error::Local { path, source })?;
        let state = Self {
            dir: dir.to_owned(),
            number,
            objects: Arc::new(objects),
            tips,
            shallow,
            found: None,
        };
        for id in state.tips.values() {
            state.commit(*id)?;
        }
        Ok(state)
    }

    /// The commit that `id`, a commit or a tag, leads to.
    pub(crate) fn commit(&self, id: ObjectId) -> Result<Commit, Error> {
        let repo = self.objects.handle();
        let object = repo.find_object(id).map_err(|source| self.objects.corrupt(id, source))?;
        let commit = object
            .peel_to_kind(gix::objs::Kind::Commit)
            .map_err(|source| self.objects.corrupt(id, source))?;
        let commit = Commit::read(&self.objects, commit.id)?;
        repo.find_tree(commit.tree).map_err(|source| self.objects.corrupt(commit.tree, source))?;
        Ok(commit)
    }

    /// The commits that a server need not send again.
    pub(crate) fn haves(&self) -> Vec<ObjectId> {
        let mut haves: Vec<ObjectId> = self
            .tips
            .values()
            .filter_map(|id| self.commit(*id).ok())
            .map(|commit| commit.id)
            .collect();
        haves.sort_unstable();
        haves.dedup();
        haves
    }

    /// Why this mirror should be made anew at the next opportunity.
    pub(crate) fn due(&self) -> Result<Option<Rebuilt>, Error> {
        if let Some(found) = &self.found {
            return Ok(Some(found.clone()));
        }
        let path = self.objects.path();
        if let Some(why) = self.objects.suspicion() {
            return Ok(Some(Rebuilt::Corrupt { aside: self.aside(), why: why.to_owned() }));
        }
        let packs = files(&path.join("objects/pack"))?;
        let packs = packs
            .filter(|path| path.extension().is_some_and(|extension| extension == "pack"))
            .count();
        if packs > MOST_PACKS {
            return Ok(Some(Rebuilt::Packs { packs }));
        }
        let fresh =
            fs::read_to_string(path.join("fresh")).ok().and_then(|text| text.trim().parse().ok());
        let (Some(fresh), bytes) = (fresh, size(&path.join("objects"))) else { return Ok(None) };
        let outgrown = bytes > LEAST_TO_SAVE && bytes > 2u64.saturating_mul(fresh);
        Ok(outgrown.then_some(Rebuilt::Size { bytes, fresh }))
    }

    /// Where a mirror is put that cannot be read.
    pub(crate) fn aside(&self) -> PathBuf {
        self.dir.join(ASIDE)
    }

    /// An empty generation that may replace this one.
    pub(crate) fn successor(&self) -> Result<Self, Error> {
        let path = generation(&self.dir, self.number + 1);
        match fs::remove_dir_all(&path) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => Err(Error::disk(path)(err)),
            _ => Self::create(&self.dir, self.number + 1),
        }
    }

    /// Replaces this generation by its successor.
    pub(crate) fn replace(&mut self, successor: Self, why: &Rebuilt) -> Result<(), Error> {
        // What was found damaged at the opening is aside already, and this is an empty stand-in.
        if let (Rebuilt::Corrupt { .. }, None) = (why, &self.found) {
            set_aside(&self.dir, self.objects.path())?;
        } else {
            self.objects.doom();
        }
        *self = successor;
        let fresh = size(&self.objects.path().join("objects"));
        self.write("fresh", format!("{fresh}\n").as_bytes())
    }

    /// Records the size of a first clone.
    pub(crate) fn grown(&self) -> Result<(), Error> {
        if self.objects.path().join("fresh").exists() {
            return Ok(());
        }
        let fresh = size(&self.objects.path().join("objects"));
        self.write("fresh", format!("{fresh}\n").as_bytes())
    }

    /// Records where history ends, after a fetch.
    pub(crate) fn deepen(
        &mut self,
        shallow: &[ObjectId],
        unshallow: &[ObjectId],
    ) -> Result<(), Error> {
        let before = self.shallow.clone();
        self.shallow.extend_from_slice(shallow);
        self.shallow.retain(|id| !unshallow.contains(id));
        self.shallow.sort_unstable();
        self.shallow.dedup();
        if self.shallow == before {
            return Ok(());
        }
        let lines: Vec<String> = self.shallow.iter().map(ToString::to_string).collect();
        self.write("shallow", (lines.join("\n") + "\n").as_bytes())
    }

    /// Records that we have all that `name` leads to, or with `None` that it is gone.
    pub(crate) fn record(&mut self, name: &str, id: Option<ObjectId>) -> Result<(), Error> {
        let before = match id {
            Some(id) => self.tips.insert(name.to_owned(), id),
            None => self.tips.remove(name),
        };
        if before == id {
            return Ok(());
        }
        while self.tips.len() > MOST_TIPS {
            let Some(other) = self.tips.keys().find(|other| *other != name).cloned() else { break };
            self.tips.remove(&other);
        }
        let header = "# pack-refs with: sorted".to_owned();
        let lines = self.tips.iter().map(|(name, id)| format!("{id} {name}"));
        let text = std::iter::once(header).chain(lines).collect::<Vec<_>>().join("\n") + "\n";
        self.write("packed-refs", text.as_bytes())
    }

    /// Marks the mirror as used now.
    pub(crate) fn touch(&self) -> Result<(), Error> {
        let path = self.dir.join(USED);
        fs::write(&path, "\n").map_err(Error::disk(path))
    }

    /// Replaces a file of this generation.
    fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let path = self.objects.path().join(name);
        let temporary = self.objects.path().join(format!("{name}.new"));
        fs::write(&temporary, content)
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(Error::disk(path))
    }
}

/// The bytes of everything below `path`; what vanishes meanwhile counts nothing.
pub(crate) fn size(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// The numbers of the generations in `dir`, ascending.
fn generations(dir: &Path) -> Result<Vec<u64>, Error> {
    let mut numbers: Vec<u64> = files(dir)?
        .filter_map(|path| path.file_name()?.to_str()?.strip_prefix('g')?.parse().ok())
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn generation(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("g{number}"))
}

/// Moves a mirror aside, in the place of the one before it.
fn set_aside(dir: &Path, path: &Path) -> Result<PathBuf, Error> {
    let aside = dir.join(ASIDE);
    match fs::remove_dir_all(&aside) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(Error::disk(&aside)(err)),
        _ => {}
    }
    fs::rename(path, &aside).map_err(Error::disk(path))?;
    Ok(aside)
}

/// Removes what a killed process left of a pack it was writing.
fn clean(packs: &Path) -> Result<(), Error> {
    for path in files(packs)? {
        let whole = match path.extension().and_then(|extension| extension.to_str()) {
            Some("pack") => path.with_extension("idx").exists(),
            Some("idx") => path.with_extension("pack").exists(),
            _ => false,
        };
        if !whole {
            fs::remove_file(&path).map_err(Error::disk(&path))?;
        }
    }
    Ok(())
}

fn files(dir: &Path) -> Result<impl Iterator<Item = PathBuf> + use<>, Error> {
    let entries = fs::read_dir(dir).map_err(Error::disk(dir))?;
    Ok(entries.flatten().map(|entry| entry.path()))
}

fn read_tips(path: &Path) -> Result<BTreeMap<String, ObjectId>, Error> {
    let text = read(path)?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (id, name) = line.split_once(' ').ok_or_else(|| torn(path))?;
            Ok((name.to_owned(), ObjectId::from_hex(id.as_bytes()).map_err(|_| torn(path))?))
        })
        .collect()
}

fn read_shallow(path: &Path) -> Result<Vec<ObjectId>, Error> {
    let text = read(path)?;
    text.lines().map(|line| ObjectId::from_hex(line.as_bytes()).map_err(|_| torn(path))).collect()
}

/// The text of a file that need not exist.
fn read(path: &Path) -> Result<String, Error> {
    match fs::read_to_string(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(Error::disk(path)),
    }
}

fn torn(path: &Path) -> Error {
    Error::disk(path)(io::ErrorKind::InvalidData.into())
}

/// gix cannot merge packs, and a lookup asks each.
const MOST_PACKS: usize = 50;
/// More tips than a repository's automations follow.
const MOST_TIPS: usize = 64;
/// A mirror below this is never made anew for its size.
const LEAST_TO_SAVE: u64 = 4 << 20;
const ASIDE: &str = "corrupt";
pub(crate) const USED: &str = "used";
