//! `signet.dev/v1alpha1` GitSecretSync.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use source_api::{GitReference, LocalReference, duration};

use crate::violation::Violation;

const ONE_SOURCE: &str = "needs exactly one of `sourceRef` and `git`";

/// Turns SOPS files of a Git repository into Secrets.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(group = "signet.dev", version = "v1alpha1", kind = "GitSecretSync", namespaced)]
#[kube(status = "GitSecretSyncStatus", derive = "PartialEq")]
#[kube(shortname = "gss", category = "signet")]
#[kube(doc = "Keeps Secrets in step with the SOPS files of a Git repository.")]
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
    name = "Revision",
    type_ = "string",
    json_path = ".status.lastAppliedRevision",
    priority = 1
))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[x_kube(validation = ("has(self.sourceRef) != has(self.git)", "`spec` needs exactly one of `sourceRef` and `git`"))]
#[serde(rename_all = "camelCase")]
pub struct GitSecretSyncSpec {
    /// A Flux GitRepository that says where the files are. Flux itself need not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<SourceReference>,

    /// Where the files are, when no GitRepository says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<GitSource>,

    /// The folder of the repository that is read, with all folders in it. Defaults to `./`.
    #[serde(default = "root")]
    pub path: String,

    /// Globs of the files that are read, relative to `path`; `**` crosses folders.
    /// Defaults to `**/*.yaml` and `**/*.yml`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,

    /// Globs of the files that are left out, relative to `path`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,

    /// Who decrypts, and with which keys.
    #[serde(default)]
    pub decryption: Decryption,

    /// How often the repository is looked at. Defaults to `10m`.
    #[serde(default = "ten_minutes")]
    #[schemars(regex(pattern = duration::PATTERN))]
    pub interval: String,

    /// How long one look may take. Defaults to `60s`.
    #[serde(default = "a_minute")]
    #[schemars(regex(pattern = duration::PATTERN))]
    pub timeout: String,

    /// Whether a Secret is deleted when its file is gone. Defaults to true.
    #[serde(default = "yes")]
    pub prune: bool,

    /// The namespace that all objects go to. Another one than the GitSecretSync's own needs
    /// `serviceAccountName`. Defaults to the GitSecretSync's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_namespace: Option<String>,

    /// A ServiceAccount of the GitSecretSync's namespace, whose own token writes. With it, objects
    /// may go wherever that account may write; without it, only to the GitSecretSync's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,

    /// The kinds that are applied; documents of other kinds are counted and left alone.
    /// Defaults to `Secret`.
    #[serde(default = "secrets")]
    pub kinds: Vec<Kind>,

    /// What a file whose MAC is wrong means. Defaults to `Enforce`.
    #[serde(default)]
    pub mac_check: MacCheck,

    /// What to do about a Secret that exists and is not ours. Defaults to `Fail`.
    #[serde(default)]
    pub conflict: Conflict,

    /// Pauses reading and writing. Defaults to false.
    #[serde(default)]
    pub suspend: bool,
}

impl Default for GitSecretSyncSpec {
    /// What an object that says nothing asks for.
    fn default() -> Self {
        Self {
            source_ref: None,
            git: None,
            path: root(),
            include: Vec::new(),
            exclude: Vec::new(),
            decryption: Decryption::default(),
            interval: ten_minutes(),
            timeout: a_minute(),
            prune: true,
            target_namespace: None,
            service_account_name: None,
            kinds: secrets(),
            mac_check: MacCheck::default(),
            conflict: Conflict::default(),
            suspend: false,
        }
    }
}

impl Default for Decryption {
    fn default() -> Self {
        Self { provider: sops(), secret_ref: None, service_account_name: None }
    }
}

/// An object that says where a repository is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SourceReference {
    /// Only `GitRepository`, which is the default.
    #[serde(default = "git_repository")]
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// Namespace of the object. Only the GitSecretSync's own, which is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Where a repository is and how to reach it.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GitSource {
    /// The repository's `http(s)://`, `ssh://` or `file://` URL.
    pub url: String,
    /// The revision to read. Defaults to the branch `main`.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<GitReference>,
    /// The Secret with the credentials for the repository: `username` and `password` or
    /// `bearerToken`, and `ca.crt` for a private certificate authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,
}

/// Who decrypts, and with which keys.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Decryption {
    /// Only `sops`, which is the default.
    #[serde(default = "sops")]
    pub provider: String,
    /// The Secret with the keys, in the form of Flux: age identities under `*.agekey`, OpenPGP keys
    /// under `*.asc`, credentials of services under `sops.…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,
    /// Not supported: put the credentials of services into the Secret of `secretRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
}

/// A kind that can be applied.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `v1` Secret.
    Secret,
    /// A `v1` ConfigMap.
    ConfigMap,
}

/// What a file whose MAC is wrong means.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MacCheck {
    /// The file is refused, and what was applied from it earlier stays.
    #[default]
    Enforce,
    /// The file is applied, and an event says that its MAC is wrong.
    Warn,
    /// The MAC is not looked at.
    Off,
}

/// What to do about a Secret that exists and is not ours.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conflict {
    /// It stays as it is, and a condition names it.
    #[default]
    Fail,
    /// It becomes ours if nobody else controls it.
    Adopt,
    /// It becomes ours even if another tool manages it; a controlling owner is never overruled.
    Force,
}

/// What became of the files.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct GitSecretSyncStatus {
    /// `Ready`, `Reconciling` and `Stalled`, as kstatus defines them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The generation that the conditions speak about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The revision whose files were applied without an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_applied_revision: Option<String>,
    /// The revision that was looked at last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempted_revision: Option<String>,
    /// The value of `reconcile.fluxcd.io/requestedAt` that was handled last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The objects that were applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Inventory>,
}

/// The objects that were applied.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Inventory {
    /// One entry for each object, ordered by id.
    pub entries: Vec<InventoryEntry>,
}

/// One object that was applied.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct InventoryEntry {
    /// Namespace, name, group and kind, joined by underscores, as Flux writes them.
    pub id: String,
    /// The version of its API.
    pub v: String,
    /// UID of the object: only the object that was applied is ever pruned.
    pub uid: String,
    /// The `resourceVersion` that the object had after the write.
    pub resource_version: String,
    /// The file it comes from.
    pub file: String,
    /// Hash of what it was made of, as stored: the encrypted file and the object's place in it.
    pub source: String,
}

impl GitSecretSyncSpec {
    /// Every rule that the object breaks.
    pub fn violations(&self, namespace: &str) -> Vec<Violation> {
        let mut broken = Vec::new();
        let mut rule = |holds: bool, field: &str, message: &str| {
            if !holds {
                broken.push(Violation::new(field, message));
            }
        };
        rule(self.source_ref.is_some() != self.git.is_some(), "spec", ONE_SOURCE);
        if let Some(source) = &self.source_ref {
            let known = source.kind == "GitRepository";
            let unknown = format!(
                "must be `GitRepository`: `{}` is not supported; give the Git repository under `spec.git`",
                source.kind
            );
            rule(known, "spec.sourceRef.kind", &unknown);
            let here = source.namespace.as_deref().is_none_or(|other| other == namespace);
            rule(
                here,
                "spec.sourceRef.namespace",
                "must be the GitSecretSync's own namespace: copy the GitRepository there, or use `spec.git`",
            );
        }
        rule(self.decryption.provider == "sops", "spec.decryption.provider", "must be `sops`");
        rule(
            self.decryption.service_account_name.is_none(),
            "spec.decryption.serviceAccountName",
            "is not supported yet: put the credentials of services into the Secret of `spec.decryption.secretRef`",
        );
        let away = self.target_namespace.as_deref().is_some_and(|other| other != namespace);
        let free = !away || self.service_account_name.is_some();
        rule(
            free,
            "spec.targetNamespace",
            "is another namespace: name a ServiceAccount that may write there in `spec.serviceAccountName`",
        );
        let only_secrets = !self.kinds.contains(&Kind::ConfigMap);
        rule(
            only_secrets,
            "spec.kinds",
            "asks for ConfigMap, which is not supported yet: leave only `Secret`",
        );
        let interval = duration::parse(&self.interval).is_some_and(|interval| !interval.is_zero());
        rule(interval, "spec.interval", "must be a positive duration such as `10m`");
        let timeout = duration::parse(&self.timeout).is_some_and(|timeout| !timeout.is_zero());
        rule(timeout, "spec.timeout", "must be a positive duration such as `60s`");
        let inside = !self.path.split('/').any(|part| part == "..");
        rule(inside, "spec.path", "must stay inside the repository: leave out `..`");
        broken
    }
}

fn root() -> String {
    "./".to_owned()
}

fn ten_minutes() -> String {
    "10m".to_owned()
}

fn a_minute() -> String {
    "60s".to_owned()
}

fn yes() -> bool {
    true
}

fn secrets() -> Vec<Kind> {
    vec![Kind::Secret]
}

fn git_repository() -> String {
    "GitRepository".to_owned()
}

fn sops() -> String {
    "sops".to_owned()
}
