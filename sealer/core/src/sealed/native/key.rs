//! The keys of native values: how they are made, named, and written down.
//!
//! A public key is a PEM block `SIGNET SEALING KEY`: suite, creation in seconds as a 64-bit number,
//! and the key's own bytes. `kubeseal` skips the block, so it may stand behind a certificate.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{self, SHA256};
use jiff::Timestamp;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    hpke::{x25519, xwing},
    plaintext::Plaintext,
    sealed::{certificate::KeyId, pem},
};

const PEM_LABEL: &str = "SIGNET SEALING KEY";
/// What is hashed before a public key.
const ID_DOMAIN: &[u8] = b"signet sealing key 1";
/// Both private keys are this long.
const SEED: usize = 32;

/// How the content key of a value is sealed for its recipients. The rest is the same in all suites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// HPKE with DHKEM(X25519, HKDF-SHA256).
    #[default]
    X25519,
    /// HPKE with X-Wing: X25519 and ML-KEM-768.
    XWing,
}

/// A key that values are sealed for.
#[derive(Clone)]
pub struct PublicKey {
    kem: PublicKem,
    created: Timestamp,
    id: [u8; 32],
}

#[derive(Clone)]
enum PublicKem {
    X25519([u8; x25519::KEY]),
    XWing(xwing::Public),
}

/// A key that opens values, parsed once and kept.
pub struct PrivateKey {
    kem: PrivateKem,
    public: PublicKey,
}

enum PrivateKem {
    X25519(x25519::Private),
    XWing(xwing::Private),
}

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no PEM block with a native key.
    #[error("there is no PEM block `{PEM_LABEL}`")]
    NoPem,
    /// The PEM block holds something else.
    #[error("the PEM block `{PEM_LABEL}` holds no key of a suite that this version knows")]
    Malformed,
    /// The seed has another length.
    #[error("`seed` is not 32 bytes")]
    Seed,
    /// The public key belongs to another seed.
    #[error("`public` is not the key of `seed`")]
    Mismatch,
}

impl Suite {
    /// All suites.
    pub const ALL: [Self; 2] = [Self::X25519, Self::XWing];

    /// The suite as flags and key Secrets spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X25519 => "x25519",
            Self::XWing => "x-wing",
        }
    }

    pub(super) fn id(self) -> u8 {
        match self {
            Self::X25519 => 1,
            Self::XWing => 2,
        }
    }

    pub(super) fn of_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.id() == id)
    }

    pub(super) fn kem(self) -> u16 {
        match self {
            Self::X25519 => x25519::ID,
            Self::XWing => xwing::ID,
        }
    }

    /// The length of what the KEM sends.
    pub(super) fn sent(self) -> usize {
        match self {
            Self::X25519 => x25519::KEY,
            Self::XWing => xwing::ENCAPSULATED,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not a suite.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a suite of native values; use `x25519` or `x-wing`")]
pub struct UnknownSuite(String);

impl FromStr for Suite {
    type Err = UnknownSuite;

    fn from_str(text: &str) -> Result<Self, UnknownSuite> {
        let named = Self::ALL.into_iter().find(|suite| suite.as_str() == text);
        named.ok_or_else(|| UnknownSuite(text.to_owned()))
    }
}

impl PublicKey {
    /// Every native key of a PEM bundle; what else stands there is passed over.
    pub fn parse_all(text: &[u8]) -> Result<Vec<Self>, Error> {
        let blocks = pem::all(text, |label| label == PEM_LABEL);
        let keys: Result<Vec<_>, _> =
            blocks.iter().map(|block| Self::from_bytes(&block.der)).collect();
        keys.and_then(|keys| if keys.is_empty() { Err(Error::NoPem) } else { Ok(keys) })
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let ([suite, created @ ..], key) =
            bytes.split_first_chunk::<9>().ok_or(Error::Malformed)?;
        let created = Timestamp::from_second(i64::from_be_bytes(*created));
        let created = created.map_err(|_| Error::Malformed)?;
        let kem = match Suite::of_id(*suite).ok_or(Error::Malformed)? {
            Suite::X25519 => PublicKem::X25519(key.try_into().map_err(|_| Error::Malformed)?),
            Suite::XWing => PublicKem::XWing(xwing::Public::new(key).ok_or(Error::Malformed)?),
        };
        // A point of low order is no key: what it agrees on is known to all.
        let share = kem.as_bytes().last_chunk().ok_or(Error::Malformed)?;
        keyfile::x25519::agree(&[7; x25519::KEY], share).ok_or(Error::Malformed)?;
        Ok(Self::new(kem, created))
    }

    fn new(kem: PublicKem, created: Timestamp) -> Self {
        let mut hash = digest::Context::new(&SHA256);
        hash.update(ID_DOMAIN);
        hash.update(&[kem.suite().id()]);
        hash.update(kem.as_bytes());
        let id = hash.finish().as_ref().try_into().expect("SHA-256 has 32 bytes");
        Self { kem, created, id }
    }

    /// The key in PEM.
    pub fn pem(&self) -> String {
        let created = self.created.as_second().to_be_bytes();
        let bytes = [&[self.suite().id()], &created[..], self.kem.as_bytes()].concat();
        pem::write(PEM_LABEL, &bytes).to_string()
    }

    /// Its suite.
    pub fn suite(&self) -> Suite {
        self.kem.suite()
    }

    /// When it was made.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// The fingerprint that values name it by.
    pub fn id(&self) -> KeyId {
        KeyId::of_hash(&self.id)
    }

    pub(super) fn id_bytes(&self) -> &[u8; 32] {
        &self.id
    }

    pub(super) fn encapsulate(
        &self,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> (Vec<u8>, Zeroizing<[u8; 32]>) {
        let both = match &self.kem {
            PublicKem::X25519(key) => {
                x25519::encapsulate(key, rng).map(|(sent, shared)| (sent.to_vec(), shared))
            }
            PublicKem::XWing(key) => key.encapsulate(rng),
        };
        both.expect("a key that was parsed agrees")
    }
}

impl PublicKem {
    fn suite(&self) -> Suite {
        match self {
            Self::X25519(_) => Suite::X25519,
            Self::XWing(_) => Suite::XWing,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::X25519(key) => key,
            Self::XWing(key) => key.as_bytes(),
        }
    }
}

impl PrivateKey {
    /// Makes a key.
    pub fn generate(
        suite: Suite,
        created: Timestamp,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> (Plaintext, Self) {
        let mut seed = Zeroizing::new(vec![0; SEED]);
        rng.fill_bytes(&mut seed);
        let seed = Plaintext::from(seed);
        match Self::of_seed(suite, &seed, created) {
            Ok(key) => (seed, key),
            Err(_) => unreachable!("every seed is a key"),
        }
    }

    /// The key of the seed that its Secret holds.
    pub fn of_seed(suite: Suite, seed: &Plaintext, created: Timestamp) -> Result<Self, Error> {
        let seed: &[u8; SEED] = seed.expose().try_into().map_err(|_| Error::Seed)?;
        let (kem, public) = match suite {
            Suite::X25519 => {
                let key = x25519::Private::new(seed).ok_or(Error::Seed)?;
                let public = PublicKem::X25519(*key.public());
                (PrivateKem::X25519(key), public)
            }
            Suite::XWing => {
                let key = xwing::Private::new(seed).ok_or(Error::Seed)?;
                let public = PublicKem::XWing(key.public().clone());
                (PrivateKem::XWing(key), public)
            }
        };
        Ok(Self { kem, public: PublicKey::new(public, created) })
    }

    /// The key that a Secret's fields `seed` and `public` hold.
    pub fn parse(seed: &Plaintext, public: &[u8]) -> Result<Self, Error> {
        let public = PublicKey::parse_all(public)?.swap_remove(0);
        let key = Self::of_seed(public.suite(), seed, public.created())?;
        if key.public.id == public.id { Ok(key) } else { Err(Error::Mismatch) }
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Its suite.
    pub fn suite(&self) -> Suite {
        self.public.suite()
    }

    /// The fingerprint of the public half.
    pub fn id(&self) -> KeyId {
        self.public.id()
    }

    pub(super) fn id_bytes(&self) -> &[u8; 32] {
        &self.public.id
    }

    pub(super) fn decapsulate(&self, sent: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        match &self.kem {
            PrivateKem::X25519(key) => key.decapsulate(sent.try_into().ok()?),
            PrivateKem::XWing(key) => key.decapsulate(sent.try_into().ok()?),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("suite", &self.suite()).field("id", &self.id()).finish()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("id", &self.id()).finish_non_exhaustive()
    }
}
