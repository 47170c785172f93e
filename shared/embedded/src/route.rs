//! From the path of a URL to what it names.

use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::kind::{Kind, Registry, Version};

/// What a path names.
#[derive(Debug)]
pub(crate) enum Route {
    /// `/version`
    Version,
    /// `/healthz`, `/readyz`, `/livez`
    Health,
    /// `/api`
    CoreVersions,
    /// `/apis`
    Groups,
    /// `/apis/GROUP`
    Group(String),
    /// `/api/v1` and `/apis/GROUP/VERSION`
    Resources { group: String, version: String },
    /// A collection or an object.
    Objects(Target),
}

/// One object, or all of a namespace, or all.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub kind: Arc<Kind>,
    version: usize,
    /// Empty: cluster-scoped, or all namespaces.
    pub namespace: String,
    /// Empty for a collection.
    pub name: String,
    /// The status subresource is meant.
    pub status: bool,
}

impl Target {
    /// An object as a manifest names it.
    pub(crate) fn new(
        kind: &Arc<Kind>,
        version: &str,
        namespace: &str,
        name: &str,
    ) -> Option<Self> {
        Some(Self {
            version: kind.versions.iter().position(|served| served.name == version)?,
            kind: Arc::clone(kind),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            status: false,
        })
    }

    pub(crate) fn version(&self) -> &Version {
        &self.kind.versions[self.version]
    }

    pub(crate) fn api_version(&self) -> String {
        self.kind.api_version(&self.version().name)
    }

    pub(crate) fn key(&self) -> String {
        self.kind.key(&self.namespace, &self.name)
    }

    /// The prefix of the keys of a collection.
    pub(crate) fn prefix(&self) -> String {
        if self.namespace.is_empty() {
            self.kind.stored.clone()
        } else {
            format!("{}{}/", self.kind.stored, self.namespace)
        }
    }
}

/// What `path` names, if anything.
pub(crate) fn find(kinds: &Registry, path: &str) -> Option<Route> {
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["version"] => Some(Route::Version),
        ["healthz" | "readyz" | "livez", ..] => Some(Route::Health),
        ["api"] => Some(Route::CoreVersions),
        ["apis"] => Some(Route::Groups),
        ["apis", group] => {
            let known = kinds.kinds().iter().any(|kind| kind.group == *group);
            known.then(|| Route::Group((*group).to_owned()))
        }
        ["api", version] => resources(kinds, "", version),
        ["apis", group, version] => resources(kinds, group, version),
        ["api", version, rest @ ..] => objects(kinds, "", version, rest),
        ["apis", group, version, rest @ ..] => objects(kinds, group, version, rest),
        _ => None,
    }
}

fn resources(kinds: &Registry, group: &str, version: &str) -> Option<Route> {
    let served = |kind: &Arc<Kind>| kind.group == group && kind.version(version).is_some();
    let (group, version) = (group.to_owned(), version.to_owned());
    kinds.kinds().iter().any(served).then_some(Route::Resources { group, version })
}

fn objects(kinds: &Registry, group: &str, version: &str, rest: &[&str]) -> Option<Route> {
    let (namespace, rest) = match rest {
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => ("", rest),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        _ => ("", rest),
    };
    let (plural, name, sub) = match rest {
        [plural] => (plural, "", ""),
        [plural, name] => (plural, *name, ""),
        [plural, name, sub] => (plural, *name, *sub),
        _ => return None,
    };
    let kind = kinds.by_plural(group, version, plural)?;
    let mut target = Target::new(kind, version, namespace, name)?;
    let scoped = kind.namespaced != namespace.is_empty();
    let all_namespaces = kind.namespaced && namespace.is_empty() && name.is_empty();
    if !scoped && !all_namespaces {
        return None;
    }
    target.status = match sub {
        "" => false,
        "status" if target.version().status => true,
        _ => return None,
    };
    Some(Route::Objects(target))
}
