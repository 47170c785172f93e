//! Requests about Secrets, whose bodies must never reach a log.
//!
//! `kube::Client::request` logs a body that it cannot decode, and its errors quote what they stumbled
//! over. Everything that may carry the contents of a Secret goes through here instead: answers are
//! decoded by us, and an error never holds a byte of a body.

use http::{Method, Request, header};
use kube::Client;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::error::Class;

/// Asks for the metadata of what a request answers, and for the whole where that is not known.
const METADATA_ONLY: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;q=0.1";

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused it, in its own words.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        code: u16,
        /// The machine's word for it.
        reason: String,
        /// The people's words for it.
        message: String,
    },
    /// The server could not be asked.
    #[error("the API server could not be reached")]
    Unreachable(#[source] Box<kube::Error>),
    /// The answer is not what was asked for. Its content may be secret, so it is not told.
    #[error("the answer of the API server could not be read")]
    Unreadable,
}

impl Error {
    /// Whether the object is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }

    /// Whether the object is there, or is no longer the one that was read.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { code: 409, .. })
    }

    /// Whether the object is not valid.
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Refused { code: 400 | 422, .. })
    }

    /// Who can help.
    pub fn class(&self) -> Class {
        match self {
            Self::Refused { code: 400 | 422, .. } => Class::Stalled,
            Self::Refused { code: 401 | 403, .. } => Class::Waiting,
            Self::Refused { .. } | Self::Unreachable(_) | Self::Unreadable => Class::Transient,
        }
    }
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => {
                Self::Refused { code: status.code, reason: status.reason, message: status.message }
            }
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => Self::Unreadable,
            other => Self::Unreachable(Box::new(other)),
        }
    }
}

/// How much of an object is wanted back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Its metadata.
    Metadata,
    /// All of it.
    Everything,
}

/// Sends a request and decodes its answer.
///
/// # Panics
/// When `path` is not one, which names that the API server accepted cannot cause.
pub async fn send<T: DeserializeOwned>(
    client: &Client,
    method: Method,
    path: &str,
    body: Vec<u8>,
    wanted: Wanted,
) -> Result<T, Error> {
    let accept = match wanted {
        Wanted::Metadata => METADATA_ONLY,
        Wanted::Everything => "application/json",
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::ACCEPT, accept)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .expect("names that the API server accepted make a path");
    let text = Zeroizing::new(client.request_text(request).await?);
    serde_json::from_str(&text).map_err(|_| Error::Unreadable)
}
