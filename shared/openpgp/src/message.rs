//! Messages: data under a session key, which every recipient's key has wrapped.

mod data;
mod session;
mod wrap;

use keyfile::reader::Reader;
use zeroize::Zeroizing;

use crate::{
    Error, Fingerprint, Key, Part,
    packet::{self, ENCRYPTED, ENCRYPTED_AEAD, ENCRYPTED_WHOLE, SESSION_KEY},
};
use session::{Session, Wrapped};

/// Gives the passphrase of a locked part, or nothing.
pub type Ask<'a> = &'a mut dyn FnMut(&Part) -> Option<Zeroizing<Vec<u8>>>;

/// Encrypts `data` for each of `keys`, by the part that encrypts at `now`, in seconds since 1970.
///
/// The message is in packets: see [`crate::armor`].
pub fn encrypt(data: &[u8], keys: &[&Key], now: i64) -> Result<Vec<u8>, Error> {
    let session = Session::generate().ok_or(Error::Encrypt)?;
    let mut message = Vec::new();
    for key in keys {
        let wrapped = session.wrap(key.encryptor(now)?)?;
        packet::write(&mut message, SESSION_KEY, &wrapped);
    }
    let body = data::seal(&session, data).ok_or(Error::Encrypt)?;
    packet::write(&mut message, ENCRYPTED_WHOLE, &body);
    Ok(message)
}

/// The data of a message, in packets, that a private part of `keys` opens.
///
/// Expired and revoked keys open what was encrypted for them. `ask` is asked only for passphrases of
/// parts that the message is for. Nothing is given out before the whole was found unaltered.
pub fn decrypt(message: &[u8], keys: &[Key], ask: Ask<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (wrapped, body) = read(message)?;
    let mut failure = None;
    for one in &wrapped {
        let parts = keys.iter().flat_map(Key::parts).filter(|part| one.is_for(part));
        for part in parts {
            match open(one, part, &body, ask) {
                Ok(data) => return Ok(data),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
    }
    Err(failure.unwrap_or_else(|| Error::NoMatch(wrapped.iter().map(Wrapped::recipient).collect())))
}

fn open(
    wrapped: &Wrapped<'_>,
    part: &Part,
    body: &[u8],
    ask: Ask<'_>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let passphrase = if part.is_locked() { ask(part) } else { None };
    let session = wrapped.unwrap(part, passphrase.as_ref().map(|it| it.as_slice()))?;
    data::open(&session, body)
}

/// The wrapped session keys, and the body of what is encrypted.
fn read(message: &[u8]) -> Result<(Vec<Wrapped<'_>>, Vec<u8>), Error> {
    let mut reader = Reader::new(message);
    let mut wrapped = Vec::new();
    while !reader.is_empty() {
        let packet = packet::next(&mut reader).ok_or(Error::NotAMessage)?;
        match packet.tag {
            SESSION_KEY => {
                let body = match packet.body {
                    std::borrow::Cow::Borrowed(body) => body,
                    // Only data comes in parts.
                    std::borrow::Cow::Owned(_) => return Err(Error::NotAMessage),
                };
                wrapped.extend(Wrapped::read(body)?);
            }
            ENCRYPTED_WHOLE => return Ok((wrapped, packet.body.into_owned())),
            ENCRYPTED => {
                return Err(Error::Unsupported("encryption without a proof of integrity".into()));
            }
            ENCRYPTED_AEAD => return Err(Error::Unsupported("GnuPG's AEAD mode".into())),
            // Passwords and marks.
            3 | 10 => {}
            _ => return Err(Error::NotAMessage),
        }
    }
    Err(Error::NotAMessage)
}

/// For whom a message is: the last eight bytes of fingerprints.
pub fn recipients(message: &[u8]) -> Result<Vec<String>, Error> {
    Ok(read(message)?.0.iter().map(Wrapped::recipient).collect())
}

/// Whether a message may be for a part with this fingerprint.
pub fn is_for(message: &[u8], fingerprint: &Fingerprint) -> Result<bool, Error> {
    Ok(read(message)?.0.iter().any(|wrapped| wrapped.names(fingerprint)))
}
