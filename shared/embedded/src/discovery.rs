//! Discovery: which groups, versions and resources there are.

use http::{HeaderMap, header};
use serde_json::{Value, json};

use crate::{
    api::Answer,
    kind::{Kind, Registry, crd::priority},
    route::Route,
};

const VERBS: [&str; 8] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const READ_VERBS: [&str; 3] = ["get", "list", "watch"];
const STATUS_VERBS: [&str; 3] = ["get", "patch", "update"];

/// The answer to a path that names no objects.
pub(crate) fn answer(kinds: &Registry, route: &Route, headers: &HeaderMap) -> Answer {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let aggregated = accept.is_some_and(|accept| accept.contains("as=APIGroupDiscoveryList"));
    let body = match route {
        Route::Version => version(),
        Route::CoreVersions if aggregated => aggregate(kinds, true),
        Route::Groups if aggregated => aggregate(kinds, false),
        Route::CoreVersions => json!({
            "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [],
        }),
        Route::Groups => json!({
            "kind": "APIGroupList", "apiVersion": "v1",
            "groups": groups(kinds).iter().filter(|group| !group.is_empty())
                .map(|name| group(kinds, name)).collect::<Vec<_>>(),
        }),
        Route::Group(name) => {
            let mut group = group(kinds, name);
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            group
        }
        Route::Resources { group, version } => resources(kinds, group, version),
        Route::Health | Route::Objects(_) => return Answer::ok(b"ok".to_vec()),
    };
    Answer::ok(body.to_string().into_bytes())
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "gitVersion": concat!("v1.36.0-signet.", env!("CARGO_PKG_VERSION")),
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "", "compiler": "rustc", "platform": std::env::consts::OS,
    })
}

fn groups(kinds: &Registry) -> Vec<&str> {
    let mut names: Vec<&str> = kinds.kinds().iter().map(|kind| kind.group.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The versions of a group, the preferred first.
fn versions<'k>(kinds: &'k Registry, group: &str) -> Vec<&'k str> {
    let of_group = kinds.kinds().iter().filter(|kind| kind.group == group);
    let mut names: Vec<&str> =
        of_group.flat_map(|kind| &kind.versions).map(|version| version.name.as_str()).collect();
    names.sort_unstable_by_key(|name| (std::cmp::Reverse(priority(name)), *name));
    names.dedup();
    names
}

fn group(kinds: &Registry, name: &str) -> Value {
    let entry =
        |version: &&str| json!({ "groupVersion": format!("{name}/{version}"), "version": version });
    let versions: Vec<Value> = versions(kinds, name).iter().map(entry).collect();
    json!({ "name": name, "preferredVersion": versions.first(), "versions": versions })
}

fn resources(kinds: &Registry, group: &str, version: &str) -> Value {
    let mut list = Vec::new();
    for kind in served(kinds, group, version) {
        list.push(json!({
            "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced,
            "kind": kind.kind, "verbs": verbs(kind), "shortNames": kind.short_names,
            "categories": kind.categories,
        }));
        if kind.version(version).is_some_and(|version| version.status) {
            list.push(json!({
                "name": format!("{}/status", kind.plural), "singularName": "",
                "namespaced": kind.namespaced, "kind": kind.kind, "verbs": STATUS_VERBS,
            }));
        }
    }
    let group_version =
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version,
        "resources": list,
    })
}

fn served<'k>(
    kinds: &'k Registry,
    group: &'k str,
    version: &'k str,
) -> impl Iterator<Item = &'k Kind> {
    let kinds = kinds.kinds().iter().map(AsRef::as_ref);
    kinds.filter(move |kind: &&Kind| kind.group == group && kind.version(version).is_some())
}

fn verbs(kind: &Kind) -> &'static [&'static str] {
    if kind.traits.writable { &VERBS } else { &READ_VERBS }
}

/// All groups in one document, as newer clients ask for it.
fn aggregate(kinds: &Registry, core: bool) -> Value {
    let names = groups(kinds).into_iter().filter(|group| group.is_empty() == core);
    let items: Vec<Value> = names
        .map(|name| {
            let versions: Vec<Value> = versions(kinds, name)
                .into_iter()
                .map(|version| {
                    let resources: Vec<Value> = served(kinds, name, version)
                        .map(|kind| aggregated(kind, version))
                        .collect();
                    json!({ "version": version, "freshness": "Current", "resources": resources })
                })
                .collect();
            json!({ "metadata": { "name": name }, "versions": versions })
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
        "items": items,
    })
}

fn aggregated(kind: &Kind, version: &str) -> Value {
    let response = json!({ "group": kind.group, "version": version, "kind": kind.kind });
    let mut entry = json!({
        "resource": kind.plural, "responseKind": response,
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular, "verbs": verbs(kind),
        "shortNames": kind.short_names, "categories": kind.categories,
    });
    if kind.version(version).is_some_and(|version| version.status) {
        entry["subresources"] = json!([{
            "subresource": "status", "responseKind": response, "verbs": STATUS_VERBS,
        }]);
    }
    entry
}
