//! Google Artifact Registry and Container Registry.

use ::cloud::google::{self, Token};

use super::{Context, Error, Given};
use crate::registry::keychain::Credential;

/// The name with which access tokens are shown to registries.
const USER: &str = "oauth2accesstoken";
/// Whether `host` is a registry of Google's.
pub(super) fn is_registry(host: &str) -> bool {
    host == "gcr.io" || host.ends_with(".gcr.io") || host.ends_with(".pkg.dev")
}

/// Logs in to every registry of Google's that this process may read.
pub(super) async fn login(context: &Context<'_>) -> Result<Given, Error> {
    let Token { token, lifetime, .. } = google::token(context).await?;
    let credential = Credential::Basic { username: USER.to_owned(), password: token };
    Ok(Given { credential, lifetime })
}

#[cfg(test)]
mod tests;
