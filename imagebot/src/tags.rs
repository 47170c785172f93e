//! The tags of images, kept on disk between scans.
//!
//! The file is a cache: without it everything is scanned once more and nothing is lost. It also
//! holds the exact time of each scan, so that a restart scans nothing before it is due. Every
//! ImageRepository has a record of its own, never shared with another that reads the same image
//! with other credentials.

mod front;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use redb::{Database, DatabaseError, ReadableDatabase as _, StorageError, TableDefinition};
use serde::{Deserialize, Serialize};

const FILE: &str = "tags.redb";
const ASIDE: &str = "tags.redb.corrupted";
/// What redb may keep in memory; lists are read once a change and seldom again.
const CACHE_BYTES: usize = 1 << 20;

const SCANS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("scans");
const LISTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("lists");

/// The tag database of one imagebot.
#[derive(Debug)]
pub struct Tags {
    database: Database,
    aside: Option<PathBuf>,
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

impl Tags {
    /// Opens the database in `directory`, which is created if it is not there.
    ///
    /// Every page is verified. A file that does not hold is moved aside, see [`Tags::aside`], and
    /// a new one takes its place.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(FILE);
        let failed =
            |source: redb::Error| Error::Open { path: path.clone(), source: source.into() };
        fs::create_dir_all(directory).map_err(|err| failed(err.into()))?;
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
        let tags = Self { database, aside };
        // Readers may come before the first writer and need tables.
        tags.write(|_, _| Ok(()))?;
        Ok(tags)
    }

    /// Where the damaged file went that was found at the start, if one was.
    pub fn aside(&self) -> Option<&Path> {
        self.aside.as_deref()
    }

    /// The last scan of the object `key`, which is `namespace/name`.
    pub fn scan(&self, key: &str) -> Result<Option<Scan>, Error> {
        let read = || -> Result<Option<Scan>, redb::Error> {
            let transaction = self.database.begin_read()?;
            let scans = transaction.open_table(SCANS)?;
            Ok(scans.get(key)?.and_then(|bytes| serde_json::from_slice(bytes.value()).ok()))
        };
        read().map_err(|source| Error::Read(source.into()))
    }

    /// The tags that the last scan of the object `key` gave, in descending byte order.
    pub fn list(&self, key: &str) -> Result<Option<(Scan, Vec<String>)>, Error> {
        let Some(scan) = self.scan(key)? else { return Ok(None) };
        let read = || -> Result<Option<Vec<String>>, redb::Error> {
            let transaction = self.database.begin_read()?;
            let lists = transaction.open_table(LISTS)?;
            Ok(lists.get(key)?.and_then(|bytes| front::unpack(bytes.value())))
        };
        let list = read().map_err(|source| Error::Read(source.into()))?;
        Ok(list.map(|list| (scan, list)))
    }

    /// Records a scan, and its tags where they differ from those of the scan before.
    ///
    /// # Panics
    /// Never: text and numbers are JSON.
    pub fn store(&self, key: &str, scan: &Scan, tags: Option<&[String]>) -> Result<(), Error> {
        let facts = serde_json::to_vec(scan).expect("text and numbers are JSON");
        self.write(|scans, lists| {
            scans.insert(key, facts.as_slice())?;
            if let Some(tags) = tags {
                lists.insert(key, front::pack(tags).as_slice())?;
            }
            Ok(())
        })
    }

    /// Drops what is known of the object `key`.
    pub fn forget(&self, key: &str) -> Result<(), Error> {
        self.write(|scans, lists| {
            scans.remove(key)?;
            lists.remove(key)?;
            Ok(())
        })
    }

    /// One transaction over both tables: all of it happens, or nothing.
    fn write(
        &self,
        change: impl FnOnce(&mut Table<'_>, &mut Table<'_>) -> Result<(), redb::Error>,
    ) -> Result<(), Error> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            {
                let mut scans = transaction.open_table(SCANS)?;
                let mut lists = transaction.open_table(LISTS)?;
                change(&mut scans, &mut lists)?;
            }
            Ok(transaction.commit()?)
        };
        write().map_err(|source| Error::Write(source.into()))
    }
}

type Table<'t> = redb::Table<'t, &'static str, &'static [u8]>;

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
