//! Sets of fields, and who owns them: `metadata.managedFields`.
//!
//! The form is Kubernetes' own `FieldsV1`. Objects that nobody ever applied carry no owners; at the
//! first apply everything that is there belongs to `before-first-apply`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    object::{self, Object},
    schema::{Merge, Schema},
};

/// A set of paths into an object. Steps are spelled as `FieldsV1` spells them: `f:name`,
/// `k:{"name":"x"}`, `v:"item"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    /// The path that leads here is a member.
    member: bool,
    children: BTreeMap<String, Fields>,
}

/// Whether a map or list counts as a field of its own beside what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parents {
    /// What an apply configuration says: only leaves, and the items of keyed lists.
    Omitted,
    /// What an update creates: also the containers.
    Included,
}

/// Fields of `metadata` that belong to the server.
const SERVER: [&str; 10] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
];

impl Fields {
    /// The fields that `object` sets.
    pub(crate) fn of(schema: &Schema, object: &Object, parents: Parents) -> Self {
        let mut root = Self::default();
        for (key, value) in object {
            let child = Self::of_value(schema.root_property(key), value, parents);
            root.insert(key, child, key == "metadata");
        }
        root
    }

    fn of_value(schema: &Schema, value: &Value, parents: Parents) -> Self {
        let included = parents == Parents::Included;
        let mut node = Self::default();
        match (schema.merge(value), value) {
            (Merge::Map, Value::Object(map)) => {
                for (key, value) in map {
                    let child = Self::of_value(schema.property(key), value, parents);
                    node.children.insert(format!("f:{key}"), child);
                }
            }
            (Merge::Keyed(keys), Value::Array(list)) => {
                for item in list {
                    let mut child = Self::of_value(schema.item(), item, parents);
                    child.member = true;
                    node.children.insert(key_step(keys, item), child);
                }
            }
            (Merge::Set, Value::Array(list)) => {
                for item in list {
                    node.children.insert(format!("v:{item}"), Self::leaf());
                }
            }
            _ => return Self::leaf(),
        }
        node.member = included || node.children.is_empty();
        node
    }

    /// The fields in which `new` differs from `old`, including those that `old` lacks.
    pub(crate) fn changed(schema: &Schema, old: &Object, new: &Object, parents: Parents) -> Self {
        let mut root = Self::default();
        for (key, value) in new {
            let schema = schema.root_property(key);
            let child = Self::changed_value(schema, old.get(key), value, parents);
            root.insert(key, child.unwrap_or_default(), key == "metadata");
        }
        root
    }

    fn changed_value(
        schema: &Schema,
        old: Option<&Value>,
        new: &Value,
        parents: Parents,
    ) -> Option<Self> {
        let Some(old) = old else { return Some(Self::of_value(schema, new, parents)) };
        if old == new {
            return None;
        }
        let mut node = Self::default();
        match (schema.merge(new), old, new) {
            (Merge::Map, Value::Object(old), Value::Object(new)) => {
                for (key, value) in new {
                    let child =
                        Self::changed_value(schema.property(key), old.get(key), value, parents);
                    node.children.extend(child.map(|child| (format!("f:{key}"), child)));
                }
            }
            (Merge::Keyed(keys), Value::Array(old), Value::Array(new)) => {
                for item in new {
                    let step = key_step(keys, item);
                    let there = old.iter().find(|other| key_step(keys, other) == step);
                    let child = Self::changed_value(schema.item(), there, item, parents);
                    node.children.extend(child.map(|mut child| {
                        child.member |= there.is_none();
                        (step, child)
                    }));
                }
            }
            (Merge::Set, Value::Array(old), Value::Array(new)) => {
                for item in new.iter().filter(|item| !old.contains(item)) {
                    node.children.insert(format!("v:{item}"), Self::leaf());
                }
            }
            _ => return Some(Self::leaf()),
        }
        (!node.children.is_empty()).then_some(node)
    }

    fn leaf() -> Self {
        Self { member: true, children: BTreeMap::new() }
    }

    /// Adds a top-level field; of metadata, only what clients own.
    fn insert(&mut self, key: &str, mut child: Self, metadata: bool) {
        if metadata {
            child.member = false;
            for field in SERVER {
                child.children.remove(&format!("f:{field}"));
            }
        }
        if !child.is_empty() {
            self.children.insert(format!("f:{key}"), child);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }

    /// Only the top-level fields that `wanted` says.
    pub(crate) fn restrict(&mut self, wanted: impl Fn(&str) -> bool) {
        self.children.retain(|step, _| wanted(step.trim_start_matches("f:")));
    }

    pub(crate) fn union(&mut self, other: &Self) {
        self.member |= other.member;
        for (step, child) in &other.children {
            self.children.entry(step.clone()).or_default().union(child);
        }
    }

    /// The members that are in both.
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let mut both = Self { member: self.member && other.member, children: BTreeMap::new() };
        for (step, child) in &self.children {
            if let Some(there) = other.children.get(step) {
                let child = child.intersection(there);
                if !child.is_empty() {
                    both.children.insert(step.clone(), child);
                }
            }
        }
        both
    }

    /// The members that are not in `other`.
    pub(crate) fn difference(&self, other: &Self) -> Self {
        let mut left = Self { member: self.member && !other.member, children: BTreeMap::new() };
        for (step, child) in &self.children {
            let child = match other.children.get(step) {
                Some(there) => child.difference(there),
                None => child.clone(),
            };
            if !child.is_empty() {
                left.children.insert(step.clone(), child);
            }
        }
        left
    }

    /// Every member as people read it, such as `.spec.parts[name="x"].count`.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect("", &mut paths);
        paths
    }

    fn collect(&self, path: &str, paths: &mut Vec<String>) {
        if self.member {
            paths.push(path.to_owned());
        }
        for (step, child) in &self.children {
            child.collect(&format!("{path}{}", readable(step)), paths);
        }
    }

    /// Removes the members of this set from an object.
    pub(crate) fn remove_from(&self, schema: &Schema, object: &mut Object) {
        for (step, child) in &self.children {
            let key = step.trim_start_matches("f:");
            if let Some(value) = object.get_mut(key)
                && child.empties(schema.root_property(key), value)
                && key != "metadata"
            {
                object.remove(key);
            }
        }
    }

    /// Removes members from `value`, and says whether nothing is left of it.
    fn empties(&self, schema: &Schema, value: &mut Value) -> bool {
        if self.children.is_empty() {
            return self.member;
        }
        let kind = schema.merge(value);
        match value {
            Value::Object(map) => {
                for (step, child) in &self.children {
                    let key = step.trim_start_matches("f:");
                    if map.get_mut(key).is_some_and(|v| child.empties(schema.property(key), v)) {
                        map.remove(key);
                    }
                }
                map.is_empty()
            }
            Value::Array(list) => {
                list.retain_mut(|item| {
                    let step = match kind {
                        Merge::Keyed(keys) => key_step(keys, item),
                        _ => format!("v:{item}"),
                    };
                    let Some(child) = self.children.get(&step) else { return true };
                    !(child.member || child.empties(schema.item(), item))
                });
                list.is_empty()
            }
            _ => self.member,
        }
    }

    /// Reads `FieldsV1`.
    pub(crate) fn parse(value: &Value) -> Self {
        let Some(map) = value.as_object() else { return Self::default() };
        let mut node = Self { member: map.is_empty(), children: BTreeMap::new() };
        for (step, child) in map {
            if step == "." {
                node.member = true;
            } else {
                node.children.insert(step.clone(), Self::parse(child));
            }
        }
        node
    }

    /// Writes `FieldsV1`.
    pub(crate) fn json(&self) -> Value {
        let mut map = Map::new();
        if self.member && !self.children.is_empty() {
            map.insert(".".to_owned(), json!({}));
        }
        for (step, child) in &self.children {
            map.insert(step.clone(), child.json());
        }
        Value::Object(map)
    }
}

/// The step to an item of a keyed list.
pub(crate) fn key_step(keys: &[String], item: &Value) -> String {
    let pick = |key: &String| Some((key.clone(), item.get(key)?.clone()));
    let found: Map<String, Value> = keys.iter().filter_map(pick).collect();
    format!("k:{}", Value::Object(found))
}

fn readable(step: &str) -> String {
    let (kind, rest) = step.split_at(2.min(step.len()));
    match kind {
        "f:" => format!(".{rest}"),
        "v:" => format!("[={rest}]"),
        _ => {
            let keys: Map<String, Value> = serde_json::from_str(rest).unwrap_or_default();
            let keys: Vec<String> =
                keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", keys.join(","))
        }
    }
}

/// One entry of `metadata.managedFields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manager {
    pub name: String,
    /// `Apply` or `Update`.
    pub operation: String,
    pub subresource: String,
    pub api_version: String,
    pub fields: Fields,
    /// When its fields last changed; empty for now.
    pub time: String,
}

/// Who owned everything before the first apply.
pub(crate) const BEFORE_FIRST_APPLY: &str = "before-first-apply";

impl Manager {
    /// The entries of an object.
    pub(crate) fn all(object: &Object) -> Vec<Self> {
        let entries = object::meta(object).get("managedFields").and_then(Value::as_array);
        let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or("").to_owned();
        let entries = entries.into_iter().flatten().map(|entry| Self {
            name: text(entry, "manager"),
            operation: text(entry, "operation"),
            subresource: text(entry, "subresource"),
            api_version: text(entry, "apiVersion"),
            fields: Fields::parse(&entry["fieldsV1"]),
            time: text(entry, "time"),
        });
        entries.collect()
    }

    /// Writes the entries; one whose fields are not what they were gets the time `now`.
    pub(crate) fn store(managers: &[Self], before: &[Self], now: &str, object: &mut Object) {
        let list: Vec<Value> = managers
            .iter()
            .filter(|manager| !manager.fields.is_empty())
            .map(|manager| {
                let same = |old: &&Self| old.is(manager) && old.fields == manager.fields;
                let time = before.iter().find(same).map_or(now, |old| old.time.as_str());
                let mut entry = json!({
                    "manager": manager.name, "operation": manager.operation,
                    "apiVersion": manager.api_version, "time": time,
                    "fieldsType": "FieldsV1", "fieldsV1": manager.fields.json(),
                });
                if !manager.subresource.is_empty() {
                    entry["subresource"] = json!(manager.subresource);
                }
                entry
            })
            .collect();
        if list.is_empty() {
            object::meta_mut(object).remove("managedFields");
        } else {
            object::meta_mut(object).insert("managedFields".to_owned(), Value::Array(list));
        }
    }

    /// Whether two entries are the same manager's.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.name == other.name
            && self.operation == other.operation
            && self.subresource == other.subresource
            && self.api_version == other.api_version
    }
}
