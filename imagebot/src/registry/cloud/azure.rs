//! Azure Container Registry.

use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Context, Error, Given};
use crate::registry::keychain::Credential;

const AAD: &str = "Microsoft Entra ID";
const ACR: &str = "Azure Container Registry";
const INSTANCE: &str = "the metadata of the Azure machine";
const INSTANCE_HOST: &str = "http://169.254.169.254";
/// For whom tokens are, in every one of Azure's clouds.
const AUDIENCE: &str = "https://containerregistry.azure.net";
const FEDERATED: &str = "AZURE_FEDERATED_TOKEN_FILE";
/// What the registry's token is good for, of the three hours that it has.
const LIFETIME: Duration = Duration::from_secs(3 * 3600);

#[derive(Deserialize)]
struct Access {
    #[serde(deserialize_with = "super::secret")]
    access_token: Zeroizing<String>,
}

#[derive(Deserialize)]
struct Refresh {
    #[serde(deserialize_with = "super::secret")]
    refresh_token: Zeroizing<String>,
}

/// Whether `host` is a registry of Azure's.
pub(super) fn is_registry(host: &str) -> bool {
    const SUFFIXES: [&str; 4] = [".azurecr.io", ".azurecr.cn", ".azurecr.us", ".azurecr.de"];
    SUFFIXES.iter().any(|suffix| host.strip_suffix(suffix).is_some_and(|name| !name.is_empty()))
}

/// Logs in to the registry `host`.
pub(super) async fn login(context: &Context<'_>, host: &str) -> Result<Given, Error> {
    let token = token(context).await?;
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
    let given: Refresh = super::fetch_json(ACR, super::form(request, &fields)).await?;
    Ok(Given { credential: Credential::Refresh(given.refresh_token), lifetime: LIFETIME })
}

/// A token of the directory for this process.
async fn token(context: &Context<'_>) -> Result<Zeroizing<String>, Error> {
    let get = |name| context.environment.get(name);
    let (client, tenant) = (get("AZURE_CLIENT_ID"), get("AZURE_TENANT_ID"));
    let (Some(client), Some(tenant)) = (client, tenant) else {
        return managed(context, client).await;
    };
    let authority = get("AZURE_AUTHORITY_HOST").unwrap_or("https://login.microsoftonline.com");
    let address = format!("{}/{tenant}/oauth2/v2.0/token", authority.trim_end_matches('/'));
    let scope = format!("{AUDIENCE}/.default");
    let mut fields = vec![
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("scope", scope.as_str()),
    ];
    let assertion;
    match (get(FEDERATED), get("AZURE_CLIENT_SECRET")) {
        (Some(file), _) => {
            assertion = super::read(FEDERATED, file).await?;
            fields.extend([
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", assertion.trim()),
            ]);
        }
        (None, Some(secret)) => fields.push(("client_secret", secret)),
        (None, None) => return managed(context, Some(client)).await,
    }
    let given: Access =
        super::fetch_json(AAD, super::form(context.client.post(address), &fields)).await?;
    Ok(given.access_token)
}

/// What is told where nothing says who this process is.
const NOWHERE: Error = Error::Nobody(
    "its environment has no federated token and no secret of Azure's, and it runs on no Azure machine",
);

/// A token for the identity of the machine on which this process runs.
async fn managed(context: &Context<'_>, client: Option<&str>) -> Result<Zeroizing<String>, Error> {
    let base = context.environment.get("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    let base = base.unwrap_or(INSTANCE_HOST).trim_end_matches('/');
    let mut fields = vec![("api-version", "2018-02-01"), ("resource", AUDIENCE)];
    fields.extend(client.map(|client| ("client_id", client)));
    let address = {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(fields).finish();
        format!("{base}/metadata/identity/oauth2/token?{query}")
    };
    let request = context.near.get(address).header("metadata", "true");
    let given = super::near(super::fetch_json::<Access>(INSTANCE, request)).await;
    given.ok_or(NOWHERE)?.map(|given| given.access_token)
}

#[cfg(test)]
mod tests;
