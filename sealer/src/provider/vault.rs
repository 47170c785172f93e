//! Vault and OpenBao: KV version 2, read with a token.

use std::collections::BTreeMap;
use std::time::Duration;

use reconcile::Class;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response, StatusCode, Url};
use sealer_core::plaintext::Plaintext;
use sealer_core::store::plan::Answer;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// Vault refuses larger values; a server that lies about it is not read to the end.
const LARGEST: usize = 4 << 20;
const CONNECT: Duration = Duration::from_secs(5);
const REQUEST: Duration = Duration::from_secs(20);

/// A Vault with a token for it.
pub struct Vault {
    client: Client,
    server: Url,
    headers: HeaderMap,
}

/// What leads to a Vault.
pub struct Settings<'s> {
    /// The URL.
    pub server: &'s str,
    /// The namespace, if the server has any.
    pub namespace: Option<&'s str>,
    /// PEM certificates that are trusted besides the system's.
    pub ca: Option<&'s [u8]>,
    /// Headers for every request.
    pub headers: &'s BTreeMap<String, String>,
    /// The token.
    pub token: &'s Plaintext,
}

/// Why a Vault could not be read. No variant holds a byte of a secret or of the token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is not one.
    #[error("`spec.provider.vault.server` is not an `http` or `https` URL")]
    Server,
    /// A header is not one.
    #[error("`spec.provider.vault.headers` has `{0}`, which cannot be sent")]
    Header(String),
    /// The certificates are none.
    #[error("the certificate authority of `spec.provider.vault` cannot be used")]
    Authority(#[source] reqwest::Error),
    /// There are no certificates where some should be.
    #[error("the certificate authority of `spec.provider.vault` holds no PEM certificate")]
    NoAuthority,
    /// The token cannot be sent.
    #[error("the token of `spec.provider.vault.auth.tokenSecretRef` is not one line of text")]
    Token,
    /// The server refuses the token.
    #[error("{server} refuses the token for `{path}`")]
    Denied {
        /// The server.
        server: String,
        /// What was read.
        path: String,
    },
    /// There is no such secret.
    #[error("{server} has no secret `{path}`")]
    NotFound {
        /// The server.
        server: String,
        /// What was read.
        path: String,
    },
    /// The version was deleted.
    #[error("the secret `{path}` of {server} was deleted")]
    Deleted {
        /// The server.
        server: String,
        /// What was read.
        path: String,
    },
    /// The server cannot answer now.
    #[error("{server} answers {status}")]
    Unavailable {
        /// The server.
        server: String,
        /// The status.
        status: u16,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The server cannot be reached.
    #[error("{server} cannot be reached")]
    Unreachable {
        /// The server.
        server: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The server answers something else.
    #[error("{server} answers `{path}` with something that is not {expected}")]
    Garbled {
        /// The server.
        server: String,
        /// What was read.
        path: String,
        /// What was expected.
        expected: &'static str,
    },
}

impl Error {
    /// Who can help.
    pub fn class(&self) -> Class {
        match self {
            Self::Server | Self::Header(_) => Class::Stalled,
            Self::Authority(_) | Self::NoAuthority | Self::Token | Self::Denied { .. } => {
                Class::Waiting
            }
            Self::NotFound { .. } | Self::Deleted { .. } | Self::Garbled { .. } => Class::Waiting,
            Self::Unavailable { .. } | Self::Unreachable { .. } => Class::Transient,
        }
    }

    /// When the server wants to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What helps.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Denied { .. } => Some("renew the token, or give its policy `read` on that path"),
            Self::NotFound { .. } => {
                Some("write the secret, or correct `remoteRef.key` and `spec.provider.vault.path`")
            }
            Self::Deleted { .. } => Some("undelete or write it, or name a version that is there"),
            Self::Garbled { .. } => {
                Some("check `spec.provider.vault.server`, and that the engine is KV version 2")
            }
            Self::Unreachable { .. } => {
                Some("check `spec.provider.vault.server` and its certificate authority")
            }
            _ => None,
        }
    }
}

/// What Vault answers to a read.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    data: Option<Versioned>,
}

/// A version of a secret. A deleted one has metadata and no data.
#[derive(Deserialize)]
struct Versioned {
    #[serde(default)]
    data: Option<Map<String, Value>>,
    #[serde(default)]
    metadata: Option<IgnoredAny>,
}

impl Vault {
    /// Prepares to talk to a Vault. Nothing is sent yet.
    pub fn open(settings: &Settings<'_>) -> Result<Self, Error> {
        let server = Url::parse(settings.server).map_err(|_| Error::Server)?;
        if !matches!(server.scheme(), "http" | "https") {
            return Err(Error::Server);
        }
        // Fails when the process has one already, which is as good.
        reconcile::process::install_tls();
        let mut builder = Client::builder()
            .user_agent(concat!("signet-sealer/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(REQUEST)
            // A token goes nowhere but to the server that the store names.
            .redirect(Policy::none());
        if let Some(pem) = settings.ca {
            let certificates = Certificate::from_pem_bundle(pem).map_err(Error::Authority)?;
            if certificates.is_empty() {
                return Err(Error::NoAuthority);
            }
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.build().map_err(Error::Authority)?;
        Ok(Self { client, server, headers: headers(settings)? })
    }

    /// Asks whether the token is good.
    pub async fn check(&self) -> Result<(), Error> {
        const PATH: &str = "auth/token/lookup-self";
        let response = self.get(PATH, None).await?;
        match response.status() {
            StatusCode::OK => Ok(()),
            _ => Err(self.refusal(PATH, &response)),
        }
    }

    /// Reads a secret; `path` is what [`location`] says.
    pub async fn read(&self, path: &str, version: Option<&str>) -> Result<Answer, Error> {
        let response = self.get(path, version).await?;
        let status = response.status();
        if status != StatusCode::OK && status != StatusCode::NOT_FOUND {
            return Err(self.refusal(path, &response));
        }
        let body = self.body(path, response).await?;
        let envelope: Result<Envelope, _> = serde_json::from_slice(&body);
        let data = match envelope {
            Ok(envelope) => envelope.data,
            Err(_) if status == StatusCode::NOT_FOUND => None,
            // The decoder's error could quote what was read.
            Err(_) => return Err(self.garbled(path, "a secret of KV version 2")),
        };
        let (server, path) = (self.name(), path.to_owned());
        match data {
            Some(Versioned { data: Some(members), .. }) => Ok(Answer::Object(members.into())),
            Some(Versioned { metadata: Some(_), .. }) => Err(Error::Deleted { server, path }),
            Some(_) => Err(self.garbled(&path, "a secret of KV version 2")),
            None => Err(Error::NotFound { server, path }),
        }
    }

    async fn get(&self, path: &str, version: Option<&str>) -> Result<Response, Error> {
        let mut url = self.server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path.split('/'));
        }
        if let Some(version) = version.filter(|version| !version.is_empty()) {
            url.query_pairs_mut().append_pair("version", version);
        }
        let request = self.client.get(url).headers(self.headers.clone());
        request.send().await.map_err(|source| self.unreachable(source))
    }

    async fn body(&self, path: &str, mut response: Response) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut body = Zeroizing::new(Vec::with_capacity(8 << 10));
        while let Some(chunk) = response.chunk().await.map_err(|source| self.unreachable(source))? {
            if body.len() + chunk.len() > LARGEST {
                return Err(self.garbled(path, "less than 4 MiB"));
            }
            if body.len() + chunk.len() > body.capacity() {
                // Growing in place would leave a copy behind.
                let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + chunk.len()) * 2));
                larger.extend_from_slice(&body);
                body = larger;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn refusal(&self, path: &str, response: &Response) -> Error {
        let (server, path) = (self.name(), path.to_owned());
        match response.status() {
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Error::Denied { server, path },
            StatusCode::NOT_FOUND => Error::NotFound { server, path },
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                let retry_after = response.headers().get(RETRY_AFTER);
                let seconds = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
                let retry_after = seconds.map(Duration::from_secs);
                Error::Unavailable { server, status: status.as_u16(), retry_after }
            }
            _ => self.garbled(&path, "an answer of Vault"),
        }
    }

    fn garbled(&self, path: &str, expected: &'static str) -> Error {
        Error::Garbled { server: self.name(), path: path.to_owned(), expected }
    }

    fn unreachable(&self, source: reqwest::Error) -> Error {
        Error::Unreachable { server: self.name(), source: source.without_url() }
    }

    /// The server without what a URL may hide in it.
    fn name(&self) -> String {
        self.server.origin().ascii_serialization()
    }
}

fn headers(settings: &Settings<'_>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in settings.headers {
        let bad = || Error::Header(name.clone());
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| bad())?);
    }
    if let Some(namespace) = settings.namespace {
        let value = HeaderValue::from_str(namespace)
            .map_err(|_| Error::Header("X-Vault-Namespace".into()))?;
        headers.insert("x-vault-namespace", value);
    }
    headers.insert("x-vault-request", HeaderValue::from_static("true"));
    let token = settings.token.expose().trim_ascii();
    let mut token = HeaderValue::from_bytes(token).map_err(|_| Error::Token)?;
    token.set_sensitive(true);
    headers.insert("x-vault-token", token);
    Ok(headers)
}

/// Where the secret `key` is read: the mount and `data/` are put in where they are missing.
pub fn location(mount: Option<&str>, key: &str) -> String {
    let key = key.trim_matches('/');
    let Some(mount) = mount.map(|mount| mount.trim_matches('/')).filter(|mount| !mount.is_empty())
    else {
        return match key.split_once('/') {
            Some((mount, rest)) if has_data(rest) => format!("{mount}/{rest}"),
            Some((mount, rest)) => format!("{mount}/data/{rest}"),
            None => key.to_owned(),
        };
    };
    let rest = key.strip_prefix(mount).and_then(|rest| rest.strip_prefix('/')).unwrap_or(key);
    let rest = rest.strip_prefix("data/").unwrap_or(rest);
    format!("{mount}/data/{rest}")
}

/// Whether `data` is one of the folders of a key, so that its author said where it belongs.
fn has_data(rest: &str) -> bool {
    rest.split('/').rev().skip(1).any(|part| part == "data")
}

#[cfg(test)]
mod tests;
