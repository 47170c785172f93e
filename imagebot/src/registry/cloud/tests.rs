//! What the tests of every cloud log in with.

use reqwest::Client;

use super::{Context, Environment, SESSION};

/// An environment of these variables, and a client.
pub(super) fn context(pairs: &[(&'static str, String)]) -> (Environment, Client) {
    let environment = Environment::of(|name| {
        pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
    });
    reconcile::process::install_tls();
    (environment, Client::new())
}

/// What a login is made with at the first second of 2026; every service is near.
pub(super) fn with((environment, client): &(Environment, Client)) -> Context<'_> {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    Context { environment, client: client.clone(), near: client.clone(), now, session: SESSION }
}
