//! The transit engines of HashiCorp Vault and OpenBao.

use std::{path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{
    Certificate, Client, Identity, RequestBuilder,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use sealer_core::plaintext::Plaintext;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::{Error, ask};

const VAULT: &str = "Vault";
const CONNECT: Duration = Duration::from_secs(10);

/// Who we are to Vaults, and how they are spoken to.
#[derive(Default)]
pub struct Login {
    /// The token itself.
    pub token: Option<Zeroizing<String>>,
    /// A file with it, for who has none; it need not be there.
    pub token_file: Option<PathBuf>,
    /// The namespace, where the server has any.
    pub namespace: Option<String>,
    /// A file of PEM certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The same, itself.
    pub ca: Option<Vec<u8>>,
    /// Files with a certificate and its key, in PEM, for servers that ask for one.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Whether certificates are not verified, for somebody who asked for that.
    pub insecure: bool,
    /// Where the token may be shown.
    pub allowed: Allowlist,
}

/// The Vaults to which a token may be shown, as `SOPS_HC_VAULT_ALLOWLIST` says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Allowlist {
    /// All that files name.
    #[default]
    All,
    /// Those whose addresses begin so; none, if there are none.
    Only(Vec<String>),
}

impl Allowlist {
    /// `all`, `none`, or addresses separated by commas.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "all" => return Ok(Self::All),
            "none" => return Ok(Self::Only(Vec::new())),
            _ => {}
        }
        let entries = text.split(',').map(|entry| with_slash(entry.trim()));
        let entries: Vec<String> = entries.collect();
        if entries.iter().any(|entry| entry == "/") {
            return Err(Error::Setting {
                name: "SOPS_HC_VAULT_ALLOWLIST",
                problem: "has an empty entry; write `all`, `none`, or addresses separated by commas",
            });
        }
        Ok(Self::Only(entries))
    }

    fn allows(&self, address: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(entries) => {
                let address = with_slash(address);
                entries.iter().any(|entry| address.starts_with(entry.as_str()))
            }
        }
    }
}

fn with_slash(address: &str) -> String {
    if address.ends_with('/') { address.to_owned() } else { format!("{address}/") }
}

/// A key, as the file describes it.
pub(crate) struct Key<'k> {
    pub(crate) address: &'k str,
    pub(crate) engine: &'k str,
    pub(crate) name: &'k str,
}

#[derive(Serialize)]
struct Encrypt<'r> {
    plaintext: &'r str,
}

#[derive(Serialize)]
struct Decrypt<'r> {
    ciphertext: &'r str,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    #[serde(deserialize_with = "cloud::secret")]
    plaintext: Zeroizing<String>,
}

impl Key<'_> {
    /// Where `verb` is done with the key.
    fn url(&self, verb: &str) -> Result<Url, Error> {
        let malformed = || Error::Name {
            key: format!("{}/v1/{}/keys/{}", self.address, self.engine, self.name),
            expected: "a transit key; write `https://HOST:8200/v1/ENGINE/keys/NAME`",
        };
        let mut url = Url::parse(self.address).map_err(|_| malformed())?;
        let engine = self.engine.trim_matches('/');
        let fit = |part: &str| !part.is_empty() && part != "." && part != "..";
        let good = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && engine.split('/').all(fit)
            && fit(self.name)
            && !self.name.contains('/');
        if !good {
            return Err(malformed());
        }
        let path = ["v1"].into_iter().chain(engine.split('/')).chain([verb, self.name]);
        url.path_segments_mut().map_err(|()| malformed())?.pop_if_empty().extend(path);
        Ok(url)
    }
}

impl Login {
    /// The client for Vaults.
    pub(crate) fn client(&self) -> Result<Client, Error> {
        // Fails when the process has one already, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let because = |what| move |source: reqwest::Error| Error::Client { what, source };
        let mut builder = Client::builder()
            .user_agent(crate::clouds::AGENT)
            .connect_timeout(CONNECT)
            // A token goes nowhere but to the address that the file names.
            .redirect(Policy::none());
        let file = |path: &PathBuf, named_by| {
            std::fs::read(path).map_err(|source| Error::File {
                path: path.display().to_string(),
                named_by,
                source,
            })
        };
        let from_file =
            self.ca_file.as_ref().map(|path| file(path, "`VAULT_CACERT`")).transpose()?;
        for pem in self.ca.iter().chain(&from_file) {
            let what = "CA certificate of `VAULT_CACERT`";
            let roots = Certificate::from_pem_bundle(pem).map_err(because(what))?;
            if roots.is_empty() {
                return Err(Error::Setting {
                    name: "VAULT_CACERT",
                    problem: "leads to no certificate in PEM",
                });
            }
            builder = builder.tls_certs_merge(roots);
        }
        if let Some((chain, key)) = &self.identity {
            let chain = file(chain, "`VAULT_CLIENT_CERT`")?;
            let key = Zeroizing::new(file(key, "`VAULT_CLIENT_KEY`")?);
            let pem = Zeroizing::new([key.as_slice(), b"\n", chain.as_slice()].concat());
            let identity = Identity::from_pem(&pem);
            builder = builder.identity(identity.map_err(because("client certificate"))?);
        }
        if self.insecure {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        builder.build().map_err(because("TLS configuration"))
    }

    /// The token, if there is one. Who has none may speak to a proxy that adds it.
    fn token(&self) -> Result<Option<Zeroizing<String>>, Error> {
        if let Some(token) = &self.token {
            return Ok(Some(Zeroizing::new(token.trim().to_owned())));
        }
        let Some(path) = &self.token_file else { return Ok(None) };
        match std::fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) => {
                let token = text.trim();
                Ok((!token.is_empty()).then(|| Zeroizing::new(token.to_owned())))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => {
                let path = path.display().to_string();
                Err(Error::File { path, named_by: "your home", source })
            }
        }
    }
}

/// A Vault that may be spoken to.
pub(crate) struct Vault<'v> {
    pub(crate) client: &'v Client,
    pub(crate) login: &'v Login,
}

impl Vault<'_> {
    /// What the engine makes of `part`.
    pub(crate) async fn encrypt(&self, key: &Key<'_>, part: &Plaintext) -> Result<String, Error> {
        let plaintext = Zeroizing::new(STANDARD.encode(part.expose()));
        let request = Encrypt { plaintext: &plaintext };
        let made: Encrypted = self.ask(key, "encrypt", &request, &plaintext).await?;
        Ok(made.ciphertext)
    }

    /// What the engine once made `enc` of.
    pub(crate) async fn decrypt(&self, key: &Key<'_>, enc: &str) -> Result<Plaintext, Error> {
        let request = Decrypt { ciphertext: enc.trim() };
        let made: Decrypted = self.ask(key, "decrypt", &request, "").await?;
        let bytes = STANDARD.decode(made.plaintext.as_bytes()).map(Plaintext::new);
        bytes.map_err(|_| Error::Garbled {
            service: VAULT,
            host: key.address.to_owned(),
            problem: "is not Base64",
        })
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        key: &Key<'_>,
        verb: &str,
        request: &impl Serialize,
        secret: &str,
    ) -> Result<T, Error> {
        let url = key.url(verb)?;
        if !self.login.allowed.allows(key.address) {
            return Err(Error::Foreign {
                host: key.address.to_owned(),
                problem: "is not in the allowlist of Vaults, so it is not shown the token; if it should be, name it in `SOPS_HC_VAULT_ALLOWLIST`",
            });
        }
        let token = self.login.token()?;
        let headers = headers(token.as_ref().map(|token| token.as_str()), self.login)?;
        let shown = token.as_ref().map_or("", |token| token.as_str());
        let service = ask::Service { name: VAULT, secrets: &[secret, shown] };
        let put = || -> RequestBuilder {
            self.client.put(url.clone()).headers(headers.clone()).body(ask::body(request))
        };
        match service.ask::<Answer<T>>(put).await {
            Ok(answer) => Ok(answer.data),
            Err(Error::Refused { status: 400 | 401 | 403, .. }) if token.is_none() => {
                let source = cloud::Error::Nobody(
                    "there is no token: set `VAULT_TOKEN`, or log in so that `~/.vault-token` is written",
                );
                Err(Error::Login { service: VAULT, source })
            }
            Err(error) => Err(error),
        }
    }
}

fn headers(token: Option<&str>, login: &Login) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("x-vault-request", HeaderValue::from_static("true"));
    let mut add = |header, value: Option<&str>, name| {
        let Some(value) = value else { return Ok(()) };
        let unfit = |_| Error::Setting { name, problem: "is not one line of text" };
        let mut value = HeaderValue::from_str(value).map_err(unfit)?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(header), value);
        Ok(())
    };
    add("x-vault-token", token, "VAULT_TOKEN")?;
    add("x-vault-namespace", login.namespace.as_deref(), "VAULT_NAMESPACE")?;
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_where_the_allowlist_says() {
        let own = "https://vault.acme, http://127.0.0.1:8200/";
        #[rustfmt::skip]
        let cases = [
            // list    address                              shown
            ("all",    "https://anywhere",                  true),
            ("none",   "https://vault.acme",                false),
            (own,      "https://vault.acme",                true),
            (own,      "https://vault.acme/",               true),
            (own,      "https://vault.acme.evil",           false),
            (own,      "https://vault.acme:8200",           false),
            (own,      "http://127.0.0.1:8200",             true),
            (own,      "http://127.0.0.1:82001",            false),
        ];
        for (list, address, shown) in cases {
            assert_eq!(Allowlist::parse(list).unwrap().allows(address), shown, "{list} {address}");
        }
        assert!(Allowlist::parse("https://a,,").is_err());
    }

    #[test]
    fn keys_are_where_the_file_says_and_nowhere_else() {
        #[rustfmt::skip]
        let cases = [
            // address               engine        key      URL
            ("https://v:8200",       "transit",    "k",     Some("https://v:8200/v1/transit/encrypt/k")),
            ("https://v/",           "a/b/",       "k 1",   Some("https://v/v1/a/b/encrypt/k%201")),
            ("https://v/below",      "transit",    "k",     Some("https://v/below/v1/transit/encrypt/k")),
            ("https://v",            "../sys",     "k",     None),
            ("https://v",            "transit",    "..",    None),
            ("https://v",            "transit",    "a/b",   None),
            ("https://v",            "",           "k",     None),
            ("https://v?x=",         "transit",    "k",     None),
            ("ftp://v",              "transit",    "k",     None),
            ("v",                    "transit",    "k",     None),
        ];
        for (address, engine, name, url) in cases {
            let key = Key { address, engine, name };
            assert_eq!(key.url("encrypt").ok().as_ref().map(Url::as_str), url, "{address}");
        }
    }
}
