//! Reading registries: which tags a repository has, and which digest a tag names.
//!
//! ```text
//! Registry ──▶ flight (one question for all that ask the same as the same)
//!                └─▶ Session (one host, one way to connect, one credential) ──▶ pages · manifest
//!                       ├─ gate: how fast this identity may ask
//!                       └─ challenge ─▶ auth ─▶ token cache          cloud ─▶ credential cache
//! ```
//!
//! Nothing is believed: answers are bounded, pages must lead somewhere new and stay on their host,
//! and credentials go to the registry that the object names and to the token service that this
//! registry names, over TLS unless the object says `insecure`. What is kept between calls (clients,
//! tokens, how a host is spoken to and how fast) is keyed by host, TLS, proxy and credential
//! identity, and so are the questions that several objects share.

mod access;
mod auth;
mod challenge;
mod client;
mod cloud;
mod content;
mod error;
mod flight;
mod gate;
mod keychain;
mod manifest;
mod memo;
mod pages;
mod quota;
mod session;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use imagebot_core::reference::Repository;
use reconcile::metrics::Metrics;
use tokio::task::spawn_blocking;

use self::{
    access::Fingerprint,
    flight::Flights,
    gate::Gates,
    session::{HostKey, Session, Shared},
};
pub use self::{
    access::{Access, Proxy},
    cloud::{Cloud, Environment, Error as CloudError, Workload},
    content::{Content, Descriptor, Image, Manifest},
    error::Error,
    gate::Pace,
    keychain::{Helpers, Keychain},
    memo::Memo,
    pages::Listing,
};

/// The registries of the world.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
    lists: Arc<Flights<Need, Arc<Listing>>>,
    digests: Arc<Flights<Need, String>>,
}

/// What is wanted of whom, and as whom.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Need {
    registry: HostKey,
    insecure: bool,
    identity: Option<Fingerprint>,
    path: String,
    tag: Option<String>,
}

impl Registry {
    /// Registries that nothing is known of yet, asked at the usual pace.
    pub fn new() -> Result<Self, Error> {
        Self::with(Pace::default(), Environment::default())
    }

    /// Registries that nothing is known of yet, where `environment` says how clouds are logged in to.
    pub fn with(pace: Pace, environment: Environment) -> Result<Self, Error> {
        let clouds = cloud::Clouds::new(environment);
        let shared = Arc::new(Shared::new(Gates::new(pace), clouds));
        // So that a machine without usable certificates fails at the start.
        shared.client("registry.invalid", &Access::default())?;
        Ok(Self { shared, lists: Arc::default(), digests: Arc::default() })
    }

    /// Has the answers of registries counted, by host and status.
    pub fn register(&self, metrics: &Metrics) {
        let answers = self.shared.gates.answers.clone();
        let help = "Answers of registries, by host and status";
        metrics.register("imagebot_registry_answers", help, answers);
    }

    /// All tags of `repository`, each once, in the order of the registry.
    pub async fn tags(
        &self,
        repository: &Repository,
        access: &Access,
    ) -> Result<Vec<String>, Error> {
        let listing = self.list(repository, access, Memo::default).await?;
        Ok(Arc::try_unwrap(listing).map_or_else(|shared| shared.tags.clone(), |it| it.tags))
    }

    /// All tags of `repository`; what has not changed since `before` is not read again, which is
    /// called where it may wait for the disk, when it is this question's turn.
    pub async fn list(
        &self,
        repository: &Repository,
        access: &Access,
        before: impl FnOnce() -> Memo + Send + 'static,
    ) -> Result<Arc<Listing>, Error> {
        let need = self.need(repository, access, None)?;
        let (shared, repository) = (Arc::clone(&self.shared), repository.clone());
        let access = access.share();
        let ask = async move {
            let gate = shared.gates.of(repository.registry(), access.whom(&repository));
            let _room = gate.enter().await;
            // Without it everything is read.
            let before = spawn_blocking(before).await.unwrap_or_default();
            let mut failed = None;
            for scheme in shared.schemes(repository.registry(), &access) {
                let session = Session::open(&shared, &repository, &access, scheme).await?;
                match pages::list(&session, &before).await {
                    Err(error) if error.is_about_connecting() => failed = failed.or(Some(error)),
                    done => return done.map(Arc::new),
                }
            }
            Err(failed.unwrap_or_else(|| Error::no_scheme(repository.registry())))
        };
        self.lists.join(need, ask).await
    }

    /// The digest that `tag` of `repository` names now.
    pub async fn digest(
        &self,
        repository: &Repository,
        tag: &str,
        access: &Access,
    ) -> Result<String, Error> {
        let need = self.need(repository, access, Some(tag))?;
        let (shared, repository) = (Arc::clone(&self.shared), repository.clone());
        let (access, tag) = (access.share(), tag.to_owned());
        let ask = async move {
            let gate = shared.gates.of(repository.registry(), access.whom(&repository));
            let _room = gate.enter().await;
            let mut failed = None;
            for scheme in shared.schemes(repository.registry(), &access) {
                let session = Session::open(&shared, &repository, &access, scheme).await?;
                match manifest::digest(&session, &tag).await {
                    Err(error) if error.is_about_connecting() => failed = failed.or(Some(error)),
                    done => return done,
                }
            }
            Err(failed.unwrap_or_else(|| Error::no_scheme(repository.registry())))
        };
        self.digests.join(need, ask).await
    }

    fn need(
        &self,
        repository: &Repository,
        access: &Access,
        tag: Option<&str>,
    ) -> Result<Need, Error> {
        let (_, registry) = self.shared.client(repository.registry(), access)?;
        Ok(Need {
            registry,
            insecure: access.insecure,
            identity: access.whom(repository),
            path: repository.path().to_owned(),
            tag: tag.map(str::to_owned),
        })
    }
}
