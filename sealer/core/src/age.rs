//! age: a small file for recipients of every kind, <https://c2sp.org/age>.
//!
//! ```text
//! age-encryption.org/v1
//! -> X25519 <share>            one stanza a recipient: the file key, wrapped
//! <body>
//! --- <HMAC of the header>
//! <nonce> <chunk> <chunk> …    the payload under a key derived from the file key
//! ```
//!
//! Files are read and written whole, in memory: what is kept this way is keys. Nothing of a payload
//! is given out before all of it was authenticated.

mod armor;
mod bech32;
mod header;
mod hybrid;
mod identity;
mod passphrase;
pub mod plugin;
mod recipient;
mod seal;
mod ssh;
mod stanza;
mod x25519;

use rand_core::CryptoRng;

pub use identity::{Identity, Malformed, parse_identities};
pub use passphrase::Passphrase;
pub use recipient::{NotARecipient, Recipient};
pub use ssh::Locked;

use crate::plaintext::Plaintext;
use header::Header;
use plugin::Host;
use seal::FileKey;

/// Why a file is not made or does not open.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The armor breaks a rule.
    #[error("the armor of the age file is damaged: {0}")]
    Armor(&'static str),
    /// The header breaks a rule.
    #[error("the header of the age file is damaged: {0}")]
    Header(&'static str),
    /// The header was altered by somebody without the file key.
    #[error("the header of the age file was altered")]
    Hmac,
    /// The payload was altered or cut off.
    #[error("the payload of the age file was altered or cut off")]
    Payload,
    /// No identity is for any of the recipients.
    #[error("no identity matched any of the recipients")]
    NoMatch,
    /// The only identity that is for a recipient has to be unlocked first.
    #[error("the ssh key `{public}` opens it, but is encrypted; give its passphrase")]
    Locked {
        /// The public half of the key.
        public: String,
    },
    /// A plugin did not do its part.
    #[error(transparent)]
    Plugin(#[from] plugin::Error),
    /// There is nobody to encrypt for.
    #[error("there are no age recipients")]
    NoRecipients,
    /// Recipients would weaken each other.
    #[error("recipients that are {0} and others cannot open one file: the others would weaken it")]
    Mixed(String),
    /// The recipient's key does not work.
    #[error("the recipient `{0}` has a key that cannot be used")]
    Key(String),
}

/// Encrypts `plaintext` so that any of `recipients` can open it.
///
/// Plugins, where a recipient is one, are started by `host`.
pub fn encrypt(
    plaintext: &Plaintext,
    recipients: &[Recipient],
    host: Option<&dyn Host>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<u8>, Error> {
    let file_key = FileKey::generate(rng);
    let mut labels: Option<Vec<String>> = None;
    let mut stanzas = Vec::new();
    for recipient in recipients {
        let (wrapped, mut its) = recipient.wrap(&file_key, host, rng)?;
        its.sort();
        match &labels {
            Some(labels) if *labels != its => {
                let first = labels.iter().chain(&its).next().cloned().unwrap_or_default();
                return Err(Error::Mixed(first));
            }
            _ => labels = Some(its),
        }
        stanzas.extend(wrapped);
    }
    match stanzas.as_slice() {
        [] => return Err(Error::NoRecipients),
        [_] => {}
        several if several.iter().any(|stanza| stanza.kind == passphrase::KIND) => {
            return Err(Error::Mixed(passphrase::LABEL.to_owned()));
        }
        _ => {}
    }
    let mut file = header::write(&stanzas, &file_key);
    seal::payload(&file_key, plaintext.expose(), rng, &mut file);
    Ok(file)
}

/// As [`encrypt`], in text.
pub fn encrypt_armored(
    plaintext: &Plaintext,
    recipients: &[Recipient],
    host: Option<&dyn Host>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<String, Error> {
    encrypt(plaintext, recipients, host, rng).map(|file| armor::encode(&file))
}

/// The payload of a file, armored or not, that one of `identities` opens.
///
/// Locked ssh keys are not asked; if only one of them would do, the error is [`Error::Locked`].
pub fn decrypt(
    file: &[u8],
    identities: &[Identity],
    host: Option<&dyn Host>,
) -> Result<Plaintext, Error> {
    let unarmored;
    let file = if armor::is_armored(file) {
        unarmored = armor::decode(file).map_err(Error::Armor)?;
        &unarmored
    } else {
        file
    };
    let header = Header::parse(file).map_err(Error::Header)?;
    let file_key = unwrap(&header, identities, host)?;
    header.verify(&file_key)?;
    seal::open_payload(&file_key, header.payload)
}

fn unwrap(
    header: &Header<'_>,
    identities: &[Identity],
    host: Option<&dyn Host>,
) -> Result<FileKey, Error> {
    let passphrases = header.stanzas.iter().filter(|it| it.kind == passphrase::KIND).count();
    if passphrases > 0 && header.stanzas.len() > 1 {
        return Err(Error::Header("a passphrase is not the only way in"));
    }
    for identity in identities {
        if let Some(file_key) = identity.unwrap(&header.stanzas, host)? {
            return Ok(file_key);
        }
    }
    let locked = identities.iter().find_map(|identity| identity.locked(&header.stanzas));
    Err(locked.map_or(Error::NoMatch, |locked| Error::Locked { public: locked.public() }))
}

/// Whether the bytes are an age file, armored or not.
pub fn is_file(bytes: &[u8]) -> bool {
    armor::is_armored(bytes) || bytes.starts_with(header::VERSION)
}

#[cfg(test)]
mod tests;
