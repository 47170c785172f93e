//! The rule that picks one tag out of many.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Duration,
    reference::{ImageReference, LocalReference, NamespacedReference},
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

    /// Tags that are never picked, whatever the order says. Defaults to none. Not of Flux; where
    /// the stock definition is installed, the annotation `signet.dev/exclude` says the same, as JSON
    /// or as tags with commas between.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub exclude: Vec<Exclude>,

    /// The one tag to pick while this is set; `policy`, `filterTags`, `exclude`, `minAge` and
    /// `platforms` are then not asked, `verify` is. Defaults to none. Not of Flux; annotation
    /// `signet.dev/pin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,

    /// Keeps `latestRef` as it is, tag and digest, once there is one. Defaults to no hold. Not of
    /// Flux; annotation `signet.dev/hold`, which is `true` or a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,

    /// How long a tag must have been seen before it is picked, such as `72h`. What is in force stays
    /// so meanwhile. Time counts from when this policy first saw the tag, or from when the registry
    /// says that the image was pushed where it says so (`Last-Modified`); never from what the image
    /// says of itself. Defaults to none. Not of Flux; annotation `signet.dev/minAge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_age: Option<Duration>,

    /// Platforms that an image must all have before it is picked, such as `linux/arm64` or
    /// `linux/arm/v7`. Only the ten best tags are looked at. Defaults to none. Not of Flux;
    /// annotation `signet.dev/platforms`, as JSON or with commas between.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub platforms: Vec<String>,

    /// Signatures that an image must have before it is picked. What is picked is then pinned:
    /// `latestRef` names the digest that was verified. Only the five best tags are looked at, and
    /// where none of them verifies, what is in force stays so. Defaults to none. Not of Flux;
    /// annotation `signet.dev/verify`, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,

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

    /// By time, whatever their names are. Not of Flux; where the stock definition is installed,
    /// `policy: {}` and the annotation `signet.dev/newest` say the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Newest>,
}

/// The latest by time.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Newest {
    /// Which time counts: `Created` is what the image's configuration says, `Pushed` what the
    /// registry says (`Last-Modified`). Tags without that time do not take part. Defaults to
    /// `Created`.
    #[serde(default)]
    pub by: NewestBy,
}

/// Which time of an image counts.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewestBy {
    /// When it was built, as its configuration says.
    #[default]
    Created,
    /// When it was pushed, as the registry says.
    Pushed,
}

/// Tags that are never picked. Exactly one field is set.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Exclude {
    /// This very tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,

    /// Regular expression; a tag that it matches anywhere is excluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,

    /// Range of versions, such as `>=1.4.0 <1.4.3`. Pre-releases are excluded only where the range
    /// names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
}

/// Keeps what is in force.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// When the hold ends, such as `2026-12-24T00:00:00Z`. Defaults to never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// Signatures that an image must have.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Verify {
    /// The kind of signature. Defaults to `cosign`.
    #[serde(default)]
    pub provider: Signer,

    /// For cosign, a Secret whose every key `*.pub` is a public key in PEM (ECDSA P-256, P-384, Ed25519 or RSA); a
    /// signature by any of them is good. Without it signatures are keyless, and
    /// `trustedRootSecretRef` and `matchOIDCIdentity` are needed. For notation, a Secret with
    /// `trustpolicy.json` and with certificates in PEM under keys `*.crt` or `*.pem`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,

    /// Who may have signed without a key; one that matches is enough.
    #[serde(default, rename = "matchOIDCIdentity", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub match_oidc_identity: Vec<OidcIdentity>,

    /// Secret with the key `trusted_root.json`: the certificates and transparency logs that are
    /// trusted, as Sigstore's tools write them. Nothing is fetched from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_root_secret_ref: Option<LocalReference>,
}

/// The kind of signature.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Signer {
    /// Sigstore's cosign: signatures beside the image, and bundles that refer to it.
    #[default]
    Cosign,
    /// The Notary Project's notation, with envelopes in JWS or COSE. Revocation is not checked.
    Notation,
}

/// Who signed without a key.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct OidcIdentity {
    /// Regular expression that the issuer of the identity must match.
    pub issuer: String,

    /// Regular expression that the identity must match: an address of mail, or a URI.
    pub subject: String,
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

    /// The best tags, at most five, and what became of each. Not of Flux; where the stock definition
    /// is installed, the annotation `signet.dev/status` has this and the two fields below.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,

    /// When tags that wait for `minAge` were first seen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub first_seen: BTreeMap<String, Time>,

    /// Identifies the rules by which `latestRef` was picked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picked_by: Option<String>,

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

/// A tag that was picked, or nearly.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// The tag.
    pub tag: String,

    /// `selected`; the rule that dropped the tag; or that it goes behind the one that was picked.
    pub verdict: String,
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
    Rule {
        cel: "!has(self.exclude) || self.exclude.all(it, (has(it.tag) ? 1 : 0) + (has(it.pattern) ? 1 : 0) + (has(it.range) ? 1 : 0) == 1)",
        message: "each entry of spec.exclude must set exactly one of tag, pattern and range",
        holds: |spec| {
            spec.exclude.iter().all(|it| {
                let set = [&it.tag, &it.pattern, &it.range];
                set.into_iter().filter(|field| field.is_some()).count() == 1
            })
        },
    },
    Rule {
        cel: "!has(self.verify) || (has(self.verify.secretRef) != has(self.verify.trustedRootSecretRef))",
        message: "spec.verify must set exactly one of secretRef and trustedRootSecretRef",
        holds: |spec| {
            spec.verify.as_ref().is_none_or(|verify| {
                verify.secret_ref.is_some() != verify.trusted_root_secret_ref.is_some()
            })
        },
    },
    Rule {
        cel: "!has(self.verify) || !has(self.verify.trustedRootSecretRef) || (has(self.verify.matchOIDCIdentity) && size(self.verify.matchOIDCIdentity) > 0)",
        message: "spec.verify.matchOIDCIdentity must be set when spec.verify.trustedRootSecretRef is",
        holds: |spec| {
            spec.verify.as_ref().is_none_or(|verify| {
                verify.trusted_root_secret_ref.is_none() || !verify.match_oidc_identity.is_empty()
            })
        },
    },
];
