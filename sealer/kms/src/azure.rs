//! Azure Key Vault, and Azure's managed HSMs.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cloud::{Context, is_loopback};
use reqwest::RequestBuilder;
use sealer_core::plaintext::Plaintext;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::{Error, ask};

const VAULT: &str = "Azure Key Vault";
/// The version of the API in which requests are written.
const API: &str = "7.4";
/// What sops wraps with, whatever the key could do besides.
const ALGORITHM: &str = "RSA-OAEP-256";

/// A domain below which vaults are, and for whom a token is that is shown there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// `vault.azure.net`, or a host with its port.
    pub name: String,
    /// `https://vault.azure.net`
    pub audience: String,
}

/// The domains of Azure's own clouds. An audience is the domain itself.
const DOMAINS: [&str; 7] = [
    "vault.azure.net",
    "vault.azure.cn",
    "vault.usgovcloudapi.net",
    "vault.microsoftazure.de",
    "managedhsm.azure.net",
    "managedhsm.azure.cn",
    "managedhsm.usgovcloudapi.net",
];

/// A key, as the file describes it.
pub(crate) struct Key<'k> {
    pub(crate) vault_url: &'k str,
    pub(crate) name: &'k str,
    pub(crate) version: &'k str,
}

#[derive(Serialize)]
struct Request<'r> {
    alg: &'static str,
    value: &'r str,
}

#[derive(Deserialize)]
struct Made {
    #[serde(deserialize_with = "cloud::secret")]
    value: Zeroizing<String>,
}

#[derive(Deserialize)]
struct Described {
    key: Description,
}

#[derive(Deserialize)]
struct Description {
    kid: String,
}

impl Domain {
    /// The domains in `text`: `vault.local=https://vault.local`, separated by commas.
    pub fn list(text: &str) -> Option<Vec<Self>> {
        let one = |pair: &str| {
            let (name, audience) = pair.trim().split_once('=')?;
            let good = !name.is_empty() && audience.starts_with("https://");
            good.then(|| Self { name: name.to_owned(), audience: audience.to_owned() })
        };
        text.split(',').map(one).collect()
    }
}

impl Key<'_> {
    /// For whom a token must be that the key's vault is shown.
    ///
    /// The address comes from the file, and whoever wrote it could name a host of theirs: a token goes
    /// to Azure's domains and to those of `known` alone.
    pub(crate) fn audience(&self, known: &[Domain]) -> Result<String, Error> {
        let url = self.url(&[])?;
        let host = url.host_str().unwrap_or_default();
        let with_port = url.port().map(|port| format!("{host}:{port}"));
        let below = |domain: &str| {
            host.strip_suffix(domain).is_some_and(|name| name.is_empty() || name.ends_with('.'))
                || with_port.as_deref() == Some(domain)
        };
        if let Some(domain) = known.iter().find(|domain| below(&domain.name)) {
            return Ok(domain.audience.clone());
        }
        let ours = DOMAINS.into_iter().find(|domain| below(domain) && host != *domain);
        match ours.filter(|_| url.port().is_none()) {
            Some(domain) => Ok(format!("https://{domain}")),
            None => Err(Error::Foreign {
                host: host.to_owned(),
                problem: "is no vault of Azure's clouds, so it is not shown a token of Azure's; if it is one of your own, name its domain in `SIGNET_AZURE_VAULT_DOMAINS`",
            }),
        }
    }

    /// Where the key is, and `more` below it.
    fn url(&self, more: &[&str]) -> Result<Url, Error> {
        let malformed = || Error::Name {
            key: format!("{}/keys/{}/{}", self.vault_url, self.name, self.version),
            expected: "a key of Azure Key Vault; write `https://VAULT.vault.azure.net/keys/NAME/VERSION`",
        };
        let mut url = Url::parse(self.vault_url).map_err(|_| malformed())?;
        let near = url.host().is_some_and(|host| is_loopback(&host));
        let named = |part: &str| part.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
        let good = (url.scheme() == "https" || near)
            && url.username().is_empty()
            && url.query().is_none()
            && !self.name.is_empty()
            && named(self.name)
            && named(self.version);
        if !good {
            return Err(malformed());
        }
        let path = ["keys", self.name, self.version];
        url.path_segments_mut()
            .map_err(|()| malformed())?
            .pop_if_empty()
            .extend(path.iter().chain(more));
        url.query_pairs_mut().append_pair("api-version", API);
        Ok(url)
    }
}

/// What the vault makes of `part`.
pub(crate) async fn encrypt(
    context: &Context<'_>,
    key: &Key<'_>,
    token: &str,
    part: &Plaintext,
) -> Result<String, Error> {
    if key.version.is_empty() {
        return Err(Error::Name {
            key: format!("{}/keys/{}/", key.vault_url, key.name),
            expected: "a key with its version, without which a file cannot say which one opens it",
        });
    }
    let value = Zeroizing::new(URL_SAFE_NO_PAD.encode(part.expose()));
    let made = operate(context, key, token, "encrypt", &value).await?;
    Ok(made.value.as_str().to_owned())
}

/// What the vault once made `enc` of.
pub(crate) async fn decrypt(
    context: &Context<'_>,
    key: &Key<'_>,
    token: &str,
    enc: &str,
) -> Result<Plaintext, Error> {
    // A file may have been written by what pads.
    let enc = enc.trim().trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(enc).map_err(|_| Error::Wrapped("Base64 for URLs"))?;
    let made = operate(context, key, token, "decrypt", enc).await?;
    let bytes = URL_SAFE_NO_PAD.decode(made.value.trim_end_matches('=')).map(Plaintext::new);
    bytes.map_err(|_| Error::Garbled {
        service: VAULT,
        host: key.vault_url.to_owned(),
        problem: "is not Base64",
    })
}

async fn operate(
    context: &Context<'_>,
    key: &Key<'_>,
    token: &str,
    verb: &str,
    value: &str,
) -> Result<Made, Error> {
    let (url, request) = (key.url(&[verb])?, Request { alg: ALGORITHM, value });
    let service = ask::Service { name: VAULT, secrets: &[value, token] };
    let post = || {
        let post = authorized(context.to(&url).post(url.clone()), token);
        post.header("content-type", "application/json").body(ask::body(&request))
    };
    service.ask(post).await
}

/// The newest version of a key.
pub(crate) async fn newest(
    context: &Context<'_>,
    key: &Key<'_>,
    token: &str,
) -> Result<String, Error> {
    let url = key.url(&[])?;
    let service = ask::Service { name: VAULT, secrets: &[token] };
    let described: Described =
        service.ask(|| authorized(context.to(&url).get(url.clone()), token)).await?;
    let kid = described.key.kid;
    let version =
        kid.rsplit('/').next().filter(|version| !version.is_empty() && *version != key.name);
    version.map(str::to_owned).ok_or_else(|| Error::Garbled {
        service: VAULT,
        host: key.vault_url.to_owned(),
        problem: "names no version of the key",
    })
}

fn authorized(request: RequestBuilder, token: &str) -> RequestBuilder {
    request.bearer_auth(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_for_azures_vaults_and_those_that_were_named() {
        let known = Domain::list("vault.local=https://vault.local,127.0.0.1:5=https://v").unwrap();
        #[rustfmt::skip]
        let cases = [
            // vault                                    audience
            ("https://acme.vault.azure.net",            Some("https://vault.azure.net")),
            ("https://acme.vault.azure.net/",           Some("https://vault.azure.net")),
            ("https://acme.vault.usgovcloudapi.net",    Some("https://vault.usgovcloudapi.net")),
            ("https://acme.managedhsm.azure.net",       Some("https://managedhsm.azure.net")),
            ("https://acme.vault.local",                Some("https://vault.local")),
            ("http://127.0.0.1:5",                      Some("https://v")),
            ("http://127.0.0.1:6",                      None),
            ("http://acme.vault.azure.net",             None),
            ("https://acme.vault.azure.net:444",        None),
            ("https://evilvault.azure.net",             None),
            ("https://acme.vault.azure.net.evil",       None),
            ("https://vault.azure.net@evil",            None),
            ("https://x:y@acme.vault.azure.net",        None),
            ("https://evil.example/vault.azure.net",    None),
            ("https://vault.azure.net",                 None),
            ("vault",                                   None),
        ];
        for (vault_url, audience) in cases {
            let key = Key { vault_url, name: "k", version: "1" };
            assert_eq!(key.audience(&known).ok().as_deref(), audience, "{vault_url}");
        }
        for (name, version) in [("", "1"), ("../x", "1"), ("k", "1/encrypt?x"), ("k?", "")] {
            let key = Key { vault_url: "https://acme.vault.azure.net", name, version };
            assert!(key.audience(&[]).is_err(), "{name} {version}");
        }
        for text in ["vault.local", "=https://x", "vault.local=http://x", ""] {
            assert_eq!(Domain::list(text), None, "{text}");
        }
    }
}
