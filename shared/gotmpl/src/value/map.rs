//! A Go map, in the order in which Go prints and ranges over it.
//!
//! Maps that a caller builds never change. Maps that a template makes with `dict` can be changed by
//! `set` and are shared by everyone who holds them, as in Go; so those live behind a lock that is
//! never held while a value is looked into.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Type, Value, order::Key};

/// A Go map.
#[derive(Clone)]
pub struct Map {
    key: Type,
    element: Type,
    entries: Entries,
}

#[derive(Clone)]
enum Entries {
    Fixed(Arc<Table>),
    Open(Arc<Mutex<Table>>),
}

#[derive(Clone, Default)]
struct Table(BTreeMap<Key, Value>);

impl Map {
    /// An empty map from `key` to `element`.
    pub fn of(key: Type, element: Type) -> Self {
        Self { key, element, entries: Entries::Fixed(Arc::default()) }
    }

    /// An empty `map[string]interface {}`.
    pub fn new() -> Self {
        Self::of(Type::String, Type::Any)
    }

    /// A `map[string]string`.
    pub fn strings<K: Into<Value>, V: Into<Value>>(
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        entries
            .into_iter()
            .fold(Self::of(Type::String, Type::String), |map, (key, value)| map.with(key, value))
    }

    /// This map with one more entry; an entry of the same key is replaced.
    #[must_use]
    pub fn with(mut self, key: impl Into<Value>, value: impl Into<Value>) -> Self {
        let (key, value) = (Key(key.into()), value.into());
        match &mut self.entries {
            Entries::Fixed(table) => {
                Arc::make_mut(table).0.insert(key, value);
            }
            Entries::Open(table) => {
                lock(table).0.insert(key, value);
            }
        }
        self
    }

    /// What the keys are declared to be.
    pub fn key_type(&self) -> &Type {
        &self.key
    }

    /// What the values are declared to be.
    pub fn element_type(&self) -> &Type {
        &self.element
    }

    /// The value under `key`.
    pub fn get(&self, key: &Value) -> Option<Value> {
        let key = Key(key.clone());
        self.read(|table| table.get(&key).cloned())
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.read(BTreeMap::len)
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries as they are now, sorted as Go sorts keys.
    pub fn entries(&self) -> Vec<(Value, Value)> {
        self.read(|table| table.iter().map(|(key, value)| (key.0.clone(), value.clone())).collect())
    }

    /// The keys as they are now, sorted as Go sorts them.
    pub fn keys(&self) -> Vec<Value> {
        self.read(|table| table.keys().map(|key| key.0.clone()).collect())
    }

    /// An empty `map[string]interface {}` that `set` can change.
    pub(crate) fn open() -> Self {
        Self::open_of(Type::String, Type::Any)
    }

    /// An empty map of these types that `set` can change.
    pub(crate) fn open_of(key: Type, element: Type) -> Self {
        Self { key, element, entries: Entries::Open(Arc::default()) }
    }

    /// Whether `set` can change this map.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.entries, Entries::Open(_))
    }

    /// Inserts into a map that a template made; false if the map is the caller's.
    pub(crate) fn insert(&self, key: Value, value: Value) -> bool {
        let Entries::Open(table) = &self.entries else { return false };
        let replaced = lock(table).0.insert(Key(key), value);
        drop(replaced);
        true
    }

    /// Removes from a map that a template made; false if the map is the caller's.
    pub(crate) fn remove(&self, key: &Value) -> bool {
        let Entries::Open(table) = &self.entries else { return false };
        let removed = lock(table).0.remove(&Key(key.clone()));
        drop(removed);
        true
    }

    /// Whether both are one and the same map.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.entries, &other.entries) {
            (Entries::Fixed(one), Entries::Fixed(two)) => Arc::ptr_eq(one, two),
            (Entries::Open(one), Entries::Open(two)) => Arc::ptr_eq(one, two),
            _ => false,
        }
    }

    fn read<T>(&self, look: impl FnOnce(&BTreeMap<Key, Value>) -> T) -> T {
        match &self.entries {
            Entries::Fixed(table) => look(&table.0),
            Entries::Open(table) => look(&lock(table).0),
        }
    }

    /// The values, taken out if nobody else holds them.
    fn into_values(self) -> Vec<Value> {
        let table = match self.entries {
            Entries::Fixed(table) => Arc::into_inner(table),
            Entries::Open(table) => Arc::into_inner(table)
                .map(|table| table.into_inner().unwrap_or_else(PoisonError::into_inner)),
        };
        table
            .map(|mut table| std::mem::take(&mut table.0).into_values().collect())
            .unwrap_or_default()
    }
}

impl Default for Map {
    fn default() -> Self {
        Self::new()
    }
}

/// A `map[string]interface {}`.
impl<K: Into<Value>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        entries.into_iter().fold(Self::new(), |map, (key, value)| map.with(key, value))
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        dismantle(std::mem::take(&mut self.0).into_values().collect());
    }
}

/// Drops values level by level: a template can nest them deeper than a stack is tall.
pub(super) fn dismantle(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        match value {
            Value::List(list) => values.append(&mut list.into_items()),
            Value::Map(map) => values.append(&mut map.into_values()),
            _ => {}
        }
    }
}

/// Inserting and removing cannot leave a table half changed, so a poisoned lock is still good.
fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
