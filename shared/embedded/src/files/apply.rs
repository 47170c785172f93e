//! From what a file says to the object in the store.
//!
//! The file is the spec. What controllers wrote stays: the status, finalizers, and labels and
//! annotations that the file never had.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::manifest::Manifest;
use crate::{
    api::Api,
    failure::Failure,
    object::{self, Object},
    remove::Propagation,
    store::{self, Writer},
    write::Author,
};

/// What the store remembers of a file's object, to know later what the file no longer says.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Record {
    /// The path of the file.
    pub file: String,
    #[serde(default)]
    labels: Map<String, Value>,
    #[serde(default)]
    annotations: Map<String, Value>,
}

impl Record {
    pub(super) fn parse(key: &str, bytes: &[u8]) -> Result<Self, store::Error> {
        serde_json::from_slice(bytes)
            .map_err(|source| store::Error::Object { key: key.to_owned(), source })
    }

    fn of(file: &str, object: &Object) -> Self {
        let map = |field| object::meta(object).get(field).and_then(Value::as_object).cloned();
        Self {
            file: file.to_owned(),
            labels: map("labels").unwrap_or_default(),
            annotations: map("annotations").unwrap_or_default(),
        }
    }
}

/// What became of a manifest.
pub(super) enum Applied {
    Done,
    /// It cannot be done yet.
    Later(String),
}

/// Makes the object be what the file says.
pub(super) fn apply(
    api: &Api,
    writer: &mut Writer<'_>,
    file: &str,
    manifest: Manifest,
) -> Result<Applied, Failure> {
    let Manifest { mut target, object, .. } = manifest;
    let key = target.key();
    let live = writer.object(&key)?;
    let before = match writer.file(&key)? {
        Some(bytes) => Some(Record::parse(&key, &bytes)?),
        None => None,
    };
    let record = Record::of(file, &object);
    let bytes = serde_json::to_vec(&record).expect("a record is strings and JSON");
    let changed = before.as_ref() != Some(&record);
    let named = format!("{} `{}`", target.kind.kind, target.name);
    match live {
        None => {
            writer.set_file(&key, &bytes)?;
            if let Err(failure) = api.insert(writer, &mut target, object) {
                writer.remove_file(&key)?;
                return Err(failure);
            }
        }
        Some(live) if object::deleting(&live) => {
            let message = format!("{named} is still being deleted; it is made again after that");
            return Ok(Applied::Later(message));
        }
        Some(_) if before.is_none() && !target.kind.is_namespace() => {
            return Ok(Applied::Later(format!(
                "{named} was already made by a controller; delete one of the two"
            )));
        }
        Some(live) => {
            let new = merge(&live, object, &before.unwrap_or_default(), &record);
            api.update(writer, &target, &Author::File, (&live, new))?;
            if changed {
                writer.set_file(&key, &bytes)?;
            }
        }
    }
    Ok(Applied::Done)
}

/// Deletes an object whose file no longer describes it; finalizers run.
pub(super) fn withdraw(api: &Api, writer: &mut Writer<'_>, key: &str) -> Result<(), Failure> {
    writer.remove_file(key)?;
    let Some(kind) = api.kinds.by_key(key).cloned() else { return Ok(()) };
    let Some(live) = writer.object(key)? else { return Ok(()) };
    if !object::deleting(&live) {
        api.retire_unchecked(writer, &kind, &live, Propagation::Background)?;
    }
    Ok(())
}

/// The file's object with what controllers added to the live one.
fn merge(live: &Object, mut new: Object, before: &Record, now: &Record) -> Object {
    for (field, before, now) in [
        ("labels", &before.labels, &now.labels),
        ("annotations", &before.annotations, &now.annotations),
    ] {
        let there = object::meta(live).get(field).and_then(Value::as_object);
        let mut merged = there.cloned().unwrap_or_default();
        // What the file does not change is left to whoever wrote it last.
        merged.retain(|key, _| !before.contains_key(key) || now.contains_key(key));
        for (key, value) in now {
            if before.get(key) != Some(value) || !merged.contains_key(key) {
                merged.insert(key.clone(), value.clone());
            }
        }
        let meta = object::meta_mut(&mut new);
        if merged.is_empty() {
            meta.remove(field);
        } else {
            meta.insert(field.to_owned(), Value::Object(merged));
        }
    }
    object::carry(live, &mut new, "finalizers");
    if let Some(status) = live.get("status") {
        new.insert("status".to_owned(), status.clone());
    }
    new
}
