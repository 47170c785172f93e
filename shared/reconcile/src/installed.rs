//! What the kinds of a cluster lack of those that a daemon was built for.
//!
//! The CRDs of another project, or of an older release, are served under the same names. The API
//! server then drops the fields that they do not have without a word, so the word is ours: a line in
//! the log and a metric. The schemas are read from the OpenAPI documents of the API server, which
//! every ServiceAccount may read; no rule of RBAC is spent on this.
//!
//! What there should be is a text that `make generate` makes of the Rust types, for the types
//! themselves would take longer to ask:
//!
//! ```text
//! crd imagepolicies image.toolkit.fluxcd.io ImagePolicy v1 v1beta2     the version that is spoken first
//! spec.filterTags
//! spec.filterTags.pattern                                              `[]` goes into a list, `*` into a map
//! ```

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    future::pending,
    time::Duration,
};

use axum::http::Request;
use kube::Client;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
};
use serde::Deserialize;
use tracing::{debug, warn};

use crate::metrics::Metrics;

/// A CRD that was just installed is not published at once; by then it is.
const PUBLISHED: Duration = Duration::from_secs(10);

/// How many fields a line names; the others are counted.
const NAMED: usize = 12;

/// What to do about it.
const REMEDY: &str = "install the CRDs of the chart (`crds: install`, and `gitRepositoryCrd: true` \
                      without Flux), or use the `signet.dev/…` annotations where a field has one";

/// A kind as the daemon was built for it.
#[derive(Clone, Debug)]
pub struct Expected {
    plural: &'static str,
    group: &'static str,
    /// Its name.
    pub kind: &'static str,
    /// In which manifests may be written; the first is the one that is spoken.
    versions: Vec<&'static str>,
    fields: Vec<&'static str>,
}

/// A kind that is not what the daemon was built for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// The name of its CRD.
    pub crd: String,
    /// What there is not.
    pub missing: Missing,
}

/// What a kind does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The version that the daemon speaks, and so everything.
    Kind,
    /// Versions in which manifests may be written, and fields.
    Parts {
        /// The versions.
        versions: Vec<String>,
        /// The paths of the fields; of a field that is missing, nothing below it.
        fields: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    crd: String,
    missing: &'static str,
}

/// The fields of a schema; whatever else it says is passed over while it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fields {
    properties: BTreeMap<String, Fields>,
    items: Option<Box<Fields>>,
    #[serde(rename = "additionalProperties")]
    additional: Option<Additional>,
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    anything: bool,
    #[serde(rename = "x-kubernetes-group-version-kind")]
    kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Additional {
    Any(bool),
    Each(Box<Fields>),
}

#[derive(Debug, Deserialize)]
struct Kind {
    kind: String,
}

/// An OpenAPI document of one group and version.
#[derive(Debug, Default, Deserialize)]
struct Document {
    #[serde(default)]
    components: Components,
}

#[derive(Debug, Default, Deserialize)]
struct Components {
    #[serde(default)]
    schemas: BTreeMap<String, Fields>,
}

/// Says once what the cluster lacks of `expected`; never ends.
pub(crate) async fn tell(client: Client, metrics: Metrics, expected: Vec<Expected>) {
    let gauges: Family<Label, Gauge> = metrics.register(
        "signet_crd_missing",
        "What the installed CRDs lack of those of this release: the kind, versions or fields",
        Family::default(),
    );
    let mut found = lacks(&client, &expected).await;
    if found.as_ref().is_ok_and(|found| !found.is_empty()) {
        tokio::time::sleep(PUBLISHED).await;
        found = lacks(&client, &expected).await;
    }
    match found {
        Err(error) => {
            debug!(%error, "could not compare the installed CRDs with those of this release");
        }
        Ok(found) if found.is_empty() => {
            debug!("the installed CRDs have all that this release knows");
        }
        Ok(found) => {
            for Lack { crd, missing } in found {
                for (name, count) in missing.counts() {
                    let label = Label { crd: crd.clone(), missing: name };
                    gauges.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
                }
                warn!(%crd, %missing, remedy = REMEDY, "the installed CRD is not that of this release");
            }
        }
    }
    pending::<()>().await;
}

/// What there should be, from the text that `make generate` makes.
pub fn expected(text: &'static str) -> Vec<Expected> {
    let mut all: Vec<Expected> = Vec::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        match (words.next(), all.last_mut()) {
            (Some("crd"), _) => {
                let mut word = || words.next().unwrap_or_default();
                let (plural, group, kind) = (word(), word(), word());
                let versions = words.collect();
                all.push(Expected { plural, group, kind, versions, fields: Vec::new() });
            }
            (Some(field), Some(last)) if field.contains('.') => last.fields.push(field),
            _ => {}
        }
    }
    all
}

/// What the cluster lacks of `expected`.
pub async fn lacks(client: &Client, expected: &[Expected]) -> Result<Vec<Lack>, kube::Error> {
    let mut documents = BTreeMap::new();
    let mut lacks = Vec::new();
    for Expected { plural, group, kind, versions, fields } in expected {
        let (mut unserved, mut spoken) = (Vec::new(), None);
        for (place, version) in versions.iter().enumerate() {
            let path = format!("/openapi/v3/apis/{group}/{version}");
            let document = match documents.entry(path) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let document = fetch(client, entry.key()).await?;
                    entry.insert(document)
                }
            };
            let there = document.kind(kind);
            if there.is_none() {
                unserved.push((*version).to_owned());
            }
            if place == 0 {
                spoken = there.map(|theirs| missing(fields, theirs));
            }
        }
        let missing = match spoken {
            None => Missing::Kind,
            Some(fields) if fields.is_empty() && unserved.is_empty() => continue,
            Some(fields) => Missing::Parts { versions: unserved, fields },
        };
        lacks.push(Lack { crd: format!("{plural}.{group}"), missing });
    }
    Ok(lacks)
}

/// The document of a group and version; an empty one when they are not served.
async fn fetch(client: &Client, path: &str) -> Result<Document, kube::Error> {
    let request = Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    match client.request(request).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Document::default()),
        answer => answer,
    }
}

impl Document {
    fn kind(&self, name: &str) -> Option<&Fields> {
        let is = |schema: &&Fields| schema.kinds.iter().any(|kind| kind.kind == name);
        self.components.schemas.values().find(is)
    }
}

/// Those of `fields` that the API server would drop; of a field that is missing, none below it.
fn missing(fields: &[&str], theirs: &Fields) -> Vec<String> {
    let mut missing: Vec<String> = Vec::new();
    for field in fields {
        let below = missing.last().is_some_and(|last| {
            field.strip_prefix(last.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']))
        });
        if !below && !theirs.keeps(field) {
            missing.push((*field).to_owned());
        }
    }
    missing
}

impl Fields {
    /// Whether a field is kept. What the schema says nothing about is.
    fn keeps(&self, path: &str) -> bool {
        let mut at = self;
        for step in path.split('.') {
            let name = step.trim_end_matches("[]");
            let inner = match (at.properties.get(name), &at.additional) {
                _ if at.anything => return true,
                (Some(inner), _) => inner,
                (None, Some(Additional::Each(inner))) => inner.as_ref(),
                (None, Some(Additional::Any(any))) => return *any,
                (None, None) => return false,
            };
            at = match &inner.items {
                Some(items) if name.len() < step.len() => items.as_ref(),
                _ => inner,
            };
        }
        true
    }
}

impl Missing {
    fn counts(&self) -> Vec<(&'static str, usize)> {
        match self {
            Self::Kind => vec![("kind", 1)],
            Self::Parts { versions, fields } => {
                vec![("versions", versions.len()), ("fields", fields.len())]
            }
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (versions, fields) = match self {
            Self::Kind => return f.write_str("the kind is not served: its objects cannot be read"),
            Self::Parts { versions, fields } => (versions, fields),
        };
        if !versions.is_empty() {
            write!(f, "manifests of {} cannot be applied", versions.join(" and "))?;
        }
        if !fields.is_empty() {
            let named = fields.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let separator = if versions.is_empty() { "" } else { "; " };
            write!(f, "{separator}the API server drops {named}")?;
            if fields.len() > NAMED {
                write!(f, " and {} more", fields.len() - NAMED)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_missing_where_the_api_server_would_drop_it() {
        let of = |fields: serde_json::Value| json!({ "properties": fields });
        #[rustfmt::skip]
        let cases: [(&[&str], _, &[&str]); 8] = [
            // ours                          theirs                                                             missing
            (&["spec.a"],                    json!({"a": {}, "b": {}}),                                         &[]),
            (&["spec.a", "spec.b", "spec.b.c"], json!({"a": {}}),                                               &["spec.b"]),
            (&["spec.b.c", "spec.b.d"],      json!({"b": of(json!({"c": {}}))}),                                &["spec.b.d"]),
            (&["spec.b.c"],                  json!({"b": {"x-kubernetes-preserve-unknown-fields": true}}),      &[]),
            (&["spec.b.c"],                  json!({"b": {"additionalProperties": true}}),                      &[]),
            (&["spec.l", "spec.l[].c"],      json!({"l": {"items": of(json!({}))}}),                            &["spec.l[].c"]),
            (&["spec.m.*.c", "spec.m.*.d"],  json!({"m": {"additionalProperties": of(json!({"d": {}}))}}),      &["spec.m.*.c"]),
            (&["spec.ab", "spec.a"],         json!({}),                                                         &["spec.ab", "spec.a"]),
        ];
        for (ours, theirs, expected) in cases {
            let theirs = of(json!({ "spec": of(theirs) }));
            let told = format!("{ours:?} on {theirs}");
            let theirs = serde_json::from_value(theirs).unwrap();
            assert_eq!(missing(ours, &theirs), expected, "{told}");
        }
    }

    #[test]
    fn what_there_should_be_is_a_text() {
        let all = expected(
            "# made\ncrd as g.dev A v1 v1beta1\nspec.a\nspec.a.b\ncrd bs g.dev B v1\nspec.c\n",
        );
        let [a, b] = &all[..] else { panic!("{all:?}") };
        assert_eq!(
            (a.plural, a.group, a.kind, &a.versions[..]),
            ("as", "g.dev", "A", &["v1", "v1beta1"][..])
        );
        assert_eq!((&a.fields[..], &b.fields[..]), (&["spec.a", "spec.a.b"][..], &["spec.c"][..]));
    }

    #[test]
    fn what_is_missing_is_named() {
        let parts = |versions: &[&str], fields: &[&str]| Missing::Parts {
            versions: versions.iter().map(ToString::to_string).collect(),
            fields: fields.iter().map(ToString::to_string).collect(),
        };
        #[rustfmt::skip]
        let cases = [
            (Missing::Kind,                            "the kind is not served: its objects cannot be read"),
            (parts(&["v1", "v2"], &[]),                "manifests of v1 and v2 cannot be applied"),
            (parts(&[], &["spec.a", "spec.b"]),        "the API server drops spec.a, spec.b"),
            (parts(&["v1"], &["spec.a"]),              "manifests of v1 cannot be applied; the API server drops spec.a"),
            (parts(&[], &["x"; 14]),                   "the API server drops x, x, x, x, x, x, x, x, x, x, x, x and 2 more"),
        ];
        for (missing, told) in cases {
            assert_eq!(missing.to_string(), told);
        }
    }
}
