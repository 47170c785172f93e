//! Logging in to a cloud's registries as the cloud knows this process, without its SDK.
//!
//! ```text
//! who this process is ─▶ aws   a key of Amazon's ─▶ SigV4 ─▶ ECR GetAuthorizationToken
//! (`shared/cloud`)    ─▶ azure a token of Entra ID ─▶ ACR /oauth2/exchange
//!                     ─▶ gcp   an access token
//! ```
//!
//! A login is shown to that cloud's registries and to no other host, whatever an object names: with
//! it comes what this process may do, not what the object's author may. A [`Workload`] stands in the
//! place of this process where the author names a ServiceAccount. It is fetched when a
//! registry of its kind is first asked, and kept for 80 % of its life.

mod aws;
mod azure;
mod gcp;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ::cloud::Context;
use reconcile::{Class, clock::Clock};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{
    Access, Error as RegistryError,
    access::{Fingerprint, Proxy},
    keychain::Credential,
    session::{Shared, lock},
};

use crate::turn::Turns;

pub use ::cloud::{Environment, Error};

/// The share of its life for which a login is used, in percent.
const USED: u32 = 80;
/// The longest that a login is kept, whatever the cloud says.
const LONGEST: Duration = Duration::from_secs(3600);
/// What this process is called where sessions have names.
const SESSION: &str = "signet-imagebot";

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

/// Who is logged in, and where.
type Key = (Fingerprint, String);

/// Somebody as whom an object's author may log in, instead of as this process: what names them to
/// their cloud, and a token that proves it.
pub struct Workload {
    identity: String,
    values: Vec<(&'static str, Zeroizing<String>)>,
}

impl Workload {
    /// The workload called `identity`, of whom the cloud is told `values`: see [`Environment`].
    ///
    /// The identity says all that a login depends on, and no secret: whoever has the same one is
    /// given the same login.
    pub fn new(identity: String, values: Vec<(&'static str, Zeroizing<String>)>) -> Self {
        Self { identity, values }
    }

    /// What clouds are told: who it is, and where services are by the word of this process.
    fn environment(&self, own: &Environment) -> Environment {
        own.given(self.values.iter().cloned())
    }
}

struct Kept {
    credential: Arc<Credential>,
    until: Instant,
}

/// What a cloud gave.
struct Given {
    credential: Credential,
    lifetime: Duration,
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

    /// Who somebody is to the cloud; this process is the same for all objects.
    pub(super) fn fingerprint(self, workload: Option<&Workload>) -> Fingerprint {
        let identity = workload.map(|workload| workload.identity.as_str()).unwrap_or_default();
        Sha256::digest(format!("cloud {}\n{identity}", self.name())).into()
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
        (cloud, workload): (Cloud, Option<&Workload>),
        shared: &Shared,
        host: &str,
        proxy: Option<Arc<Proxy>>,
    ) -> Result<Arc<Credential>, RegistryError> {
        let key = (cloud.fingerprint(workload), host.to_owned());
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
        let environment = workload.map(|workload| workload.environment(&self.environment));
        let context = Context {
            environment: environment.as_ref().unwrap_or(&self.environment),
            client: shared.client("service.invalid", &plain)?.0,
            near: shared.client("localhost", &Access::default())?.0,
            now: self.clock.now(),
            session: SESSION,
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
    pub(super) fn forget(&self, whom: Fingerprint, host: &str) {
        lock(&self.good).remove(&(whom, host.to_owned()));
    }

    fn good(&self, key: &Key) -> Option<Arc<Credential>> {
        let good = lock(&self.good);
        let kept = good.get(key).filter(|kept| Instant::now() < kept.until);
        kept.map(|kept| Arc::clone(&kept.credential))
    }
}

/// Who can fix what kept a cloud from giving a login.
pub(super) fn class(error: &Error) -> Class {
    if error.is_transient() { Class::Transient } else { Class::Waiting }
}

/// What the reader can do about it.
pub(super) fn remedy(error: &Error) -> Option<String> {
    let remedy = match error {
        Error::Nobody(_) => {
            "give the daemon's ServiceAccount an identity of the cloud, or its Deployment a key by environment, or use `spec.provider: generic` with `spec.secretRef`"
        }
        Error::File { .. } | Error::Unfit { .. } | Error::Value { .. } | Error::Client { .. } => {
            "correct the daemon's environment"
        }
        Error::Refused { .. } => "check what the daemon's identity may do in the cloud",
        Error::Unreachable { .. } | Error::Garbled { .. } | Error::Profile { .. } => return None,
    };
    Some(remedy.to_owned())
}

#[cfg(test)]
mod tests;
