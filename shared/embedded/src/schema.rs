//! Structural schemas of CRDs: what is pruned, what is defaulted, what is valid.
//!
//! CEL rules (`x-kubernetes-validations`) are not run here: each has a twin in the `validate` of
//! its kind's reconciler.

use std::{
    collections::BTreeMap,
    sync::{LazyLock, OnceLock},
};

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

mod validate;

/// One node of a structural schema.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the names are those of the wire")]
pub(crate) struct Schema {
    #[serde(rename = "type")]
    kind: Option<String>,
    format: Option<String>,
    properties: BTreeMap<String, Schema>,
    additional_properties: Option<Additional>,
    items: Option<Box<Schema>>,
    required: Vec<String>,
    #[serde(deserialize_with = "present")]
    default: Option<Value>,
    nullable: bool,
    #[serde(rename = "enum")]
    choices: Vec<Value>,
    pattern: Option<Pattern>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    exclusive_minimum: bool,
    exclusive_maximum: bool,
    multiple_of: Option<f64>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    min_items: Option<usize>,
    max_items: Option<usize>,
    min_properties: Option<usize>,
    max_properties: Option<usize>,
    unique_items: bool,
    all_of: Vec<Schema>,
    any_of: Vec<Schema>,
    one_of: Vec<Schema>,
    not: Option<Box<Schema>>,
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    preserve: bool,
    #[serde(rename = "x-kubernetes-int-or-string")]
    int_or_string: bool,
    #[serde(rename = "x-kubernetes-embedded-resource")]
    embedded: bool,
    #[serde(rename = "x-kubernetes-list-type")]
    list_type: Option<String>,
    #[serde(rename = "x-kubernetes-list-map-keys")]
    list_map_keys: Vec<String>,
    #[serde(rename = "x-kubernetes-map-type")]
    map_type: Option<String>,
}

/// What a map may hold beside its named properties.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Additional {
    Any(bool),
    Each(Box<Schema>),
}

/// A regular expression, compiled when the first value meets it.
#[derive(Debug, Deserialize)]
#[serde(from = "String")]
struct Pattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self { text, compiled: OnceLock::new() }
    }
}

/// How server-side apply merges a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merge<'s> {
    /// As one value.
    Atomic,
    /// Field by field.
    Map,
    /// A list of scalars without order.
    Set,
    /// A list of objects, told apart by these fields.
    Keyed(&'s [String]),
}

/// `default: null` is a default.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Schema {
    /// The schema of what `x-kubernetes-preserve-unknown-fields` covers: anything.
    pub(crate) fn anything() -> Self {
        Self { preserve: true, ..Self::default() }
    }

    /// A schema that this crate wrote itself.
    pub(crate) fn deserialize_own(schema: &Value) -> Self {
        Self::deserialize(schema).expect("the schemas of built-in kinds are well-formed")
    }

    /// Removes what the schema does not know, and returns the paths of it.
    pub(crate) fn prune(&self, object: &mut Map<String, Value>) -> Vec<String> {
        let mut unknown = Vec::new();
        self.prune_map(object, "", &mut unknown, true);
        unknown
    }

    fn prune_map(
        &self,
        map: &mut Map<String, Value>,
        path: &str,
        unknown: &mut Vec<String>,
        root: bool,
    ) {
        let typed_meta = |key: &str| matches!(key, "apiVersion" | "kind" | "metadata");
        map.retain(|key, value| {
            if (root || self.embedded) && typed_meta(key) {
                return true;
            }
            let Some(schema) = self.child(key) else {
                if !self.preserve {
                    unknown.push(join(path, key));
                }
                return self.preserve;
            };
            schema.prune_value(value, &join(path, key), unknown);
            true
        });
    }

    fn prune_value(&self, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
        match value {
            Value::Object(map) if !self.holds_anything() => {
                self.prune_map(map, path, unknown, false);
            }
            Value::Array(list) => {
                let Some(items) = &self.items else { return };
                for (at, item) in list.iter_mut().enumerate() {
                    items.prune_value(item, &format!("{path}[{at}]"), unknown);
                }
            }
            _ => {}
        }
    }

    /// Whether nothing is known about the inside, so that nothing can be pruned there.
    fn holds_anything(&self) -> bool {
        self.preserve && self.properties.is_empty() && self.additional_properties.is_none()
            || matches!(self.additional_properties, Some(Additional::Any(true)))
    }

    /// The schema of one property.
    fn child(&self, key: &str) -> Option<&Self> {
        static ANYTHING: OnceLock<Schema> = OnceLock::new();
        self.properties.get(key).or(match &self.additional_properties {
            Some(Additional::Each(schema)) => Some(schema),
            Some(Additional::Any(true)) => Some(ANYTHING.get_or_init(Schema::anything)),
            _ => None,
        })
    }

    /// Fills in what is absent and has a default; a null where null is not allowed is absent.
    pub(crate) fn complete(&self, map: &mut Map<String, Value>) {
        map.retain(|key, value| {
            !value.is_null() || self.child(key).is_none_or(|child| child.nullable || child.preserve)
        });
        for (key, child) in &self.properties {
            if let (Some(default), false) = (&child.default, map.contains_key(key)) {
                map.insert(key.clone(), default.clone());
            }
        }
        for (key, value) in map.iter_mut() {
            if let Some(child) = self.child(key) {
                child.complete_value(value);
            }
        }
    }

    fn complete_value(&self, value: &mut Value) {
        match value {
            Value::Object(map) => self.complete(map),
            Value::Array(list) => {
                if let Some(items) = &self.items {
                    for item in list {
                        items.complete_value(item);
                    }
                }
            }
            _ => {}
        }
    }

    /// How server-side apply merges a value of this schema.
    pub(crate) fn merge(&self, value: &Value) -> Merge<'_> {
        match (value, self.list_type.as_deref()) {
            (Value::Object(_), _) if self.map_type.as_deref() != Some("atomic") => Merge::Map,
            (Value::Array(_), Some("set")) => Merge::Set,
            (Value::Array(_), Some("map")) => Merge::Keyed(&self.list_map_keys),
            _ => Merge::Atomic,
        }
    }

    /// The schema of a top-level field; `metadata` is the same for all kinds.
    pub(crate) fn root_property(&self, key: &str) -> &Self {
        static METADATA: LazyLock<Schema> = LazyLock::new(|| {
            Schema::deserialize_own(&serde_json::json!({ "properties": {
                "finalizers": { "x-kubernetes-list-type": "set" },
                "ownerReferences": { "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["uid"],
                    "items": { "x-kubernetes-map-type": "atomic" } },
            }}))
        });
        if key == "metadata" { &METADATA } else { self.property(key) }
    }

    /// The schema of a property, or of anything when nothing is said.
    pub(crate) fn property(&self, key: &str) -> &Self {
        static ANYTHING: OnceLock<Schema> = OnceLock::new();
        self.child(key).unwrap_or_else(|| ANYTHING.get_or_init(Schema::anything))
    }

    /// The schema of a list's items, or of anything when nothing is said.
    pub(crate) fn item(&self) -> &Self {
        static ANYTHING: OnceLock<Schema> = OnceLock::new();
        match &self.items {
            Some(items) => items,
            None => ANYTHING.get_or_init(Schema::anything),
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
