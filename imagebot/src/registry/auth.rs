//! Saying who we are: a password, or a token that a service gives for it.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{
    StatusCode,
    header::{AUTHORIZATION, HeaderValue},
};
use serde::Deserialize;
use url::Url;
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    Error,
    access::Fingerprint,
    challenge::Challenge,
    client,
    gate::Kind,
    keychain::Credential,
    session::{HostKey, Session, is_loopback, lock},
};
use crate::turn::Turns;

/// How long a token is good when the service does not say.
const LIFETIME: u64 = 60;
/// The longest that a token is kept, whatever the service says.
const LONGEST_LIFETIME: u64 = 3600;
/// The share of its life for which a token is used, in percent.
const USED: u32 = 80;
/// How long the answer of a token service may be.
const LONGEST_ANSWER: usize = 256 << 10;

/// Tokens that are still good.
#[derive(Default)]
pub(super) struct Tokens {
    good: Mutex<HashMap<TokenKey, Token>>,
    turns: Turns<TokenKey>,
}

/// For what, and for whom, a token is.
#[derive(Clone, PartialEq, Eq, Hash)]
struct TokenKey {
    registry: HostKey,
    challenge: Challenge,
    repository: String,
    credential: Option<Fingerprint>,
}

struct Token {
    value: HeaderValue,
    until: Instant,
}

/// What a token service answers.
#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Drop for Given {
    fn drop(&mut self) {
        self.token.zeroize();
        self.access_token.zeroize();
    }
}

/// What to show to a registry that asks in this way; nothing, if there is nothing to show.
pub(super) async fn authorization(
    session: &Session<'_>,
    challenge: &Challenge,
) -> Result<Option<HeaderValue>, Error> {
    let realm = match (challenge, session.credential.as_deref()) {
        (_, Some(Credential::Bearer(token))) => return header(session, "Bearer ", token).map(Some),
        (Challenge::Basic, Some(Credential::Basic { username, password })) => {
            return basic(session, username, password).map(Some);
        }
        (Challenge::Basic, _) => return Ok(None),
        (Challenge::Bearer { realm, .. }, _) => realm,
    };
    let key = key(session, challenge);
    if let Some(value) = session.shared.tokens.good(&key) {
        return Ok(Some(value));
    }
    let realm = service(session, realm)?;
    // Who waited for the same token finds it.
    let _turn = session.shared.tokens.turns.take(key.clone()).await;
    if let Some(value) = session.shared.tokens.good(&key) {
        return Ok(Some(value));
    }
    let (value, lifetime) = fetch(session, challenge, realm).await?;
    session.shared.tokens.keep(key, value.clone(), lifetime);
    Ok(Some(value))
}

/// Forgets the token that the registry did not take.
pub(super) fn forget(session: &Session<'_>, challenge: &Challenge) {
    lock(&session.shared.tokens.good).remove(&key(session, challenge));
}

fn key(session: &Session<'_>, challenge: &Challenge) -> TokenKey {
    TokenKey {
        registry: session.key.clone(),
        challenge: challenge.clone(),
        repository: session.repository.path().to_owned(),
        credential: session.identity,
    }
}

impl Tokens {
    fn good(&self, key: &TokenKey) -> Option<HeaderValue> {
        let tokens = lock(&self.good);
        tokens
            .get(key)
            .filter(|token| Instant::now() < token.until)
            .map(|token| token.value.clone())
    }

    fn keep(&self, key: TokenKey, value: HeaderValue, lifetime: Duration) {
        let now = Instant::now();
        let mut tokens = lock(&self.good);
        tokens.retain(|_, token| now < token.until);
        tokens.insert(key, Token { value, until: now + lifetime * USED / 100 });
    }
}

/// The token service that a registry names: over TLS, unless the registry itself is not.
fn service(session: &Session<'_>, realm: &str) -> Result<Url, Error> {
    let host = &session.key.host;
    let shown = || realm.chars().filter(|character| !character.is_control()).take(100).collect();
    let wrong = || Error::Realm { host: host.clone(), realm: shown() };
    let url = Url::parse(realm).map_err(|_| wrong())?;
    let here = url.host_str().is_some_and(|name| is_loopback(name) && is_loopback(host));
    let fits = url.scheme() == "https"
        || (url.scheme() == "http" && (session.origin.scheme() == "http" || here));
    if fits && url.username().is_empty() && url.password().is_none() {
        Ok(url)
    } else {
        Err(wrong())
    }
}

async fn fetch(
    session: &Session<'_>,
    challenge: &Challenge,
    realm: Url,
) -> Result<(HeaderValue, Duration), Error> {
    let scope = format!("repository:{}:pull", session.repository.path());
    let mut fields = vec![("scope", scope.as_str())];
    if let Challenge::Bearer { service: Some(service), .. } = challenge {
        fields.push(("service", service));
    }
    let request = match session.credential.as_deref() {
        Some(Credential::Refresh(token)) => {
            fields.extend([
                ("grant_type", "refresh_token"),
                ("client_id", "signet"),
                ("refresh_token", token),
            ]);
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            let body = form.extend_pairs(&fields).finish();
            let kind = "application/x-www-form-urlencoded";
            session.client.post(realm).header("content-type", kind).body(body)
        }
        credential => {
            let mut url = realm;
            url.query_pairs_mut().extend_pairs(&fields);
            let request = session.client.get(url);
            match credential {
                Some(Credential::Basic { username, password }) => {
                    request.header(AUTHORIZATION, basic(session, username, password)?)
                }
                _ => request,
            }
        }
    };
    let response = request.send().await.map_err(|source| session.unreachable(source))?;
    if response.status() == StatusCode::TOO_MANY_REQUESTS {
        session.gate.learn(Kind::List, response.status(), response.headers());
    }
    let mut response = session.judge(response, None).await?;
    let host = &session.key.host;
    let body = Zeroizing::new(client::body(&mut response, host, LONGEST_ANSWER).await?);
    let garbled = |what| Error::Garbled { host: host.clone(), what };
    let mut given: Given = match serde_json::from_slice(&body) {
        Ok(given) => given,
        Err(_) if client::is_web_page(response.headers(), &body) => {
            return Err(Error::WebPage { host: host.clone() });
        }
        Err(_) => return Err(garbled("the token service gave no JSON")),
    };
    let token =
        given.token.take().or_else(|| given.access_token.take()).filter(|token| !token.is_empty());
    let token = Zeroizing::new(token.ok_or_else(|| garbled("the token service gave no token"))?);
    let lifetime = given.expires_in.unwrap_or(LIFETIME).min(LONGEST_LIFETIME);
    Ok((header(session, "Bearer ", &token)?, Duration::from_secs(lifetime)))
}

fn basic(session: &Session<'_>, username: &str, password: &str) -> Result<HeaderValue, Error> {
    let pair = Zeroizing::new(format!("{username}:{password}"));
    header(session, "Basic ", &Zeroizing::new(STANDARD.encode(pair.as_bytes())))
}

fn header(session: &Session<'_>, scheme: &str, secret: &str) -> Result<HeaderValue, Error> {
    let text = Zeroizing::new(format!("{scheme}{secret}"));
    let mut value = HeaderValue::from_str(&text).map_err(|_| Error::Garbled {
        host: session.key.host.clone(),
        what: "a token has characters that no token can have",
    })?;
    value.set_sensitive(true);
    Ok(value)
}
