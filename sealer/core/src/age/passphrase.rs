//! The stanza of a passphrase, stretched with scrypt.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    Error,
    seal::{FileKey, WRAPPED},
    stanza::{self, Stanza},
};
use crate::plaintext::Plaintext;

pub(super) const KIND: &str = "scrypt";
/// Whoever else could open the file would not know that it came from someone with the passphrase.
pub(super) const LABEL: &str = "opened by a passphrase";
const SALT_LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
const SALT: usize = 16;

/// What encryption takes: about a second, and 256 MiB.
const WORK: u8 = 18;
/// More would let a file cost whoever tries to open it minutes and gigabytes.
const MOST_WORK: u8 = 22;

/// A passphrase, with which a file is encrypted alone or not at all.
pub struct Passphrase {
    words: Plaintext,
    work: u8,
}

impl Passphrase {
    /// Stretches as much as `age` does.
    pub fn new(words: Plaintext) -> Self {
        Self { words, work: WORK }
    }

    /// Stretches by two to the power of `work`, which lies between 1 and 22, when encrypting.
    pub fn with_work(words: Plaintext, work: u8) -> Self {
        Self { words, work: work.clamp(1, MOST_WORK) }
    }

    pub(super) fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, Error> {
        if stanza.kind != KIND {
            return Ok(None);
        }
        let damaged = Error::Header("a scrypt stanza has another form");
        let args =
            stanza.args().and_then(|[salt, work]| Some((stanza::bytes(salt)?, power(work)?)));
        let Some((salt, work)) = args.filter(|_| stanza.body.len() == WRAPPED) else {
            return Err(damaged);
        };
        if work > MOST_WORK {
            return Err(Error::Header("its passphrase would take too long to check"));
        }
        Ok(FileKey::unwrap(&stanza.body, &self.stretch(&salt, work)))
    }

    pub(super) fn wrap(&self, file_key: &FileKey, rng: &mut (impl CryptoRng + ?Sized)) -> Stanza {
        let mut salt = [0; SALT];
        rng.fill_bytes(&mut salt);
        let key = self.stretch(&salt, self.work);
        let args = vec![stanza::arg(&salt), self.work.to_string()];
        Stanza { kind: KIND.to_owned(), args, body: file_key.wrap(&key) }
    }

    fn stretch(&self, salt: &[u8; SALT], work: u8) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        let params = scrypt::Params::new(work, 8, 1).expect("the work is bounded");
        let salt = [SALT_LABEL, salt].concat();
        scrypt::scrypt(self.words.expose(), &salt, &params, key.as_mut_slice())
            .expect("scrypt gives 32 bytes");
        key
    }
}

/// A number without sign or leading zeros.
fn power(text: &str) -> Option<u8> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !text.starts_with('0')).then(|| text.parse().unwrap_or(u8::MAX))
}
