//! Git's HTTP conversation over our own client.
//!
//! gix brings a client, but that one ignores custom CAs and proxies. Credentials are sent at once,
//! with every request, and only to the origin that the object names.

mod client;
mod exchange;

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use gix::error::ErrorExt;
use gix_transport::client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse};
use reqwest::{
    StatusCode,
    blocking::{Client, RequestBuilder, Response},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER},
};
use url::Url;

use crate::{Credentials, Error, Remote, SafeUrl, failure::Failure};

use exchange::Exchange;
pub(crate) use exchange::{Answer, Body};

/// One conversation with one remote.
#[derive(Clone)]
pub(crate) struct Conversation {
    client: Arc<Client>,
    remote: Arc<Remote>,
    deadline: Instant,
    failure: Failure,
    /// Where the remote really is, after a redirect.
    base: Option<String>,
    /// Whether the present base may see the credentials.
    trusted: bool,
}

impl Conversation {
    /// Prepares a conversation, which must end before `deadline`. Nothing is sent yet.
    pub(crate) fn new(
        remote: &Arc<Remote>,
        deadline: Instant,
        failure: Failure,
    ) -> Result<Self, Error> {
        let url = &remote.url;
        if let Credentials::Ssh(_) = remote.credentials {
            let need = "an ssh key opens `ssh://` URLs; give a user and password, or a token";
            return Err(Error::Mismatch { url: url.clone(), need });
        }
        let readable = url.is_clear_text() && !remote.credentials.is_none();
        if readable && remote.clear_text == crate::ClearText::Loopback && !url.is_loopback() {
            return Err(Error::ClearText { url: url.clone() });
        }
        let client = client::shared(remote)?;
        Ok(Self {
            client,
            remote: Arc::clone(remote),
            deadline,
            failure,
            base: None,
            trusted: true,
        })
    }

    fn authorization(&self) -> Option<HeaderValue> {
        let text = match &self.remote.credentials {
            _ if !self.trusted => return None,
            Credentials::None | Credentials::Ssh(_) => return None,
            Credentials::Basic { username, password } => {
                let pair = [username.as_bytes(), b":", password.expose()].concat();
                format!("Basic {}", STANDARD.encode(pair))
            }
            Credentials::Bearer(token) => {
                format!("Bearer {}", String::from_utf8_lossy(token.expose()))
            }
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Completes a request with the credentials and the time that is left.
    fn prepare(
        &self,
        mut request: RequestBuilder,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> RequestBuilder {
        for header in headers {
            if let Some((name, value)) = header.as_ref().split_once(':')
                && !name.eq_ignore_ascii_case("user-agent")
            {
                request = request.header(name.trim(), value.trim());
            }
        }
        match self.authorization() {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        }
    }

    fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.timeout());
        }
        request.timeout(left).send().map_err(|source| {
            if source.is_timeout() && !source.is_connect() {
                self.timeout()
            } else {
                Error::Unreachable {
                    url: self.remote.url.clone(),
                    source: source.without_url().into(),
                }
            }
        })
    }

    fn timeout(&self) -> Error {
        Error::Timeout { url: self.remote.url.clone(), limit: self.remote.timeouts.operation }
    }

    /// What an answer other than 2xx means.
    fn refusal(&self, status: StatusCode, headers: &HeaderMap) -> Option<Error> {
        let url = self.remote.url.clone();
        Some(match status.as_u16() {
            200..=299 => return None,
            status @ (401 | 403) => Error::Denied { url, status },
            404 | 410 => Error::NotFound { url },
            status @ (408 | 429 | 500..=599) => {
                Error::Unavailable { url, status, retry_after: retry_after(headers) }
            }
            status => Error::NotGit { url, answer: status.to_string() },
        })
    }

    /// Asks for `url`, following redirects as Git does: on the first request of a conversation only.
    fn ask(&mut self, url: &str, base: &str, headers: &[String]) -> Result<Response, Error> {
        let tail = &url[base.len()..];
        let mut at = Url::parse(url).map_err(Error::Url)?;
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send(self.prepare(self.client.get(at.clone()), headers))?;
            if response.status().is_redirection() {
                at = self.follow(&at, response.headers(), tail)?;
                continue;
            }
            if let Some(refusal) = self.refusal(response.status(), response.headers()) {
                return Err(refusal);
            }
            let answer = response
                .headers()
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
                .unwrap_or("nothing");
            if !answer.starts_with("application/x-git-") {
                return Err(Error::NotGit {
                    url: self.remote.url.clone(),
                    answer: answer.to_owned(),
                });
            }
            return Ok(response);
        }
        Err(self.redirected(&at, "there are too many redirects"))
    }

    /// Where a redirect leads. The credentials stay behind unless it is the same origin.
    fn follow(&mut self, at: &Url, headers: &HeaderMap, tail: &str) -> Result<Url, Error> {
        let location =
            headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut to =
            at.join(location).map_err(|_| self.redirected(at, "the address is not one"))?;
        crate::url::take_userinfo(&mut to);
        if !matches!(to.scheme(), "http" | "https")
            || (at.scheme() == "https" && to.scheme() == "http")
        {
            return Err(self.redirected(&to, "it would give up encryption"));
        }
        let Some(base) = to.as_str().strip_suffix(tail) else {
            return Err(self.redirected(&to, "it is not the same Git service"));
        };
        let upgrade = at.scheme() == "http" && to.scheme() == "https" && at.host() == to.host();
        self.trusted &= at.origin() == to.origin() || upgrade;
        self.base = Some(base.to_owned());
        Ok(to)
    }

    fn redirected(&self, to: &Url, why: &'static str) -> Error {
        Error::Redirected { url: self.remote.url.clone(), to: SafeUrl::of(to), why }
    }
}

impl Http for Conversation {
    type Headers = Answer<io::Cursor<Vec<u8>>>;
    type ResponseBody = Answer<Body>;
    type PostBody = exchange::Upload;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::error::Result<GetResponse<Self::Headers, Self::ResponseBody>> {
        let headers: Vec<String> =
            headers.into_iter().map(|header| header.as_ref().to_owned()).collect();
        let response =
            self.ask(url, base_url, &headers).map_err(|error| self.failure.keep(error).raise())?;
        let exchange = Exchange::answered(self, response);
        Ok(GetResponse { headers: exchange.headers(), body: exchange.body() })
    }

    fn post(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _kind: PostBodyDataKind,
    ) -> gix::error::Result<PostResponse<Self::Headers, Self::ResponseBody, Self::PostBody>> {
        // The whole body is collected and sent with a `Content-Length`: CGI servers answer 411 to
        // chunked requests, and what we send is small.
        let request = self.prepare(self.client.post(url), headers);
        let exchange = Exchange::pending(self, request);
        Ok(PostResponse {
            post_body: exchange.upload(),
            headers: exchange.headers(),
            body: exchange.body(),
        })
    }

    fn configure(&mut self, _config: &dyn std::any::Any) -> gix::error::Result {
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.base.clone()
    }
}

/// The seconds of a `Retry-After` header; a date is not worth a clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

const MOST_REDIRECTS: usize = 5;
