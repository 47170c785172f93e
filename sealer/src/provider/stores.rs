//! Stores that are open: a client with a credential, for as long as neither changes.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::{hmac, rand};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use reconcile::Class;
use reconcile::request;
use sealer_api::SecretStore;
use sealer_api::secret_store::{CaKind, Vault as Spec};
use tokio::sync::Mutex;

use super::vault::{self, Settings, Vault};
use crate::controller::Context;

/// Makes digests that mean nothing outside this process.
static PROCESS_KEY: LazyLock<hmac::Key> = LazyLock::new(|| {
    hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())
        .expect("the system has random bytes")
});

/// Who we are to which server: equal for the same endpoint, TLS settings and credential.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity(Vec<u8>);

/// A store that can be read.
pub struct Store {
    /// Who we are to it.
    pub identity: Identity,
    /// Where its engine is mounted.
    pub mount: Option<String>,
    /// The client.
    pub vault: Vault,
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An object that it refers to cannot be read.
    #[error("could not read {kind} `{name}` of `{field}`")]
    Read {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The field that names it.
        field: &'static str,
        /// Why.
        source: request::Error,
    },
    /// An object that it refers to is not there, or lacks an entry.
    #[error("{kind} `{name}` of `{field}` {problem}")]
    Missing {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The field that names it.
        field: &'static str,
        /// What is missing.
        problem: String,
    },
    /// A field has a value that cannot be used.
    #[error("`{0}` is not base64 of PEM certificates")]
    Bundle(&'static str),
    /// The server refuses, or cannot be asked.
    #[error(transparent)]
    Vault(#[from] vault::Error),
}

impl Error {
    /// Who can help.
    pub fn class(&self) -> Class {
        match self {
            Self::Read { source, .. } => source.class(),
            Self::Missing { .. } => Class::Waiting,
            Self::Bundle(_) => Class::Stalled,
            Self::Vault(error) => error.class(),
        }
    }

    /// What helps.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Missing { kind, name, .. } => {
                Some(format!("create or complete {kind} `{name}` in the store's namespace"))
            }
            Self::Vault(error) => error.remedy().map(str::to_owned),
            Self::Read { .. } | Self::Bundle(_) => None,
        }
    }
}

/// The stores that are open, by namespace and name.
#[derive(Default)]
pub struct Stores(Mutex<HashMap<(String, String), Open>>);

struct Open {
    uid: String,
    generation: Option<i64>,
    store: Arc<Store>,
}

impl Stores {
    /// The open store; one that is not is opened. A changed spec opens it anew.
    pub async fn get(&self, context: &Context, object: &SecretStore) -> Result<Arc<Store>, Error> {
        let mut open = self.0.lock().await;
        let (uid, generation) = (object.uid().unwrap_or_default(), object.metadata.generation);
        match open.get(&place(object)) {
            Some(known) if known.uid == uid && known.generation == generation => {
                Ok(Arc::clone(&known.store))
            }
            _ => {
                let store = Arc::new(connect(context, object).await?);
                open.insert(place(object), Open { uid, generation, store: Arc::clone(&store) });
                Ok(store)
            }
        }
    }

    /// Opens the store anew, as its credential may have changed.
    pub async fn renew(
        &self,
        context: &Context,
        object: &SecretStore,
    ) -> Result<Arc<Store>, Error> {
        let opened = connect(context, object).await;
        let mut open = self.0.lock().await;
        let (uid, generation) = (object.uid().unwrap_or_default(), object.metadata.generation);
        let at = place(object);
        match opened {
            Ok(store) => {
                let same = open.get(&at).filter(|known| {
                    known.store.identity == store.identity && known.store.mount == store.mount
                });
                // The client that is open has connections worth keeping.
                let store = same.map_or_else(|| Arc::new(store), |known| Arc::clone(&known.store));
                open.insert(at, Open { uid, generation, store: Arc::clone(&store) });
                Ok(store)
            }
            Err(error) => {
                open.remove(&at);
                Err(error)
            }
        }
    }

    /// Closes a store that is gone.
    pub fn forget(&self, namespace: &str, name: &str) {
        // Whoever holds the lock just now opens stores that are there; a stale one is never asked for.
        if let Ok(mut open) = self.0.try_lock() {
            open.remove(&(namespace.to_owned(), name.to_owned()));
        }
    }
}

/// The names of the Secrets that a store reads.
pub fn secret_names(object: &SecretStore) -> Vec<&str> {
    let Some(vault) = &object.spec.provider.vault else { return Vec::new() };
    let token = vault.auth.as_ref().and_then(|auth| auth.token_secret_ref.as_ref());
    let authority = vault.ca_provider.as_ref().filter(|ca| ca.type_ == CaKind::Secret);
    let token = token.map(|token| token.name.as_str());
    token.into_iter().chain(authority.map(|ca| ca.name.as_str())).collect()
}

async fn connect(context: &Context, object: &SecretStore) -> Result<Store, Error> {
    let namespace = object.namespace().unwrap_or_default();
    let spec = object.spec.provider.vault.as_ref();
    let spec = spec.expect("a store without this provider is not valid");
    let token = spec.auth.as_ref().and_then(|auth| auth.token_secret_ref.as_ref());
    let token = token.expect("a store without a token is not valid");
    let field = "spec.provider.vault.auth.tokenSecretRef";
    let key = token.key.as_deref().unwrap_or_default();
    let token = entry(context, &namespace, &token.name, key, field).await?;
    let ca = authority(context, &namespace, spec).await?;
    let vault = Vault::open(&Settings {
        server: &spec.server,
        namespace: spec.namespace.as_deref(),
        ca: ca.as_deref(),
        headers: &spec.headers,
        token: &token,
    })?;
    let mut hash = hmac::Context::with_key(&PROCESS_KEY);
    let header_parts =
        spec.headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
    let parts = [spec.server.as_bytes(), spec.namespace.as_deref().unwrap_or_default().as_bytes()];
    let secret = [ca.as_deref().unwrap_or_default(), token.expose()];
    for part in parts.into_iter().chain(secret).chain(header_parts) {
        hash.update(&part.len().to_be_bytes());
        hash.update(part);
    }
    let identity = Identity(hash.sign().as_ref().to_vec());
    Ok(Store { identity, mount: spec.path.clone(), vault })
}

async fn authority(
    context: &Context,
    namespace: &str,
    spec: &Spec,
) -> Result<Option<Vec<u8>>, Error> {
    const BUNDLE: &str = "spec.provider.vault.caBundle";
    const PROVIDER: &str = "spec.provider.vault.caProvider";
    if let Some(bundle) = spec.ca_bundle.as_deref().filter(|bundle| !bundle.is_empty()) {
        let decoded = BASE64_STANDARD.decode(bundle.trim_ascii());
        return decoded.map(Some).map_err(|_| Error::Bundle(BUNDLE));
    }
    let Some(provider) = &spec.ca_provider else { return Ok(None) };
    let key = provider.key.as_deref().unwrap_or("ca.crt");
    if provider.type_ == CaKind::Secret {
        let value = entry(context, namespace, &provider.name, key, PROVIDER).await?;
        return Ok(Some(value.expose().to_vec()));
    }
    let api: kube::Api<ConfigMap> = context.core.namespaced(namespace);
    let name = || provider.name.clone();
    let found = api.get_opt(&provider.name).await;
    let found = found.map_err(|error| Error::Read {
        kind: "ConfigMap",
        name: name(),
        field: PROVIDER,
        source: error.into(),
    })?;
    let missing = |problem: String| Error::Missing {
        kind: "ConfigMap",
        name: name(),
        field: PROVIDER,
        problem,
    };
    let map = found.ok_or_else(|| missing("does not exist".to_owned()))?;
    let text = map.data.and_then(|mut data| data.remove(key));
    text.map(|text| Some(text.into_bytes())).ok_or_else(|| missing(format!("has no `{key}`")))
}

async fn entry(
    context: &Context,
    namespace: &str,
    name: &str,
    key: &str,
    field: &'static str,
) -> Result<sealer_core::plaintext::Plaintext, Error> {
    let (kind, owned) = ("Secret", || name.to_owned());
    let read = context.secrets.read(namespace, name).await;
    let read = read.map_err(|source| Error::Read { kind, name: owned(), field, source })?;
    let missing = |problem: String| Error::Missing { kind, name: owned(), field, problem };
    let mut contents = read.ok_or_else(|| missing("does not exist".to_owned()))?;
    contents.data.remove(key).ok_or_else(|| missing(format!("has no `{key}`")))
}

fn place(object: &SecretStore) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// A digest of values that means nothing outside this process and dies with it.
pub fn print<'v>(
    values: impl Iterator<Item = (&'v String, &'v sealer_core::plaintext::Plaintext)>,
) -> Vec<u8> {
    let mut hash = hmac::Context::with_key(&PROCESS_KEY);
    for (key, value) in values {
        for part in [key.as_bytes(), value.expose()] {
            hash.update(&part.len().to_be_bytes());
            hash.update(part);
        }
    }
    hash.sign().as_ref().to_vec()
}
