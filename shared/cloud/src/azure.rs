//! Azure: a token of Entra ID.

use std::time::Duration;

use aws_lc_rs::rsa::KeyPair;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use url::Url;
use zeroize::Zeroizing;

use crate::{
    Context, Environment, Error,
    ask::{self, fetch_json, fields_of, near},
    jwt::{self, Algorithm},
};

/// Who issues tokens in Azure's public cloud.
pub const AUTHORITY: &str = "https://login.microsoftonline.com";

const AAD: &str = "Microsoft Entra ID";
const INSTANCE: &str = "the metadata of the Azure machine";
const INSTANCE_HOST: &str = "http://169.254.169.254";
const FEDERATED: &str = "AZURE_FEDERATED_TOKEN_FILE";
const CERTIFICATE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// For how long a signed claim holds.
const CLAIM: i64 = 600;

/// A token, and for how long it is good.
pub struct Token {
    /// The token.
    pub token: Zeroizing<String>,
    /// How long it lives.
    pub lifetime: Duration,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(deserialize_with = "crate::secret")]
    access_token: Zeroizing<String>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
}

/// Seconds, which machines are told as a text and everybody else as a number.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }
    Ok(match Option::<Written>::deserialize(from)? {
        Some(Written::Number(seconds)) => Some(seconds),
        Some(Written::Text(text)) => text.parse().ok(),
        None => None,
    })
}

/// Somebody whom the directory knows.
#[derive(Clone, Copy, Debug)]
pub struct Application<'a> {
    /// Who issues tokens.
    pub authority: &'a str,
    /// The directory.
    pub tenant: &'a str,
    /// Who it is.
    pub client: &'a str,
}

/// What proves it.
pub enum Proof<'p> {
    /// A claim that somebody signed whom the directory was told to trust.
    Assertion(&'p str),
    /// A password.
    Secret(&'p str),
}

impl Application<'_> {
    /// Where tokens are issued, if the authority is a URL.
    pub fn address(&self) -> Option<Url> {
        let mut url = Url::parse(self.authority).ok()?;
        let path = [self.tenant, "oauth2", "v2.0", "token"];
        url.path_segments_mut().ok()?.pop_if_empty().extend(path);
        Some(url)
    }

    /// The form that is posted there for a token of `scope`.
    pub fn form(&self, scope: &str, proof: &Proof<'_>) -> Zeroizing<String> {
        let mut fields = vec![
            ("client_id", self.client),
            ("scope", scope),
            ("grant_type", "client_credentials"),
        ];
        match proof {
            Proof::Assertion(assertion) => fields
                .extend([("client_assertion_type", ASSERTION), ("client_assertion", *assertion)]),
            Proof::Secret(secret) => fields.push(("client_secret", *secret)),
        }
        Zeroizing::new(fields_of(&fields))
    }
}

/// A token of the directory for this process, with which it is shown to `audience`.
pub async fn token(context: &Context<'_>, audience: &str) -> Result<Token, Error> {
    let get = |name| context.environment.get(name);
    let (client, tenant) = (get("AZURE_CLIENT_ID"), get("AZURE_TENANT_ID"));
    let (Some(client), Some(tenant)) = (client, tenant) else {
        return managed(context, audience, client).await;
    };
    let authority = get("AZURE_AUTHORITY_HOST").unwrap_or(AUTHORITY);
    let application = Application { authority, tenant, client };
    let unfit = || Error::Value { variable: "AZURE_AUTHORITY_HOST", what: "is not a URL" };
    let address = application.address().ok_or_else(unfit)?;
    let assertion = assertion(context, &application, &address).await?;
    let proof = match (&assertion, get("AZURE_CLIENT_SECRET")) {
        (Some(assertion), _) => Proof::Assertion(assertion.trim()),
        (None, Some(secret)) => Proof::Secret(secret),
        (None, None) => return managed(context, audience, Some(client)).await,
    };
    let form = application.form(&format!("{audience}/.default"), &proof);
    let request = context.to(&address).post(address);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    fetch_json::<Granted>(AAD, request.body(form.to_string())).await.map(Granted::token)
}

/// The claim that proves who this process is: a federated one, or one that a certificate signs.
async fn assertion(
    context: &Context<'_>,
    application: &Application<'_>,
    address: &Url,
) -> Result<Option<Zeroizing<String>>, Error> {
    let get = |name| context.environment.get(name);
    if let Some(token) = get(Environment::AZURE_FEDERATED_TOKEN) {
        return Ok(Some(Zeroizing::new(token.to_owned())));
    }
    if let Some(file) = get(FEDERATED) {
        return ask::read(FEDERATED, file).await.map(Some);
    }
    let pem = match (get(Environment::AZURE_CLIENT_CERTIFICATE), get(CERTIFICATE)) {
        (Some(pem), _) => Zeroizing::new(pem.to_owned()),
        (None, Some(path)) => ask::read(CERTIFICATE, path).await?,
        (None, None) => return Ok(None),
    };
    if get("AZURE_CLIENT_CERTIFICATE_PASSWORD").is_some() {
        let what = "is for an encrypted certificate, which is not read here; decrypt it into PEM with `openssl pkcs12 -nodes`";
        return Err(Error::Value { variable: "AZURE_CLIENT_CERTIFICATE_PASSWORD", what });
    }
    let unfit = || Error::Unfit {
        variable: CERTIFICATE,
        what: "does not hold an RSA key and a certificate in PEM",
    };
    let key = jwt::key(pem.as_bytes()).ok_or_else(unfit)?;
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| unfit())?;
    Ok(Some(claim(application, address, &key, &certificate, context.now)))
}

/// What an application says about itself, signed with its certificate.
fn claim(
    application: &Application<'_>,
    address: &Url,
    key: &KeyPair,
    certificate: &CertificateDer<'_>,
    now: Timestamp,
) -> Zeroizing<String> {
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(certificate));
    let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint});
    let now = now.as_second();
    // No two claims have one name; who knows the time and the key may know it.
    let name = Sha256::digest(format!("{} {now} {thumbprint}", application.client));
    let claims = json!({
        "aud": address.as_str(), "iss": application.client, "sub": application.client,
        "jti": URL_SAFE_NO_PAD.encode(name), "nbf": now, "iat": now,
        "exp": now.saturating_add(CLAIM),
    });
    jwt::sign(Algorithm::Ps256, key, &header, &claims)
}

impl Granted {
    fn token(self) -> Token {
        let lifetime = Duration::from_secs(self.expires_in.unwrap_or_default());
        Token { token: self.access_token, lifetime }
    }
}

/// What is told where nothing says who this process is.
const NOWHERE: Error = Error::Nobody(
    "its environment has no federated token and no secret of Azure's, and it runs on no Azure machine",
);

/// A token for the identity of the machine on which this process runs.
async fn managed(
    context: &Context<'_>,
    audience: &str,
    client: Option<&str>,
) -> Result<Token, Error> {
    if context.environment.is_alone() {
        return Err(Error::Nobody(
            "nothing that was given is a token, a certificate or a secret of Azure's",
        ));
    }
    let base = context.environment.get("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    let base = base.unwrap_or(INSTANCE_HOST).trim_end_matches('/');
    let mut fields = vec![("api-version", "2018-02-01"), ("resource", audience)];
    fields.extend(client.map(|client| ("client_id", client)));
    let address = format!("{base}/metadata/identity/oauth2/token?{}", fields_of(&fields));
    let request = context.near.get(address).header("metadata", "true");
    let given = near(fetch_json::<Granted>(INSTANCE, request)).await;
    given.ok_or(NOWHERE)?.map(Granted::token)
}
