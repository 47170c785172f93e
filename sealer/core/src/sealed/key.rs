//! A sealing key: the private half, parsed once and kept.
//!
//! sealed-secrets stores PKCS#1 (`RSA PRIVATE KEY`); people also bring PKCS#8 (`PRIVATE KEY`).
//! aws-lc takes PKCS#8 only, so PKCS#1 is wrapped, and unwrapped again when a new key is stored:
//!
//! ```text
//! PKCS#8 = SEQUENCE { INTEGER 0, SEQUENCE { OID rsaEncryption, NULL }, OCTET STRING { PKCS#1 } }
//! ```

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey},
};
use jiff::{SignedDuration, Timestamp};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    certificate::{self, Certificate, KeyId},
    pem,
    scope::Label,
    wire::{Envelope, Rejected},
};
use crate::plaintext::Plaintext;

const PKCS1: &str = "RSA PRIVATE KEY";
const PKCS8: &str = "PRIVATE KEY";
/// `INTEGER 0`, then the algorithm identifier of `rsaEncryption`.
const PKCS8_HEAD: [u8; 18] = [
    0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
    0x05, 0x00,
];

/// A private key and its certificate, parsed.
pub struct SealingKey {
    private: OaepPrivateDecryptingKey,
    certificate: Certificate,
    created: Timestamp,
}

/// Why a key pair cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no PEM block with a private key.
    #[error("`tls.key` holds no PEM block `{PKCS1}` or `{PKCS8}`")]
    NoPrivateKey,
    /// The private key is not an RSA key of 2048 to 8192 bits.
    #[error("`tls.key` is not an RSA key of 2048 to 8192 bits")]
    NotRsa,
    /// The certificate cannot be used.
    #[error("`tls.crt` cannot be used")]
    Certificate(#[from] certificate::Error),
    /// The certificate belongs to another key.
    #[error("`tls.crt` certifies another key than `tls.key`")]
    Mismatch,
}

impl SealingKey {
    /// Parses `tls.key` and `tls.crt` of a key Secret that was created at `created`.
    pub fn parse(
        private: &Plaintext,
        certificate: &[u8],
        created: Timestamp,
    ) -> Result<Self, Error> {
        let private = parse_private(private.expose())?;
        let certificate = Certificate::parse(certificate)?;
        let public: PublicKeyX509Der<'_> =
            private.public_key().as_der().map_err(|_| Error::NotRsa)?;
        if certificate.public_key_info() != public.as_ref() {
            return Err(Error::Mismatch);
        }
        let private = OaepPrivateDecryptingKey::new(private).map_err(|_| Error::NotRsa)?;
        Ok(Self { private, certificate, created })
    }

    /// The fingerprint of the public key.
    pub fn id(&self) -> &KeyId {
        self.certificate.key_id()
    }

    /// The certificate with which others seal for this key.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// When the key's Secret was created.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// The size of the modulus.
    pub fn bits(&self) -> usize {
        self.private.key_size_bits()
    }

    /// Parses a private key that comes alone, as people keep it for the day of recovery.
    ///
    /// It gets a certificate of its own, so that it fits beside others; values should be sealed for
    /// it only when there is no other.
    pub fn recover(
        private: &Plaintext,
        created: Timestamp,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, Error> {
        let year = SignedDuration::from_hours(365 * 24);
        let certificate = certificate::certify(private, created, year, rng)?;
        Self::parse(private, certificate.as_bytes(), created)
    }

    pub(super) fn open(&self, envelope: &Envelope, label: &Label) -> Result<Plaintext, Rejected> {
        envelope.open(&self.private, label)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").field("id", self.id()).finish_non_exhaustive()
    }
}

/// The PKCS#1 PEM of a private key, as sealed-secrets stores it in `tls.key`.
pub(super) fn to_pem(private: &Pkcs8V1Der<'_>) -> Plaintext {
    let pkcs1 = pkcs1_of(private.as_ref()).expect("aws-lc writes the PKCS#8 of an RSA key");
    let text = pem::write(PKCS1, pkcs1);
    Plaintext::new(text.as_bytes().to_vec())
}

fn parse_private(text: &[u8]) -> Result<PrivateDecryptingKey, Error> {
    PrivateDecryptingKey::from_pkcs8(&pkcs8(text)?).map_err(|_| Error::NotRsa)
}

/// The PKCS#8 of the first private key of a PEM bundle.
pub(super) fn pkcs8(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let block = pem::find(text, |label| label == PKCS1 || label == PKCS8);
    let block = block.ok_or(Error::NoPrivateKey)?;
    Ok(if block.label == PKCS1 { pkcs8_of(&block.der) } else { block.der })
}

fn pkcs8_of(pkcs1: &[u8]) -> Zeroizing<Vec<u8>> {
    let octets = [&[0x04][..], &der_length(pkcs1.len())].concat();
    let body_length = PKCS8_HEAD.len() + octets.len() + pkcs1.len();
    let outer = [&[0x30][..], &der_length(body_length)].concat();
    let mut der = Zeroizing::new(Vec::with_capacity(outer.len() + body_length));
    for part in [&outer[..], &PKCS8_HEAD, &octets, pkcs1] {
        der.extend_from_slice(part);
    }
    der
}

fn pkcs1_of(pkcs8: &[u8]) -> Option<&[u8]> {
    let body = der_content(0x30, pkcs8)?;
    der_content(0x04, body.strip_prefix(&PKCS8_HEAD)?)
}

fn der_length(length: usize) -> Vec<u8> {
    if length < 0x80 {
        return vec![u8::try_from(length).expect("below 128")];
    }
    let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let count = u8::try_from(bytes.len()).expect("a usize has at most 8 bytes");
    [&[0x80 | count], &bytes[..]].concat()
}

/// The content of the DER element with this tag at the start of `der`.
fn der_content(tag: u8, der: &[u8]) -> Option<&[u8]> {
    let (&first, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let length = bytes
            .iter()
            .try_fold(0_usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))?;
        (length, rest)
    };
    rest.get(..length)
}
