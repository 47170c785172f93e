//! Why an object does not lead to a remote.

use std::{io, path::PathBuf, time::Duration};

use reconcile::{Class, request, secret};
use source_api::duration;

use crate::{Field, issuer};

/// Why an object does not lead to a remote.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one.
    #[error("`{field}` cannot be used")]
    Url {
        /// The field.
        field: Field,
        /// Why.
        source: Box<repo::Error>,
    },
    /// The address is a directory of the machine that the daemon runs on.
    #[error("`{field}` is a file URL, which only `--local` may use")]
    File {
        /// The field.
        field: Field,
    },
    /// The login is not spoken here.
    #[error("`{field}: {provider}` is not supported")]
    Provider {
        /// The field.
        field: Field,
        /// The login.
        provider: String,
    },
    /// The provider logs in over https, and the address is another.
    #[error("`{field}: {provider}` logs in over https, which `{url}` is not")]
    NotHttps {
        /// The field.
        field: Field,
        /// The provider.
        provider: &'static str,
        /// The field with the address.
        url: Field,
    },
    /// The keys of a GitHub App beside another provider.
    #[error("the Secret `{name}` of `{secret}` holds a GitHub App, but `{field}` is not `github`")]
    StrayApp {
        /// The Secret.
        name: String,
        /// The field that names it.
        secret: Field,
        /// The field with the provider.
        field: Field,
    },
    /// The Secret of a GitHub App is not named.
    #[error("`{field}: github` needs the keys of a GitHub App, and `{secret}` names no Secret")]
    NoApp {
        /// The field with the provider.
        field: Field,
        /// The field that should name it.
        secret: Field,
    },
    /// The Secret of a GitHub App lacks something.
    #[error("`{key}` of the Secret `{name}` of `{field}` {problem}")]
    App {
        /// The Secret.
        name: String,
        /// The field that names it.
        field: Field,
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nothing says who the daemon is.
    #[error("`{field}: {provider}` has no identity to log in with: {problem}")]
    NoIdentity {
        /// The field.
        field: Field,
        /// The provider.
        provider: &'static str,
        /// What is missing.
        problem: &'static str,
    },
    /// The token that proves the daemon's identity cannot be read.
    #[error("could not read the token `{file}` of `AZURE_FEDERATED_TOKEN_FILE`")]
    TokenFile {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The ServiceAccount cannot be used.
    #[error("could not act as the ServiceAccount `{namespace}/{name}` of `{field}`")]
    Account {
        /// The field that names it.
        field: Field,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Why.
        source: Box<request::Error>,
    },
    /// The provider issued no token.
    #[error("`{field}: {provider}` could not get a token")]
    Token {
        /// The field with the provider.
        field: Field,
        /// The provider.
        provider: &'static str,
        /// Why.
        source: Box<issuer::Error>,
    },
    /// The length of time is not one.
    #[error("`{field}` is not valid")]
    Timeout {
        /// The field.
        field: Field,
        /// Why.
        source: duration::Invalid,
    },
    /// A Secret cannot be used.
    #[error("failed to configure authentication options")]
    Secret(#[from] secret::Error),
    /// The key or the list of known hosts of a Secret cannot be used.
    #[error("the Secret `{name}` does not open ssh")]
    Ssh {
        /// The Secret.
        name: String,
        /// Why.
        source: Box<repo::Error>,
    },
    /// Nothing says which key to show.
    #[error("`{url}` is an ssh URL, and `{secret}` names no Secret")]
    NoKey {
        /// The field with the address.
        url: Field,
        /// The field that should name one.
        secret: Field,
    },
    /// The Secret and the URL say different things.
    #[error("the Secret `{name}` has a `bearerToken` while the URL has a user")]
    TwoLogins {
        /// The Secret.
        name: String,
    },
    /// The Secret says half of something.
    #[error("the Secret `{name}` has a `{has}` without a `{lacks}`")]
    Half {
        /// The Secret.
        name: String,
        /// The key that is there.
        has: &'static str,
        /// The key that is not.
        lacks: &'static str,
    },
    /// The proxy is not one.
    #[error("the proxy of the Secret `{name}` of `{field}` cannot be used")]
    Proxy {
        /// The Secret.
        name: String,
        /// The field that names it.
        field: Field,
        /// Why.
        source: Box<repo::Error>,
    },
    /// The commit is not one.
    #[error("`{field}` has the commit `{commit}`, which is no full id")]
    Commit {
        /// The field.
        field: Field,
        /// What is written.
        commit: String,
    },
    /// The range of versions is not one.
    #[error("`{field}` has a `semver` that cannot be used")]
    Semver {
        /// The field.
        field: Field,
        /// Why.
        source: Box<repo::Error>,
    },
}

impl Error {
    /// Who can fix it.
    pub fn class(&self) -> Class {
        match self {
            Self::Url { field, .. } | Self::File { field } | Self::Provider { field, .. } => {
                field.class()
            }
            Self::Timeout { field, .. }
            | Self::Commit { field, .. }
            | Self::Semver { field, .. } => field.class(),
            Self::NotHttps { field, .. } | Self::NoKey { url: field, .. } => field.class(),
            // As upstream: the object and its Secret contradict each other.
            Self::StrayApp { .. } | Self::NoApp { .. } => Class::Stalled,
            Self::App { .. } | Self::NoIdentity { .. } => Class::Waiting,
            Self::TokenFile { .. } => Class::Transient,
            Self::Account { source, .. } if source.is_not_found() => Class::Waiting,
            Self::Account { source, .. } => source.class(),
            Self::Token { source, .. } => source.class(),
            Self::TwoLogins { .. } | Self::Half { .. } => Class::Waiting,
            Self::Proxy { .. } | Self::Ssh { .. } => Class::Waiting,
            Self::Secret(error) => error.class(),
        }
    }

    /// How long a server asked us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Token { source, .. } => source.retry_after(),
            _ => None,
        }
    }

    /// What the reader can do.
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Url { .. } | Self::Timeout { .. } | Self::Ssh { .. } => return None,
            Self::File { .. } => "give an `https` URL".to_owned(),
            Self::Provider { provider, .. } if provider == "aws" => {
                "use `generic` with the HTTPS Git credentials of an IAM user, which CodeCommit calls a user name and a password"
                    .to_owned()
            }
            Self::Provider { provider, .. } if matches!(&**provider, "gitea" | "forgejo") => {
                "use `generic` with a user and an access token, which is how Gitea and Forgejo log in"
                    .to_owned()
            }
            Self::Provider { .. } => "use `generic`, `github` or `azure`".to_owned(),
            Self::NotHttps { .. } => "give the https URL of the repository".to_owned(),
            Self::StrayApp { .. } => "set it to `github`, or name another Secret".to_owned(),
            Self::NoApp { .. } => {
                "name a Secret with `githubAppID`, `githubAppInstallationID` and `githubAppPrivateKey`"
                    .to_owned()
            }
            Self::App { key, .. } => format!("correct `{key}`"),
            Self::NoIdentity { .. } => {
                "annotate the ServiceAccount with `azure.workload.identity/client-id` and `azure.workload.identity/tenant-id`, and let Azure's webhook see the pod"
                    .to_owned()
            }
            Self::TokenFile { .. } => "let Azure's webhook mount it into the pod".to_owned(),
            Self::Account { source, .. } if source.is_not_found() => "create it".to_owned(),
            Self::Account { .. } => {
                "grant `get` on `serviceaccounts` and `create` on `serviceaccounts/token` to the daemon: `features.workloadIdentity` of the chart"
                    .to_owned()
            }
            Self::Token { source, .. } => return source.remedy(),
            Self::Secret(error) => return error.remedy(),
            Self::NoKey { .. } => "name a Secret with `identity` and `known_hosts`".to_owned(),
            Self::TwoLogins { .. } => "remove one of them".to_owned(),
            Self::Half { lacks, .. } => format!("add `{lacks}`"),
            Self::Proxy { .. } => {
                "write `http://host:port`, `https://host:port` or `socks5://host:port` under `address`"
                    .to_owned()
            }
            Self::Commit { .. } => "write all 40 digits".to_owned(),
            Self::Semver { .. } => "write for example `1.2.x` or `>=1.0 <2.0`".to_owned(),
        })
    }
}
