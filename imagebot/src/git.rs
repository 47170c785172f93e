//! Where a GitRepository says its remote is, and how it says to log in.

use std::time::Duration;

use imagebot_api::{
    GitRepository, duration, git_repository::GitProvider, image_update_automation::GitReference,
};
use kube::ResourceExt as _;
use reconcile::{Class, Core};
use repo::{ClearText, Credentials, ObjectId, Proxy, Reference, Remote, SafeUrl, Tls};

use crate::secret::{self, Secret};

/// What one Git operation may take where the object does not say.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Why a GitRepository does not lead to a remote.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The login is not spoken here.
    #[error("`spec.provider: {0:?}` of the GitRepository is not supported yet")]
    Provider(GitProvider),
    /// The address is not one.
    #[error("`spec.url` of the GitRepository cannot be used")]
    Url(#[source] repo::Error),
    /// The address is a directory of the machine that imagebot runs on.
    #[error("`spec.url` of the GitRepository is a file URL, which only `--local` may use")]
    File,
    /// The length of time is not one.
    #[error("`spec.timeout` of the GitRepository is not valid")]
    Timeout(#[source] duration::Invalid),
    /// A Secret cannot be used.
    #[error("failed to configure authentication options")]
    Secret(#[from] secret::Error),
    /// The Secret says two things.
    #[error("the Secret `{name}` has a `bearerToken` while the URL has a user")]
    TwoLogins {
        /// The Secret.
        name: String,
    },
    /// The Secret says half of something.
    #[error("the Secret `{name}` has a `{has}` without a `{lacks}`")]
    Half {
        /// The Secret.
        name: String,
        /// The key that is there.
        has: &'static str,
        /// The key that is not.
        lacks: &'static str,
    },
    /// The proxy is not one.
    #[error("the proxy of `spec.proxySecretRef` cannot be used")]
    Proxy(#[source] repo::Error),
    /// Only tags are versions, and they need no range here.
    #[error("the reference `{0}` is not an id of a commit")]
    Commit(String),
}

impl Error {
    /// Who can fix it.
    pub fn class(&self) -> Class {
        match self {
            // Another object must change, and its watch wakes us.
            Self::Provider(_) | Self::Url(_) | Self::File | Self::Timeout(_) => Class::Waiting,
            Self::TwoLogins { .. } | Self::Half { .. } | Self::Proxy(_) => Class::Waiting,
            Self::Secret(error) => error.class(),
            Self::Commit(_) => Class::Stalled,
        }
    }

    /// What the reader can do.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Provider(_) => Some("use `generic` and put a token into its Secret".to_owned()),
            Self::TwoLogins { .. } => Some("remove one of them".to_owned()),
            Self::Half { lacks, .. } => Some(format!("add `{lacks}`")),
            _ => None,
        }
    }
}

/// The remote of `source`. `local` says that this process serves a directory of this machine, and
/// that repositories of this machine may be used too.
pub async fn remote(core: &Core, source: &GitRepository, local: bool) -> Result<Remote, Error> {
    let spec = &source.spec;
    match spec.provider.unwrap_or_default() {
        GitProvider::Generic => {}
        other => return Err(Error::Provider(other)),
    }
    let mut remote = Remote::parse(&spec.url).map_err(Error::Url)?;
    if is_file(&remote.url) && !local {
        return Err(Error::File);
    }
    let namespace = source.namespace().unwrap_or_default();
    let read = |field, name: String| {
        let namespace = namespace.clone();
        async move { Secret::read(core, field, &namespace, &name).await }
    };
    if let Some(reference) = &spec.secret_ref {
        let field = "spec.secretRef of the GitRepository";
        log_in(&mut remote, &read(field, reference.name.clone()).await?)?;
    }
    if let Some(reference) = &spec.proxy_secret_ref {
        let field = "spec.proxySecretRef of the GitRepository";
        remote.proxy = Some(proxy(&read(field, reference.name.clone()).await?)?);
    }
    let timeout = spec.timeout.as_ref().map_or(Ok(TIMEOUT), duration::Duration::parse);
    remote.timeouts.operation = timeout.map_err(Error::Timeout)?;
    // The author wrote `http://` beside a login; upstream sends it, and clusters rely on that.
    remote.clear_text = ClearText::Allow;
    Ok(remote)
}

fn log_in(remote: &mut Remote, secret: &Secret) -> Result<(), Error> {
    let name = || secret.name().to_owned();
    let in_url = !matches!(remote.credentials, Credentials::None);
    let username = secret.text("username")?;
    let password = secret.bytes("password");
    if let Some(token) = secret.bytes("bearerToken") {
        if in_url {
            return Err(Error::TwoLogins { name: name() });
        }
        remote.credentials = Credentials::Bearer(repo::Secret::new(trimmed(token)));
    } else if let Some(password) = password {
        let username = username.ok_or_else(|| Error::Half {
            name: name(),
            has: "password",
            lacks: "username",
        })?;
        let password = repo::Secret::new(trimmed(password));
        remote.credentials = Credentials::Basic { username: username.to_owned(), password };
    } else if username.is_some() {
        return Err(Error::Half { name: name(), has: "username", lacks: "password" });
    }
    remote.tls = tls(secret)?;
    Ok(())
}

fn tls(secret: &Secret) -> Result<Tls, Error> {
    let ca = secret.bytes("ca.crt").or_else(|| secret.bytes("caFile")).map(<[u8]>::to_vec);
    let half = |has, lacks| Error::Half { name: secret.name().to_owned(), has, lacks };
    let identity = match (secret.bytes("tls.crt"), secret.bytes("tls.key")) {
        (Some(chain), Some(key)) => Some(repo::Secret::new([chain, b"\n", key].concat())),
        (Some(_), None) => return Err(half("tls.crt", "tls.key")),
        (None, Some(_)) => return Err(half("tls.key", "tls.crt")),
        (None, None) => None,
    };
    Ok(Tls { ca, identity })
}

fn proxy(secret: &Secret) -> Result<Proxy, Error> {
    secret.required("address")?;
    let address = secret.text("address")?.unwrap_or_default();
    let credentials = match (secret.text("username")?, secret.bytes("password")) {
        (Some(username), password) => Credentials::Basic {
            username: username.to_owned(),
            password: repo::Secret::new(trimmed(password.unwrap_or_default())),
        },
        (None, _) => Credentials::None,
    };
    Proxy::new(address, credentials).map_err(Error::Proxy)
}

/// A login without the line break that `echo` adds.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
    &bytes[..end]
}

fn is_file(url: &SafeUrl) -> bool {
    url.as_str().starts_with("file:")
}

/// What `reference` names, or `master` when it names nothing. A range of versions is resolved by
/// the caller, who can list tags.
pub fn reference(reference: &GitReference) -> Result<Reference, Error> {
    if let Some(commit) = &reference.commit {
        let id = ObjectId::from_hex(commit.as_bytes());
        return id.map(Reference::Commit).map_err(|_| Error::Commit(commit.clone()));
    }
    Ok(match (&reference.name, &reference.tag, &reference.branch) {
        (Some(name), _, _) => Reference::Name(name.clone()),
        (None, Some(tag), _) => Reference::Tag(tag.clone()),
        (None, None, Some(branch)) => Reference::Branch(branch.clone()),
        (None, None, None) => Reference::Branch("master".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_reference_wins() {
        let reference = |json: &str| {
            let read: GitReference = serde_json::from_str(json).expect("the case is a reference");
            reference(&read).map(|it| it.to_string()).ok()
        };
        let id = "0123456789012345678901234567890123456789";
        #[rustfmt::skip]
        let cases = [
            (r"{}".to_owned(),                                         Some("branch `master`".to_owned())),
            (r#"{"branch":"main"}"#.to_owned(),                        Some("branch `main`".to_owned())),
            (r#"{"branch":"main","tag":"v1"}"#.to_owned(),             Some("tag `v1`".to_owned())),
            (r#"{"tag":"v1","name":"refs/pull/1/head"}"#.to_owned(),   Some("reference `refs/pull/1/head`".to_owned())),
            (format!(r#"{{"name":"refs/heads/a","commit":"{id}"}}"#),  Some(format!("commit `{id}`"))),
            (r#"{"commit":"main"}"#.to_owned(),                        None),
        ];
        for (json, expected) in cases {
            assert_eq!(reference(&json), expected, "{json}");
        }
    }
}
