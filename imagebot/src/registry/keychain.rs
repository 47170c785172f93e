//! Credentials as Docker's configuration file holds them.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use imagebot_core::reference::Repository;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::{Error, access::Fingerprint};

/// Credentials for registries, found by host and path as Kubernetes finds them for Pods.
///
/// ```text
/// ghcr.io  ·  https://index.docker.io/v1/  ·  *.example.com  ·  ghcr.io/acme
/// ```
///
/// The entry with the longest path wins, then one without a pattern.
#[derive(Default)]
pub struct Keychain {
    entries: Vec<Entry>,
}

/// The programs that a configuration names to keep credentials: for some hosts, and for all others.
#[derive(Debug, Default)]
pub struct Helpers {
    by_host: BTreeMap<String, String>,
    store: Option<String>,
}

#[derive(Clone)]
struct Entry {
    host: String,
    path: String,
    credential: Arc<Credential>,
}

/// What is shown to a registry.
pub(super) enum Credential {
    /// A name and a password.
    Basic { username: String, password: Zeroizing<String> },
    /// A token that the token service turns into another.
    Refresh(Zeroizing<String>),
    /// A token for the registry itself.
    Bearer(Zeroizing<String>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    auths: Option<BTreeMap<String, Login>>,
    creds_store: Option<String>,
    cred_helpers: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Login {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// What a helper answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

impl From<Helped> for Login {
    fn from(given: Helped) -> Self {
        let (auth, identitytoken, registrytoken) = (None, None, None);
        let (username, password) = (Some(given.username), Some(given.secret));
        Self { auth, username, password, identitytoken, registrytoken }
    }
}

impl Keychain {
    /// Reads `.dockerconfigjson`, or the older `.dockercfg`, which is its `auths` alone.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let parsed: File =
            serde_json::from_slice(json).map_err(|error| Error::malformed(&error))?;
        if let Some(auths) = parsed.auths {
            return Self::of(auths);
        }
        if parsed.creds_store.is_some() || parsed.cred_helpers.is_some() {
            return Err(Error::Keychain(
                "names a credential helper, which is a program of another machine",
            ));
        }
        let legacy: BTreeMap<String, Login> =
            serde_json::from_slice(json).map_err(|error| Error::malformed(&error))?;
        Self::of(legacy)
    }

    /// Reads Docker's own configuration, which may leave credentials to programs of this machine.
    pub fn parse_with_helpers(json: &[u8]) -> Result<(Self, Helpers), Error> {
        let parsed: File =
            serde_json::from_slice(json).map_err(|error| Error::malformed(&error))?;
        let by_host = parsed.cred_helpers.unwrap_or_default().into_iter();
        let by_host = by_host.map(|(name, helper)| (split(&name).0, helper)).collect();
        let helpers = Helpers { by_host, store: parsed.creds_store };
        Ok((Self::of(parsed.auths.unwrap_or_default())?, helpers))
    }

    /// The one credential that a helper's answer has for `host`: `{"Username": …, "Secret": …}`.
    pub fn parse_helped(host: &str, json: &[u8]) -> Result<Self, Error> {
        let given: Helped =
            serde_json::from_slice(json).map_err(|error| Error::malformed(&error))?;
        Self::of(BTreeMap::from([(host.to_owned(), given.into())]))
    }

    /// The same credentials once more, for another question.
    #[must_use]
    pub fn share(&self) -> Self {
        Self { entries: self.entries.clone() }
    }

    /// Whether there is a credential for a repository.
    pub fn has(&self, repository: &Repository) -> bool {
        self.find(repository).is_some()
    }

    /// These credentials, and where they have none, those of `other`.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self
    }

    /// The credential for a repository.
    pub(super) fn find(&self, repository: &Repository) -> Option<&Arc<Credential>> {
        let (host, path) = (repository.registry(), repository.path());
        let fitting = self.entries.iter().filter(|entry| entry.fits(host, path));
        // The first of the best.
        let best = fitting.rev().max_by_key(|entry| (entry.path.len(), !entry.host.contains('*')));
        best.map(|entry| &entry.credential)
    }

    fn of(auths: BTreeMap<String, Login>) -> Result<Self, Error> {
        let mut entries = Vec::new();
        for (name, auth) in auths {
            let (host, path) = split(&name);
            if let Some(credential) = auth.credential()? {
                entries.push(Entry { host, path, credential: Arc::new(credential) });
            }
        }
        Ok(Self { entries })
    }
}

impl Helpers {
    /// The program that keeps the credentials for `host`, by the end of its name.
    pub fn of(&self, host: &str) -> Option<&str> {
        let named = self.by_host.get(host).or(self.store.as_ref());
        named.map(String::as_str).filter(|name| !name.is_empty())
    }
}

/// The host and the path that a key of `auths` means.
fn split(name: &str) -> (String, String) {
    let name = name.split_once("://").map_or(name, |(_, name)| name);
    let (host, path) = name.split_once('/').unwrap_or((name, ""));
    let path = path.trim_matches('/');
    // What old clients wrote after the host is the version of the API.
    let path = if matches!(path, "v1" | "v2") { "" } else { path };
    let host = host.to_ascii_lowercase();
    let hub = matches!(host.as_str(), "docker.io" | "index.docker.io" | "registry-1.docker.io");
    (if hub { "index.docker.io".to_owned() } else { host }, path.to_owned())
}

impl Entry {
    fn fits(&self, host: &str, path: &str) -> bool {
        let below = path.strip_prefix(self.path.as_str());
        let within = self.path.is_empty()
            || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        within && fits(&self.host, host)
    }
}

/// Whether a host with an optional port is what a pattern means; `*` stands for within one label.
fn fits(pattern: &str, host: &str) -> bool {
    if pattern == host {
        return true;
    }
    let port = |name: &str| name.rsplit_once(':').map(|(_, port)| port.to_owned());
    if !pattern.contains('*') || port(pattern) != port(host) {
        return false;
    }
    let (mut wanted, mut labels) = (pattern.split('.'), host.split('.'));
    loop {
        match (wanted.next(), labels.next()) {
            (None, None) => return true,
            (Some(wanted), Some(label)) if label_fits(wanted, label) => {}
            _ => return false,
        }
    }
}

fn label_fits(pattern: &str, label: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == label };
    let Some(rest) = label.strip_prefix(head) else { return false };
    (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| label_fits(tail, rest)))
}

impl Login {
    fn credential(mut self) -> Result<Option<Credential>, Error> {
        let secret = |text: &mut Option<String>| {
            text.take().filter(|text| !text.is_empty()).map(Zeroizing::new)
        };
        if let Some(token) = secret(&mut self.registrytoken) {
            return Ok(Some(Credential::Bearer(token)));
        }
        if let Some(token) = secret(&mut self.identitytoken) {
            return Ok(Some(Credential::Refresh(token)));
        }
        let (mut username, mut password) = (self.username.take(), secret(&mut self.password));
        if let (None, Some(auth)) = (&password, secret(&mut self.auth)) {
            let (name, word) = decode(&auth)?;
            (username, password) = (Some(name), Some(word));
        }
        let (Some(username), Some(password)) = (username, password) else { return Ok(None) };
        // Docker writes it so when the password is an identity token.
        if username == "<token>" {
            return Ok(Some(Credential::Refresh(password)));
        }
        Ok(Some(Credential::Basic { username, password }))
    }
}

/// `name:password` in Base64.
fn decode(auth: &str) -> Result<(String, Zeroizing<String>), Error> {
    const MALFORMED: Error = Error::Keychain("has an `auth` that is not `name:password` in Base64");
    let bytes = STANDARD.decode(auth.trim()).map(Zeroizing::new).map_err(|_| MALFORMED)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| MALFORMED)?;
    // Some writers end the password with NULs.
    let (username, password) = text.trim_end_matches('\0').split_once(':').ok_or(MALFORMED)?;
    Ok((username.to_owned(), Zeroizing::new(password.to_owned())))
}

impl Drop for Login {
    fn drop(&mut self) {
        for text in
            [&mut self.auth, &mut self.password, &mut self.identitytoken, &mut self.registrytoken]
        {
            text.zeroize();
        }
    }
}

impl Credential {
    /// The identity of a credential.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let (kind, username, secret) = match self {
            Self::Basic { username, password } => (b'b', username.as_str(), password),
            Self::Refresh(token) => (b'r', "", token),
            Self::Bearer(token) => (b't', "", token),
        };
        let hash = Sha256::new().chain_update([kind]).chain_update(username.len().to_le_bytes());
        hash.chain_update(username).chain_update(secret.as_bytes()).finalize().into()
    }

    /// What a registry can echo of it, and nobody may read.
    pub(super) fn secrets(&self) -> Vec<Zeroizing<String>> {
        match self {
            Self::Basic { username, password } => {
                let pair = Zeroizing::new(format!("{username}:{}", password.as_str()));
                vec![Zeroizing::new(STANDARD.encode(pair.as_bytes())), password.clone()]
            }
            Self::Refresh(token) | Self::Bearer(token) => vec![token.clone()],
        }
    }
}
