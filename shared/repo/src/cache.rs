//! Mirrors, kept between runs within a disk budget.

use std::{
    collections::HashMap,
    fs::{self, File, Permissions, TryLockError},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Weak},
    thread,
    time::{Duration, Instant, SystemTime},
};

use aws_lc_rs::{hmac, rand};

use crate::guard::lock;
use crate::{
    Error, Mirror, Remote,
    store::{self, Store},
};

/// The mirrors of one process.
///
/// The directory belongs to this process while the cache is open. Its names are keyed with a secret
/// of its own and hold no digest of a credential; identities that differ in their secret only share
/// a directory, and each proves its access to the remote before it reads.
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

pub(crate) struct Inner {
    dir: PathBuf,
    budget: u64,
    key: hmac::Key,
    stores: Mutex<HashMap<String, Weak<Store>>>,
    /// Held while the cache is open; the kernel lets go of it however the process ends.
    _lock: File,
}

impl Cache {
    /// Opens the cache in `dir`, which may grow to `budget` bytes.
    ///
    /// Fails with [`Error::Busy`] while another process has it open.
    pub fn open(dir: &Path, budget: u64) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(Error::disk(dir))?;
        fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(Error::disk(dir))?;
        let path = dir.join("lock");
        let lock = File::create(&path).map_err(Error::disk(&path))?;
        own(&lock, dir)?;
        let key = secret(&dir.join("secret"))?;
        let inner =
            Inner { dir: dir.to_owned(), budget, key, stores: Mutex::default(), _lock: lock };
        inner.trim();
        Ok(Self(Arc::new(inner)))
    }

    /// The mirror of `remote`, for its credentials. Nothing is asked of the remote yet.
    pub fn mirror(&self, remote: Remote) -> Result<Mirror, Error> {
        let name = remote.directory(&self.0.key);
        let dir = self.0.dir.join(&name);
        if remote.url.directory().is_some() {
            fs::create_dir_all(&dir).map_err(Error::disk(&dir))?;
            return Mirror::local(remote, dir);
        }
        let mut stores = lock(&self.0.stores);
        let open = stores.get(&name).and_then(Weak::upgrade);
        let store = if let Some(store) = open {
            store
        } else {
            let store = Arc::new(Store::open(&dir)?);
            stores.retain(|_, store| store.strong_count() > 0);
            stores.insert(name, Arc::downgrade(&store));
            store
        };
        drop(stores);
        Ok(Mirror::stored(remote, store, Arc::clone(&self.0)))
    }
}

impl Inner {
    /// The most bytes that a mirror may take.
    pub(crate) fn budget(&self) -> u64 {
        self.budget
    }

    /// Removes the mirrors that were used longest ago, until the rest is within the budget.
    ///
    /// Mirrors in use stay. What cannot be removed is left to the next time.
    pub(crate) fn trim(&self) {
        let stores = lock(&self.stores);
        let mut idle: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        let mut total = 0;
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if !path.is_dir() {
                continue;
            }
            let bytes = store::size(&path);
            total += bytes;
            let name = entry.file_name().to_string_lossy().into_owned();
            if stores.get(&name).is_none_or(|store| store.strong_count() == 0) {
                let used =
                    fs::metadata(path.join(store::USED)).and_then(|metadata| metadata.modified());
                idle.push((used.unwrap_or(SystemTime::UNIX_EPOCH), bytes, path));
            }
        }
        idle.sort();
        for (_, bytes, path) in idle {
            if total <= self.budget {
                return;
            }
            if fs::remove_dir_all(&path).is_ok() {
                total -= bytes;
            }
        }
    }
}

/// Takes the cache's lock.
///
/// A process that ends, or a child of ours between `fork` and `exec`, may hold it a moment longer.
fn own(lock: &File, dir: &Path) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(source)) => return Err(Error::disk(dir)(source)),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(PATIENCE / 50);
            }
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: dir.to_owned() }),
        }
    }
}

/// The cache's secret, made when there is none.
fn secret(path: &Path) -> Result<hmac::Key, Error> {
    let mut bytes = fs::read(path).unwrap_or_default();
    if bytes.len() != SECRET {
        bytes = vec![0; SECRET];
        rand::fill(&mut bytes)
            .expect("the system has randomness, or nothing in this process is safe");
        let temporary = path.with_extension("new");
        fs::write(&temporary, &bytes)
            .and_then(|()| fs::set_permissions(&temporary, Permissions::from_mode(0o600)))
            .and_then(|()| fs::rename(&temporary, path))
            .map_err(Error::disk(path))?;
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

const PATIENCE: Duration = Duration::from_secs(1);
const SECRET: usize = 32;
