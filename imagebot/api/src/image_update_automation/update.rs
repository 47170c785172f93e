//! Which files an automation edits, and how.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which files are edited, and how.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// How files are edited. Only `Setters`, which is the default: scalars with a marker comment.
    #[serde(default)]
    pub strategy: Strategy,

    /// A directory or file of the repository; nothing outside of it is edited. Defaults to the
    /// whole repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,

    /// Entries of `images:` in Kustomizations that are set without markers. An extension.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub kustomize: Vec<KustomizeUpdate>,

    /// Helm values that are set without markers. An extension.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub helm: Vec<HelmUpdate>,

    /// Charts in OCI registries whose versions are set without markers. An extension.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub charts: Vec<ChartUpdate>,
}

/// Entries of `images:` that are set to what a policy picks: `newTag`, and `newName` and `digest`
/// where they are there.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct KustomizeUpdate {
    /// Name of the ImagePolicy.
    pub policy: String,

    /// The `name` of the entries. Defaults to the entries for the image of the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,

    /// Pattern of the files, from the root of the repository: `*` within a name, `**` over
    /// directories. Defaults to every `kustomization.yaml`, by all its names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
}

/// Helm values that are set to what a policy picks. At least one key is named.
///
/// Keys are written as for `helm --set`: `image.tag`, `sidecars[0].image`. They are looked up in
/// values files, below `spec.values` of a HelmRelease, and below
/// `spec.source.helm.valuesObject` of an Argo CD Application.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct HelmUpdate {
    /// Name of the ImagePolicy.
    pub policy: String,

    /// Pattern of the files, from the root of the repository: `*` within a name, `**` over
    /// directories.
    pub files: String,

    /// Key of a value that holds the whole image: `name:tag`, with the digest if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,

    /// Key of a value that holds the image's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,

    /// Key of a value that holds the tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,

    /// Key of a value that holds the digest. Left alone while the policy reflects none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A chart in an OCI registry, whose version is set to what a policy picks wherever the chart is
/// used: OCIRepository, HelmRelease, HelmChart, Argo CD Application and ApplicationSet,
/// dependencies in Chart.yaml, `helmCharts` of a Kustomization.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct ChartUpdate {
    /// Name of the ImagePolicy.
    pub policy: String,

    /// The chart, such as `oci://ghcr.io/acme/charts/web`. Defaults to the image of the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,

    /// Pattern of the files, from the root of the repository: `*` within a name, `**` over
    /// directories. Defaults to every file of YAML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
}

/// How files are edited.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Scalars with a marker comment are set.
    #[default]
    Setters,
}
