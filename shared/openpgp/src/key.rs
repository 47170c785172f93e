//! Transferable keys: a primary key, its subkeys, and what its self-signatures say.

mod public;
mod secret;

use std::fmt;

use keyfile::reader::Reader;

use crate::{
    Algorithm, Error, armor,
    claim::Claim,
    packet::{self, PUBLIC_KEY, PUBLIC_SUBKEY, Packet, SECRET_KEY, SECRET_SUBKEY, SIGNATURE},
};

pub use public::Public;
pub(crate) use public::{Ecdh, Numbers};
pub(crate) use secret::decrypting;
pub use secret::{EcdhSecret, Unlocked};

use secret::Secret;

/// Flags of what a part is for: signing data; encrypting messages, encrypting what is stored.
const SIGNS: u8 = 2;
const ENCRYPTS: u8 = 4 | 8;

/// The SHA-1 of a public key, by which it is named.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 20]);

/// A key as people have it: parts that certify, sign and encrypt. The first is the primary key.
pub struct Key {
    parts: Vec<Part>,
}

/// A primary key or subkey, and what the newest self-signature says of it.
pub struct Part {
    public: Public,
    secret: Option<Secret>,
    primary: bool,
    claim: Option<Claim>,
    revoked: bool,
}

impl Key {
    /// All keys of `bytes`, which are packets, as in a keyring.
    ///
    /// Subkeys that are not version 4 are left out, and so is all that is no key.
    pub fn read(bytes: &[u8]) -> Result<Vec<Self>, Error> {
        let packets = packet::all(bytes).ok_or(Error::NotAKey)?;
        let starts = |packet: &Packet<'_>| matches!(packet.tag, SECRET_KEY | PUBLIC_KEY);
        let first = packets.iter().position(starts).ok_or(Error::NotAKey)?;
        if first != 0 {
            return Err(Error::NotAKey);
        }
        packets.chunk_by(|_, next| !starts(next)).map(Self::of).collect()
    }

    /// All keys of a text, which may hold several armored blocks.
    pub fn read_armored(text: &str) -> Result<Vec<Self>, Error> {
        let mut keys = Vec::new();
        for (at, _) in text.match_indices("-----BEGIN PGP ") {
            let block = armor::decode(&text[at..]).ok_or(Error::NotAKey)?;
            match block.label.as_str() {
                "PGP PRIVATE KEY BLOCK" | "PGP PUBLIC KEY BLOCK" => {
                    keys.extend(Self::read(&block.bytes)?);
                }
                _ => return Err(Error::NotAKey),
            }
        }
        if keys.is_empty() { Err(Error::NotAKey) } else { Ok(keys) }
    }

    fn of(packets: &[Packet<'_>]) -> Result<Self, Error> {
        let mut parts: Vec<Part> = Vec::new();
        // Whether the signatures that follow speak of the last part.
        let mut speaking = false;
        for packet in packets {
            match packet.tag {
                SECRET_KEY | PUBLIC_KEY => {
                    parts.push(Part::read(packet, true)?);
                    speaking = true;
                }
                SECRET_SUBKEY | PUBLIC_SUBKEY => {
                    let part = Part::read(packet, false);
                    speaking = part.is_ok();
                    parts.extend(part.ok());
                }
                SIGNATURE if speaking => {
                    if let (Some(part), Some(claim)) = (parts.last_mut(), Claim::read(&packet.body))
                    {
                        part.hear(claim);
                    }
                }
                _ => {}
            }
        }
        Ok(Self { parts })
    }

    /// The primary key.
    pub fn primary(&self) -> &Part {
        &self.parts[0]
    }

    /// Primary key and subkeys.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether any part has its private half, or a place for it.
    pub fn is_secret(&self) -> bool {
        self.parts.iter().any(|part| part.secret.is_some())
    }

    /// Whether a part has this name: a fingerprint, or the last digits of one, in hexadecimal.
    pub fn is_named(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.public.fingerprint().ends_with(name))
    }

    /// The part that signs at `now`, in seconds since 1970: the newest subkey that may, or the
    /// primary key.
    pub fn signer(&self, now: i64) -> Result<&Part, Error> {
        self.select(now, "signing", |part| {
            // Keys of old say nothing; their primary key signs.
            part.flags().map_or(part.primary, |flags| flags & SIGNS != 0) && part.secret.is_some()
        })
    }

    /// The part for which is encrypted at `now`, in seconds since 1970: the newest that may.
    pub fn encryptor(&self, now: i64) -> Result<&Part, Error> {
        self.select(now, "encryption", |part| {
            let encrypts = part.public.algorithm().encrypts();
            part.flags().map_or(encrypts, |flags| flags & ENCRYPTS != 0)
        })
    }

    fn select(
        &self,
        now: i64,
        purpose: &'static str,
        able: impl Fn(&Part) -> bool,
    ) -> Result<&Part, Error> {
        let primary = self.primary();
        if primary.revoked {
            return Err(Error::Revoked);
        } else if primary.expired(now) {
            return Err(Error::Expired);
        }
        let able: Vec<_> = self.parts.iter().filter(|part| able(part) && !part.revoked).collect();
        let usable = able.iter().copied().filter(|part| !part.expired(now));
        // Of keys of one age the later one counts, and a subkey before the primary key.
        match usable.max_by_key(|part| (!part.primary, part.public.created())) {
            Some(part) => Ok(part),
            None if able.is_empty() => Err(Error::Purpose(purpose)),
            None => Err(Error::Expired),
        }
    }
}

impl Part {
    fn read(packet: &Packet<'_>, primary: bool) -> Result<Self, Error> {
        let mut fields = Reader::new(&packet.body);
        let public = Public::read(&mut fields)?;
        let secret = matches!(packet.tag, SECRET_KEY | SECRET_SUBKEY)
            .then(|| Secret::new(fields.rest()))
            .flatten();
        Ok(Self { public, secret, primary, claim: None, revoked: false })
    }

    /// The public half.
    pub fn public(&self) -> &Public {
        &self.public
    }

    /// Whether a passphrase has to be given to unlock it.
    pub fn is_locked(&self) -> bool {
        self.secret.as_ref().is_some_and(Secret::is_locked)
    }

    /// Whether its private half is here, locked or not.
    pub fn is_secret(&self) -> bool {
        self.secret.as_ref().is_some_and(Secret::is_present)
    }

    /// The private half, which `passphrase` opens if it is encrypted.
    pub fn unlock(&self, passphrase: Option<&[u8]>) -> Result<Unlocked, Error> {
        self.secret.as_ref().ok_or(Error::Absent)?.unlock(&self.public, passphrase)
    }

    fn hear(&mut self, claim: Claim) {
        if claim.revokes() {
            self.revoked = true;
        } else if claim.describes() && self.claim.is_none_or(|known| known.made <= claim.made) {
            self.claim = Some(claim);
        }
    }

    fn flags(&self) -> Option<u8> {
        self.claim.and_then(|claim| claim.flags)
    }

    fn expired(&self, now: i64) -> bool {
        let lifetime = self.claim.and_then(|claim| claim.lifetime).filter(|it| *it != 0);
        lifetime
            .is_some_and(|lifetime| i64::from(self.public.created()) + i64::from(lifetime) <= now)
    }
}

impl Fingerprint {
    /// The last eight bytes, by which messages name a key.
    pub fn id(&self) -> [u8; 8] {
        let mut id = [0; 8];
        id.copy_from_slice(&self.0[12..]);
        id
    }

    fn ends_with(&self, name: &str) -> bool {
        let name = name.strip_prefix("0x").unwrap_or(name);
        name.len() >= 8 && self.to_string().ends_with(&name.to_ascii_uppercase())
    }
}

impl Algorithm {
    /// Whether keys of this kind can encrypt at all.
    fn encrypts(self) -> bool {
        matches!(self, Self::RSA | Self::RSA_ENCRYPT | Self::ELGAMAL | Self::ECDH | Self::X25519)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.primary().public.fingerprint()).finish()
    }
}
