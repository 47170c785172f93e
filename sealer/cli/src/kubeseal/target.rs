//! Which cluster kubeseal's flags mean.

use std::time::Duration;

use jiff::SignedDuration;
use kube::config::KubeConfigOptions;

use super::{error::Error, flags::Flags};
use crate::controller::{Connection, Controller, User};

/// A controller, and how its cluster is reached.
pub(super) struct Target<'f> {
    connection: Connection,
    flags: &'f Flags,
}

impl<'f> Target<'f> {
    pub(super) fn of(flags: &'f Flags) -> Result<Self, Error> {
        let text = |name| flags.filled(name).map(str::to_owned);
        let connection = Connection {
            kubeconfig: text("kubeconfig").map(Into::into),
            entries: KubeConfigOptions {
                context: text("context"),
                cluster: text("cluster"),
                user: text("user"),
            },
            namespace: text("namespace"),
            server: text("server"),
            authority: text("certificate-authority").map(Into::into),
            server_name: text("tls-server-name"),
            insecure: flags.switch("insecure-skip-tls-verify"),
            uncompressed: flags.switch("disable-compression"),
            proxy: text("proxy-url"),
            timeout: timeout(flags)?,
            user: User {
                token: text("token"),
                name: text("username"),
                password: text("password"),
                certificate: text("client-certificate"),
                key: text("client-key"),
                stead: text("as"),
                stead_uid: text("as-uid"),
                stead_groups: flags.list("as-group").to_vec(),
            },
        };
        Ok(Self { connection, flags })
    }

    pub(super) fn controller(&self) -> Result<Controller, Error> {
        let name = |flag| self.flags.text(flag);
        let (namespace, name) = (name("controller-namespace"), name("controller-name"));
        Ok(Controller::find(&self.connection, namespace, name)?)
    }

    /// The namespace of flags or the context, and whether it was a flag.
    pub(super) fn namespace(&self) -> Result<(String, bool), Error> {
        Ok(self.connection.namespace()?)
    }
}

/// Go's durations; a bare number is seconds, and zero is for ever.
fn timeout(flags: &Flags) -> Result<Option<Duration>, Error> {
    let Some(text) = flags.filled("request-timeout") else { return Ok(None) };
    let invalid = || Error::Timeout(text.to_owned());
    let seconds = text.parse().ok().map(SignedDuration::from_secs);
    let duration = seconds.or_else(|| text.parse().ok()).ok_or_else(invalid)?;
    let duration = Duration::try_from(duration).map_err(|_| invalid())?;
    Ok((!duration.is_zero()).then_some(duration))
}
