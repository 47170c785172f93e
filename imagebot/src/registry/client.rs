//! HTTP clients, and reading answers without believing their size.

use std::time::Duration;

use reqwest::{
    Certificate, Client, Identity, Response,
    header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER},
    redirect::{Attempt, Policy},
};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Access, Error};

/// How often a request may be sent elsewhere.
const REDIRECTS: usize = 5;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// The client that connects as `access` says; `direct` leaves out the environment's proxy.
pub(super) fn build(access: &Access, direct: bool) -> Result<Client, Error> {
    let because = |what| move |source: reqwest::Error| Error::Client { what, source };
    // Fails when the process has one already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("signet-imagebot/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::custom(follow))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .pool_idle_timeout(Duration::from_secs(30));
    if let Some(pem) = &access.ca {
        let certificates = Certificate::from_pem_bundle(pem).map_err(because("CA certificate"))?;
        builder = builder.tls_certs_merge(certificates);
    }
    if let Some(pem) = &access.identity {
        builder = builder.identity(Identity::from_pem(pem).map_err(because("client certificate"))?);
    }
    builder = match &access.proxy {
        Some(proxy) => {
            let mut through =
                reqwest::Proxy::all(proxy.address.clone()).map_err(because("proxy"))?;
            if let Some((username, password)) = &proxy.login {
                through = through.basic_auth(username, password);
            }
            builder.proxy(through)
        }
        None if direct => builder.no_proxy(),
        None => builder,
    };
    builder.build().map_err(because("TLS configuration"))
}

/// Follows within an origin, and elsewhere only to TLS; the client drops the credentials there.
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let from = attempt.previous().last().map(url::Url::origin);
    let stays = from.as_ref().is_some_and(|from| *from == attempt.url().origin());
    let secure = attempt.url().scheme() == "https";
    if attempt.previous().len() <= REDIRECTS && (stays || secure) {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

/// The body of an answer, if it is not longer than `most`.
pub(super) async fn body(
    response: &mut Response,
    host: &str,
    most: usize,
) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    let too_long = || Error::TooLong { host: host.to_owned(), most };
    if response.content_length().is_some_and(|length| length > most as u64) {
        return Err(too_long());
    }
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > most => return Err(too_long()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(source) => {
                return Err(Error::Unreachable {
                    host: host.to_owned(),
                    source: source.without_url(),
                });
            }
        }
    }
}

/// Whether an answer is a web page.
pub(super) fn is_web_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().contains("html") || body.trim_ascii_start().starts_with(b"<")
}

/// What a registry says in an error: untrusted text, short and without any of `secrets`.
pub(super) fn words(body: &[u8], secrets: &[Zeroizing<String>]) -> String {
    #[derive(Deserialize)]
    struct Said {
        #[serde(default)]
        errors: Vec<Fault>,
        #[serde(alias = "message", alias = "details", alias = "error_description")]
        error: Option<String>,
    }
    #[derive(Deserialize)]
    struct Fault {
        code: Option<String>,
        message: Option<String>,
    }
    let said: Option<Said> = serde_json::from_slice(body).ok();
    let mut parts = Vec::new();
    if let Some(said) = said {
        parts.extend(
            said.errors.into_iter().flat_map(|fault| [fault.code, fault.message]).flatten(),
        );
        parts.extend(said.error);
    }
    let mut text = parts.join(": ");
    // A shorter one is in many words by chance.
    for secret in secrets.iter().filter(|secret| secret.len() > 3) {
        text = text.replace(secret.as_str(), "***");
    }
    let text: String = text.chars().filter(|character| !character.is_control()).take(200).collect();
    if text.is_empty() { "it did not say why".to_owned() } else { text }
}

/// How long an answer asks us to wait: seconds, or until a date by the registry's own clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wanted = text(RETRY_AFTER)?;
    if let Ok(seconds) = wanted.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let second =
        |date| jiff::fmt::rfc2822::parse(date).ok().map(|date| date.timestamp().as_second());
    let seconds = second(wanted)? - second(text(DATE)?)?;
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}
