//! Where a Git repository is and how to log in, as Kubernetes objects say it.
//!
//! ```text
//! GitRepository ─┐                    ┌ generic: what the Secret says
//! spec.git ──────┴▶ Origin ─▶ Sources ┼ github:  an App's claim buys a token  ─▶ repo::Remote
//!                             (Secrets)└ azure:   a workload's token buys one
//! ```
//!
//! Secrets are read for one reconcile, straight into the [`repo::Remote`]. What is kept are tokens
//! that were issued, each for as long as it lives and only for who can show what it took to get it.

pub mod azure;
mod error;
mod github;
pub mod issuer;
mod login;
mod origin;
mod reference;
mod tokens;

use std::{sync::Arc, time::Duration};

use reconcile::{Core, Secret};
use repo::{Algorithms, ClearText, Credentials, Remote};
use source_api::{LocalReference, duration};
use zeroize::Zeroizing;

use github::App;
use login::ProxyLogin;
use tokens::Tokens;

pub use error::Error;
pub use origin::{Field, Origin, Speaker};
pub use reference::reference;

/// What one Git operation may take where no object says.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Turns what objects say into remotes. Cheap to clone.
#[derive(Clone)]
pub struct Sources {
    core: Core,
    local: bool,
    azure: Arc<azure::Environment>,
    ssh: Arc<Algorithms>,
    tokens: Tokens,
}

impl Sources {
    /// Sources whose Secrets are those that `core` can read. `local` says that this process serves a
    /// directory of this machine, and that repositories of this machine may be used too.
    pub fn new(core: Core, local: bool) -> Self {
        Self { core, local, azure: <_>::default(), ssh: <_>::default(), tokens: <_>::default() }
    }

    /// The same, with the identity that Azure gave to this process.
    #[must_use]
    pub fn with_azure(self, environment: azure::Environment) -> Self {
        Self { azure: Arc::new(environment), ..self }
    }

    /// The same, offering these algorithms to ssh servers.
    #[must_use]
    pub fn with_ssh(self, algorithms: Algorithms) -> Self {
        Self { ssh: Arc::new(algorithms), ..self }
    }

    /// The remote that `origin` describes.
    pub async fn remote(&self, origin: &Origin<'_>) -> Result<Remote, Error> {
        let field = || origin.field("url");
        let wrong = |source| Error::Url { field: field(), source: Box::new(source) };
        let mut remote = Remote::parse(origin.url).map_err(wrong)?;
        remote.algorithms = Arc::clone(&self.ssh);
        if remote.url.as_str().starts_with("file:") && !self.local {
            return Err(Error::File { field: field() });
        }
        let proxy = self.secret(origin, "proxySecretRef", origin.proxy).await?;
        let proxy = proxy.as_ref().map(ProxyLogin::read).transpose()?;
        if let (Some(login), Some(named)) = (&proxy, origin.proxy) {
            let wrong = |source| Error::Proxy {
                name: named.name.clone(),
                field: origin.field("proxySecretRef"),
                source: Box::new(source),
            };
            remote.proxy = Some(login.proxy().map_err(wrong)?);
        }
        let secret = self.secret(origin, "secretRef", origin.secret).await?;
        self.log_in(&mut remote, origin, secret.as_ref(), proxy.as_ref()).await?;
        remote.timeouts.operation = match origin.timeout {
            None => TIMEOUT,
            Some(written) => duration::parse(written).ok_or_else(|| Error::Timeout {
                field: origin.field("timeout"),
                source: duration::Invalid(written.to_owned()),
            })?,
        };
        // The author wrote `http://` beside a login; Flux sends it, and clusters rely on that.
        remote.clear_text = ClearText::Allow;
        Ok(remote)
    }

    /// The token of the GitHub App as which `origin` logs in, for the API of its host; nothing where it
    /// logs in otherwise.
    pub async fn app_token(&self, origin: &Origin<'_>) -> Result<Option<Zeroizing<String>>, Error> {
        if origin.provider != Some("github") {
            return Ok(None);
        }
        let proxy = self.secret(origin, "proxySecretRef", origin.proxy).await?;
        let proxy = proxy.as_ref().map(ProxyLogin::read).transpose()?;
        let secret = self.secret(origin, "secretRef", origin.secret).await?;
        let tls = secret.as_ref().map(login::tls).transpose()?.unwrap_or_default();
        self.app(origin, secret.as_ref(), tls.ca.as_deref(), proxy.as_ref()).await.map(Some)
    }

    /// Gives `remote` the credentials that the provider of `origin` says.
    async fn log_in(
        &self,
        remote: &mut Remote,
        origin: &Origin<'_>,
        secret: Option<&Secret>,
        proxy: Option<&ProxyLogin>,
    ) -> Result<(), Error> {
        let provider = origin.provider.unwrap_or("generic");
        let field = || origin.field("provider");
        if let Some(secret) = secret.filter(|secret| secret.bytes(github::ID).is_some())
            && provider != "github"
        {
            let name = secret.name().to_owned();
            let secret = origin.field("secretRef");
            return Err(Error::StrayApp { name, secret, field: field() });
        }
        let is_http = remote.url.as_str().starts_with("http");
        if let Some(secret) = secret.filter(|_| is_http) {
            remote.tls = login::tls(secret)?;
        }
        let over_https = |provider| {
            let not = || Error::NotHttps { field: field(), provider, url: origin.field("url") };
            is_http.then_some(()).ok_or_else(not)
        };
        match provider {
            "generic" => match secret {
                Some(secret) if remote.url.is_ssh() => login::log_in_with_key(remote, secret),
                None if remote.url.is_ssh() => {
                    let (url, secret) = (origin.field("url"), origin.field("secretRef"));
                    Err(Error::NoKey { url, secret })
                }
                Some(secret) => login::log_in(remote, secret),
                None => Ok(()),
            },
            "github" => {
                over_https("github")?;
                let token = self.app(origin, secret, remote.tls.ca.as_deref(), proxy).await?;
                let password = repo::Secret::new(token.as_bytes());
                remote.credentials =
                    Credentials::Basic { username: github::USER.to_owned(), password };
                Ok(())
            }
            "azure" => {
                over_https("azure")?;
                let token =
                    azure::token(&self.core, &self.azure, &self.tokens, origin, proxy).await?;
                remote.credentials = Credentials::Bearer(repo::Secret::new(token.as_bytes()));
                Ok(())
            }
            other => Err(Error::Provider { field: field(), provider: other.to_owned() }),
        }
    }

    /// The token of the GitHub App that `secret` describes.
    async fn app(
        &self,
        origin: &Origin<'_>,
        secret: Option<&Secret>,
        ca: Option<&[u8]>,
        proxy: Option<&ProxyLogin>,
    ) -> Result<Zeroizing<String>, Error> {
        let (field, named) = (|| origin.field("provider"), origin.field("secretRef"));
        let no_app = || Error::NoApp { field: field(), secret: origin.field("secretRef") };
        let app = App::read(secret.ok_or_else(no_app)?, &named)?;
        let token = app.token(&self.tokens, &self.core.clock, ca, proxy).await;
        token.map_err(|source| {
            let source = Box::new(source);
            Error::Token { field: field(), provider: "github", source }
        })
    }

    async fn secret(
        &self,
        origin: &Origin<'_>,
        field: &'static str,
        reference: Option<&LocalReference>,
    ) -> Result<Option<Secret>, Error> {
        let Some(reference) = reference else { return Ok(None) };
        let field = origin.field(field).to_string();
        Ok(Some(Secret::read(&self.core, field, origin.namespace, &reference.name).await?))
    }
}

#[cfg(test)]
mod tests;
