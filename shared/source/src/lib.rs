//! Where a Git repository is and how to log in, as Kubernetes objects say it.
//!
//! ```text
//! GitRepository ─┐
//! spec.git ──────┴▶ Origin ──▶ Sources::remote (Secrets) ──▶ repo::Remote
//! ```
//!
//! Secrets are read for one reconcile, straight into the [`repo::Remote`]; nothing here keeps them.

mod error;
mod login;
mod origin;
mod reference;

use std::time::Duration;

use reconcile::{Core, Secret};
use repo::{ClearText, Remote};
use source_api::{LocalReference, duration};

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
}

impl Sources {
    /// Sources whose Secrets are those that `core` can read. `local` says that this process serves a
    /// directory of this machine, and that repositories of this machine may be used too.
    pub fn new(core: Core, local: bool) -> Self {
        Self { core, local }
    }

    /// The remote that `origin` describes.
    pub async fn remote(&self, origin: &Origin<'_>) -> Result<Remote, Error> {
        let field = || origin.field("url");
        let wrong = |source| Error::Url { field: field(), source: Box::new(source) };
        let mut remote = Remote::parse(origin.url).map_err(wrong)?;
        if remote.url.as_str().starts_with("file:") && !self.local {
            return Err(Error::File { field: field() });
        }
        let provider = origin.provider.unwrap_or("generic");
        if provider != "generic" {
            let provider = provider.to_owned();
            return Err(Error::Provider { field: origin.field("provider"), provider });
        }
        if let Some(secret) = self.secret(origin, "secretRef", origin.secret).await? {
            login::log_in(&mut remote, &secret)?;
        }
        if let Some(secret) = self.secret(origin, "proxySecretRef", origin.proxy).await? {
            let proxy = login::proxy(&secret, &origin.field("proxySecretRef"))?;
            remote.proxy = Some(proxy);
        }
        if let Some(written) = origin.timeout {
            let invalid = || Error::Timeout {
                field: origin.field("timeout"),
                source: duration::Invalid(written.to_owned()),
            };
            remote.timeouts.operation = duration::parse(written).ok_or_else(invalid)?;
        } else {
            remote.timeouts.operation = TIMEOUT;
        }
        // The author wrote `http://` beside a login; Flux sends it, and clusters rely on that.
        remote.clear_text = ClearText::Allow;
        Ok(remote)
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
