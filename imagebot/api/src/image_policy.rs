//! The rule that picks one tag out of many.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Duration,
    reference::{ImageReference, NamespacedReference},
    rule::Rule,
};

/// Picks the newest tag of an image.
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(group = "image.toolkit.fluxcd.io", version = "v1", kind = "ImagePolicy", namespaced)]
#[kube(plural = "imagepolicies", shortname = "imgpol", shortname = "imagepol")]
#[kube(category = "all", category = "fluxcd", category = "fluxcd-images")]
#[kube(status = "ImagePolicyStatus", derive = "PartialEq", derive = "Default")]
#[kube(doc = "The rule that picks the newest tag of an image.")]
#[kube(printcolumn(name = "Image", type_ = "string", json_path = ".status.latestRef.name"))]
#[kube(printcolumn(name = "Tag", type_ = "string", json_path = ".status.latestRef.tag"))]
#[kube(printcolumn(
    name = "Ready",
    type_ = "string",
    json_path = r#".status.conditions[?(@.type=="Ready")].status"#
))]
#[kube(printcolumn(
    name = "Status",
    type_ = "string",
    json_path = r#".status.conditions[?(@.type=="Ready")].message"#
))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
pub struct ImagePolicySpec {
    /// The ImageRepository whose tags are considered. One of another namespace must allow that
    /// in its `accessFrom`.
    pub image_repository_ref: NamespacedReference,

    /// How tags are ordered. Exactly one field is set.
    pub policy: PolicyChoice,

    /// Which tags are considered, and what of them is ordered. Defaults to all, as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_tags: Option<TagFilter>,

    /// Whether `latestRef` names a digest besides the tag. Defaults to `Never`.
    #[serde(default)]
    pub digest_reflection_policy: DigestReflection,

    /// Time from one reading of the digest to the next. Set exactly when
    /// `digestReflectionPolicy` is `Always`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,

    /// While true nothing is picked, and the last pick stays in force. Defaults to false.
    #[serde(default)]
    pub suspend: bool,
}

/// How tags are ordered.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyChoice {
    /// As semantic versions, within a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semver: Option<SemVer>,

    /// As text, byte by byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alphabetical: Option<Ordered>,

    /// As numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numerical: Option<Ordered>,
}

/// Semantic versions within a range.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct SemVer {
    /// The range, such as `~1.4`, `1.x` or `>=2.0.0-0 <3`. Pre-releases take part only where the
    /// range names one.
    pub range: String,
}

/// An order and its direction.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Ordered {
    /// `asc` picks the last of the ascending order, that is the largest; `desc` the smallest.
    /// Defaults to `asc`.
    #[serde(default)]
    pub order: Order,
}

/// The direction of an order.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Ascending: the largest is picked.
    #[default]
    Asc,
    /// Descending: the smallest is picked.
    Desc,
}

/// Which tags are considered, and what of them is ordered.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct TagFilter {
    /// Regular expression that a tag must match somewhere. Defaults to all tags.
    #[serde(default)]
    pub pattern: String,

    /// What of a match is ordered instead of the tag, such as `$ts` for a group `(?P<ts>…)` of
    /// `pattern`. Defaults to the whole tag.
    #[serde(default)]
    pub extract: String,
}

/// Whether `latestRef` names a digest.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DigestReflection {
    /// The digest is read again at every `interval`.
    Always,
    /// The digest is read when a tag is picked, and then kept.
    IfNotPresent,
    /// No digest is read.
    #[default]
    Never,
}

/// What was picked.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ImagePolicyStatus {
    /// The image that the policy picks. A failure leaves it as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_ref: Option<ImageReference>,

    /// What `latestRef` was before it was what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_previous_ref: Option<ImageReference>,

    /// `latestRef` as text, for readers of v1beta1 and v1beta2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_image: Option<String>,

    /// `observedPreviousRef` as text, for readers of v1beta2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_previous_image: Option<String>,

    /// The generation that the conditions speak about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready`, `Reconciling` and `Stalled`, as kstatus defines them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,

    /// The last `reconcile.fluxcd.io/requestedAt` that was acted upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// What one field of an ImagePolicy sets for another.
pub const RULES: &[Rule<ImagePolicySpec>] = &[
    Rule {
        cel: "!has(self.interval) || (has(self.digestReflectionPolicy) && self.digestReflectionPolicy == 'Always')",
        message: "spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'",
        holds: |spec| {
            spec.interval.is_none() || spec.digest_reflection_policy == DigestReflection::Always
        },
    },
    Rule {
        cel: "has(self.interval) || !has(self.digestReflectionPolicy) || self.digestReflectionPolicy != 'Always'",
        message: "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
        holds: |spec| {
            spec.interval.is_some() || spec.digest_reflection_policy != DigestReflection::Always
        },
    },
];
