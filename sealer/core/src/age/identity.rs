//! Identities: with what a file is opened.

use std::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    Error, Locked, Passphrase, bech32, hybrid, is_file,
    plugin::{self, Host},
    seal::FileKey,
    ssh,
    stanza::Stanza,
    x25519::Secret,
};
use crate::{hpke::xwing, plaintext::Plaintext};

/// With what a file is opened.
pub struct Identity(Kind);

enum Kind {
    X25519(Secret),
    Hybrid(Box<xwing::Private>),
    Ssh(ssh::Private),
    Locked(Locked),
    Passphrase(Passphrase),
    Plugin { name: plugin::Name, text: Zeroizing<String> },
}

/// Why a text holds no identities.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A line is none. Its text may be a secret, and is not repeated.
    #[error("line {line} of the age identities is not an identity; {remedy}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What to give instead.
        remedy: &'static str,
    },
    /// The file of identities is encrypted itself.
    #[error("the age identities are encrypted; open them with `age -d`, or give their passphrase")]
    Encrypted,
    /// An ssh key that age does not take.
    #[error("the ssh key cannot open age files: {0}")]
    Ssh(String),
}

const FORMS: &str = "it starts with `AGE-SECRET-KEY-1`, `AGE-SECRET-KEY-PQ-1` or `AGE-PLUGIN-`, and is printed by \
    `age-keygen`";

/// The identities of a file: one a line, with comments and empty lines; or one ssh key.
///
/// An ssh key that is encrypted is kept as it is: see [`Identity::is_locked`].
pub fn parse_identities(text: &Plaintext) -> Result<Vec<Identity>, Malformed> {
    if is_file(text.expose()) {
        return Err(Malformed::Encrypted);
    }
    let whole = std::str::from_utf8(text.expose());
    if let Some(key) = whole.ok().filter(|whole| keyfile::ssh::is_key(whole)) {
        return ssh_key(key).map(|identity| vec![identity]);
    }
    let mut identities = Vec::new();
    for (line, number) in text.expose().split(|byte| *byte == b'\n').zip(1..) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let line = std::str::from_utf8(line).ok().and_then(Identity::parse);
        identities.push(line.ok_or(Malformed::Line { line: number, remedy: FORMS })?);
    }
    Ok(identities)
}

fn ssh_key(text: &str) -> Result<Identity, Malformed> {
    match ssh::Private::unlock(text, None) {
        Ok(key) => Ok(Identity::of_ssh(key)),
        Err(keyfile::ssh::Error::Locked) => match Locked::of(text) {
            Some(locked) => Ok(Identity(Kind::Locked(locked))),
            None => Err(Malformed::Ssh(
                "it is encrypted and not in OpenSSH's format; convert it with `ssh-keygen -p`"
                    .to_owned(),
            )),
        },
        Err(error) => Err(Malformed::Ssh(error.to_string())),
    }
}

impl Identity {
    /// Parses one line: `AGE-SECRET-KEY-1…`, `AGE-SECRET-KEY-PQ-1…` or `AGE-PLUGIN-NAME-1…`.
    pub fn parse(line: &str) -> Option<Self> {
        let (prefix, bytes) = bech32::decode(line)?;
        let kind = match prefix.as_str() {
            "age-secret-key-" => Kind::X25519(Secret::new(&bytes)?),
            "age-secret-key-pq-" => {
                let seed = Zeroizing::new(<[u8; xwing::SEED]>::try_from(bytes.as_slice()).ok()?);
                Kind::Hybrid(Box::new(xwing::Private::new(&seed)?))
            }
            _ => {
                let name = prefix.strip_prefix("age-plugin-")?.strip_suffix('-')?;
                let text = Zeroizing::new(line.to_owned());
                Kind::Plugin { name: plugin::Name::new(name)?, text }
            }
        };
        // The original writes private keys in upper case alone, so that they are told from others.
        line.bytes().all(|byte| !byte.is_ascii_lowercase()).then_some(Self(kind))
    }

    /// A new X25519 identity, as text: a line of an identity file.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Zeroizing<String> {
        let secret = Secret::generate(rng);
        Zeroizing::new(bech32::encode("age-secret-key-", secret.expose()).to_ascii_uppercase())
    }

    /// A passphrase.
    pub fn passphrase(passphrase: Passphrase) -> Self {
        Self(Kind::Passphrase(passphrase))
    }

    pub(super) fn of_ssh(key: ssh::Private) -> Self {
        Self(Kind::Ssh(key))
    }

    /// The public half as text, where there is one: a passphrase has none, and that of a plugin is
    /// the plugin's to tell.
    pub fn recipient(&self) -> Option<String> {
        match &self.0 {
            Kind::X25519(secret) => Some(bech32::encode("age", &secret.public).to_string()),
            Kind::Hybrid(key) => {
                Some(bech32::encode("age1pq", key.public().as_bytes()).to_string())
            }
            Kind::Ssh(key) => Some(key.public().line()),
            Kind::Locked(locked) => Some(locked.public()),
            Kind::Passphrase(_) | Kind::Plugin { .. } => None,
        }
    }

    /// The ssh key that has to be unlocked before it opens anything.
    pub fn is_locked(&self) -> Option<&Locked> {
        match &self.0 {
            Kind::Locked(locked) => Some(locked),
            _ => None,
        }
    }

    /// The file key in one of the stanzas, if one is for this identity.
    pub(super) fn unwrap(
        &self,
        stanzas: &[Stanza],
        host: Option<&dyn Host>,
    ) -> Result<Option<FileKey>, Error> {
        if let Kind::Plugin { name, text } = &self.0 {
            return Ok(plugin::unwrap(name, text, stanzas, host)?);
        }
        for stanza in stanzas {
            let opened = match &self.0 {
                Kind::X25519(secret) => secret.unwrap(stanza)?,
                Kind::Hybrid(key) => hybrid::unwrap(key, stanza)?,
                Kind::Ssh(key) => key.unwrap(stanza)?,
                Kind::Passphrase(passphrase) => passphrase.unwrap(stanza)?,
                Kind::Locked(_) | Kind::Plugin { .. } => None,
            };
            if opened.is_some() {
                return Ok(opened);
            }
        }
        Ok(None)
    }

    /// The key to unlock, if a stanza hints at it.
    pub(super) fn locked(&self, stanzas: &[Stanza]) -> Option<&Locked> {
        self.is_locked().filter(|locked| stanzas.iter().any(|stanza| locked.is_hinted(stanza)))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.recipient()).finish()
    }
}
