//! Plain requests to the servers of the bed, trusting the bed's authority and nobody else.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Certificate, Client, Method, StatusCode};
use serde_json::Value;

use crate::Outcome;
use crate::authority::Authority;

/// A client for tests.
#[derive(Clone, Debug)]
pub struct Http(Client);

/// A request that is being put together.
#[derive(Debug)]
pub struct Request(reqwest::RequestBuilder);

/// What a server answered, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Http {
    pub(crate) fn new(authority: &Authority) -> Outcome<Self> {
        let root = Certificate::from_pem(&fs::read(&authority.certificate)?)?;
        let client = Client::builder()
            .tls_certs_only([root])
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()?;
        Ok(Self(client))
    }

    /// Begins a request.
    pub fn request(&self, method: &str, url: &str) -> Request {
        let method = method.parse::<Method>().expect("the caller spells a method");
        Request(self.0.request(method, url))
    }

    /// GETs a URL.
    pub async fn get(&self, url: &str) -> Outcome<Answer> {
        self.request("GET", url).send().await
    }

    /// Whether a GET is answered with this status.
    pub async fn answers(&self, url: &str, status: u16) -> bool {
        self.get(url).await.is_ok_and(|answer| answer.status == status)
    }
}

impl Request {
    /// Adds a header.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// Adds basic credentials.
    #[must_use]
    pub fn basic(self, user: &str, password: &str) -> Self {
        let pair = STANDARD.encode(format!("{user}:{password}"));
        self.header("Authorization", &format!("Basic {pair}"))
    }

    /// Sets the body.
    #[must_use]
    pub fn body(self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self(self.0.header("Content-Type", media_type).body(body.into()))
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sends it, and reads the whole answer.
    pub async fn send(self) -> Outcome<Answer> {
        let response = self.0.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
    }

    /// Sends it, and fails unless the status is `expected`; the error carries the answer.
    pub async fn expect(self, expected: u16) -> Outcome<Answer> {
        let answer = self.send().await?;
        if answer.status == expected {
            return Ok(answer);
        }
        Err(format!("answered {}, not {expected}: {:.600}", answer.status, answer.text()).into())
    }
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` when it is empty.
    pub fn json(&self) -> Outcome<Value> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|err| format!("{err} in {}", self.text()).into())
    }

    /// A header, or nothing when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
