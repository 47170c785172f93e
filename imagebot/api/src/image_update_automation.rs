//! The commits that follow from policies.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Duration,
    reference::{GitReference, ImageReference, LocalReference},
    rule::Rule,
};

mod pull_request;
mod timing;
mod update;

pub use pull_request::{Forge, PullRequest, PullRequestStatus};
pub use timing::{Batch, Schedule, Window};
pub use update::{ChartUpdate, HelmUpdate, KustomizeUpdate, Strategy, Update};

/// Commits what ImagePolicies pick to a Git repository.
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(group = "image.toolkit.fluxcd.io", version = "v1", kind = "ImageUpdateAutomation")]
#[kube(namespaced, plural = "imageupdateautomations")]
#[kube(shortname = "iua", shortname = "imgupd", shortname = "imgauto")]
#[kube(category = "all", category = "fluxcd", category = "fluxcd-images")]
// `${…}` in message templates is ours, and not a variable that Flux should substitute.
#[kube(annotation("kustomize.toolkit.fluxcd.io/substitute", "disabled"))]
#[kube(status = "ImageUpdateAutomationStatus", derive = "PartialEq", derive = "Default")]
#[kube(doc = "Commits what the ImagePolicies of its namespace pick to a Git repository.")]
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
#[kube(printcolumn(
    name = "Last run",
    type_ = "string",
    json_path = ".status.lastAutomationRunTime",
    priority = 1
))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
pub struct ImageUpdateAutomationSpec {
    /// The GitRepository that says where the repository is and how to log in.
    pub source_ref: SourceReference,

    /// Time from one look at the repository to the next, such as `30m`. A policy that picks
    /// something new does not wait for it. At least one second.
    pub interval: Duration,

    /// What is read, how it is committed, and where it is pushed. Required in effect: without it
    /// nothing can be committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Git>,

    /// The ImagePolicies of this namespace that are applied. Defaults to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub policy_selector: Option<LabelSelector>,

    /// Which files are edited, and how. Defaults to all files, by their setter markers.
    #[serde(default)]
    pub update: Update,

    /// How long changes are collected before they are committed. Defaults to not at all. Ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch>,

    /// When changes are committed. Defaults to always. Ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,

    /// While true nothing is committed. Defaults to false.
    #[serde(default)]
    pub suspend: bool,
}

/// The object that says where the repository is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SourceReference {
    /// API version of the object. Defaults to the one that imagebot knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,

    /// Kind of the object. Only `GitRepository`, which is the default.
    #[serde(default)]
    pub kind: SourceKind,

    /// Name of the object.
    pub name: String,

    /// Namespace of the object. Defaults to the automation's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// What can be a source.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceKind {
    /// A Git repository.
    #[default]
    GitRepository,
}

/// What is read, how it is committed, and where it is pushed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Git {
    /// What is read. Defaults to `spec.ref` of the GitRepository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkout: Option<Checkout>,

    /// How it is committed.
    pub commit: CommitSpec,

    /// Where it is pushed. Defaults to the branch that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<Push>,

    /// Proposes the change in a pull request instead of pushing it to the branch that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequest>,
}

/// What is read.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkout {
    /// The reference. It replaces `spec.ref` of the GitRepository as a whole.
    #[serde(rename = "ref")]
    pub reference: GitReference,
}

/// How a commit is made.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CommitSpec {
    /// Who made the change.
    pub author: Author,

    /// Who commits. Defaults to the author. Ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committer: Option<Author>,

    /// Whether every automation makes a commit of its own, or those that push to one branch make
    /// one together: those of one namespace with the same `sourceRef`, `git`, `batch` and
    /// `schedule`. Defaults to `automation`. Also read from the annotation
    /// `signet.dev/commit-per`. Ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,

    /// The key with which commits are signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<SigningKey>,

    /// Template of the commit message. `.AutomationObject`, `.Changed`, `.Updated` and `.Values`
    /// are its data. Defaults to `Update from image update automation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_template: Option<String>,

    /// Language of `messageTemplate`: `go` for Go's text/template with sprig, or `handlebars`.
    /// Defaults to `go`.
    #[serde(default)]
    pub message_template_engine: TemplateEngine,

    /// Lines of the last paragraph of the message, such as `Signed-off-by`, by their keys. A value
    /// is a template like `messageTemplate`; one that gives nothing is left out. Ours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trailers: BTreeMap<String, String>,

    /// Data that `messageTemplate` reads as `.Values`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_template_values: Option<BTreeMap<String, String>>,
}

/// What goes into one commit.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// The changes of one automation.
    #[default]
    Automation,
    /// The changes of all automations that push to one branch in the same way.
    Branch,
}

/// The language of a template.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum TemplateEngine {
    /// Go's text/template with the functions of sprig.
    #[default]
    Go,
    /// Handlebars.
    Handlebars,
}

/// Who commits.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// Name of the author. Defaults to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,

    /// E-mail address of the author.
    pub email: String,
}

/// The key with which commits are signed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SigningKey {
    /// Secret with the key, in the automation's namespace: `git.asc` and optionally `passphrase`
    /// for `gpg`, `identity` and optionally `password` for `ssh`.
    pub secret_ref: LocalReference,

    /// Kind of key: `gpg`, which is the default, or `ssh`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<SigningKeyKind>,
}

/// A kind of signing key.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SigningKeyKind {
    /// An OpenPGP key.
    Gpg,
    /// An SSH key.
    Ssh,
}

/// Where a commit is pushed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// The branch. It is created from what was read when it is not there. Defaults to the branch
    /// that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,

    /// A refspec that is pushed besides the branch, such as `refs/heads/main:refs/for/main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refspec: Option<String>,

    /// Push options, sent as `key=value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<BTreeMap<String, String>>,
}

/// What was committed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ImageUpdateAutomationStatus {
    /// When the repository was last looked at. Written with every other change, on request, and
    /// otherwise at most once in ten minutes or `interval`; metrics tell the exact time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_automation_run_time: Option<Time>,

    /// The commit that was pushed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_push_commit: Option<String>,

    /// When it was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_push_time: Option<Time>,

    /// The generation that the conditions speak about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready`, `Reconciling` and `Stalled`, as kstatus defines them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,

    /// What each policy had picked, by name, when the repository was last looked at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub observed_policies: BTreeMap<String, ImageReference>,

    /// The commit that was read, such as `main@sha1:<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_source_revision: Option<String>,

    /// The pull request that carries the change, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequestStatus>,

    /// Policies whose last pick stays in force although they are suspended or fail, by name, and
    /// why: `Suspended`, or the reason of their condition. Ours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held_policies: BTreeMap<String, String>,

    /// Since when changes wait for `spec.batch` or `spec.schedule`. Ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_since: Option<Time>,

    /// The last `reconcile.fluxcd.io/requestedAt` that was acted upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// What one field of an ImageUpdateAutomation sets for another. Only fields of our own have
/// rules: an object that the upstream controller accepted is accepted here.
pub const RULES: &[Rule<ImageUpdateAutomationSpec>] = &[
    Rule {
        cel: "!has(self.git) || !has(self.git.pullRequest) || !has(self.git.push) || !has(self.git.push.refspec)",
        message: "spec.git.push.refspec is not accepted together with spec.git.pullRequest: remove one of them",
        holds: |spec| {
            spec.git.as_ref().is_none_or(|git| {
                git.pull_request.is_none()
                    || git.push.as_ref().is_none_or(|push| push.refspec.is_none())
            })
        },
    },
    Rule {
        cel: "!has(self.git) || !has(self.git.pullRequest) || !has(self.git.pullRequest.branch) || !has(self.git.pullRequest.baseBranch) || self.git.pullRequest.branch != self.git.pullRequest.baseBranch",
        message: "spec.git.pullRequest.branch must differ from spec.git.pullRequest.baseBranch",
        holds: |spec| {
            spec.git.as_ref().and_then(|git| git.pull_request.as_ref()).is_none_or(|request| {
                request.branch.is_none() || request.branch != request.base_branch
            })
        },
    },
];
