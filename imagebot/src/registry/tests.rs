//! Registries that lie, and what is believed of them.

mod auth;
mod faults;
mod keychain;
mod pages;
pub(super) mod server;
mod shared;
mod wire;

use imagebot_core::reference::Repository;

use super::{Access, Environment, Error, Keychain, Pace, Registry};
use server::Server;

/// The repository `team/web` of a server.
fn web(server: &Server) -> Repository {
    Repository::at(server.address(), "team/web").unwrap()
}

/// A keychain for a server.
fn login(server: &Server, username: &str, password: &str) -> Access {
    let file = serde_json::json!({"auths": {server.address(): {"username": username, "password": password}}});
    Access::default().keychain(Keychain::parse(file.to_string().as_bytes()).unwrap())
}

/// Lists `team/web` of a server, without credentials and without a pause.
async fn list(server: &Server) -> Result<Vec<String>, Error> {
    let pace = Pace { per_second: 1e6, burst: 1e6 };
    let registry = Registry::with(pace, Environment::default()).unwrap();
    registry.tags(&web(server), &Access::default()).await
}
