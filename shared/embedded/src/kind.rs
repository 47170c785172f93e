//! The kinds that are served, and what differs between them.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    failure::Cause,
    object::{self, Object},
    schema::Schema,
};

pub(crate) mod builtin;
pub(crate) mod crd;
pub(crate) mod rules;

/// A kind, in all its served versions, which share one storage.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "`kind` is what Kubernetes calls it")]
pub(crate) struct Kind {
    pub group: String,
    pub kind: String,
    pub plural: String,
    pub singular: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub namespaced: bool,
    /// The prefix of its keys in the store. The two kinds of Event are one storage.
    pub stored: String,
    /// Served versions, the preferred one first.
    pub versions: Vec<Version>,
    pub traits: Traits,
    /// What the schema cannot say.
    pub rule: Rule,
}

/// Checks and completes an object: `old` is what it replaces.
pub(crate) type Rule = fn(old: Option<&Object>, new: &mut Object) -> Vec<Cause>;

/// How a kind behaves where kinds differ.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each asked alone")]
pub(crate) struct Traits {
    /// It is compiled into kube-apiserver, so strategic merge patches exist, and a wrong type is
    /// a bad request.
    pub builtin: bool,
    /// `metadata.generation` counts changes of what is not status.
    pub generation: bool,
    /// A PUT to a free name creates.
    pub create_on_update: bool,
    /// A PUT without resourceVersion overwrites.
    pub unconditional_update: bool,
    /// Clients may write it at all.
    pub writable: bool,
}

/// One served version of a kind.
#[derive(Debug)]
pub(crate) struct Version {
    pub name: String,
    pub schema: Schema,
    /// `status` is written through its subresource only.
    pub status: bool,
    /// JSON paths, such as `spec.secretName`, that field selectors may name.
    pub selectable: Vec<String>,
    /// Top-level fields that have another name in storage: (here, there).
    pub renames: &'static [(&'static str, &'static str)],
    /// The warning that requests to this version carry.
    pub deprecation: Option<String>,
}

impl Kind {
    pub(crate) fn qualified_plural(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    pub(crate) fn qualified_kind(&self) -> String {
        qualified(&self.kind, &self.group)
    }

    /// Whether its objects are namespaces.
    pub(crate) fn is_namespace(&self) -> bool {
        self.group.is_empty() && self.plural == "namespaces"
    }

    pub(crate) fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.name == name)
    }

    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// What selectors can ask about an object, and nothing else of it.
    pub(crate) fn facets(&self, object: &Object) -> Object {
        let mut facets = Object::new();
        for field in ["name", "namespace"] {
            object::set(&mut facets, field, object::field(object, field));
        }
        object::carry(object, &mut facets, "labels");
        for version in &self.versions {
            for path in &version.selectable {
                copy(object, &mut facets, &version.stored_path(path));
            }
        }
        facets
    }

    /// The key of one object; `namespace` is empty for a cluster-scoped kind.
    pub(crate) fn key(&self, namespace: &str, name: &str) -> String {
        format!("{}{namespace}/{name}", self.stored)
    }
}

impl Version {
    /// Where storage keeps the field at `path`.
    pub(crate) fn stored_path(&self, path: &str) -> String {
        let (first, rest) = path.split_once('.').map_or((path, ""), |(first, rest)| (first, rest));
        let renamed = self.renames.iter().find(|(here, _)| *here == first);
        match (renamed, rest) {
            (None, _) => path.to_owned(),
            (Some((_, there)), "") => (*there).to_owned(),
            (Some((_, there)), rest) => format!("{there}.{rest}"),
        }
    }
}

/// Copies the value at a dotted path.
fn copy(from: &Object, to: &mut Object, path: &str) {
    let Some(value) = at(from, path) else { return };
    let mut steps = path.split('.').peekable();
    let mut here = to;
    while let Some(step) = steps.next() {
        if steps.peek().is_none() {
            here.insert(step.to_owned(), value.clone());
            return;
        }
        let next = here.entry(step).or_insert_with(|| Value::Object(Object::new()));
        let Some(map) = next.as_object_mut() else { return };
        here = map;
    }
}

fn qualified(word: &str, group: &str) -> String {
    if group.is_empty() { word.to_owned() } else { format!("{word}.{group}") }
}

/// All kinds of one server.
#[derive(Debug)]
pub(crate) struct Registry {
    kinds: Vec<Arc<Kind>>,
}

impl Registry {
    pub(crate) fn new(kinds: Vec<Kind>) -> Self {
        Self { kinds: kinds.into_iter().map(Arc::new).collect() }
    }

    pub(crate) fn kinds(&self) -> &[Arc<Kind>] {
        &self.kinds
    }

    /// The kind behind a URL's group, version and plural.
    pub(crate) fn by_plural(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Kind>> {
        self.find(group, version, |kind| kind.plural == plural)
    }

    /// The kind behind a manifest's `apiVersion` and `kind`.
    pub(crate) fn by_kind(&self, api_version: &str, name: &str) -> Option<&Arc<Kind>> {
        let (group, version) = split(api_version);
        self.find(group, version, |kind| kind.kind == name)
    }

    /// The kind behind an owner reference, whichever version that names.
    pub(crate) fn by_group_kind(&self, group: &str, name: &str) -> Option<&Arc<Kind>> {
        self.kinds.iter().find(|kind| kind.group == group && kind.kind == name)
    }

    /// The kind of a store key.
    pub(crate) fn by_key(&self, key: &str) -> Option<&Arc<Kind>> {
        self.kinds.iter().find(|kind| key.starts_with(&kind.stored))
    }

    fn find(
        &self,
        group: &str,
        version: &str,
        wanted: impl Fn(&Kind) -> bool,
    ) -> Option<&Arc<Kind>> {
        self.kinds
            .iter()
            .find(|kind| kind.group == group && wanted(kind) && kind.version(version).is_some())
    }
}

/// `apiVersion` into group and version.
pub(crate) fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// The value at a dotted path.
pub(crate) fn at<'v>(object: &'v Object, path: &str) -> Option<&'v Value> {
    let mut steps = path.split('.');
    let first = object.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step))
}
