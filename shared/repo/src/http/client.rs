//! HTTP clients, shared by all who connect in the same way.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, LazyLock, Mutex, Weak},
    time::Duration,
};

use reqwest::{Certificate, blocking::Client, redirect::Policy};

use crate::guard::lock;
use crate::{Error, Identity, Remote};

/// How many clients are kept that nobody uses: a push follows its fetch, and soon the next fetch.
const KEPT: usize = 8;

/// A client is a thread and a connection pool, so equal ones are one.
static CLIENTS: LazyLock<Mutex<Clients>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Clients {
    known: HashMap<Identity, Weak<Client>>,
    /// Those that were asked for last; the last one is in front.
    recent: VecDeque<Arc<Client>>,
}

/// The client that connects as `remote` says. Credentials are no part of it.
pub(super) fn shared(remote: &Remote) -> Result<Arc<Client>, Error> {
    let key = remote.connection();
    let mut clients = lock(&CLIENTS);
    let known = clients.known.get(&key).and_then(Weak::upgrade);
    let client = known.map_or_else(|| build(remote).map(Arc::new), Ok)?;
    clients.known.insert(key, Arc::downgrade(&client));
    clients.recent.retain(|kept| !Arc::ptr_eq(kept, &client));
    clients.recent.push_front(Arc::clone(&client));
    if clients.recent.len() > KEPT {
        clients.recent.truncate(KEPT);
        clients.known.retain(|_, client| client.strong_count() > 0);
    }
    Ok(client)
}

fn build(remote: &Remote) -> Result<Client, Error> {
    let because =
        |what| move |source: reqwest::Error| Error::Client { what, source: source.into() };
    // Fails when the process has one already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("git/2 (signet ", env!("CARGO_PKG_VERSION"), ")"))
        .redirect(Policy::none())
        .connect_timeout(remote.timeouts.connect)
        .timeout(None)
        .pool_idle_timeout(Duration::from_secs(30));
    if let Some(pem) = &remote.tls.ca {
        let certificates = Certificate::from_pem_bundle(pem).map_err(because("CA certificate"))?;
        builder = builder.tls_certs_merge(certificates);
    }
    if let Some(pem) = &remote.tls.identity {
        let identity =
            reqwest::Identity::from_pem(pem.expose()).map_err(because("client certificate"))?;
        builder = builder.identity(identity);
    }
    if let Some(proxy) = &remote.proxy {
        builder = builder.proxy(proxy.to_reqwest()?);
    }
    builder.build().map_err(because("TLS configuration"))
}
