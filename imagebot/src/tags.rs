//! The tags of images, kept on disk between scans.
//!
//! The file is a cache: without it everything is scanned once more and nothing is lost. It also
//! holds the exact time of each scan, so that a restart scans nothing before it is due. Every
//! ImageRepository has a record of its own, never shared with another that reads the same image:
//! the other may have other credentials, other exclusions, and another list that it may not lose.
//!
//! A disk that fails or is full fails the write and nothing else; the file is opened anew for the
//! next one. A file that is damaged is moved aside, at the start and while it is in use.

mod facts;
pub(crate) mod front;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use jiff::Timestamp;
use redb::{
    Database, DatabaseError, Durability, ReadableDatabase as _, StorageError, TableDefinition,
};
use serde::{Deserialize, Serialize};

pub use facts::News;

const FILE: &str = "tags.redb";
const ASIDE: &str = "tags.redb.corrupted";
/// What redb may keep in memory; lists are read once a change and seldom again.
const CACHE_BYTES: usize = 1 << 20;
/// How many writes of nothing but a time may be lost with the process.
const LOOSE: usize = 64;

const SCANS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("scans");
const LISTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("lists");
const MEMOS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("memos");
const FACTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("facts");

/// The tag database of one imagebot.
#[derive(Debug)]
pub struct Tags {
    directory: PathBuf,
    /// Nothing after a failure, until it is opened again.
    database: RwLock<Option<Database>>,
    aside: Mutex<Option<PathBuf>>,
    loose: AtomicUsize,
}

/// What a scan of an ImageRepository was made of and what it gave, without the tags themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// The ImageRepository, so that another one of the same name begins anew.
    pub uid: String,
    /// The canonical name of the image.
    pub image: String,
    /// The exclusions in force.
    pub exclusion_list: Vec<String>,
    /// When the registry was read, in milliseconds since 1970.
    pub at: i64,
    /// Identifies the set of tags.
    pub revision: String,
    /// How many tags there are.
    pub count: usize,
}

impl Scan {
    /// When the registry was read.
    pub fn time(&self) -> Timestamp {
        Timestamp::from_millisecond(self.at).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Why the tag database could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the file open.
    #[error("`{0}` is in use by another imagebot; give each its own --state-dir")]
    Locked(PathBuf),
    /// The directory or the file could not be opened.
    #[error("could not open `{path}`")]
    Open {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: Box<redb::Error>,
    },
    /// A corrupted file could not be moved out of the way.
    #[error("could not move the corrupted `{path}` aside")]
    MoveAside {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// A record could not be read.
    #[error("could not read from the tag database")]
    Read(#[source] Box<redb::Error>),
    /// A record could not be written.
    #[error("could not write to the tag database")]
    Write(#[source] Box<redb::Error>),
}

/// What a scan found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found<'f> {
    /// The tags, in descending byte order, where they differ from those of the scan before.
    pub tags: Option<&'f [String]>,
    /// What spares the next scan some of the work, where it differs from what was there.
    pub memo: Option<&'f [u8]>,
}

impl Tags {
    /// Opens the database in `directory`, which is created if it is not there.
    ///
    /// Every page is verified. A file that does not hold is moved aside, see [`Tags::aside`], and
    /// a new one takes its place.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let failed = |source: io::Error| Error::Open {
            path: directory.to_owned(),
            source: Box::new(source.into()),
        };
        fs::create_dir_all(directory).map_err(failed)?;
        let (database, aside) = open(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            database: RwLock::new(Some(database)),
            aside: Mutex::new(aside),
            loose: AtomicUsize::new(0),
        })
    }

    /// Where the damaged file went that was found last, if one was.
    pub fn aside(&self) -> Option<PathBuf> {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last scan of the object `key`, which is `namespace/name`.
    pub fn scan(&self, key: &str) -> Result<Option<Scan>, Error> {
        let found = self.with(|database| {
            let transaction = database.begin_read()?;
            let scans = transaction.open_table(SCANS)?;
            Ok(scans.get(key)?.and_then(|bytes| serde_json::from_slice(bytes.value()).ok()))
        });
        found.map_err(|source| Error::Read(source.into()))
    }

    /// The tags that the last scan of the object `key` gave, in descending byte order.
    ///
    /// A list that is not the one that was scanned is dropped with its scan: it is read anew.
    pub fn list(&self, key: &str) -> Result<Option<(Scan, Vec<String>)>, Error> {
        let read = self.with(|database| {
            let transaction = database.begin_read()?;
            let (scans, lists) = (transaction.open_table(SCANS)?, transaction.open_table(LISTS)?);
            let scan = scans.get(key)?.and_then(|it| serde_json::from_slice(it.value()).ok());
            let list = lists.get(key)?.and_then(|bytes| front::unpack(bytes.value()));
            Ok((scan, list))
        });
        let (scan, list): (Option<Scan>, Option<Vec<String>>) =
            read.map_err(|source| Error::Read(source.into()))?;
        match (scan, list) {
            (Some(scan), Some(list)) if scan.count == list.len() => Ok(Some((scan, list))),
            (None, _) => Ok(None),
            (Some(_), _) => self.forget(key).map(|()| None),
        }
    }

    /// What the last scan of the object `key` left for the next one; empty if it left nothing.
    pub fn memo(&self, key: &str) -> Result<Vec<u8>, Error> {
        let found = self.with(|database| {
            let transaction = database.begin_read()?;
            let memos = transaction.open_table(MEMOS)?;
            Ok(memos.get(key)?.map(|bytes| bytes.value().to_vec()).unwrap_or_default())
        });
        found.map_err(|source| Error::Read(source.into()))
    }

    /// Records a scan and what it found.
    ///
    /// # Panics
    /// Never: text and numbers are JSON.
    pub fn store(&self, key: &str, scan: &Scan, found: Found<'_>) -> Result<(), Error> {
        let facts = serde_json::to_vec(scan).expect("text and numbers are JSON");
        // A time that is lost with the process costs a scan, and a write to the disk costs more.
        let is_news = found.tags.is_some() || found.memo.is_some();
        let loose = !self.loose.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOSE);
        let durability = if is_news || !loose { Durability::Immediate } else { Durability::None };
        self.write(durability, |tables| {
            tables.scans.insert(key, facts.as_slice())?;
            if let Some(tags) = found.tags {
                tables.lists.insert(key, front::pack(tags).as_slice())?;
            }
            match found.memo {
                Some([]) => drop(tables.memos.remove(key)?),
                Some(memo) => drop(tables.memos.insert(key, memo)?),
                None => {}
            }
            Ok(())
        })
    }

    /// Drops what is known of the object `key`.
    pub fn forget(&self, key: &str) -> Result<(), Error> {
        self.write(Durability::Immediate, |tables| {
            tables.scans.remove(key)?;
            tables.lists.remove(key)?;
            tables.memos.remove(key)?;
            let (first, last) = (facts::first(key), facts::last(key));
            tables.facts.retain_in(first.as_str()..last.as_str(), |_, _| false)?;
            Ok(())
        })
    }

    fn write(
        &self,
        durability: Durability,
        change: impl FnOnce(&mut Tables<'_>) -> Result<(), redb::Error>,
    ) -> Result<(), Error> {
        self.with(|database| write(database, durability, change))
            .map_err(|source| Error::Write(source.into()))
    }

    /// Does `work`; after a failure of the disk the database is closed, and opened for the next.
    fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        self.reopen()?;
        let done = {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            database.as_ref().map_or(Err(CLOSED), work)
        };
        if done.as_ref().is_err_and(is_fatal) {
            // Its file is locked until it is dropped.
            self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        }
        done
    }

    /// Opens what a failure has closed.
    fn reopen(&self) -> Result<(), redb::Error> {
        if self.database.read().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if database.is_none() {
            let (opened, aside) = open(&self.directory).map_err(|error| match error {
                Error::Open { source, .. } | Error::Read(source) | Error::Write(source) => *source,
                Error::MoveAside { source, .. } => source.into(),
                Error::Locked(_) => redb::Error::DatabaseAlreadyOpen,
            })?;
            if aside.is_some() {
                *self.aside.lock().unwrap_or_else(PoisonError::into_inner) = aside;
            }
            *database = Some(opened);
        }
        Ok(())
    }
}

/// What the tables are, while they are written.
struct Tables<'t> {
    scans: Table<'t>,
    lists: Table<'t>,
    memos: Table<'t>,
    facts: Table<'t>,
}

type Table<'t> = redb::Table<'t, &'static str, &'static [u8]>;

/// What those get who come between a failure and the next try to open the file.
const CLOSED: redb::Error = redb::Error::DatabaseClosed;

/// One transaction over all tables: all of it happens, or nothing.
fn write(
    database: &Database,
    durability: Durability,
    change: impl FnOnce(&mut Tables<'_>) -> Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(durability)?;
    {
        let mut tables = Tables {
            scans: transaction.open_table(SCANS)?,
            lists: transaction.open_table(LISTS)?,
            memos: transaction.open_table(MEMOS)?,
            facts: transaction.open_table(FACTS)?,
        };
        change(&mut tables)?;
    }
    Ok(transaction.commit()?)
}

/// The database in `directory`, and where the damaged one went that was there.
fn open(directory: &Path) -> Result<(Database, Option<PathBuf>), Error> {
    let path = directory.join(FILE);
    let failed = |source: redb::Error| Error::Open { path: path.clone(), source: source.into() };
    let (database, aside) = match create(&path) {
        Ok(database) => (database, None),
        Err(DatabaseError::DatabaseAlreadyOpen) => return Err(Error::Locked(path)),
        Err(error) if is_damage(&error) => {
            let aside = directory.join(ASIDE);
            fs::rename(&path, &aside)
                .map_err(|source| Error::MoveAside { path: path.clone(), source })?;
            (create(&path).map_err(|err| failed(err.into()))?, Some(aside))
        }
        Err(error) => return Err(failed(error.into())),
    };
    // Readers may come before the first writer and need tables.
    write(&database, Durability::Immediate, |_| Ok(())).map_err(failed)?;
    Ok((database, aside))
}

/// Whether nothing more can be done with the file as it is open.
fn is_fatal(error: &redb::Error) -> bool {
    matches!(
        error,
        redb::Error::Io(_)
            | redb::Error::PreviousIo
            | redb::Error::Corrupted(_)
            | redb::Error::LockPoisoned(_)
            | redb::Error::DatabaseClosed
    )
}

fn create(path: &Path) -> Result<Database, DatabaseError> {
    Database::builder().set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true).create(path)
}

/// Whether the file is not what redb wrote, as opposed to one that cannot be reached.
fn is_damage(error: &DatabaseError) -> bool {
    match error {
        DatabaseError::UpgradeRequired(_) | DatabaseError::RepairAborted => true,
        DatabaseError::Storage(StorageError::Corrupted(_)) => true,
        DatabaseError::Storage(StorageError::Io(error)) => {
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
