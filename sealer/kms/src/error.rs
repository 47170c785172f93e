//! Why a key service was of no use.

use std::iter;

use sealer_core::sops::key::KeyError;

/// Why a key service was of no use. No variant holds a data key or a credential.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name of the key is not one.
    #[error("`{key}` is not {expected}")]
    Name {
        /// What is written.
        key: String,
        /// What should be.
        expected: &'static str,
    },
    /// Nobody can be asked about this kind of key.
    #[error("{0}")]
    Unsupported(&'static str),
    /// This process is nobody there.
    #[error("could not log in to {service}")]
    Login {
        /// Where.
        service: &'static str,
        /// Why.
        source: cloud::Error,
    },
    /// The client cannot be built from what was given.
    #[error("the {what} cannot be used")]
    Client {
        /// Which part.
        what: &'static str,
        /// Why.
        source: reqwest::Error,
    },
    /// A file that belongs to a login cannot be read.
    #[error("could not read `{path}`, which {named_by} names")]
    File {
        /// Which.
        path: String,
        /// What names it.
        named_by: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The key lives where our credentials must not be shown.
    #[error("`{host}` {problem}")]
    Foreign {
        /// Where.
        host: String,
        /// Why not, and what can be done.
        problem: &'static str,
    },
    /// A setting is not what it should be.
    #[error("`{name}` {problem}")]
    Setting {
        /// Which.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The service cannot be reached.
    #[error("could not reach {service} at `{host}`")]
    Unreachable {
        /// Which.
        service: &'static str,
        /// Where.
        host: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The service refused, or cannot answer.
    #[error("{service} at `{host}` answered {status}: {words}")]
    Refused {
        /// Which.
        service: &'static str,
        /// Where.
        host: String,
        /// The status.
        status: u16,
        /// What it said.
        words: String,
    },
    /// Somebody else answered.
    #[error(
        "`{host}` answered {status} with a web page: it is not {service}, or something stands before it"
    )]
    WebPage {
        /// Who should have.
        service: &'static str,
        /// Where.
        host: String,
        /// The status.
        status: u16,
    },
    /// The answer is not what the API promises. It may hold the data key, so it is not told.
    #[error("the answer of {service} at `{host}` {problem}")]
    Garbled {
        /// Which.
        service: &'static str,
        /// Where.
        host: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What the file says that the key made is nothing that it makes.
    #[error("the wrapped data key in the file is not {0}")]
    Wrapped(&'static str),
}

impl Error {
    /// Whether it is worth asking again at once.
    pub(crate) fn is_momentary(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } => source.is_connect() || source.is_request(),
            Self::Refused { status: 429 | 500 | 502..=504, .. } => true,
            _ => false,
        }
    }

    /// Whether nothing was tried, for want of a credential.
    fn is_about_nobody(&self) -> bool {
        match self {
            Self::Login { source, .. } => source.is_about_nobody(),
            Self::Unsupported(_) => true,
            _ => false,
        }
    }

    /// What the reader can do about it.
    fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Login { source, .. } if source.is_about_nobody() => {
                Some("give it an identity there by environment; see the reference of SOPS keys")
            }
            Self::Refused { status: 401 | 403, .. } => {
                Some("check that the credentials are good, and that they may use this key")
            }
            Self::Refused { status: 404, .. } => {
                Some("check that the key exists where the file says")
            }
            Self::Refused { status: 429, .. } => Some("try again later, or raise the quota"),
            Self::Unreachable { .. } => {
                Some("check the network, the proxy, and whose certificate it shows")
            }
            _ => None,
        }
    }
}

impl From<Error> for KeyError {
    /// The whole story on one line.
    fn from(error: Error) -> Self {
        let first = &error as &dyn std::error::Error;
        let causes = iter::successors(Some(first), |error| error.source());
        let mut story = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        if let Some(remedy) = error.remedy() {
            story.push_str("; ");
            story.push_str(remedy);
        }
        if error.is_about_nobody() { Self::Missing(story) } else { Self::Failed(story) }
    }
}
