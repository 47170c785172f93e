//! What an automation sets without markers: `spec.update`, or the annotation in its place.
//!
//! Where upstream's definition of the kind is installed, fields of ours do not survive; the
//! annotation [`ANNOTATION`] then holds them, as YAML or JSON:
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     signet.dev/update: |
//!       kustomize: [{policy: web}]
//! ```

use imagebot_api::{
    ImageUpdateAutomation,
    image_update_automation::{ChartUpdate, HelmUpdate, KustomizeUpdate},
};
use imagebot_core::setter::{
    marker::Part,
    rule::{Files, InvalidKey, Key, Kind, Rule},
};
use kube::ResourceExt as _;
use serde::Deserialize;

/// The annotation that stands for `spec.update.kustomize`, `helm` and `charts`.
pub const ANNOTATION: &str = "signet.dev/update";

/// Why it does not make sense. Only the author can mend it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The annotation is not YAML.
    #[error("the annotation `signet.dev/update` is not YAML")]
    Yaml(#[source] yaml::Error),
    /// The annotation has something else.
    #[error(
        "the annotation `signet.dev/update` is not understood; it has `kustomize`, `helm` and `charts`, as `spec.update` has them"
    )]
    Annotation(#[source] serde_json::Error),
    /// An entry names no key.
    #[error("`spec.update.helm[{0}]` names no key; give it `image`, `name`, `tag` or `digest`")]
    NoKey(usize),
    /// A key is not one.
    #[error("`spec.update.helm[{index}]` cannot be used")]
    Key {
        /// Which entry.
        index: usize,
        /// Why.
        source: InvalidKey,
    },
    /// A chart is not in an OCI registry.
    #[error(
        "`spec.update.charts[{index}].url: {url}` does not begin with `oci://`; charts of other repositories have no image policy"
    )]
    Url {
        /// Which entry.
        index: usize,
        /// What was written.
        url: String,
    },
}

/// What can be written in both places.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Update {
    kustomize: Vec<KustomizeUpdate>,
    helm: Vec<HelmUpdate>,
    charts: Vec<ChartUpdate>,
}

/// What `object` sets below `below` without markers.
pub fn rules(object: &ImageUpdateAutomation, below: &str) -> Result<Vec<Rule>, Error> {
    let namespace = object.namespace().unwrap_or_default();
    let written = &object.spec.update;
    let mut update = annotated(object)?;
    update.kustomize.extend(written.kustomize.iter().cloned());
    update.helm.extend(written.helm.iter().cloned());
    update.charts.extend(written.charts.iter().cloned());
    let rule = |policy: &str, files, kind| Rule {
        namespace: namespace.clone(),
        policy: policy.to_owned(),
        files,
        kind,
    };
    let some = |pattern: &Option<String>| {
        pattern.as_ref().map(|pattern| Files::new(below, [pattern.as_str()]))
    };
    let mut rules = Vec::new();
    for KustomizeUpdate { policy, image, files } in update.kustomize {
        let files = some(&files).unwrap_or_else(|| Files::kustomizations(below));
        rules.push(rule(&policy, files, Kind::Kustomize { image }));
    }
    for (index, it) in update.helm.iter().enumerate() {
        let kind = Kind::Helm { keys: keys(index, it)? };
        rules.push(rule(&it.policy, Files::new(below, [it.files.as_str()]), kind));
    }
    for (index, ChartUpdate { policy, url, files }) in update.charts.into_iter().enumerate() {
        if let Some(url) = url.as_ref().filter(|url| !url.starts_with("oci://")) {
            return Err(Error::Url { index, url: url.clone() });
        }
        let files = some(&files).unwrap_or_else(|| Files::yaml(below));
        rules.push(rule(&policy, files, Kind::Chart { url }));
    }
    Ok(rules)
}

/// What the annotation says, if there is one.
fn annotated(object: &ImageUpdateAutomation) -> Result<Update, Error> {
    let Some(text) = object.annotations().get(ANNOTATION) else { return Ok(Update::default()) };
    let documents = yaml::json::documents(text, yaml::Schema::Kubernetes).map_err(Error::Yaml)?;
    let Some(value) = documents.into_iter().next() else { return Ok(Update::default()) };
    serde_json::from_value(value).map_err(Error::Annotation)
}

fn keys(index: usize, update: &HelmUpdate) -> Result<Vec<(Part, Key)>, Error> {
    let HelmUpdate { policy: _, files: _, image, name, tag, digest } = update;
    let written =
        [(Part::Image, image), (Part::Name, name), (Part::Tag, tag), (Part::Digest, digest)];
    let mut keys = Vec::new();
    for (part, key) in written {
        if let Some(key) = key {
            let key = Key::parse(key).map_err(|source| Error::Key { index, source })?;
            keys.push((part, key));
        }
    }
    if keys.is_empty() { Err(Error::NoKey(index)) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(update: &serde_json::Value, annotation: Option<&str>) -> ImageUpdateAutomation {
        let annotations = annotation.map(|text| json!({ ANNOTATION: text }));
        serde_json::from_value(json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageUpdateAutomation",
            "metadata": {"name": "a", "namespace": "ns", "annotations": annotations},
            "spec": {"interval": "1m", "sourceRef": {"kind": "GitRepository", "name": "r"}, "update": update},
        }))
        .unwrap()
    }

    #[test]
    fn the_annotation_says_what_the_fields_say() {
        let update = json!({
            "kustomize": [{"policy": "web"}, {"policy": "db", "image": "pg", "files": "db/*.yaml"}],
            "helm": [{"policy": "web", "files": "**/values.yaml", "tag": "image.tag"}],
            "charts": [{"policy": "chart", "url": "oci://r.io/a/b"}],
        });
        let by_field = rules(&object(&update, None), "apps").unwrap();
        assert_eq!(by_field.len(), 4);
        assert!(by_field.iter().all(|rule| rule.namespace == "ns"));
        let by_annotation = rules(&object(&json!({}), Some(&update.to_string())), "apps").unwrap();
        assert_eq!(by_field, by_annotation);
        let yaml = "kustomize:\n- policy: web\n";
        assert_eq!(rules(&object(&json!({}), Some(yaml)), "apps").unwrap(), by_field[..1]);
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        #[rustfmt::skip]
        let cases = [
            (json!({"helm": [{"policy": "a", "files": "**"}]}),                None,                  "`spec.update.helm[0]` names no key"),
            (json!({"helm": [{"policy": "a", "files": "**", "tag": "a..b"}]}), None,                  "`spec.update.helm[0]` cannot be used"),
            (json!({"charts": [{"policy": "a", "url": "https://x/y"}]}),       None,                  "`spec.update.charts[0].url: https://x/y` does not begin with `oci://`"),
            (json!({}),                                                        Some("kustomise: []"), "the annotation `signet.dev/update` is not understood"),
            (json!({}),                                                        Some("a: ["),          "the annotation `signet.dev/update` is not YAML"),
        ];
        for (update, annotation, message) in cases {
            let error = rules(&object(&update, annotation), "").unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
