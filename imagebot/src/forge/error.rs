//! Why a forge did not do what it was asked, and who can mend it.

use std::time::Duration;

use reconcile::Class;
use repo::SafeUrl;

use super::api::LONGEST_ANSWER;

/// Why a forge did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API's address is not one.
    #[error("`spec.git.pullRequest.apiURL` is not an address")]
    Address(#[source] url::ParseError),
    /// The API's address would carry the token in clear text, or carries one itself.
    #[error("`spec.git.pullRequest.apiURL` {0}")]
    Unfit(&'static str),
    /// The API's address does not follow from the repository's.
    #[error("the address of the API does not follow from `{url}`")]
    NoAddress {
        /// The repository.
        url: SafeUrl,
    },
    /// The repository's address does not end in an owner and a name.
    #[error("`{url}` does not end in an owner and a name")]
    Repository {
        /// The repository.
        url: SafeUrl,
    },
    /// The token has characters that no header may have.
    #[error("the token has characters that a token cannot have")]
    Token,
    /// The certificates cannot be used.
    #[error("the CA certificate for the forge cannot be used")]
    Client(#[source] reqwest::Error),
    /// The forge cannot be reached.
    #[error("could not reach the API of `{host}`")]
    Unreachable {
        /// Which host.
        host: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The token is missing, wrong or not enough.
    #[error("`{host}` answered {status} to {request}: {words}")]
    Denied {
        /// Which host.
        host: String,
        /// What was asked.
        request: String,
        /// 401 or 403.
        status: u16,
        /// What it said.
        words: String,
    },
    /// There is no such thing, or the token may not see it.
    #[error("`{host}` found nothing for {request}: {words}")]
    NotFound {
        /// Which host.
        host: String,
        /// What was asked.
        request: String,
        /// What it said.
        words: String,
    },
    /// The forge wants us to wait, or cannot answer now.
    #[error("`{host}` answered {status} to {request}")]
    Unavailable {
        /// Which host.
        host: String,
        /// What was asked.
        request: String,
        /// 403, 429 or 5xx.
        status: u16,
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
    },
    /// The forge refused.
    #[error("`{host}` refused {request} with {status}: {words}")]
    Refused {
        /// Which host.
        host: String,
        /// What was asked.
        request: String,
        /// The status.
        status: u16,
        /// What it said.
        words: String,
    },
    /// The answer is not what the API promises.
    #[error("the answer of `{host}` to {request} is not what a forge answers")]
    Garbled {
        /// Which host.
        host: String,
        /// What was asked.
        request: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The answer is too long.
    #[error("the answer of `{host}` to {request} is longer than {LONGEST_ANSWER} bytes")]
    TooLong {
        /// Which host.
        host: String,
        /// What was asked.
        request: String,
    },
    /// The forge says that a pull request exists, and does not show it.
    #[error("the forge says that the pull request exists, and does not list it")]
    Contradiction,
}

impl Error {
    /// Who can mend this.
    pub fn class(&self) -> Class {
        match self {
            Self::Address(_) | Self::Unfit(_) | Self::NoAddress { .. } => Class::Stalled,
            Self::Repository { .. } | Self::Token | Self::Client(_) => Class::Waiting,
            Self::Denied { .. } | Self::NotFound { .. } | Self::Refused { .. } => Class::Waiting,
            Self::Garbled { .. } | Self::TooLong { .. } => Class::Waiting,
            Self::Unreachable { .. } | Self::Unavailable { .. } | Self::Contradiction => {
                Class::Transient
            }
        }
    }

    /// How long the forge asked us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What the reader can do.
    pub fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::Address(_) => "write it like `https://git.example.com/api/v1`",
            Self::NoAddress { .. } => "set `spec.git.pullRequest.apiURL`",
            Self::Repository { .. } => "correct `spec.url` of the GitRepository",
            Self::Denied { .. } | Self::Token => {
                "give the token of `spec.git.pullRequest.secretRef` the right to write pull requests and issues"
            }
            Self::NotFound { .. } => "check `spec.git.pullRequest` and what the token may see",
            Self::Garbled { .. } => {
                "check `spec.git.pullRequest.provider` and `spec.git.pullRequest.apiURL`"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}
