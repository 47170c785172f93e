//! Values that are set without markers: by what they are, or by their keys.
//!
//! | rule | sets |
//! |---|---|
//! | kustomize | `newTag`, `newName` and `digest` of the entries of `images:` for one image |
//! | helm | the keys that it names, in values files and below `spec.values` of a HelmRelease |
//! | chart | the version of one OCI chart wherever it is used: see [`super::chart`] |
//!
//! A rule only sets what is there. The one exception is `newTag` of an entry that has neither tag
//! nor digest, for such an entry says that the tag is somebody else's business.

use std::collections::BTreeSet;

use memchr::memmem;
use yaml::tree::Node;

use super::{Cause, Image, Part, Scope, chart, manifest::Manifest, place::Place};

mod files;
mod key;
mod kustomize;

pub use files::Files;
pub use key::{InvalidKey, Key};

/// What is set without markers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The namespace of the policy.
    pub namespace: String,
    /// The policy whose image is set.
    pub policy: String,
    /// The files in which it is set.
    pub files: Files,
    /// What is set.
    pub kind: Kind,
}

/// What a rule sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Entries of `images:`.
    Kustomize {
        /// The `name` of the entries; without it those of the policy's own image.
        image: Option<String>,
    },
    /// Values by their keys.
    Helm {
        /// The keys, each with the part of the image that it holds.
        keys: Vec<(Part, Key)>,
    },
    /// Versions of a chart.
    Chart {
        /// The chart, as `oci://registry/path/chart`; without it the policy's own image.
        url: Option<String>,
    },
}

/// A value that a rule names.
pub(super) struct Target<'a, 's> {
    pub(super) line: usize,
    pub(super) part: Part,
    pub(super) place: Result<Place<'a, 's>, Cause>,
}

/// Whether any of `rules` may have business in a file of this name, wherever it lies.
pub fn may_concern_name(rules: &[Rule], path: &str) -> bool {
    rules.iter().any(|rule| rule.files.matches_name(path))
}

/// Whether any of `rules` for a file of this name may have business with these bytes, wherever the
/// file lies.
pub fn may_concern(rules: &[Rule], path: &str, content: &[u8]) -> bool {
    let mut rules = rules.iter().filter(|rule| rule.files.matches_name(path));
    rules.any(|rule| rule.may_concern(content) || rule.is_about_charts() && has_charts(content))
}

/// What tells these rules from others: another text for other rules.
pub fn fingerprint(rules: &[Rule]) -> String {
    let distinct: BTreeSet<_> = rules.iter().map(|rule| format!("{rule:?}")).collect();
    // FNV-1a: a name for a cache, not a promise.
    let bytes = distinct.iter().flat_map(|text| text.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Whether these bytes may say where charts are.
fn has_charts(content: &[u8]) -> bool {
    memmem::find(content, b"HelmRepository").is_some()
}

impl Rule {
    /// Whether the rule may have business in a file with these bytes.
    pub(super) fn may_concern(&self, content: &[u8]) -> bool {
        let has = |needle: &str| memmem::find(content, needle.as_bytes()).is_some();
        match &self.kind {
            Kind::Kustomize { .. } => has("images"),
            Kind::Helm { .. } => true,
            Kind::Chart { .. } => chart::NEEDLES.iter().any(|needle| has(needle)),
        }
    }

    pub(super) fn is_about_charts(&self) -> bool {
        matches!(self.kind, Kind::Chart { .. })
    }

    /// What the rule sets in a file, each with the document that has it.
    pub(super) fn targets<'a, 's>(
        &self,
        manifest: &Manifest<'a, 's>,
        image: &Image,
        scope: &Scope,
    ) -> Vec<(usize, Target<'a, 's>)> {
        let mut targets = Vec::new();
        for (index, document) in manifest.documents.iter().enumerate() {
            let root = &document.root;
            let mut found = match &self.kind {
                Kind::Kustomize { image: wanted } => {
                    kustomize::targets(manifest.text, root, wanted.as_deref(), image)
                }
                Kind::Helm { keys } => helm(root, keys, image),
                Kind::Chart { url } => {
                    let wanted = url.as_deref().unwrap_or(&image.name);
                    chart::targets(root, wanted, scope.sources())
                }
            };
            for target in &mut found {
                if let Ok(Place::Scalar(node) | Place::Version(node)) = target.place
                    && let Err(cause) = manifest.written(node)
                {
                    target.place = Err(cause);
                }
            }
            targets.extend(found.into_iter().map(|target| (index, target)));
        }
        targets
    }
}

/// The values at `keys`. A digest that the policy does not have is left alone.
fn helm<'a, 's>(root: &'a Node<'s>, keys: &[(Part, Key)], image: &Image) -> Vec<Target<'a, 's>> {
    let Some(values) = values(root) else { return Vec::new() };
    let mut targets = Vec::new();
    for (part, key) in keys {
        if *part == Part::Digest && image.digest.is_none() {
            continue;
        }
        let (line, place) = match key.find(values) {
            Some(node) => (node.line, Ok(Place::Scalar(node))),
            None => (values.line, Err(Cause::NoKey(key.to_string()))),
        };
        targets.push(Target { line, part: *part, place });
    }
    targets
}

/// The Helm values in a document: all of it, or what a HelmRelease or an Application passes on.
fn values<'a, 's>(root: &'a Node<'s>) -> Option<&'a Node<'s>> {
    let text = |key| root.get(key).and_then(Node::as_str);
    root.mapping()?;
    match (text("kind"), text("apiVersion")) {
        (Some("HelmRelease"), Some(_)) => root.get("spec")?.get("values"),
        (Some("Application"), Some(version)) if version.starts_with("argoproj.io/") => {
            root.get("spec")?.get("source")?.get("helm")?.get("valuesObject")
        }
        (Some(_), Some(_)) => None,
        _ => Some(root),
    }
}

#[cfg(test)]
mod tests;
