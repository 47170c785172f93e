//! One conversation with one registry, and what is remembered between conversations.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use imagebot_core::reference::Repository;
use reqwest::{
    Client, Method, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, HeaderValue, IF_NONE_MATCH},
};
use tokio::sync::Semaphore;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::{
    Access, Error,
    access::{Fingerprint, Login},
    auth::{self, Tokens},
    challenge::{self, Challenge},
    client,
    cloud::Clouds,
    gate::{Gate, Gates, Kind},
    keychain::Credential,
};

/// How many clients, or hosts, are remembered.
const REMEMBERED: usize = 1024;
/// How long an error's body may be.
const LONGEST_ERROR: usize = 64 << 10;

/// How long one answer may take, to its last byte.
const WHOLE: Duration = Duration::from_secs(120);
/// How many long answers are read at once, so that memory is bounded.
const READERS: usize = 16;

/// What is remembered between conversations.
pub(super) struct Shared {
    clients: Mutex<HashMap<Fingerprint, Client>>,
    hosts: Mutex<HashMap<HostKey, Known>>,
    pub(super) tokens: Tokens,
    pub(super) gates: Gates,
    pub(super) clouds: Clouds,
    pub(super) readers: Arc<Semaphore>,
}

/// A host and a way to connect to it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct HostKey {
    pub(super) host: String,
    pub(super) connection: Fingerprint,
}

/// How a host is spoken to.
#[derive(Clone, Default)]
pub(super) struct Known {
    scheme: Option<&'static str>,
    challenge: Option<Challenge>,
    /// How many tags a page may have, where the host did not take what it was asked for.
    pub(super) page: Option<usize>,
    /// Whether the host gives the whole list whatever it is asked for.
    pub(super) whole: bool,
}

/// One conversation: one repository, one way to connect, one credential.
pub(super) struct Session<'s> {
    pub(super) shared: &'s Shared,
    pub(super) client: Client,
    pub(super) key: HostKey,
    pub(super) gate: Arc<Gate>,
    pub(super) repository: &'s Repository,
    pub(super) credential: Option<Arc<Credential>>,
    pub(super) identity: Option<Fingerprint>,
    /// Whether the credential is a cloud's.
    cloud: bool,
    pub(super) origin: Url,
    scheme: &'static str,
    insecure: bool,
}

/// What is asked for.
#[derive(Clone)]
pub(super) struct Question<'q> {
    pub(super) method: Method,
    pub(super) url: &'q Url,
    pub(super) accept: &'static str,
    pub(super) kind: Kind,
    /// What the last answer was called, so that the same need not come again.
    pub(super) unless: Option<&'q str>,
}

impl Shared {
    pub(super) fn new(gates: Gates, clouds: Clouds) -> Self {
        Self {
            clients: Mutex::default(),
            hosts: Mutex::default(),
            tokens: Tokens::default(),
            gates,
            clouds,
            readers: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// The schemes to try, the likeliest first.
    pub(super) fn schemes(&self, host: &str, access: &Access) -> Vec<&'static str> {
        if !access.insecure && !is_private(host) {
            return vec!["https"];
        }
        let key =
            HostKey { host: host.to_owned(), connection: access.connection(is_loopback(host)) };
        match lock(&self.hosts).get(&key).and_then(|known| known.scheme) {
            Some("http") => vec!["http", "https"],
            _ => vec!["https", "http"],
        }
    }

    /// The client for `host`.
    pub(super) fn client(&self, host: &str, access: &Access) -> Result<(Client, HostKey), Error> {
        let direct = is_loopback(host);
        let key = HostKey { host: host.to_owned(), connection: access.connection(direct) };
        let mut clients = lock(&self.clients);
        if let Some(client) = clients.get(&key.connection) {
            return Ok((client.clone(), key));
        }
        let client = client::build(access, direct)?;
        if clients.len() >= REMEMBERED {
            clients.clear();
        }
        clients.insert(key.connection, client.clone());
        Ok((client, key))
    }

    pub(super) fn known(&self, key: &HostKey) -> Known {
        lock(&self.hosts).get(key).cloned().unwrap_or_default()
    }

    pub(super) fn remember(&self, key: &HostKey, learn: impl FnOnce(&mut Known)) {
        let mut hosts = lock(&self.hosts);
        if hosts.len() >= REMEMBERED && !hosts.contains_key(key) {
            hosts.clear();
        }
        learn(hosts.entry(key.clone()).or_default());
    }
}

impl<'s> Session<'s> {
    pub(super) async fn open(
        shared: &'s Shared,
        repository: &'s Repository,
        access: &Access,
        scheme: &'static str,
    ) -> Result<Self, Error> {
        let host = repository.registry();
        let (client, key) = shared.client(host, access)?;
        let identity = access.whom(repository);
        let origin =
            Url::parse(&format!("{scheme}://{host}/")).map_err(|_| Error::no_scheme(host))?;
        let credential = match &access.login {
            Login::Keychain(keychain) => keychain.find(repository).cloned(),
            Login::Cloud(cloud, workload) => {
                let (whom, proxy) = ((*cloud, workload.as_deref()), access.proxy.clone());
                Some(shared.clouds.credential(whom, shared, host, proxy).await?)
            }
        };
        let cloud = matches!(access.login, Login::Cloud(..));
        Ok(Self {
            shared,
            client,
            gate: shared.gates.of(host, identity),
            key,
            repository,
            credential,
            identity,
            cloud,
            origin,
            scheme,
            insecure: access.insecure,
        })
    }

    /// The address of what the registry has under the repository.
    pub(super) fn url(&self, rest: &str) -> Result<Url, Error> {
        let path = format!("/v2/{}/{rest}", self.repository.path());
        self.origin.join(&path).map_err(|_| Error::no_scheme(&self.key.host))
    }

    /// Asks, as whom the registry wants, and returns what it answers to that if it is good.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<Response, Error> {
        let at_home = question.url.origin() == self.origin.origin();
        let known = if at_home { self.shared.known(&self.key).challenge } else { None };
        let mut shown = match &known {
            Some(challenge) => self.authorization(challenge).await?,
            None => None,
        };
        let mut response = self.send(question, shown.clone()).await?;
        let still_at_home = response.url().origin() == self.origin.origin();
        if response.status() == StatusCode::UNAUTHORIZED && at_home && still_at_home {
            let challenge = challenge::read(response.headers());
            self.shared.remember(&self.key, |known| known.challenge.clone_from(&challenge));
            if let Some(challenge) = &challenge {
                if shown.is_some() {
                    auth::forget(self, challenge);
                }
                if let Some(value) = self.authorization(challenge).await? {
                    shown = Some(value);
                    response = self.send(question, shown.clone()).await?;
                }
            }
        }
        if question.unless.is_some() && response.status() == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        self.judge(response, shown.as_ref()).await
    }

    async fn authorization(&self, challenge: &Challenge) -> Result<Option<HeaderValue>, Error> {
        if self.credential.is_some() && !self.may_show() {
            return Err(Error::ClearText { host: self.key.host.clone() });
        }
        auth::authorization(self, challenge).await
    }

    /// Whether credentials may go to the registry in the way it is connected.
    fn may_show(&self) -> bool {
        self.scheme == "https" || self.insecure || is_loopback(&self.key.host)
    }

    async fn send(
        &self,
        question: &Question<'_>,
        authorization: Option<HeaderValue>,
    ) -> Result<Response, Error> {
        self.gate.pass(question.kind).await?;
        let request = self.client.request(question.method.clone(), question.url.clone());
        let mut request = request.timeout(WHOLE).header(ACCEPT, question.accept);
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(etag) = question.unless {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        self.gate.learn(question.kind, response.status(), response.headers());
        // A server that has TLS answers 400 to those who speak without.
        if response.status() != StatusCode::BAD_REQUEST {
            self.shared.remember(&self.key, |known| known.scheme = Some(self.scheme));
        }
        Ok(response)
    }

    pub(super) fn unreachable(&self, source: reqwest::Error) -> Error {
        Error::Unreachable { host: self.key.host.clone(), source: source.without_url() }
    }

    /// A good answer, or what another means to those who had shown `shown`.
    pub(super) async fn judge(
        &self,
        mut response: Response,
        shown: Option<&HeaderValue>,
    ) -> Result<Response, Error> {
        let (status, host) = (response.status(), self.key.host.clone());
        if status.is_success() {
            return Ok(response);
        }
        if status.is_redirection() {
            let location = response.headers().get("location").and_then(|to| to.to_str().ok());
            let target = location.and_then(|to| response.url().join(to).ok());
            let target =
                target.map_or_else(|| "nowhere".to_owned(), |to| to.origin().ascii_serialization());
            return Err(Error::Astray { host, target });
        }
        let retry_after = client::retry_after(response.headers());
        let what = response.url().path().trim_start_matches("/v2/").to_owned();
        let body = client::body(&mut response, &host, LONGEST_ERROR).await.unwrap_or_default();
        let mut secrets = self.credential.as_deref().map(Credential::secrets).unwrap_or_default();
        // A token that a service gave is no part of the credential.
        let token = shown.and_then(|shown| shown.to_str().ok()?.split_once(' '));
        secrets.extend(token.map(|(_, token)| Zeroizing::new(token.to_owned())));
        let words = client::words(&body, &secrets);
        if let (StatusCode::UNAUTHORIZED, true, Some(whom)) = (status, self.cloud, self.identity) {
            self.shared.clouds.forget(whom, &host);
        }
        Err(match status.as_u16() {
            status @ (401 | 403) => Error::Denied { host, status, words },
            404 => Error::NotFound { host, what, words },
            status @ (408 | 429 | 500..=599) => {
                Error::Unavailable { host, status, words, retry_after }
            }
            status => Error::Refused { host, status, words },
        })
    }
}

fn host_of(registry: &str) -> Option<Host<String>> {
    Url::parse(&format!("http://{registry}/")).ok()?.host().map(|host| host.to_owned())
}

/// Whether a registry is on this machine.
pub(super) fn is_loopback(registry: &str) -> bool {
    host_of(registry).is_some_and(|host| ::cloud::is_loopback(&host))
}

/// Whether a registry is where, as upstream has it, plain HTTP is tried unasked.
fn is_private(registry: &str) -> bool {
    is_loopback(registry)
        || matches!(host_of(registry), Some(Host::Ipv4(address)) if address.is_private())
}

/// The maps under these locks are whole at every moment, so a poisoned lock is still good.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
