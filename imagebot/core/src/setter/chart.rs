//! Charts in OCI registries, and where their versions are written.
//!
//! | object | the chart | its version |
//! |---|---|---|
//! | OCIRepository | `spec.url` | `spec.ref.tag`, `spec.ref.digest` |
//! | HelmRelease, HelmChart | `chart` of an `oci` HelmRepository | `version` beside it |
//! | Application, ApplicationSet | `repoURL` and `chart` of each source | `targetRevision` |
//! | `Chart.yaml` | `repository` and `name` of each dependency | `version` |
//! | Kustomization | `repo` and `name` of each of `helmCharts` | `version` |
//!
//! A version that is a range is left as it is: it follows new charts by itself.

use std::collections::BTreeMap;

use memchr::memmem;
use yaml::{
    scan::Segment,
    tree::{Node, Sequence, Value},
};

use super::{Cause, Part, place::Place, rule::Target};
use crate::{policy::semver::Version, reference::Repository};

/// One of these is in every file that uses a chart.
pub(super) const NEEDLES: [&str; 6] =
    ["OCIRepository", "HelmRelease", "HelmChart", "targetRevision", "dependencies", "helmCharts"];

/// The HelmRepositories of a repository: URLs by namespace and name.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    urls: BTreeMap<(String, String), String>,
}

impl Sources {
    /// Remembers the HelmRepositories of a file. A file that cannot be read has none.
    pub(super) fn learn(&mut self, content: &[u8]) {
        if memmem::find(content, b"HelmRepository").is_none() {
            return;
        }
        let documents = yaml::text(content).and_then(yaml::parse).unwrap_or_default();
        for root in documents.iter().map(|document| &document.root) {
            let Some(url) = at(root, &["spec", "url"]).and_then(Node::as_str) else { continue };
            if text(root, &["kind"]) == "HelmRepository" {
                self.urls.insert(key(root), url.to_owned());
            }
        }
    }

    /// The URL of a HelmRepository. A manifest whose namespace is set elsewhere has none.
    fn url(&self, namespace: &str, name: &str) -> Option<&str> {
        let exact = self.urls.get(&(namespace.to_owned(), name.to_owned()));
        let loose = || {
            let mut named = self.urls.iter().filter(|((other, named), _)| {
                named == name && (namespace.is_empty() || other.is_empty())
            });
            let first = named.next().map(|(_, url)| url);
            first.filter(|_| named.next().is_none())
        };
        exact.or_else(loose).map(String::as_str)
    }
}

fn key(root: &Node<'_>) -> (String, String) {
    let text = |key| text(root, &["metadata", key]).to_owned();
    (text("namespace"), text("name"))
}

/// The versions of the chart `wanted` in a document.
pub(super) fn targets<'a, 's>(
    root: &'a Node<'s>,
    wanted: &str,
    sources: &Sources,
) -> Vec<Target<'a, 's>> {
    let Some(wanted) = repository(wanted) else { return Vec::new() };
    let ours = |url: &str, chart: &str| {
        let whole = if chart.is_empty() {
            url.to_owned()
        } else {
            format!("{}/{chart}", url.trim_end_matches('/'))
        };
        repository(&whole).as_ref() == Some(&wanted)
    };
    let mut found = Vec::new();
    match text(root, &["kind"]) {
        "OCIRepository" if ours(text(root, &["spec", "url"]), "") => {
            found.extend(reference(root));
        }
        "HelmRelease" | "HelmChart" => {
            let nested = at(root, &["spec", "chart", "spec"]);
            if let Some(spec) = nested.or_else(|| root.get("spec"))
                && let Some(url) = helm_repository(root, spec, sources)
                && ours(url, text(spec, &["chart"]))
            {
                found.push(version(spec, "version"));
            }
        }
        "Application" | "ApplicationSet" => {
            for source in argo_sources(root) {
                let (url, chart) = (text(source, &["repoURL"]), text(source, &["chart"]));
                if (!chart.is_empty() || url.starts_with("oci://")) && ours(url, chart) {
                    found.push(version(source, "targetRevision"));
                }
            }
        }
        _ => {
            let listed = |list, url, name| {
                let list = root.get(list).and_then(Node::sequence);
                let items = list.map(|list| list.nodes().collect::<Vec<_>>()).unwrap_or_default();
                items
                    .into_iter()
                    .filter(move |item: &&Node<'_>| {
                        let url = text(item, &[url]);
                        url.starts_with("oci://") && ours(url, text(item, &[name]))
                    })
                    .collect::<Vec<_>>()
            };
            let dependencies = listed("dependencies", "repository", "name");
            let charts = listed("helmCharts", "repo", "name");
            found.extend(
                dependencies.into_iter().chain(charts).map(|item| version(item, "version")),
            );
        }
    }
    found
}

/// The tag and the digest of an OCIRepository.
fn reference<'a, 's>(root: &'a Node<'s>) -> Vec<Target<'a, 's>> {
    let reference = at(root, &["spec", "ref"]);
    let get = |key| reference.and_then(|reference| reference.get(key));
    if let Some(range) = get("semver") {
        let cause = Cause::Range(range.as_str().unwrap_or_default().to_owned());
        return vec![Target { line: range.line, part: Part::Tag, place: Err(cause) }];
    }
    let set =
        |part, node: &'a Node<'s>| Target { line: node.line, part, place: Ok(Place::Scalar(node)) };
    let mut found = Vec::new();
    found.extend(get("digest").map(|node| set(Part::Digest, node)));
    found.extend(get("tag").map(|node| set(Part::Tag, node)));
    if found.is_empty() {
        let place = Err(Cause::NoKey("spec.ref.tag".to_owned()));
        found.push(Target { line: root.line, part: Part::Tag, place });
    }
    found
}

/// The version at `key` of `node`, if it is one.
fn version<'a, 's>(node: &'a Node<'s>, key: &str) -> Target<'a, 's> {
    let Some(value) = node.get(key) else {
        let place = Err(Cause::NoKey(key.to_owned()));
        return Target { line: node.line, part: Part::Tag, place };
    };
    let written = value.as_str().unwrap_or_default();
    let exact = Version::parse(written).is_some();
    let place =
        if exact { Ok(Place::Version(value)) } else { Err(Cause::Range(written.to_owned())) };
    Target { line: value.line, part: Part::Tag, place }
}

/// The URL of the HelmRepository that `spec` refers to, if it is one of OCI.
fn helm_repository<'q>(root: &Node<'_>, spec: &Node<'_>, sources: &'q Sources) -> Option<&'q str> {
    let source = spec.get("sourceRef")?;
    if !matches!(text(source, &["kind"]), "HelmRepository" | "") {
        return None;
    }
    let own = text(root, &["metadata", "namespace"]);
    let namespace = source.get("namespace").and_then(Node::as_str).unwrap_or(own);
    sources.url(namespace, text(source, &["name"])).filter(|url| url.starts_with("oci://"))
}

/// `source` and `sources` of an Application, or of what an ApplicationSet makes.
fn argo_sources<'a, 's>(root: &'a Node<'s>) -> Vec<&'a Node<'s>> {
    let template = at(root, &["spec", "template", "spec"]);
    let Some(spec) = template.or_else(|| root.get("spec")) else { return Vec::new() };
    let many = spec.get("sources").and_then(Node::sequence);
    let many = many.into_iter().flat_map(Sequence::nodes);
    spec.get("source").into_iter().chain(many).collect()
}

/// Whether the value at `path` is the version of a chart, which may have a `+` where a tag has `_`.
pub(super) fn is_version(root: &Node<'_>, path: &[Segment<'_>]) -> bool {
    let keys: Vec<_> = path
        .iter()
        .map(|segment| match segment {
            Segment::Key(key) => *key,
            Segment::Index(_) => "[]",
        })
        .collect();
    match (text(root, &["kind"]), keys.as_slice()) {
        ("HelmRelease", ["spec", "chart", "spec", "version"]) => true,
        ("HelmChart", ["spec", "version"]) => true,
        ("Application", ["spec", "source", "targetRevision"]) => {
            at(root, &["spec", "source", "chart"]).is_some()
        }
        ("", ["dependencies", "[]", "version"]) => true,
        (_, ["helmCharts", "[]", "version"]) => true,
        _ => false,
    }
}

/// A repository that is written as a URL or as a name.
fn repository(url: &str) -> Option<Repository> {
    let name = url.strip_prefix("oci://").unwrap_or(url);
    Repository::parse(name.trim_end_matches('/')).ok()
}

fn at<'a, 's>(node: &'a Node<'s>, keys: &[&str]) -> Option<&'a Node<'s>> {
    keys.iter().try_fold(node, |node, key| match &node.value {
        Value::Mapping(_) => node.get(key),
        _ => None,
    })
}

fn text<'a>(node: &'a Node<'_>, keys: &[&str]) -> &'a str {
    at(node, keys).and_then(Node::as_str).unwrap_or_default()
}
