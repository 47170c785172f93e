//! Registries that lie, and what is believed of them.

mod auth;
mod faults;
mod keychain;
mod pages;
mod server;
mod wire;

use imagebot_core::reference::Repository;

use super::{Access, Error, Keychain, Registry};
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

/// Lists `team/web` of a server, without credentials.
async fn list(server: &Server) -> Result<Vec<String>, Error> {
    Registry::new().unwrap().tags(&web(server), &Access::default()).await
}
