//! The pull request that carries a change. All of it is ours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reference::LocalReference;

/// A pull request that carries the change.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PullRequest {
    /// The software that the Git host runs: `gitea`, which Forgejo is to us, or `github`.
    pub provider: Forge,

    /// Address of the host's API, such as `https://git.example.com/api/v1`. Defaults to what
    /// follows from `spec.url` of the GitRepository, which must be http or https for that.
    #[serde(rename = "apiURL", default, skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,

    /// Secret with an API token under the key `token`, in the automation's namespace. Defaults to
    /// the password or bearer token with which the GitRepository logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,

    /// The branch into which the change should be merged. Defaults to the branch that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_branch: Option<String>,

    /// The branch that carries the change. Defaults to `git.push.branch`, and without that to
    /// `imagebot/<namespace>-<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,

    /// Template of the title, with the data of `messageTemplate`. Defaults to the first line of
    /// the commit message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title_template: Option<String>,

    /// Template of the text that is put above the table of changes, with the data of
    /// `messageTemplate`. Defaults to the rest of the commit message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_template: Option<String>,

    /// Labels that the pull request is created with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 25))]
    pub labels: Vec<String>,
}

/// The software that a Git host runs.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Forge {
    /// Gitea or Forgejo.
    Gitea,
    /// GitHub, in the cloud or on premises.
    Github,
}

/// A pull request as it was left.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct PullRequestStatus {
    /// Its number.
    pub number: i64,

    /// Where people look at it.
    pub url: String,

    /// The branch that carries the change.
    pub branch: String,
}
