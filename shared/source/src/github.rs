//! Logging in as a GitHub App: a signed claim buys a token of the installation.

use aws_lc_rs::rsa::KeyPair;
use cloud::jwt::{self, Algorithm};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use reconcile::{Secret, clock::Clock};
use reqwest::{
    Client, Method, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderValue},
};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    Error, Field,
    issuer::{self, ask},
    login::ProxyLogin,
    tokens::{Fresh, Key, Tokens},
};

/// The user of an installation's token.
pub(crate) const USER: &str = "x-access-token";

/// The key of a Secret that says that it belongs to an App.
pub(crate) const ID: &str = "githubAppID";
const INSTALLATION: &str = "githubAppInstallationID";
const OWNER: &str = "githubAppInstallationOwner";
const KEY: &str = "githubAppPrivateKey";
const BASE: &str = "githubAppBaseURL";

/// The API where no Secret names another.
const GITHUB: &str = "https://api.github.com";

/// How far behind GitHub's clock ours may be ahead, and how long a claim holds. GitHub takes ten
/// minutes at most.
const SKEW: SignedDuration = SignedDuration::from_secs(60);
const CLAIM: SignedDuration = SignedDuration::from_mins(9);

/// An App, as a Secret describes it.
pub(crate) struct App<'s> {
    secret: &'s Secret,
    id: &'s str,
    installation: Installation<'s>,
    key: KeyPair,
    base: Url,
}

/// Which installation of the App is meant.
enum Installation<'s> {
    Id(&'s str),
    /// That of a user or an organisation.
    Owner(&'s str),
}

#[derive(Deserialize)]
struct Found {
    id: u64,
}

#[derive(Deserialize)]
struct Granted {
    token: String,
    expires_at: Time,
}

impl<'s> App<'s> {
    /// The App of `secret`, which `field` names.
    pub(crate) fn read(secret: &'s Secret, field: &Field) -> Result<Self, Error> {
        let wrong = |key, problem| Error::App {
            name: secret.name().to_owned(),
            field: field.clone(),
            key,
            problem,
        };
        let id = secret.text(ID)?.ok_or_else(|| wrong(ID, "is missing"))?;
        let installation = match (secret.text(INSTALLATION)?, secret.text(OWNER)?) {
            (Some(id), _) if id.bytes().all(|byte| byte.is_ascii_digit()) => Installation::Id(id),
            (Some(_), _) => return Err(wrong(INSTALLATION, "is not a number")),
            (None, Some(owner)) => Installation::Owner(owner),
            (None, None) => {
                return Err(wrong(INSTALLATION, "and `githubAppInstallationOwner` are missing"));
            }
        };
        let pem = secret.bytes(KEY).ok_or_else(|| wrong(KEY, "is missing"))?;
        let key = jwt::key(pem).ok_or_else(|| wrong(KEY, "is not an RSA private key in PEM"))?;
        let base = Url::parse(secret.text(BASE)?.unwrap_or(GITHUB)).ok();
        let fit = |base: &Url| {
            matches!(base.scheme(), "https" | "http")
                && base.username().is_empty()
                && base.password().is_none()
                && base.query().is_none()
        };
        let base = base.filter(fit);
        let base = base.ok_or_else(|| wrong(BASE, "is not a URL such as `https://host/api/v3`"))?;
        Ok(Self { secret, id, installation, key, base })
    }

    /// A token of the installation, fetched through `proxy` unless there is one.
    pub(crate) async fn token(
        &self,
        tokens: &Tokens,
        clock: &Clock,
        ca: Option<&[u8]>,
        proxy: Option<&ProxyLogin>,
    ) -> Result<Zeroizing<String>, issuer::Error> {
        let (kind, installation) = match self.installation {
            Installation::Id(id) => ("id", id),
            Installation::Owner(owner) => ("owner", owner),
        };
        let parts = [
            b"github",
            self.base.as_str().as_bytes(),
            self.id.as_bytes(),
            kind.as_bytes(),
            installation.as_bytes(),
            self.secret.bytes(KEY).unwrap_or_default(),
            ca.unwrap_or_default(),
        ];
        let key = Key::of(parts.into_iter().chain(ProxyLogin::parts(proxy)));
        tokens.get(key, clock, self.issue(clock, ca, proxy)).await
    }

    async fn issue(
        &self,
        clock: &Clock,
        ca: Option<&[u8]>,
        proxy: Option<&ProxyLogin>,
    ) -> Result<Fresh, issuer::Error> {
        let client = issuer::client(ca, proxy)?;
        let claim = claim(self.id, &self.key, clock.now());
        let found;
        let installation = match self.installation {
            Installation::Id(id) => id,
            Installation::Owner(owner) => {
                found = self.find(&client, owner, &claim).await?.to_string();
                &found
            }
        };
        let path = ["app", "installations", installation, "access_tokens"];
        let granted: Granted = self.send(&client, Method::POST, &path, &claim).await?;
        let life = granted.expires_at.0.duration_since(clock.now());
        Ok(Fresh { token: Zeroizing::new(granted.token), life })
    }

    /// The installation of an organisation, or else of a user.
    async fn find(&self, client: &Client, owner: &str, claim: &str) -> Result<u64, issuer::Error> {
        let get = async |kind| {
            let path = [kind, owner, "installation"];
            let found: Result<Found, _> = self.send(client, Method::GET, &path, claim).await;
            found.map(|found| found.id)
        };
        match get("orgs").await {
            Err(error) if error.is_not_found() => get("users").await,
            answered => answered,
        }
    }

    async fn send<T: serde::de::DeserializeOwned>(
        &self,
        client: &Client,
        method: Method,
        path: &[&str],
        claim: &str,
    ) -> Result<T, issuer::Error> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let header = Zeroizing::new(format!("Bearer {claim}"));
        let mut bearer = HeaderValue::from_str(&header).expect("a claim is ASCII");
        bearer.set_sensitive(true);
        let request = client
            .request(method, url)
            .header(AUTHORIZATION, bearer)
            .header(ACCEPT, "application/vnd.github+json")
            .header("X-GitHub-Api-Version", "2022-11-28");
        ask(request, claim).await
    }
}

/// What the App says about itself: a JSON Web Token, signed with RS256.
fn claim(id: &str, key: &KeyPair, now: Timestamp) -> Zeroizing<String> {
    let claims = json!({
        "iat": (now - SKEW).as_second(), "exp": (now + CLAIM).as_second(), "iss": id,
    });
    let header = json!({"alg": "RS256", "typ": "JWT"});
    jwt::sign(Algorithm::Rs256, key, &header, &claims)
}
