//! The MAC of a file: a hash over every value, itself encrypted like one.
//!
//! SHA-512 over the canonical bytes of every value in the order of the file, over all documents;
//! nulls and comments count nothing, keys count only through what each value is bound to. The
//! upper-case hex is encrypted bound to `lastmodified`, so neither can be changed alone.

use std::fmt::Write as _;

use rand_core::CryptoRng;
use sha2::{Digest as _, Sha512};
use subtle::ConstantTimeEq as _;

use super::{
    cipher::{self, Cipher, Engine},
    path::Path,
    value::{self, Kind, Leaf},
};

/// Seeds the hash when only encrypted values count, so that the two ways never agree.
const ENCRYPTED_ONLY: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b,
    0x0b, 0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// The hash while values are read.
pub(super) struct Mac {
    hash: Sha512,
    encrypted_only: bool,
    /// The hash as versions before 3.13.2 see a JSON file: with every number a float.
    older: Option<Sha512>,
    floats: bool,
    /// Whether every value counts with its place, and what is empty counts too.
    framed: bool,
}

/// Why a file is not what its author encrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file has no MAC.
    #[error("the file has no MAC")]
    Missing,
    /// The MAC itself does not open.
    #[error("cannot decrypt the MAC: `sops.mac` or `sops.lastmodified` was altered")]
    Undecryptable(#[source] value::Error),
    /// The record of the file's layout does not open.
    #[error("cannot decrypt the layout: `sops.signet_layout` or `sops.lastmodified` was altered")]
    Layout(#[source] value::Error),
    /// The MAC is that of other values.
    #[error(
        "MAC mismatch: values were changed, added, removed or reordered after the file was encrypted"
    )]
    Mismatch,
}

impl Mac {
    pub(super) fn new(cipher: Cipher, encrypted_only: bool) -> Self {
        let mut hash = Sha512::new();
        if encrypted_only {
            hash.update(ENCRYPTED_ONLY);
        }
        let framed = cipher == Cipher::ChaCha20Poly1305;
        Self { hash, encrypted_only, older: None, floats: false, framed }
    }

    /// Also takes the MAC of versions that read every number of JSON as a float.
    pub(super) fn of_json(mut self) -> Self {
        self.floats = true;
        self
    }

    /// Counts a value, given in clear text.
    pub(super) fn add(&mut self, path: &Path, leaf: &Leaf, encrypted: bool) {
        if self.framed {
            let kind = leaf.kind.name();
            return self.frame(
                path,
                (kind, &leaf.hashed()),
                leaf.kind != Kind::Comment && encrypted,
            );
        }
        if leaf.kind != Kind::Comment && (encrypted || !self.encrypted_only) {
            if self.floats && !encrypted && self.older.is_none() && leaf.as_float().is_some() {
                self.older = Some(self.hash.clone());
            }
            let bytes = leaf.hashed();
            if let Some(older) = &mut self.older {
                match leaf.as_float().filter(|_| !encrypted) {
                    Some(float) => older.update(float),
                    None => older.update(&bytes),
                }
            }
            self.hash.update(&bytes);
        }
    }

    /// Counts what has no value of its own: null, what is empty, the start of a document.
    pub(super) fn hollow(&mut self, path: &Path, what: &str, encrypted: bool) {
        if self.framed {
            self.frame(path, (what, b""), encrypted);
        }
    }

    fn frame(&mut self, path: &Path, (what, bytes): (&str, &[u8]), encrypted: bool) {
        if self.encrypted_only && !encrypted || what == Kind::Comment.name() {
            return;
        }
        for part in [&*path.native_aad(), what.as_bytes(), bytes] {
            self.hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            self.hash.update(part);
        }
    }

    /// The MAC of all values counted, as the file holds it.
    pub(super) fn seal(
        self,
        engine: &Engine,
        modified: &str,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> String {
        let cipher = engine.cipher();
        let digest = hex(self.hash);
        let sealed = engine.seal(&aad(cipher, modified), digest.as_bytes(), rng);
        value::format(cipher, &sealed, Kind::Str)
    }

    /// Compares with the MAC that the file holds.
    pub(super) fn verify(
        self,
        engine: &Engine,
        modified: &str,
        stored: Option<&str>,
    ) -> Result<(), Error> {
        let stored = stored.filter(|stored| !stored.is_empty()).ok_or(Error::Missing)?;
        let cipher = engine.cipher();
        let (sealed, _) = value::parse(stored, cipher).map_err(Error::Undecryptable)?;
        let open = |aad: &[u8]| engine.open(aad, &sealed);
        let expected = open(&aad(cipher, modified))
            .map_err(|err: cipher::Error| Error::Undecryptable(err.into()))?;
        let is = |hash| bool::from(expected.expose().ct_eq(hex(hash).as_bytes()));
        if is(self.hash) || self.older.is_some_and(is) { Ok(()) } else { Err(Error::Mismatch) }
    }
}

fn hex(hash: Sha512) -> String {
    hash.finalize().iter().fold(String::with_capacity(128), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02X}");
        hex
    })
}

fn aad(cipher: Cipher, modified: &str) -> Vec<u8> {
    bound_to(cipher, 'm', "", modified)
}

/// What is bound to the time of the last change: `prefix` tells it from other things of sops'
/// cipher, whose MAC is bound to the time alone; the native one tells everything apart by `mark`.
pub(super) fn bound_to(cipher: Cipher, mark: char, prefix: &str, modified: &str) -> Vec<u8> {
    match cipher {
        Cipher::Aes256Gcm => format!("{prefix}{modified}"),
        Cipher::ChaCha20Poly1305 => format!("{mark}{modified}"),
    }
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sops::cipher::DataKey;

    const MODIFIED: &str = "2026-01-01T00:00:00Z";

    fn hashed(encrypted_only: bool, values: &[(&str, bool)]) -> Mac {
        let mut mac = Mac::new(Cipher::Aes256Gcm, encrypted_only);
        for (value, encrypted) in values {
            mac.add(&Path::default(), &Leaf::text(value), *encrypted);
        }
        mac
    }

    #[test]
    fn every_change_that_counts_is_noticed() {
        let engine = DataKey::generate(&mut rand::rng()).under(Cipher::Aes256Gcm);
        let values: &[(&str, bool)] = &[("a", true), ("b", false)];
        #[rustfmt::skip]
        let cases = [
            // encrypted only  found in the file                 verdict
            (false, &[("a", true), ("b", false)][..],            Ok(())),
            (false, &[("a", true), ("x", false)],                Err(Error::Mismatch)),
            (false, &[("b", false), ("a", true)],                Err(Error::Mismatch)),
            (false, &[("a", true)],                              Err(Error::Mismatch)),
            (true,  &[("a", true), ("x", false)],                Ok(())),
            (true,  &[("x", true), ("b", false)],                Err(Error::Mismatch)),
        ];
        for (encrypted_only, found, verdict) in cases {
            let mac = hashed(encrypted_only, values).seal(&engine, MODIFIED, &mut rand::rng());
            let verify =
                |modified| hashed(encrypted_only, found).verify(&engine, modified, Some(&mac));
            assert_eq!(verify(MODIFIED), verdict, "{found:?}");
            assert!(matches!(verify("2027-01-01T00:00:00Z"), Err(Error::Undecryptable(_))));
        }
        assert_eq!(hashed(false, &[]).verify(&engine, MODIFIED, None), Err(Error::Missing));
        let verdict = hashed(false, &[]).verify(&engine, MODIFIED, Some("x"));
        assert!(matches!(verdict, Err(Error::Undecryptable(_))));
    }
}
