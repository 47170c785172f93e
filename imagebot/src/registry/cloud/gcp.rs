//! Google Artifact Registry and Container Registry.

use std::time::Duration;

use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Context, Error, Given};
use crate::registry::keychain::Credential;

const METADATA: &str = "the metadata server of Google Cloud";
const OAUTH: &str = "Google's token service";
const STS: &str = "Google's security token service";
const IAM: &str = "Google's IAM credentials service";
const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The name with which access tokens are shown to registries.
const USER: &str = "oauth2accesstoken";
/// How long a token is asked for.
const LIFETIME: u64 = 3600;

#[derive(Deserialize)]
struct Token {
    #[serde(alias = "accessToken", deserialize_with = "super::secret")]
    access_token: Zeroizing<String>,
    expires_in: Option<u64>,
}

/// A file of credentials, as Google's tools write it.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum File {
    ServiceAccount(Account),
    ExternalAccount(External),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Account {
    client_email: String,
    #[serde(deserialize_with = "super::secret")]
    private_key: Zeroizing<String>,
    private_key_id: Option<String>,
    token_uri: String,
}

#[derive(Deserialize)]
struct External {
    audience: String,
    subject_token_type: String,
    token_url: String,
    service_account_impersonation_url: Option<String>,
    credential_source: Source,
}

#[derive(Deserialize)]
struct Source {
    file: Option<String>,
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    subject_token_field_name: Option<String>,
}

/// Whether `host` is a registry of Google's.
pub(super) fn is_registry(host: &str) -> bool {
    host == "gcr.io" || host.ends_with(".gcr.io") || host.ends_with(".pkg.dev")
}

/// Logs in to every registry of Google's that this process may read.
pub(super) async fn login(context: &Context<'_>) -> Result<Given, Error> {
    let token = match context.environment.get(FILE) {
        None => metadata(context).await?,
        Some(path) => {
            let text = super::read(FILE, path).await?;
            let file = serde_json::from_str(&text);
            match file.map_err(|_| unfit("is no file of Google credentials"))? {
                File::ServiceAccount(account) => by_key(context, &account).await?,
                File::ExternalAccount(external) => federated(context, &external).await?,
                File::Other => {
                    return Err(unfit(
                        "is neither of type `service_account` nor `external_account`",
                    ));
                }
            }
        }
    };
    let lifetime = Duration::from_secs(token.expires_in.unwrap_or(LIFETIME));
    let credential = Credential::Basic { username: USER.to_owned(), password: token.access_token };
    Ok(Given { credential, lifetime })
}

fn unfit(what: &'static str) -> Error {
    Error::Unfit { variable: FILE, what }
}

/// What is told where nothing says who this process is.
const NOWHERE: Error = Error::Nobody(
    "its environment names no `GOOGLE_APPLICATION_CREDENTIALS`, and there is no metadata server",
);

async fn metadata(context: &Context<'_>) -> Result<Token, Error> {
    let host = context.environment.get("GCE_METADATA_HOST").unwrap_or("metadata.google.internal");
    let path = "computeMetadata/v1/instance/service-accounts/default/token";
    let request = context.near.get(format!("http://{host}/{path}"));
    let request = request.header("metadata-flavor", "Google");
    super::near(super::fetch_json(METADATA, request)).await.ok_or(NOWHERE)?
}

/// Signs for the account whose key this is.
async fn by_key(context: &Context<'_>, account: &Account) -> Result<Token, Error> {
    let now = context.now.as_second();
    let claims = json!({
        "iss": account.client_email, "scope": SCOPE, "aud": account.token_uri,
        "iat": now, "exp": now.saturating_add(3600),
    });
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": account.private_key_id});
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(&header), encode(&claims));
    let signature = sign(&account.private_key, text.as_bytes())
        .ok_or_else(|| unfit("has a `private_key` that is no RSA key"))?;
    let assertion = Zeroizing::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)));
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion.as_str()),
    ];
    let request = context.client.post(&account.token_uri);
    super::fetch_json(OAUTH, super::form(request, &fields)).await
}

/// The signature of `text` by a key in PEM.
fn sign(pem: &str, text: &[u8]) -> Option<Vec<u8>> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let base64 = Zeroizing::new(lines.flat_map(|line| line.trim().chars()).collect::<String>());
    let der = Zeroizing::new(STANDARD.decode(base64.as_bytes()).ok()?);
    let key = KeyPair::from_pkcs8(&der).ok()?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).ok()?;
    Some(signature)
}

/// Trades a token of somebody whom Google was told to trust.
async fn federated(context: &Context<'_>, external: &External) -> Result<Token, Error> {
    let file = external.credential_source.file.as_deref();
    let file = file.ok_or_else(|| unfit("has a `credential_source` that is no `file`"))?;
    let text = super::read(FILE, file).await?;
    let field = external.credential_source.format.as_ref();
    let subject = match field.and_then(|format| format.subject_token_field_name.as_deref()) {
        None => Zeroizing::new(text.trim().to_owned()),
        Some(field) => {
            let value: Value = serde_json::from_str(&text)
                .map_err(|_| unfit("names a file with a token that is not JSON"))?;
            let token = value.get(field).and_then(Value::as_str);
            Zeroizing::new(token.ok_or_else(|| unfit("names a file without the token"))?.to_owned())
        }
    };
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", external.audience.as_str()),
        ("scope", SCOPE),
        ("subject_token_type", external.subject_token_type.as_str()),
        ("subject_token", subject.as_str()),
    ];
    let request = super::form(context.client.post(&external.token_url), &fields);
    let token: Token = super::fetch_json(STS, request).await?;
    let Some(address) = &external.service_account_impersonation_url else { return Ok(token) };
    let body = json!({"scope": [SCOPE], "lifetime": "3600s"}).to_string();
    let request = context.client.post(address).bearer_auth(token.access_token.as_str());
    let request = request.header("content-type", "application/json").body(body);
    super::fetch_json(IAM, request).await
}

#[cfg(test)]
mod tests;
