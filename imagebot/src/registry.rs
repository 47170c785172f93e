//! Reading registries: which tags a repository has, and which digest a tag names.
//!
//! ```text
//! Registry ──▶ Session (one host, one way to connect, one credential) ──▶ pages · manifest
//!                 └─ challenge ─▶ auth ─▶ token cache
//! ```
//!
//! Nothing is believed: answers are bounded, pages must lead somewhere new and stay on their host,
//! and credentials go to the registry that the object names and to the token service that this
//! registry names, over TLS unless the object says `insecure`. What is kept between calls (clients,
//! tokens, how a host is spoken to) is keyed by host, TLS, proxy and credential identity.

mod access;
mod auth;
mod challenge;
mod client;
mod content;
mod error;
mod keychain;
mod manifest;
mod pages;
mod session;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use imagebot_core::reference::Repository;

use self::session::{Session, Shared};
pub use self::{
    access::{Access, Proxy},
    content::{Content, Descriptor, Image, Manifest},
    error::Error,
    keychain::Keychain,
};

/// The registries of the world.
#[derive(Clone, Default)]
pub struct Registry {
    shared: Arc<Shared>,
}

impl Registry {
    /// Registries that nothing is known of yet.
    pub fn new() -> Result<Self, Error> {
        let registry = Self::default();
        // So that a machine without usable certificates fails at the start.
        registry.shared.client("registry.invalid", &Access::default())?;
        Ok(registry)
    }

    /// All tags of `repository`, each once, in the order of the registry.
    pub async fn tags(
        &self,
        repository: &Repository,
        access: &Access,
    ) -> Result<Vec<String>, Error> {
        let mut failed = None;
        for scheme in self.shared.schemes(repository.registry(), access) {
            let session = Session::open(&self.shared, repository, access, scheme)?;
            match pages::list(&session).await {
                Err(error) if error.is_about_connecting() => failed = failed.or(Some(error)),
                done => return done,
            }
        }
        Err(failed.unwrap_or_else(|| Error::no_scheme(repository.registry())))
    }

    /// The digest that `tag` of `repository` names now.
    pub async fn digest(
        &self,
        repository: &Repository,
        tag: &str,
        access: &Access,
    ) -> Result<String, Error> {
        let mut failed = None;
        for scheme in self.shared.schemes(repository.registry(), access) {
            let session = Session::open(&self.shared, repository, access, scheme)?;
            match manifest::digest(&session, tag).await {
                Err(error) if error.is_about_connecting() => failed = failed.or(Some(error)),
                done => return done,
            }
        }
        Err(failed.unwrap_or_else(|| Error::no_scheme(repository.registry())))
    }
}
