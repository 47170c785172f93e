//! One request to a key service: bounded, tried again where that may help, and with errors that show
//! nothing of what was sent.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{RequestBuilder, Response};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::Error;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// When a request that failed is sent again.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];
/// More than a request to wrap a data key ever is, so that its buffer does not grow and leave copies.
const LARGEST: usize = 8 << 10;

/// Who is asked, and what it must not say again.
pub(crate) struct Service<'s> {
    /// What it is called.
    pub(crate) name: &'static str,
    /// What was shown to it, for its words may quote it.
    pub(crate) secrets: &'s [&'s str],
}

/// A message in memory that is wiped.
pub(crate) fn json(message: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let mut body = Zeroizing::new(Vec::with_capacity(LARGEST));
    serde_json::to_writer(&mut *body, message).expect("a message of texts is JSON");
    body
}

/// A body of a request that is wiped when it was sent.
pub(crate) fn body(message: &impl Serialize) -> Bytes {
    Bytes::from_owner(json(message))
}

impl Service<'_> {
    /// What the service answers; `request` makes the request anew for each time that it is sent.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<T, Error> {
        let mut pauses = PAUSES.into_iter();
        loop {
            match (self.once(request()).await, pauses.next()) {
                (Err(error), Some(pause)) if error.is_momentary() => {
                    tokio::time::sleep(pause).await;
                }
                (answered, _) => return answered,
            }
        }
    }

    async fn once<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let (client, request) = request.timeout(PATIENCE).build_split();
        let unfit = |source| Error::Client { what: "request", source };
        let request = request.map_err(unfit)?;
        let host = request.url().authority().rsplit('@').next().unwrap_or_default().to_owned();
        let unreachable = |source: reqwest::Error| Error::Unreachable {
            service: self.name,
            host: host.clone(),
            source: source.without_url(),
        };
        let mut response = client.execute(request).await.map_err(unreachable)?;
        let body = cloud::body(&mut response).await.map_err(unreachable)?;
        self.read(&response, host.clone(), &body)
    }

    fn read<T: DeserializeOwned>(
        &self,
        response: &Response,
        host: String,
        body: &[u8],
    ) -> Result<T, Error> {
        let (service, status) = (self.name, response.status().as_u16());
        if is_web_page(body) {
            return Err(match status {
                // What stands before a service that is down speaks for it.
                429 | 500.. => Error::Refused { service, host, status, words: "a web page".into() },
                _ => Error::WebPage { service, host, status },
            });
        }
        match status {
            200..=299 => serde_json::from_slice(body).map_err(|_| Error::Garbled {
                service,
                host,
                problem: "is not what its API promises",
            }),
            300..=399 => {
                let words = "it points elsewhere, where credentials are not sent".to_owned();
                Err(Error::Refused { service, host, status, words })
            }
            _ => {
                // It may quote Base64 without its padding.
                let bare = self.secrets.iter().map(|secret| secret.trim_end_matches('='));
                let words = cloud::said(body, &bare.collect::<Vec<_>>());
                Err(Error::Refused { service, host, status, words })
            }
        }
    }
}

/// Whether somebody answered who speaks HTML. The content type alone says nothing: stand-ins of
/// services call their JSON what they like.
fn is_web_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}
