//! Why a registry could not be read, and who can mend it.

use std::{sync::Arc, time::Duration};

use reconcile::Class;

use super::cloud;

/// Why a registry could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The credentials cannot be read.
    #[error("the Docker configuration {0}")]
    Keychain(&'static str),
    /// The credentials are not JSON.
    #[error("the Docker configuration is not valid at line {line}, column {column}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The proxy's address is not one.
    #[error(
        "the address of the proxy is not `http://`, `https://` or `socks5://` with a host and no credentials"
    )]
    Proxy,
    /// What the connection is made from cannot be used.
    #[error("the {what} for the registry cannot be used")]
    Client {
        /// Which part.
        what: &'static str,
        /// Why.
        source: reqwest::Error,
    },
    /// There is no connection.
    #[error("could not reach `{host}`")]
    Unreachable {
        /// Which host.
        host: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The address cannot be formed.
    #[error("`{0}` is no address of a registry")]
    Address(String),
    /// Credentials would go over the wire in clear text.
    #[error("`{host}` has no TLS, and the credentials were not sent in clear text")]
    ClearText {
        /// Which host.
        host: String,
    },
    /// The credentials are missing, wrong or not enough.
    #[error("`{host}` answered {status}: {words}")]
    Denied {
        /// Which host.
        host: String,
        /// 401 or 403.
        status: u16,
        /// What it said.
        words: String,
    },
    /// The registry asks for a login in a way that is not one.
    #[error("`{host}` asks for a login at `{realm}`, which is no address of a token service")]
    Realm {
        /// Which host.
        host: String,
        /// What it named.
        realm: String,
    },
    /// There is no such repository or tag.
    #[error("`{host}` knows no `{what}`: {words}")]
    NotFound {
        /// Which host.
        host: String,
        /// What was asked for.
        what: String,
        /// What it said.
        words: String,
    },
    /// The registry wants us to wait, or cannot answer now.
    #[error("`{host}` answered {status}: {words}")]
    Unavailable {
        /// Which host.
        host: String,
        /// 408, 429 or 5xx.
        status: u16,
        /// What it said.
        words: String,
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
    },
    /// The registry has asked for a pause, of this object or of another with the same credentials.
    #[error("`{host}` has told us to wait")]
    Paused {
        /// Which host.
        host: String,
        /// For how long.
        wait: Duration,
    },
    /// The registry refused.
    #[error("`{host}` answered {status}: {words}")]
    Refused {
        /// Which host.
        host: String,
        /// The status.
        status: u16,
        /// What it said.
        words: String,
    },
    /// Following the answer would leave TLS, or the host with the credentials.
    #[error("`{host}` points to `{target}`, which is not followed")]
    Astray {
        /// Which host.
        host: String,
        /// Where it points: a host with its scheme.
        target: String,
    },
    /// A web page instead of JSON.
    #[error("`{host}` answered with a web page instead of JSON")]
    WebPage {
        /// Which host.
        host: String,
    },
    /// JSON that is not what the specification says.
    #[error("the answer of `{host}` is not what a registry answers: {what}")]
    Garbled {
        /// Which host.
        host: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The answer is too long.
    #[error("the answer of `{host}` is longer than {most} bytes")]
    TooLong {
        /// Which host.
        host: String,
        /// How long it may be.
        most: usize,
    },
    /// The pages lead in a circle.
    #[error("the pages of tags of `{host}` lead in a circle after {pages} pages and {tags} tags")]
    Circle {
        /// Which host.
        host: String,
        /// How many pages were read.
        pages: usize,
        /// How many tags they had.
        tags: usize,
    },
    /// A cloud's login is not for this registry.
    #[error("`{host}` is no registry of {cloud}")]
    Foreign {
        /// Which host.
        host: String,
        /// Whose registries have this login.
        cloud: &'static str,
    },
    /// The cloud gave no login.
    #[error("could not log in to {cloud}")]
    Cloud {
        /// Which cloud.
        cloud: &'static str,
        /// Why.
        source: cloud::Error,
    },
    /// Another object asked the same at the same time, and this was the answer.
    #[error(transparent)]
    Shared(Arc<Error>),
    /// There are more pages or tags than anyone has.
    #[error("`{host}` lists more than {tags} tags on {pages} pages, and goes on")]
    TooMany {
        /// Which host.
        host: String,
        /// How many pages were read.
        pages: usize,
        /// How many tags they had.
        tags: usize,
    },
}

impl Error {
    /// Who can fix it.
    pub fn class(&self) -> Class {
        match self {
            Self::Unreachable { .. } | Self::Unavailable { .. } => Class::Transient,
            Self::Paused { .. } => Class::Transient,
            Self::Cloud { source, .. } => cloud::class(source),
            Self::Shared(error) => error.class(),
            Self::Foreign { .. } => Class::Stalled,
            Self::Keychain(_) | Self::Malformed { .. } | Self::Proxy | Self::Client { .. } => {
                Class::Waiting
            }
            Self::Address(_) => Class::Stalled,
            Self::ClearText { .. } | Self::Denied { .. } | Self::Realm { .. } => Class::Waiting,
            Self::NotFound { .. } | Self::Refused { .. } | Self::Astray { .. } => Class::Waiting,
            Self::WebPage { .. } | Self::Garbled { .. } | Self::TooLong { .. } => Class::Waiting,
            Self::Circle { .. } | Self::TooMany { .. } => Class::Waiting,
        }
    }

    /// How long the registry asked us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Paused { wait, .. } => Some(*wait),
            Self::Shared(error) => error.retry_after(),
            _ => None,
        }
    }

    /// What the reader can do about it.
    pub fn remedy(&self) -> Option<String> {
        let remedy = match self {
            Self::Shared(error) => return error.remedy(),
            Self::Cloud { source, .. } => return cloud::remedy(source),
            Self::Foreign { .. } => "correct `spec.provider` or `spec.image`",
            Self::Keychain(_) | Self::Malformed { .. } => {
                "write the Secret of `spec.secretRef` with `kubectl create secret docker-registry`"
            }
            Self::Proxy => "correct `address` in the Secret of `spec.proxySecretRef`",
            Self::Client { .. } => {
                "correct the Secrets of `spec.certSecretRef` and `spec.proxySecretRef`"
            }
            Self::ClearText { .. } => "give the registry TLS, or set `spec.insecure: true`",
            Self::Denied { .. } => "check the Secret of `spec.secretRef` and what it may pull",
            Self::NotFound { .. } => "check `spec.image`, and whether the credentials may see it",
            Self::Realm { .. }
            | Self::Astray { .. }
            | Self::Garbled { .. }
            | Self::WebPage { .. } => {
                "check that `spec.image` names a registry, and what stands between it and this daemon"
            }
            Self::Circle { .. } | Self::TooMany { .. } | Self::TooLong { .. } => {
                "have the registry's pagination mended, or its old tags removed"
            }
            Self::Paused { .. } | Self::Unavailable { status: 429, .. } => {
                "log in, or scan less often: raise `spec.interval`"
            }
            Self::Unreachable { .. } => {
                "check the network; if the certificate is from a CA of your own, name it in `spec.certSecretRef`"
            }
            Self::Unavailable { .. } | Self::Refused { .. } | Self::Address(_) => return None,
        };
        Some(remedy.to_owned())
    }

    /// Whether there was no connection at all, so that another scheme may do.
    ///
    /// A registry that shows a certificate has TLS: what is wrong with it must be told, and not be
    /// hidden by what plain HTTP to the same port gives.
    pub(super) fn is_about_connecting(&self) -> bool {
        matches!(self, Self::Unreachable { source, .. } if source.is_connect() && !has_tls(source))
    }

    pub(super) fn malformed(error: &serde_json::Error) -> Self {
        // Only the place: the message could quote a password.
        Self::Malformed { line: error.line(), column: error.column() }
    }

    pub(super) fn no_scheme(host: &str) -> Self {
        Self::Address(host.to_owned())
    }
}

/// Whether what failed is TLS with somebody who speaks it.
fn has_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // An I/O error hides what it wraps from `source`.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let found = match wrapped {
            Some(wrapped) => wrapped.downcast_ref::<rustls::Error>(),
            None => error.downcast_ref::<rustls::Error>(),
        };
        if let Some(found) = found {
            // What is not even a TLS message comes from a server without TLS.
            return !matches!(found, rustls::Error::InvalidMessage(_));
        }
        cause = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    false
}
