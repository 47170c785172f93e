//! Requests to a forge's API: bounded, and with errors that say who can mend them.

use std::time::Duration;

use reqwest::{
    Client, Method, Response,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{Error, PullRequest, Token};

/// A client that trusts `ca` besides the system's certificates.
pub(super) fn client(ca: Option<&[u8]>) -> Result<Client, Error> {
    // Fails when the process has one already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("signet-imagebot/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_secs(30))
        .redirect(Policy::custom(|attempt| {
            // A renamed repository is still on the same host; nobody else gets the token.
            let same = attempt
                .previous()
                .first()
                .is_some_and(|first| first.origin() == attempt.url().origin());
            if same && attempt.previous().len() <= 5 { attempt.follow() } else { attempt.stop() }
        }));
    if let Some(pem) = ca {
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(Error::Client)?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(Error::Client)
}

/// A forge's API with a token for it.
pub(super) struct Api {
    client: Client,
    base: Url,
    authorization: HeaderValue,
    token: Token,
}

/// A 2xx answer.
pub(super) struct Answer {
    host: String,
    request: String,
    body: Vec<u8>,
}

impl Api {
    /// The API at `base`, to which `token` is shown in the way of `scheme`.
    pub(super) fn new(
        client: Client,
        base: Url,
        scheme: &str,
        token: Token,
    ) -> Result<Self, Error> {
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(Error::Unfit("begins with neither `https://` nor `http://`"));
        }
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            return Err(Error::Unfit(
                "has credentials or a query in it; put the token into the Secret",
            ));
        }
        let header = zeroize::Zeroizing::new(format!("{scheme} {}", &*token.0));
        let mut authorization = HeaderValue::from_str(&header).map_err(|_| Error::Token)?;
        authorization.set_sensitive(true);
        Ok(Self { client, base, authorization, token })
    }

    pub(super) async fn get(
        &self,
        path: &[String],
        query: &[(&str, &str)],
    ) -> Result<Answer, Error> {
        let mut url = self.url(path);
        url.query_pairs_mut().extend_pairs(query);
        self.send(Method::GET, url, None).await
    }

    pub(super) async fn post(&self, path: &[String], body: &Value) -> Result<Answer, Error> {
        self.send(Method::POST, self.url(path), Some(body)).await
    }

    pub(super) async fn patch(&self, path: &[String], body: &Value) -> Result<Answer, Error> {
        self.send(Method::PATCH, self.url(path), Some(body)).await
    }

    pub(super) async fn delete(&self, path: &[String]) -> Result<Answer, Error> {
        self.send(Method::DELETE, self.url(path), None).await
    }

    /// The address of `path`, each part encoded.
    fn url(&self, path: &[String]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    async fn send(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Answer, Error> {
        let host = url.authority().to_owned();
        let request = format!("{method} {}", url.path());
        let mut sent = self
            .client
            .request(method, url)
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/vnd.github+json, application/json")
            .header("X-GitHub-Api-Version", "2022-11-28");
        if let Some(body) = body {
            sent = sent.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let unreachable = |source: reqwest::Error| Error::Unreachable {
            host: host.clone(),
            source: source.without_url(),
        };
        let mut response = sent.send().await.map_err(unreachable)?;
        let body = read(&mut response).await.map_err(unreachable)?;
        let said = body.as_deref().unwrap_or_default();
        if let Some(error) = self.refusal(&response, &host, &request, said) {
            return Err(error);
        }
        match body {
            Some(body) => Ok(Answer { host, request, body }),
            None => Err(Error::TooLong { host, request }),
        }
    }

    /// What an answer other than 2xx means.
    fn refusal(&self, answer: &Response, host: &str, request: &str, body: &[u8]) -> Option<Error> {
        let headers = answer.headers();
        let (host, request) = (host.to_owned(), request.to_owned());
        let limited = headers.contains_key(RETRY_AFTER)
            || headers.get("x-ratelimit-remaining").is_some_and(|remaining| remaining == "0");
        let words = || words(body, &self.token.0);
        Some(match answer.status().as_u16() {
            200..=299 => return None,
            status @ (408 | 429 | 500..=599) => {
                Error::Unavailable { host, request, status, retry_after: wait(headers) }
            }
            // GitHub says so when there were too many requests, too.
            403 if limited => {
                Error::Unavailable { host, request, status: 403, retry_after: wait(headers) }
            }
            status @ (401 | 403) => Error::Denied { host, request, status, words: words() },
            404 => Error::NotFound { host, request, words: words() },
            status => Error::Refused { host, request, status, words: words() },
        })
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Api({})", self.base)
    }
}

impl Answer {
    /// The body, as the API promises it.
    pub(super) fn json<T: for<'de> Deserialize<'de>>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|source| Error::Garbled {
            host: self.host.clone(),
            request: self.request.clone(),
            source,
        })
    }

    /// The pull request that the body is.
    pub(super) fn pull_request(&self) -> Result<PullRequest, Error> {
        self.json::<Listed>().map(PullRequest::from)
    }
}

/// A pull request in the words that GitHub found and Gitea took over.
#[derive(Deserialize)]
pub(super) struct Listed {
    number: i64,
    html_url: String,
    title: String,
    body: Option<String>,
    #[serde(default)]
    merged: bool,
    merged_at: Option<String>,
    pub(super) head: Side,
    pub(super) base: Side,
}

/// A branch of a pull request.
#[derive(Deserialize)]
pub(super) struct Side {
    #[serde(rename = "ref")]
    pub(super) name: String,
    /// Its name for people, with the owner before a colon where that is not plain.
    label: Option<String>,
    /// Its repository, unless that is gone.
    repo: Option<Of>,
}

#[derive(Deserialize, PartialEq, Eq)]
struct Of {
    id: i64,
}

impl Listed {
    /// Whether both branches are in one repository; a fork may have branches of the same name.
    pub(super) fn is_at_home(&self) -> bool {
        self.head.repo.is_some() && self.head.repo == self.base.repo
    }
}

impl Side {
    /// Whether this is, or was, the branch `name`: Gitea refers to a request whose branch is deleted
    /// as `refs/pull/1/head`, and only the label still says what it was called.
    pub(super) fn was(&self, name: &str) -> bool {
        self.name == name || self.label.as_deref() == Some(name)
    }
}

impl From<Listed> for PullRequest {
    fn from(listed: Listed) -> Self {
        Self {
            number: listed.number,
            url: listed.html_url,
            title: listed.title,
            body: listed.body.unwrap_or_default(),
            merged: listed.merged || listed.merged_at.is_some(),
        }
    }
}

/// The body of an answer, or `None` when it is too long.
async fn read(response: &mut Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// What a forge says in an error: untrusted text, short and without the token.
fn words(body: &[u8], token: &str) -> String {
    #[derive(Deserialize)]
    struct Said {
        message: Option<String>,
        #[serde(default)]
        errors: Value,
    }
    let said: Option<Said> = serde_json::from_slice(body).ok();
    let mut parts: Vec<String> = Vec::new();
    if let Some(said) = said {
        parts.extend(said.message);
        for error in said.errors.as_array().into_iter().flatten() {
            let text = error.get("message").unwrap_or(error).as_str();
            parts.extend(text.map(str::to_owned));
        }
    }
    let text = parts.join("; ");
    let text = if token.is_empty() { text } else { text.replace(token, "***") };
    let text: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
    if text.is_empty() { "it did not say why".to_owned() } else { text }
}

/// How long the forge asks us to wait.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(seconds) =
        text(RETRY_AFTER.as_str()).and_then(|seconds| seconds.trim().parse().ok())
    {
        return Some(Duration::from_secs(seconds));
    }
    // The forge's own clock tells how far its reset is away.
    let reset: i64 = text("x-ratelimit-reset")?.parse().ok()?;
    let now = jiff::fmt::rfc2822::parse(text(DATE.as_str())?).ok()?.timestamp().as_second();
    Some(Duration::from_secs(u64::try_from(reset.saturating_sub(now)).unwrap_or_default()))
}

pub(super) const LONGEST_ANSWER: usize = 8 << 20;
