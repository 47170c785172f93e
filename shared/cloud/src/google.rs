//! Google: an access token.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    Context, Environment, Error,
    ask::{self, fetch_json, form, near},
    jwt::{self, Algorithm},
};

/// The variable that names a file of credentials.
pub const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// The variable that sops reads before it: such a file's path, or its content.
pub const CREDENTIALS: &str = "GOOGLE_CREDENTIALS";
/// What tokens are for.
pub const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

const METADATA: &str = "the metadata server of Google Cloud";
const OAUTH: &str = "Google's token service";
const STS: &str = "Google's security token service";
const IAM: &str = "Google's IAM credentials service";
/// How long a token is asked for.
const LIFETIME: u64 = 3600;
/// Where tokens of people are refreshed.
const REFRESH: &str = "https://oauth2.googleapis.com/token";

/// A token, and for how long it is good.
pub struct Token {
    /// The token.
    pub token: Zeroizing<String>,
    /// How long it lives.
    pub lifetime: Duration,
    /// The project that pays for what a person asks, where one is named.
    pub project: Option<String>,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(alias = "accessToken", deserialize_with = "crate::secret")]
    access_token: Zeroizing<String>,
    expires_in: Option<u64>,
}

impl Granted {
    fn token(self, project: Option<String>) -> Token {
        let lifetime = Duration::from_secs(self.expires_in.unwrap_or(LIFETIME));
        Token { token: self.access_token, lifetime, project }
    }
}

/// A file of credentials, as Google's tools write it.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum File {
    ServiceAccount(Account),
    ExternalAccount(External),
    AuthorizedUser(User),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Account {
    client_email: String,
    #[serde(deserialize_with = "crate::secret")]
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

#[derive(Deserialize)]
struct User {
    client_id: String,
    #[serde(deserialize_with = "crate::secret")]
    client_secret: Zeroizing<String>,
    #[serde(deserialize_with = "crate::secret")]
    refresh_token: Zeroizing<String>,
    token_uri: Option<String>,
    quota_project_id: Option<String>,
}

/// A text that credentials were found in, and the variable that led to it.
struct Found {
    variable: &'static str,
    text: Zeroizing<String>,
}

impl Found {
    fn unfit(&self, what: &'static str) -> Error {
        Error::Unfit { variable: self.variable, what }
    }
}

/// A token for everything that this process may do.
pub async fn token(context: &Context<'_>) -> Result<Token, Error> {
    let get = |name| context.environment.get(name);
    if let (None, Some(token)) = (get(CREDENTIALS), get("GOOGLE_OAUTH_ACCESS_TOKEN")) {
        let (token, lifetime) = (Zeroizing::new(token.to_owned()), Duration::from_secs(LIFETIME));
        return Ok(Token { token, lifetime, project: None });
    }
    let Some(found) = find(context).await? else {
        return metadata(context).await.map(|granted| granted.token(None));
    };
    let file = serde_json::from_str(&found.text);
    match file.map_err(|_| found.unfit("is no file of Google credentials"))? {
        File::ServiceAccount(account) => {
            by_key(context, &found, &account).await.map(|granted| granted.token(None))
        }
        File::ExternalAccount(external) => {
            federated(context, &found, &external).await.map(|granted| granted.token(None))
        }
        File::AuthorizedUser(user) => {
            let granted = refreshed(context, &user).await?;
            Ok(granted.token(user.quota_project_id))
        }
        File::Other => Err(found.unfit(
            "is of none of the types `service_account`, `external_account` and `authorized_user`",
        )),
    }
}

/// The file of credentials of this process, where Google's tools look for it.
async fn find(context: &Context<'_>) -> Result<Option<Found>, Error> {
    let environment = context.environment;
    if let Some(said) = environment.get(CREDENTIALS) {
        let text = if said.trim_start().starts_with('{') {
            Zeroizing::new(said.to_owned())
        } else {
            ask::read(CREDENTIALS, said).await?
        };
        return Ok(Some(Found { variable: CREDENTIALS, text }));
    }
    if let Some(path) = environment.get(FILE) {
        return Ok(Some(Found { variable: FILE, text: ask::read(FILE, path).await? }));
    }
    let folder = environment.get("CLOUDSDK_CONFIG").map(str::to_owned);
    let Some(folder) = folder.or_else(|| environment.at_home(".config/gcloud")) else {
        return Ok(None);
    };
    let path = format!("{folder}/application_default_credentials.json");
    let text = ask::read_if_there("CLOUDSDK_CONFIG", &path).await?;
    Ok(text.map(|text| Found { variable: "CLOUDSDK_CONFIG", text }))
}

/// What is told where nothing says who this process is.
const NOWHERE: Error = Error::Nobody(
    "its environment names no `GOOGLE_APPLICATION_CREDENTIALS`, and there is no metadata server",
);

async fn metadata(context: &Context<'_>) -> Result<Granted, Error> {
    if context.environment.is_alone() {
        return Err(Error::Nobody("nothing that was given is a credential of Google's"));
    }
    let host = context.environment.get("GCE_METADATA_HOST").unwrap_or("metadata.google.internal");
    let path = "computeMetadata/v1/instance/service-accounts/default/token";
    let request = context.near.get(format!("http://{host}/{path}"));
    let request = request.header("metadata-flavor", "Google");
    near(fetch_json(METADATA, request)).await.ok_or(NOWHERE)?
}

/// Signs for the account whose key this is.
async fn by_key(context: &Context<'_>, found: &Found, account: &Account) -> Result<Granted, Error> {
    let now = context.now.as_second();
    let claims = json!({
        "iss": account.client_email, "scope": SCOPE, "aud": account.token_uri,
        "iat": now, "exp": now.saturating_add(3600),
    });
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": account.private_key_id});
    let key = jwt::key(account.private_key.as_bytes());
    let key = key.ok_or_else(|| found.unfit("has a `private_key` that is no RSA key"))?;
    let assertion = jwt::sign(Algorithm::Rs256, &key, &header, &claims);
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion.as_str()),
    ];
    let request = context.client.post(&account.token_uri);
    fetch_json(OAUTH, form(request, &fields)).await
}

/// Asks anew for somebody who logged in with `gcloud auth application-default login`.
async fn refreshed(context: &Context<'_>, user: &User) -> Result<Granted, Error> {
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", user.client_id.as_str()),
        ("client_secret", user.client_secret.as_str()),
        ("refresh_token", user.refresh_token.as_str()),
    ];
    let request = context.client.post(user.token_uri.as_deref().unwrap_or(REFRESH));
    fetch_json(OAUTH, form(request, &fields)).await
}

/// Trades a token of somebody whom Google was told to trust.
async fn federated(
    context: &Context<'_>,
    found: &Found,
    external: &External,
) -> Result<Granted, Error> {
    let subject = subject(context, found, &external.credential_source).await?;
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", external.audience.as_str()),
        ("scope", SCOPE),
        ("subject_token_type", external.subject_token_type.as_str()),
        ("subject_token", subject.as_str()),
    ];
    let request = form(context.client.post(&external.token_url), &fields);
    let token: Granted = fetch_json(STS, request).await?;
    let Some(address) = &external.service_account_impersonation_url else { return Ok(token) };
    let body = json!({"scope": [SCOPE], "lifetime": "3600s"}).to_string();
    let request = context.client.post(address).bearer_auth(token.access_token.as_str());
    let request = request.header("content-type", "application/json").body(body);
    fetch_json(IAM, request).await
}

/// The token that is traded: the one that was given, or the one in a file.
async fn subject(
    context: &Context<'_>,
    found: &Found,
    source: &Source,
) -> Result<Zeroizing<String>, Error> {
    if let Some(token) = context.environment.get(Environment::GOOGLE_SUBJECT_TOKEN) {
        return Ok(Zeroizing::new(token.to_owned()));
    }
    if context.environment.is_alone() {
        // Whoever wrote this names a file of a machine that is not theirs.
        return Err(found.unfit("names a file with a token, and there are no files here"));
    }
    let file = source.file.as_deref();
    let file = file.ok_or_else(|| found.unfit("has a `credential_source` that is no `file`"))?;
    let text = ask::read(found.variable, file).await?;
    let format = source.format.as_ref();
    let Some(field) = format.and_then(|format| format.subject_token_field_name.as_deref()) else {
        return Ok(Zeroizing::new(text.trim().to_owned()));
    };
    let value: Value = serde_json::from_str(&text)
        .map_err(|_| found.unfit("names a file with a token that is not JSON"))?;
    let token = value.get(field).and_then(Value::as_str);
    let token = token.ok_or_else(|| found.unfit("names a file without the token"))?;
    Ok(Zeroizing::new(token.to_owned()))
}
