//! What a login is made with.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Certificate, Client, redirect::Policy};
use url::{Host, Url};

use crate::{Environment, Error};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// What a login is made with.
pub struct Context<'c> {
    /// What is said about this process.
    pub environment: &'c Environment,
    /// For services of the cloud.
    pub client: Client,
    /// For what is next to this process; never through a proxy.
    pub near: Client,
    /// The time.
    pub now: Timestamp,
    /// What this process is called where sessions have names.
    pub session: &'c str,
}

impl Context<'_> {
    /// The client for a service at `url`, which a test or an endpoint of one's own may have here.
    pub fn to(&self, url: &Url) -> &Client {
        if url.host().is_some_and(|host| is_loopback(&host)) { &self.near } else { &self.client }
    }
}

/// Whether a host is this machine.
pub fn is_loopback<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Domain(name) => name.as_ref() == "localhost" || name.as_ref().ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// The clients of a [`Context`]: for services, which are verified with the system's roots and those
/// that `AWS_CA_BUNDLE` names, and for what is near. Neither follows a redirect: a login goes nowhere
/// but where it was sent.
pub fn clients(environment: &Environment, agent: &str) -> Result<(Client, Client), Error> {
    // Fails when the process has one already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder =
        || Client::builder().user_agent(agent).connect_timeout(CONNECT).redirect(Policy::none());
    let mut far = builder();
    if let Some(path) = environment.get(BUNDLE) {
        let read = std::fs::read(path);
        let pem =
            read.map_err(|source| Error::File { variable: BUNDLE, path: path.to_owned(), source })?;
        let unfit =
            |_| Error::Unfit { variable: BUNDLE, what: "is no list of certificates in PEM" };
        far = far.tls_certs_merge(Certificate::from_pem_bundle(&pem).map_err(unfit)?);
    }
    let built = |source| Error::Client { source };
    Ok((far.build().map_err(built)?, builder().no_proxy().build().map_err(built)?))
}

const BUNDLE: &str = "AWS_CA_BUNDLE";
