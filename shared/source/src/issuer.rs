//! Asking a server for a token: bounded, and with errors that show no credential.

use std::time::Duration;

use crate::login::ProxyLogin;
use reconcile::Class;
use reqwest::{
    Certificate, Client, RequestBuilder,
    header::{HeaderMap, RETRY_AFTER},
    redirect::Policy,
};
use serde::de::DeserializeOwned;

/// Why no token was issued.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client cannot be built from what was given.
    #[error("the {what} cannot be used")]
    Client {
        /// Which part.
        what: &'static str,
        /// Why.
        source: reqwest::Error,
    },
    /// The server cannot be reached.
    #[error("cannot reach `{host}`")]
    Unreachable {
        /// Which.
        host: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The server cannot answer now.
    #[error("`{host}` answered {status} to `{request}`")]
    Unavailable {
        /// Which.
        host: String,
        /// What it was asked.
        request: String,
        /// 408, 429 or 5xx.
        status: u16,
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
    },
    /// The server refused.
    #[error("`{host}` answered {status} to `{request}`: {words}")]
    Refused {
        /// Which.
        host: String,
        /// What it was asked.
        request: String,
        /// The status.
        status: u16,
        /// What it said.
        words: String,
    },
    /// The answer is not what the API promises. It may hold a token, so it is not told.
    #[error("the answer of `{host}` to `{request}` is not understood")]
    Garbled {
        /// Which.
        host: String,
        /// What it was asked.
        request: String,
    },
}

impl Error {
    /// Who can fix it.
    pub fn class(&self) -> Class {
        match self {
            Self::Client { .. } | Self::Refused { .. } => Class::Waiting,
            Self::Unreachable { .. } | Self::Unavailable { .. } | Self::Garbled { .. } => {
                Class::Transient
            }
        }
    }

    /// How long the server asked us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What the reader can do.
    pub fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::Client { .. } => "correct the Secret that holds it",
            Self::Refused { status: 401, .. } => "correct the keys in the Secret",
            Self::Refused { status: 404, .. } => {
                "install the App for that owner, or correct the installation in the Secret"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// Whether the server said that there is no such thing.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

/// A client that trusts `ca` besides the system's certificates, and goes through `proxy`.
pub(crate) fn client(ca: Option<&[u8]>, proxy: Option<&ProxyLogin>) -> Result<Client, Error> {
    let because = |what| move |source: reqwest::Error| Error::Client { what, source };
    // Fails when the process has one already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("signet/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_secs(30))
        .redirect(Policy::none());
    if let Some(pem) = ca {
        let certificates = Certificate::from_pem_bundle(pem).map_err(because("CA certificate"))?;
        builder = builder.tls_certs_merge(certificates);
    }
    if let Some(login) = proxy {
        let mut proxy = reqwest::Proxy::all(login.address.as_str()).map_err(because("proxy"))?;
        if let Some((username, password)) = &login.user {
            proxy = proxy.basic_auth(username, password);
        }
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(because("TLS configuration"))
}

/// Sends `request`, which holds `secret`, and reads what a 2xx answer says.
pub(crate) async fn ask<T: DeserializeOwned>(
    request: RequestBuilder,
    secret: &str,
) -> Result<T, Error> {
    let (client, request) = request.build_split();
    let because = |source| Error::Client { what: "request", source };
    let request = request.map_err(because)?;
    let host = request.url().authority().to_owned();
    let asked = format!("{} {}", request.method(), request.url().path());
    let unreachable = |source: reqwest::Error| Error::Unreachable {
        host: host.clone(),
        source: source.without_url(),
    };
    let mut response = client.execute(request).await.map_err(unreachable)?;
    let body = cloud::body(&mut response).await.map_err(unreachable)?;
    let status = response.status().as_u16();
    let (host, request) = (host.clone(), asked);
    match status {
        200..=299 => serde_json::from_slice(&body).map_err(|_| Error::Garbled { host, request }),
        408 | 429 | 500..=599 => {
            let retry_after = wait(response.headers());
            Err(Error::Unavailable { host, request, status, retry_after })
        }
        _ => Err(Error::Refused { host, request, status, words: cloud::said(&body, &[secret]) }),
    }
}

fn wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
