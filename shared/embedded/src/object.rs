//! An object as it is stored: JSON without `apiVersion` and `kind`.
//!
//! All served versions of a kind share one storage, so an answer in the asked version is those
//! two fields written before the stored bytes; nothing is parsed.

use std::sync::LazyLock;

use serde_json::{Map, Value};

/// The fields of an object but `apiVersion` and `kind`.
pub(crate) type Object = Map<String, Value>;

static EMPTY: LazyLock<Object> = LazyLock::new(Map::new);

/// `metadata`, empty when there is none.
pub(crate) fn meta(object: &Object) -> &Object {
    object.get("metadata").and_then(Value::as_object).unwrap_or(&EMPTY)
}

/// `metadata`, made when there is none.
pub(crate) fn meta_mut(object: &mut Object) -> &mut Object {
    let slot = object.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    slot.as_object_mut().expect("it was made an object just now")
}

/// A string of `metadata`, empty when absent.
pub(crate) fn field<'o>(object: &'o Object, name: &str) -> &'o str {
    meta(object).get(name).and_then(Value::as_str).unwrap_or("")
}

pub(crate) fn name(object: &Object) -> &str {
    field(object, "name")
}

pub(crate) fn namespace(object: &Object) -> &str {
    field(object, "namespace")
}

pub(crate) fn uid(object: &Object) -> &str {
    field(object, "uid")
}

/// A list of strings in `metadata`.
pub(crate) fn strings<'o>(object: &'o Object, name: &str) -> Vec<&'o str> {
    let list = meta(object).get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether a delete has been asked for and finalizers hold it up.
pub(crate) fn deleting(object: &Object) -> bool {
    meta(object).contains_key("deletionTimestamp")
}

/// `metadata.ownerReferences`.
pub(crate) fn owners(object: &Object) -> &[Value] {
    meta(object).get("ownerReferences").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Sets a string of `metadata`, or removes it when empty.
pub(crate) fn set(object: &mut Object, name: &str, value: &str) {
    if value.is_empty() {
        meta_mut(object).remove(name);
    } else {
        meta_mut(object).insert(name.to_owned(), Value::from(value));
    }
}

/// Takes `metadata.<name>` over from `old`, also its absence.
pub(crate) fn carry(old: &Object, new: &mut Object, name: &str) {
    match meta(old).get(name) {
        Some(value) => {
            meta_mut(new).insert(name.to_owned(), value.clone());
        }
        None => {
            meta_mut(new).remove(name);
        }
    }
}

/// Parses what the store holds.
pub(crate) fn parse(bytes: &[u8]) -> Result<Object, serde_json::Error> {
    serde_json::from_slice(bytes)
}

/// The bytes that the store holds.
pub(crate) fn bytes(object: &Object) -> Vec<u8> {
    serde_json::to_vec(object).expect("a JSON map with string keys always serializes")
}
