//! The objects on disk: every write is one durable transaction.
//!
//! Reads work on snapshots, so a list is consistent however many pages it takes. The
//! resourceVersion is one counter for all objects and survives restarts.

use std::{
    collections::VecDeque,
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase as _, ReadableTable as _,
    StorageError, TableDefinition,
};

pub(crate) use self::writer::{Touched, Writer};
use crate::{
    export::Exporter,
    log::Log,
    object::{self, Object},
};

mod writer;

const OBJECTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objects");
/// `uid of an owner / key of a dependent`.
const OWNED: TableDefinition<'_, &str, ()> = TableDefinition::new("owned");
/// What a file said, by key of its object.
const FILES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("files");
const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");
const RESOURCE_VERSION: &str = "resourceVersion";

/// Lists of which the next page can still be asked for.
const KEPT_SNAPSHOTS: usize = 32;

/// And for how long.
const KEPT_FOR: Duration = Duration::from_secs(300);

/// What the pages of the store may occupy in memory.
const CACHE_BYTES: usize = 2 << 20;

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it open.
    #[error("the store `{}` is in use by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It could not be opened or made.
    #[error("could not open the store `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<DatabaseError>,
    },
    /// It is damaged, and could not be moved aside.
    #[error("could not move the damaged store `{}` aside", path.display())]
    MoveAside {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A transaction failed.
    #[error("could not {doing} the store")]
    Transaction {
        /// `read` or `write`.
        doing: &'static str,
        /// Why not.
        source: Box<redb::Error>,
    },
    /// An object in it is not JSON.
    #[error("the stored object `{key}` is damaged")]
    Object {
        /// Its key.
        key: String,
        /// Why it cannot be read.
        source: serde_json::Error,
    },
}

impl Error {
    fn read(source: impl Into<redb::Error>) -> Self {
        Self::Transaction { doing: "read", source: Box::new(source.into()) }
    }

    fn write(source: impl Into<redb::Error>) -> Self {
        Self::Transaction { doing: "write to", source: Box::new(source.into()) }
    }
}

/// The store of one daemon.
pub(crate) struct Store {
    db: Database,
    /// Held from the begin of a write until its events are published, so that they are in order.
    writing: Mutex<()>,
    kept: Mutex<VecDeque<(Instant, Arc<Snapshot>)>>,
    pub log: Log,
    /// Set once the store and its files agree.
    pub exporter: OnceLock<Exporter>,
}

/// All objects as they were at one resourceVersion.
pub(crate) struct Snapshot {
    transaction: ReadTransaction,
    pub version: u64,
}

impl Store {
    /// Opens or makes the store at `path`. A damaged one is moved to a name that is returned.
    pub(crate) fn open(path: &Path, stamp: &str) -> Result<(Self, Option<PathBuf>), Error> {
        let (db, moved) = match open_database(path) {
            Ok(db) => (db, None),
            Err(DatabaseError::DatabaseAlreadyOpen) => {
                return Err(Error::InUse { path: path.to_owned() });
            }
            Err(err) if is_damage(&err) => {
                let aside = free_name(path, stamp);
                std::fs::rename(path, &aside)
                    .map_err(|source| Error::MoveAside { path: path.to_owned(), source })?;
                (open_database(path).map_err(|err| cannot_open(path, err))?, Some(aside))
            }
            Err(err) => return Err(cannot_open(path, err)),
        };
        let store = Self {
            db,
            writing: Mutex::new(()),
            kept: Mutex::new(VecDeque::new()),
            log: Log::default(),
            exporter: OnceLock::new(),
        };
        store.prepare()?;
        store.log.begin(store.snapshot()?.version);
        Ok((store, moved))
    }

    /// Makes the tables, so that reading an empty store is no error.
    fn prepare(&self) -> Result<(), Error> {
        let transaction = self.db.begin_write().map_err(Error::write)?;
        transaction.open_table(OBJECTS).map_err(Error::write)?;
        transaction.open_table(OWNED).map_err(Error::write)?;
        transaction.open_table(FILES).map_err(Error::write)?;
        {
            let mut counters = transaction.open_table(COUNTERS).map_err(Error::write)?;
            let known = counters.get(RESOURCE_VERSION).map_err(Error::write)?.is_some();
            if !known {
                counters.insert(RESOURCE_VERSION, 1).map_err(Error::write)?;
            }
        }
        transaction.commit().map_err(Error::write)
    }

    pub(crate) fn snapshot(&self) -> Result<Snapshot, Error> {
        let transaction = self.db.begin_read().map_err(Error::read)?;
        let counters = transaction.open_table(COUNTERS).map_err(Error::read)?;
        let version = counters.get(RESOURCE_VERSION).map_err(Error::read)?;
        let version = version.map_or(1, |version| version.value());
        Ok(Snapshot { transaction, version })
    }

    /// Keeps a snapshot for the next page of a list.
    pub(crate) fn keep(&self, snapshot: Arc<Snapshot>) {
        let mut kept = lock(&self.kept);
        if kept.iter().any(|(_, other)| other.version == snapshot.version) {
            return;
        }
        if kept.len() == KEPT_SNAPSHOTS {
            kept.pop_front();
        }
        kept.push_back((Instant::now(), snapshot));
    }

    /// The kept snapshot of exactly this version.
    pub(crate) fn kept(&self, version: u64) -> Option<Arc<Snapshot>> {
        let kept = lock(&self.kept);
        let found = kept.iter().find(|(_, snapshot)| snapshot.version == version);
        found.map(|(_, snapshot)| Arc::clone(snapshot))
    }

    /// Runs `change` in one durable transaction. Nothing is kept when it fails or is `dry`.
    pub(crate) fn write<T, E: From<Error>>(
        &self,
        dry: bool,
        change: impl FnOnce(&mut Writer<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _writing = lock(&self.writing);
        // While a snapshot is held, the pages of everything after it cannot be used again.
        lock(&self.kept).retain(|(since, _)| since.elapsed() < KEPT_FOR);
        let transaction = self.db.begin_write().map_err(Error::write)?;
        let (answer, events) = {
            let mut writer = Writer::new(&transaction)?;
            let answer = change(&mut writer)?;
            (answer, writer.finish()?)
        };
        let Some(events) = events.filter(|_| !dry) else {
            transaction.abort().map_err(Error::write)?;
            return Ok(answer);
        };
        transaction.commit().map_err(Error::write)?;
        if let Some(exporter) = self.exporter.get() {
            exporter.follow(&events);
        }
        self.log.publish(events);
        Ok(answer)
    }
}

impl Snapshot {
    pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let objects = self.transaction.open_table(OBJECTS).map_err(Error::read)?;
        let found = objects.get(key).map_err(Error::read)?;
        Ok(found.map(|bytes| bytes.value().to_vec()))
    }

    /// Visits the objects whose key begins with `prefix` and is not below `start`, in order,
    /// until `visit` says false.
    pub(crate) fn scan(
        &self,
        prefix: &str,
        start: &str,
        mut visit: impl FnMut(&str, &[u8]) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let objects = self.transaction.open_table(OBJECTS).map_err(Error::read)?;
        let start = if start > prefix { start } else { prefix };
        for row in objects.range(start..).map_err(Error::read)? {
            let (key, bytes) = row.map_err(Error::read)?;
            if !key.value().starts_with(prefix) || !visit(key.value(), bytes.value())? {
                break;
            }
        }
        Ok(())
    }

    /// What files said, by the key of their object.
    pub(crate) fn files(&self) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let files = self.transaction.open_table(FILES).map_err(Error::read)?;
        let mut found = Vec::new();
        for row in files.range::<&str>(..).map_err(Error::read)? {
            let (key, bytes) = row.map_err(Error::read)?;
            found.push((key.value().to_owned(), bytes.value().to_vec()));
        }
        Ok(found)
    }
}

pub(crate) fn parse(key: &str, bytes: &[u8]) -> Result<Object, Error> {
    object::parse(bytes).map_err(|source| Error::Object { key: key.to_owned(), source })
}

/// A panic while the lock was held left the map whole: each change of it is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens the file, or makes it so that only this user can read it.
fn open_database(path: &Path) -> Result<Database, DatabaseError> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    file.map_err(|err| DatabaseError::Storage(StorageError::Io(err)))?;
    Database::builder().set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true).create(path)
}

/// A name for a damaged store that no earlier one has.
fn free_name(path: &Path, stamp: &str) -> PathBuf {
    let name = |turn: u32| match turn {
        0 => path.with_extension(format!("damaged-{stamp}")),
        turn => path.with_extension(format!("damaged-{stamp}-{turn}")),
    };
    (0..1000).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(0))
}

fn cannot_open(path: &Path, err: DatabaseError) -> Error {
    Error::Open { path: path.to_owned(), source: Box::new(err) }
}

fn is_damage(err: &DatabaseError) -> bool {
    match err {
        DatabaseError::RepairAborted | DatabaseError::Storage(StorageError::Corrupted(_)) => true,
        DatabaseError::Storage(StorageError::Io(err)) => {
            matches!(err.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        }
        _ => false,
    }
}
