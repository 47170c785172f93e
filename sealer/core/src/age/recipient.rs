//! Recipients: for whom a file is.

use std::{fmt, sync::Arc};

use rand_core::CryptoRng;

use super::{
    Error, Passphrase, bech32, hybrid, passphrase,
    plugin::{self, Host},
    seal::FileKey,
    ssh,
    stanza::Stanza,
    x25519,
};
use crate::hpke::xwing;

/// Who can open a file.
#[derive(Clone)]
pub struct Recipient {
    /// As it was written, and as metadata name it.
    text: String,
    kind: Arc<Kind>,
}

enum Kind {
    X25519([u8; 32]),
    Hybrid(xwing::Public),
    Ssh(Box<ssh::Public>),
    Passphrase(Passphrase),
    Plugin(plugin::Name),
}

/// Why a text is no recipient.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an age recipient; {remedy}")]
pub struct NotARecipient {
    /// What was given. A private key is not repeated.
    pub text: String,
    /// What to give instead.
    pub remedy: &'static str,
}

const PUBLIC_HALF: &str = "that is a private key; give its public half, printed by `age-keygen -y`";
const SSH: &str = "of ssh keys, ed25519 and rsa of 2048 bits or more are taken";
const FORM: &str = "it starts with `age1` and is printed by `age-keygen -y`";
const MISTYPED: &str = "a letter of it is wrong or missing; copy it as `age-keygen -y` prints it";

/// A stanza for each way in, and the labels on which all recipients of a file must agree.
pub(super) type Wrapped = (Vec<Stanza>, Vec<String>);

impl Recipient {
    /// Parses `age1…`, `age1pq1…`, `ssh-ed25519 …`, `ssh-rsa …`, or `age1NAME1…` of a plugin.
    pub fn parse(text: &str) -> Result<Self, NotARecipient> {
        let text = text.trim();
        let upper = text.to_ascii_uppercase();
        if upper.contains("AGE-SECRET-KEY-") || upper.contains("AGE-PLUGIN-") {
            return Err(NotARecipient { text: "AGE-…".to_owned(), remedy: PUBLIC_HALF });
        }
        match Kind::parse(text) {
            Ok(kind) => Ok(Self { text: text.to_owned(), kind: Arc::new(kind) }),
            Err(remedy) => Err(NotARecipient { text: text.to_owned(), remedy }),
        }
    }

    /// Parses a list separated by commas or line breaks; empty elements are skipped.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, NotARecipient> {
        text.split([',', '\n'])
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(Self::parse)
            .collect()
    }

    /// Whoever knows the passphrase. It is the only recipient of its file.
    pub fn passphrase(passphrase: Passphrase) -> Self {
        Self { text: "a passphrase".to_owned(), kind: Arc::new(Kind::Passphrase(passphrase)) }
    }

    /// The recipient as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn wrap(
        &self,
        file_key: &FileKey,
        host: Option<&dyn Host>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Wrapped, Error> {
        let mut labels = Vec::new();
        let stanza = match &*self.kind {
            Kind::X25519(key) => x25519::wrap(file_key, key, rng),
            Kind::Ssh(key) => key.wrap(file_key, rng),
            Kind::Hybrid(key) => {
                labels.push(hybrid::LABEL.to_owned());
                hybrid::wrap(file_key, key, rng)
            }
            Kind::Passphrase(passphrase) => {
                labels.push(passphrase::LABEL.to_owned());
                Some(passphrase.wrap(file_key, rng))
            }
            Kind::Plugin(name) => return Ok(plugin::wrap(name, &self.text, file_key, host)?),
        };
        let stanza = stanza.ok_or_else(|| Error::Key(self.text.clone()))?;
        Ok((vec![stanza], labels))
    }
}

impl Kind {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with("ssh-") || text.starts_with("ecdsa-") {
            let public = ssh::Public::parse(text).ok_or(SSH)?;
            return Ok(Self::Ssh(Box::new(public)));
        }
        let mistyped = if text.starts_with("age1") { MISTYPED } else { FORM };
        let (prefix, bytes) = bech32::decode(text).ok_or(mistyped)?;
        match prefix.as_str() {
            "age" => bytes.as_slice().try_into().map(Self::X25519).map_err(|_| MISTYPED),
            "age1pq" => xwing::Public::new(&bytes).map(Self::Hybrid).ok_or(MISTYPED),
            _ => prefix
                .strip_prefix("age1")
                .and_then(plugin::Name::new)
                .map(Self::Plugin)
                .ok_or(FORM),
        }
    }
}

impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recipient").field(&self.text).finish()
    }
}
