//! Azure Container Registry.

use std::time::Duration;

use ::cloud::{azure, fetch_json, form};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Context, Error, Given};
use crate::registry::keychain::Credential;

const ACR: &str = "Azure Container Registry";
/// For whom tokens are, in every one of Azure's clouds.
const AUDIENCE: &str = "https://containerregistry.azure.net";
/// What the registry's token is good for, of the three hours that it has.
const LIFETIME: Duration = Duration::from_secs(3 * 3600);

#[derive(Deserialize)]
struct Refresh {
    #[serde(deserialize_with = "::cloud::secret")]
    refresh_token: Zeroizing<String>,
}

/// Whether `host` is a registry of Azure's.
pub(super) fn is_registry(host: &str) -> bool {
    const SUFFIXES: [&str; 4] = [".azurecr.io", ".azurecr.cn", ".azurecr.us", ".azurecr.de"];
    SUFFIXES.iter().any(|suffix| host.strip_suffix(suffix).is_some_and(|name| !name.is_empty()))
}

/// Logs in to the registry `host`.
pub(super) async fn login(context: &Context<'_>, host: &str) -> Result<Given, Error> {
    let token = azure::token(context, AUDIENCE).await?.token;
    exchange(context, &format!("https://{host}"), host, &token).await
}

/// Trades a token of the directory for one of the registry.
async fn exchange(
    context: &Context<'_>,
    origin: &str,
    service: &str,
    token: &str,
) -> Result<Given, Error> {
    let request = context.client.post(format!("{origin}/oauth2/exchange"));
    let fields = [("grant_type", "access_token"), ("service", service), ("access_token", token)];
    let given: Refresh = fetch_json(ACR, form(request, &fields)).await?;
    Ok(Given { credential: Credential::Refresh(given.refresh_token), lifetime: LIFETIME })
}

#[cfg(test)]
mod tests;
