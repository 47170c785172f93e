//! X-Wing: ML-KEM-768 and X25519 at once, so that both have to be broken.
//!
//! `draft-connolly-cfrg-xwing-kem`; MLKEM768-X25519 of `draft-ietf-hpke-pq` is the same.
//! Everything runs on aws-lc-rs, but for private keys: it cannot make an ML-KEM key of a seed, so
//! the seed is expanded and the key used by the crate `ml-kem`.

use aws_lc_rs::{
    digest,
    kem::{EncapsulationKey, ML_KEM_768},
};
use keyfile::x25519::{self, LENGTH};
use ml_kem::{DecapsulationKey768, Seed, kem::Decapsulate as _, kem::KeyExport as _};
use rand_core::CryptoRng;
use shake::{
    Shake256,
    digest::{ExtendableOutput as _, Update as _, XofReader as _},
};
use zeroize::Zeroizing;

/// The id of the KEM.
pub const ID: u16 = 0x647a;
/// The length of a private key.
pub const SEED: usize = 32;
/// The length of a public key.
pub const PUBLIC: usize = MLKEM_PUBLIC + LENGTH;
/// The length of what is sent.
pub const ENCAPSULATED: usize = MLKEM_CIPHERTEXT + LENGTH;

const MLKEM_PUBLIC: usize = 1184;
const MLKEM_CIPHERTEXT: usize = 1088;
const LABEL: &[u8] = b"\\.//^\\";

/// What both sides know.
pub type Shared = Zeroizing<[u8; 32]>;

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct Public {
    bytes: Box<[u8; PUBLIC]>,
}

/// A private key with its public half.
pub struct Private {
    mlkem: Box<DecapsulationKey768>,
    x25519: Zeroizing<[u8; LENGTH]>,
    public: Public,
}

impl Public {
    /// A key of its bytes, if they are one.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let public = Self { bytes: Box::new(bytes.try_into().ok()?) };
        // A key with numbers out of range is refused only when it is used.
        public.mlkem()?.encapsulate().ok()?;
        Some(public)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; PUBLIC] {
        &self.bytes
    }

    /// Something new that the holder of the private key gets to know from what is returned first.
    /// Nothing if this key has low order, which makes the other side's help needless.
    pub fn encapsulate(&self, rng: &mut (impl CryptoRng + ?Sized)) -> Option<(Vec<u8>, Shared)> {
        let (ciphertext, first) = self.mlkem()?.encapsulate().ok()?;
        let mut ephemeral = Zeroizing::new([0; LENGTH]);
        rng.fill_bytes(ephemeral.as_mut_slice());
        let share = x25519::public(&ephemeral)?;
        let second = x25519::agree(&ephemeral, self.x25519())?;
        let shared = combine(first.as_ref(), second.as_slice(), &share, self.x25519());
        Some(([ciphertext.as_ref(), &share].concat(), shared))
    }

    fn mlkem(&self) -> Option<EncapsulationKey> {
        EncapsulationKey::new(&ML_KEM_768, &self.bytes[..MLKEM_PUBLIC]).ok()
    }

    fn x25519(&self) -> &[u8; LENGTH] {
        self.bytes[MLKEM_PUBLIC..].try_into().expect("the rest of the key")
    }
}

impl Private {
    /// The key of a seed.
    pub fn new(seed: &[u8; SEED]) -> Option<Self> {
        let mut expanded = Zeroizing::new([0; 64 + LENGTH]);
        let mut shake = Shake256::default();
        shake.update(seed);
        shake.finalize_xof().read(expanded.as_mut_slice());
        let (first, second) = expanded.split_at(64);
        let mut seed = Seed::try_from(first).ok()?;
        let mlkem = Box::new(DecapsulationKey768::from_seed(seed));
        zeroize::Zeroize::zeroize(seed.as_mut_slice());
        let x25519 = Zeroizing::new(<[u8; LENGTH]>::try_from(second).ok()?);
        let own = mlkem.encapsulation_key().to_bytes();
        let bytes = [own.as_slice(), &x25519::public(&x25519)?].concat();
        let public = Public { bytes: Box::new(bytes.try_into().ok()?) };
        Some(Self { mlkem, x25519, public })
    }

    /// The public half.
    pub fn public(&self) -> &Public {
        &self.public
    }

    /// What the sender knows. Nothing if the bytes can come from no sender; from bytes for another
    /// key, something else.
    pub fn decapsulate(&self, encapsulated: &[u8; ENCAPSULATED]) -> Option<Shared> {
        let (ciphertext, share) = encapsulated.split_at(MLKEM_CIPHERTEXT);
        let share = share.try_into().ok()?;
        let mut first = self.mlkem.decapsulate_slice(ciphertext).ok()?;
        let second = x25519::agree(&self.x25519, share)?;
        let shared = combine(&first, second.as_slice(), share, self.public.x25519());
        zeroize::Zeroize::zeroize(first.as_mut_slice());
        Some(shared)
    }
}

fn combine(first: &[u8], second: &[u8], share: &[u8], public: &[u8]) -> Shared {
    let mut hash = digest::Context::new(&digest::SHA3_256);
    for part in [first, second, share, public, LABEL] {
        hash.update(part);
    }
    Zeroizing::new(hash.finish().as_ref().try_into().expect("SHA3-256 has 32 bytes"))
}
