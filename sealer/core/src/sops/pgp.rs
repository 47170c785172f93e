//! The data key, wrapped for OpenPGP keys: an armored message, as sops and `gpg` write it.

use openpgp::{Error, Key, armor, message::Ask};

use crate::plaintext::Plaintext;

const LABEL: &str = "PGP MESSAGE";

/// The part, as an armored message for `key`. `now` in seconds since 1970 decides which of its parts
/// encrypts, and whether any may.
pub fn wrap(part: &Plaintext, key: &Key, now: i64) -> Result<String, Error> {
    let message = openpgp::encrypt(part.expose(), &[key], now)?;
    Ok(armor::encode(LABEL, &message))
}

/// What is in an armored message, if a private key of `keys` opens it.
pub fn unwrap(enc: &str, keys: &[Key], ask: Ask<'_>) -> Result<Plaintext, Error> {
    let block = armor::decode(enc).filter(|block| block.label == LABEL);
    let block = block.ok_or(Error::NotAMessage)?;
    openpgp::decrypt(&block.bytes, keys, ask).map(Plaintext::from)
}

/// The key with this fingerprint, or the end of one, among `keys`.
pub fn find<'k>(keys: &'k [Key], fingerprint: &str) -> Option<&'k Key> {
    keys.iter().find(|key| key.is_named(fingerprint))
}
