//! The stanza of X25519 keys: `age1…` and `AGE-SECRET-KEY-1…`.

use keyfile::x25519::{LENGTH, agree, public};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    Error,
    seal::{FileKey, WRAPPED, hkdf},
    stanza::{self, Stanza},
};

pub(super) const KIND: &str = "X25519";
const LABEL: &[u8] = b"age-encryption.org/v1/X25519";

/// A private key and its public half.
pub(super) struct Secret {
    private: Zeroizing<[u8; LENGTH]>,
    pub(super) public: [u8; LENGTH],
}

impl Secret {
    pub(super) fn new(private: &[u8]) -> Option<Self> {
        let private = Zeroizing::new(<[u8; LENGTH]>::try_from(private).ok()?);
        let public = public(&private)?;
        Some(Self { private, public })
    }

    pub(super) fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut private = Zeroizing::new([0; LENGTH]);
        rng.fill_bytes(private.as_mut_slice());
        Self::new(private.as_slice()).expect("any 32 bytes are a key")
    }

    pub(super) fn expose(&self) -> &[u8; LENGTH] {
        &self.private
    }

    pub(super) fn agree(&self, theirs: &[u8; LENGTH]) -> Option<Zeroizing<[u8; LENGTH]>> {
        agree(&self.private, theirs)
    }

    pub(super) fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, Error> {
        if stanza.kind != KIND {
            return Ok(None);
        }
        let damaged = Error::Header("an X25519 stanza has another form");
        let share = stanza.args().and_then(|[share]| stanza::bytes(share));
        let Some(share) = share.filter(|_| stanza.body.len() == WRAPPED) else {
            return Err(damaged);
        };
        let shared = self.agree(&share).ok_or(damaged)?;
        let key = wrapping_key(&share, &self.public, &shared);
        Ok(FileKey::unwrap(&stanza.body, &key))
    }
}

pub(super) fn wrap(
    file_key: &FileKey,
    recipient: &[u8; LENGTH],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Option<Stanza> {
    let ephemeral = Secret::generate(rng);
    let shared = ephemeral.agree(recipient)?;
    let key = wrapping_key(&ephemeral.public, recipient, &shared);
    let args = vec![stanza::arg(&ephemeral.public)];
    Some(Stanza { kind: KIND.to_owned(), args, body: file_key.wrap(&key) })
}

fn wrapping_key(
    share: &[u8; LENGTH],
    recipient: &[u8; LENGTH],
    shared: &[u8; LENGTH],
) -> Zeroizing<[u8; 32]> {
    hkdf(&[*share, *recipient].concat(), shared, LABEL)
}
