//! One write transaction.

use std::{collections::VecDeque, sync::Arc};

use redb::{ReadableTable as _, Table, WriteTransaction};

use super::{COUNTERS, Error, FILES, OBJECTS, OWNED, RESOURCE_VERSION, parse};
use crate::{
    kind::Kind,
    log::{Change, Event},
    object::{self, Object},
};

/// The tables of a transaction, and the events that its commit will publish.
pub(crate) struct Writer<'t> {
    objects: Table<'t, &'static str, &'static [u8]>,
    owned: Table<'t, &'static str, ()>,
    files: Table<'t, &'static str, &'static [u8]>,
    counters: Table<'t, &'static str, u64>,
    version: u64,
    changed: bool,
    events: Vec<Arc<Event>>,
    touched: VecDeque<Touched>,
}

/// An object that this transaction wrote, for what follows from it.
pub(crate) enum Touched {
    /// It has owners or is being deleted.
    Put(String),
    Removed {
        key: String,
        object: Object,
    },
}

impl<'t> Writer<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction) -> Result<Self, Error> {
        let counters = transaction.open_table(COUNTERS).map_err(Error::write)?;
        let version = counters.get(RESOURCE_VERSION).map_err(Error::write)?;
        let version = version.map_or(1, |version| version.value());
        Ok(Self {
            objects: transaction.open_table(OBJECTS).map_err(Error::write)?,
            owned: transaction.open_table(OWNED).map_err(Error::write)?,
            files: transaction.open_table(FILES).map_err(Error::write)?,
            counters,
            version,
            changed: false,
            events: Vec::new(),
            touched: VecDeque::new(),
        })
    }

    /// The events, or nothing when nothing was changed.
    pub(super) fn finish(mut self) -> Result<Option<Vec<Arc<Event>>>, Error> {
        if !self.changed {
            return Ok(None);
        }
        self.counters.insert(RESOURCE_VERSION, self.version).map_err(Error::write)?;
        Ok(Some(self.events))
    }

    pub(crate) fn object(&self, key: &str) -> Result<Option<Object>, Error> {
        let found = self.objects.get(key).map_err(Error::read)?;
        found.map(|bytes| parse(key, bytes.value())).transpose()
    }

    /// Stores `new` in place of `old` under a new resourceVersion, which it also receives.
    pub(crate) fn put(
        &mut self,
        kind: &Kind,
        old: Option<&Object>,
        new: &mut Object,
    ) -> Result<(), Error> {
        self.version += 1;
        object::set(new, "resourceVersion", &self.version.to_string());
        let key = kind.key(object::namespace(new), object::name(new));
        let bytes = object::bytes(new);
        self.objects.insert(key.as_str(), bytes.as_slice()).map_err(Error::write)?;
        self.index(&key, old, Some(new))?;
        self.record(kind, (&key, bytes), (old, Some(new)))?;
        if !object::owners(new).is_empty() || object::deleting(new) {
            self.touched.push_back(Touched::Put(key));
        }
        Ok(())
    }

    /// Removes `old`; its last state is published under a new resourceVersion.
    pub(crate) fn remove(&mut self, kind: &Kind, old: &Object) -> Result<(), Error> {
        self.version += 1;
        let key = kind.key(object::namespace(old), object::name(old));
        self.objects.remove(key.as_str()).map_err(Error::write)?;
        self.index(&key, Some(old), None)?;
        let mut last = old.clone();
        object::set(&mut last, "resourceVersion", &self.version.to_string());
        self.record(kind, (&key, object::bytes(&last)), (Some(old), None))?;
        self.touched.push_back(Touched::Removed { key, object: last });
        Ok(())
    }

    /// The resourceVersion of the last change.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The next written object that has not been looked at.
    pub(crate) fn next_touched(&mut self) -> Option<Touched> {
        self.touched.pop_front()
    }

    /// Notes the event of a change from `old` to `new`; `bytes` are the object's last state.
    fn record(
        &mut self,
        kind: &Kind,
        (key, bytes): (&str, Vec<u8>),
        (old, new): (Option<&Object>, Option<&Object>),
    ) -> Result<(), Error> {
        self.changed = true;
        let change = match (old, new) {
            (_, None) => Change::Deleted,
            (None, Some(_)) => Change::Added,
            (Some(_), Some(_)) => Change::Modified,
        };
        let from_file = self.files.get(key).map_err(Error::read)?.is_some();
        let before = old.map(|old| kind.facets(old));
        let after = new.map(|new| kind.facets(new));
        let crossing = after.is_some() && before != after;
        let previous = old.filter(|_| crossing).map(|old| {
            let mut old = old.clone();
            object::set(&mut old, "resourceVersion", &self.version.to_string());
            object::bytes(&old).into()
        });
        self.events.push(Arc::new(Event {
            version: self.version,
            stored: kind.stored.clone(),
            change,
            before,
            after,
            object: bytes.into(),
            from_file,
            previous,
        }));
        Ok(())
    }

    /// Keeps `OWNED` in step with the owner references.
    fn index(
        &mut self,
        key: &str,
        old: Option<&Object>,
        new: Option<&Object>,
    ) -> Result<(), Error> {
        let uids = |object: Option<&Object>| -> Vec<String> {
            let owners = object.map_or(&[][..], object::owners);
            owners.iter().filter_map(|owner| owner["uid"].as_str()).map(str::to_owned).collect()
        };
        let (old, new) = (uids(old), uids(new));
        for uid in old.iter().filter(|uid| !new.contains(uid)) {
            self.owned.remove(format!("{uid}/{key}").as_str()).map_err(Error::write)?;
        }
        for uid in new.iter().filter(|uid| !old.contains(uid)) {
            self.owned.insert(format!("{uid}/{key}").as_str(), ()).map_err(Error::write)?;
        }
        Ok(())
    }

    /// The keys of the objects that name this uid as an owner.
    pub(crate) fn owned_by(&self, uid: &str) -> Result<Vec<String>, Error> {
        let prefix = format!("{uid}/");
        let mut keys = Vec::new();
        for row in self.owned.range(prefix.as_str()..).map_err(Error::read)? {
            let (key, ()) = {
                let (key, _) = row.map_err(Error::read)?;
                (key.value().to_owned(), ())
            };
            let Some(dependent) = key.strip_prefix(&prefix) else { break };
            keys.push(dependent.to_owned());
        }
        Ok(keys)
    }

    /// The keys of all objects that have owners.
    pub(crate) fn all_owned(&self) -> Result<Vec<String>, Error> {
        let mut keys = Vec::new();
        for row in self.owned.range::<&str>(..).map_err(Error::read)? {
            let (key, _) = row.map_err(Error::read)?;
            keys.extend(key.value().split_once('/').map(|(_, key)| key.to_owned()));
        }
        keys.sort();
        keys.dedup();
        Ok(keys)
    }

    /// The keys of all objects whose key begins with `prefix`.
    pub(crate) fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let mut keys = Vec::new();
        for row in self.objects.range(prefix..).map_err(Error::read)? {
            let (key, _) = row.map_err(Error::read)?;
            if !key.value().starts_with(prefix) {
                break;
            }
            keys.push(key.value().to_owned());
        }
        Ok(keys)
    }

    /// What a file said of this object.
    pub(crate) fn file(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let found = self.files.get(key).map_err(Error::read)?;
        Ok(found.map(|bytes| bytes.value().to_vec()))
    }

    pub(crate) fn set_file(&mut self, key: &str, record: &[u8]) -> Result<(), Error> {
        self.changed = true;
        self.files.insert(key, record).map_err(Error::write)?;
        Ok(())
    }

    pub(crate) fn remove_file(&mut self, key: &str) -> Result<(), Error> {
        self.changed |= self.files.remove(key).map_err(Error::write)?.is_some();
        Ok(())
    }
}
