//! Logging in to a cloud's registries as the cloud knows this process, without its SDK.
//!
//! ```text
//! environment ─▶ aws   key · web identity · container · instance ─▶ SigV4 ─▶ ECR GetAuthorizationToken
//!             ─▶ azure federated token · secret · managed identity ─▶ AAD ─▶ ACR /oauth2/exchange
//!             ─▶ gcp   key file · federation · metadata server ─▶ an access token
//! ```
//!
//! A login is shown to that cloud's registries and to no other host, whatever an object names: with
//! it comes what this process may do, not what the object's author may. It is fetched when a
//! registry of its kind is first asked, and kept for 80 % of its life.

mod aws;
mod azure;
mod environment;
mod error;
mod gcp;
mod sigv4;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use reconcile::clock::Clock;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::{Deserialize as _, Deserializer, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use url::Url;
use zeroize::Zeroizing;

use super::{
    Access, Error as RegistryError,
    access::{Fingerprint, Proxy},
    client,
    keychain::Credential,
    session::{Shared, is_loopback, lock},
};

use crate::turn::Turns;

pub use environment::Environment;
pub use error::Error;

/// The share of its life for which a login is used, in percent.
const USED: u32 = 80;
/// The longest that a login is kept, whatever the cloud says.
const LONGEST: Duration = Duration::from_secs(3600);
/// How long an answer may be.
const LONGEST_ANSWER: usize = 256 << 10;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an answer of this machine's own metadata may take.
const NEAR: Duration = Duration::from_secs(3);

/// Whose login is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// Amazon Web Services: ECR and ECR Public.
    Aws,
    /// Azure: ACR.
    Azure,
    /// Google Cloud: Artifact Registry and Container Registry.
    Gcp,
}

/// The logins that are still good, by cloud and registry.
pub(super) struct Clouds {
    environment: Environment,
    clock: Clock,
    good: Mutex<HashMap<Key, Kept>>,
    turns: Turns<Key>,
}

type Key = (Cloud, String);

struct Kept {
    credential: Arc<Credential>,
    until: Instant,
}

/// What a cloud gave.
struct Given {
    credential: Credential,
    lifetime: Duration,
}

/// What a login is made with.
struct Context<'c> {
    environment: &'c Environment,
    /// For services of the cloud.
    client: Client,
    /// For what is next to this process; never through a proxy.
    near: Client,
    now: Timestamp,
}

impl Context<'_> {
    /// The client for a service at `url`, which a test or an endpoint of one's own may have here.
    fn to(&self, url: &Url) -> &Client {
        if is_loopback(url.host_str().unwrap_or_default()) { &self.near } else { &self.client }
    }
}

impl Cloud {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aws => "Amazon ECR",
            Self::Azure => "Azure Container Registry",
            Self::Gcp => "Google Artifact Registry",
        }
    }

    /// Who this process is to the cloud: the same for all objects.
    pub(super) fn fingerprint(self) -> Fingerprint {
        Sha256::digest(format!("cloud {}", self.name())).into()
    }
}

impl Clouds {
    pub(super) fn new(environment: Environment) -> Self {
        let (good, turns) = <_>::default();
        Self { environment, clock: Clock::system(), good, turns }
    }

    /// What to show to the registry `host`.
    pub(super) async fn credential(
        &self,
        cloud: Cloud,
        shared: &Shared,
        host: &str,
        proxy: Option<Arc<Proxy>>,
    ) -> Result<Arc<Credential>, RegistryError> {
        let key = (cloud, host.to_owned());
        if let Some(good) = self.good(&key) {
            return Ok(good);
        }
        let _turn = self.turns.take(key.clone()).await;
        if let Some(good) = self.good(&key) {
            return Ok(good);
        }
        let foreign = || RegistryError::Foreign { host: host.to_owned(), cloud: cloud.name() };
        // The object's own certificates are left out: who brings them must not see this login.
        let plain = Access { proxy, ..Access::default() };
        let context = Context {
            environment: &self.environment,
            client: shared.client("service.invalid", &plain)?.0,
            near: shared.client("localhost", &Access::default())?.0,
            now: self.clock.now(),
        };
        let given = match cloud {
            Cloud::Aws => {
                let registry = aws::Registry::of(host).ok_or_else(foreign)?;
                aws::login(&context, &registry).await
            }
            Cloud::Azure if azure::is_registry(host) => azure::login(&context, host).await,
            Cloud::Gcp if gcp::is_registry(host) => gcp::login(&context).await,
            Cloud::Azure | Cloud::Gcp => return Err(foreign()),
        };
        let given = given.map_err(|source| RegistryError::Cloud { cloud: cloud.name(), source })?;
        let credential = Arc::new(given.credential);
        let until = Instant::now() + given.lifetime.min(LONGEST) * USED / 100;
        lock(&self.good).insert(key, Kept { credential: Arc::clone(&credential), until });
        Ok(credential)
    }

    /// Forgets the login that a registry did not take.
    pub(super) fn forget(&self, cloud: Cloud, host: &str) {
        lock(&self.good).remove(&(cloud, host.to_owned()));
    }

    fn good(&self, key: &Key) -> Option<Arc<Credential>> {
        let good = lock(&self.good);
        let kept = good.get(key).filter(|kept| Instant::now() < kept.until);
        kept.map(|kept| Arc::clone(&kept.credential))
    }
}

/// Sends a request to a service and reads what it answers to it.
async fn fetch(
    service: &'static str,
    request: RequestBuilder,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let lost =
        |source: reqwest::Error| Error::Unreachable { service, source: source.without_url() };
    let mut response = request.timeout(PATIENCE).send().await.map_err(lost)?;
    let status = response.status();
    let body = client::body(&mut response, service, LONGEST_ANSWER).await;
    let body = Zeroizing::new(body.map_err(|_| Error::Garbled { service })?);
    if status == StatusCode::OK {
        return Ok(body);
    }
    Err(Error::Refused { service, status: status.as_u16(), words: error::words(&body) })
}

/// What a service answers that is next to this process, or nothing if there is no such service.
async fn near<T>(asked: impl Future<Output = Result<T, Error>>) -> Option<Result<T, Error>> {
    match timeout(NEAR, asked).await {
        Err(_) | Ok(Err(Error::Unreachable { .. })) => None,
        Ok(answered) => Some(answered),
    }
}

/// The same for what answers JSON.
async fn fetch_json<T: DeserializeOwned>(
    service: &'static str,
    request: RequestBuilder,
) -> Result<T, Error> {
    let body = fetch(service, request).await?;
    serde_json::from_slice(&body).map_err(|_| Error::Garbled { service })
}

/// A text that is wiped when it is dropped.
fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

/// The same where it may be absent.
fn perhaps<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Zeroizing<String>>, D::Error> {
    Option::<String>::deserialize(from).map(|text| text.map(Zeroizing::new))
}

/// A request with fields, as a web page would send it.
fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    let body = form.extend_pairs(fields).finish();
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// What a file holds that the environment names.
async fn read(variable: &'static str, path: &str) -> Result<Zeroizing<String>, Error> {
    let text = tokio::task::spawn_blocking({
        let path = path.to_owned();
        move || std::fs::read_to_string(path)
    });
    let lost = |source| Error::File { variable, path: path.to_owned(), source };
    let text = text.await.map_err(std::io::Error::other).and_then(|text| text).map_err(lost)?;
    Ok(Zeroizing::new(text))
}

#[cfg(test)]
mod tests;
