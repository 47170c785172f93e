//! The certificate with which others seal, and the making of new ones.
//!
//! A certificate is only an envelope for an RSA public key here: nothing checks a signature or a
//! chain, as in sealed-secrets. Its `notBefore` says which key is the newest.

use std::fmt;

use aws_lc_rs::{
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa::{self, KeyPair, OaepPublicEncryptingKey, PublicEncryptingKey},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use x509_parser::{public_key::PublicKey, x509::SubjectPublicKeyInfo};

use super::{key, pem, scope::Label, wire};
use crate::plaintext::Plaintext;

const PEM_LABEL: &str = "CERTIFICATE";

/// An RSA certificate, ready to seal with.
pub struct Certificate {
    pem: String,
    public_key_info: Vec<u8>,
    key: OaepPublicEncryptingKey,
    key_id: KeyId,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// The SSH fingerprint of a public key (`SHA256:…`), as `ssh-keygen -l` prints it; of a native key
/// a hash of the same form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(String);

/// How large a new key is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeySize {
    /// 2048 bits.
    Bits2048,
    /// 3072 bits.
    Bits3072,
    /// 4096 bits, as sealed-secrets makes them.
    #[default]
    Bits4096,
    /// 8192 bits.
    Bits8192,
}

/// A new sealing key, as its Secret stores it.
#[derive(Debug)]
pub struct Generated {
    /// `tls.key`: PKCS#1 in PEM.
    pub private: Plaintext,
    /// `tls.crt`: a self-signed certificate in PEM.
    pub certificate: String,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no PEM block with a certificate.
    #[error("there is no PEM block `{PEM_LABEL}`")]
    NoPem,
    /// The PEM block does not hold an X.509 certificate.
    #[error("the PEM block does not hold an X.509 certificate")]
    Malformed,
    /// The certificate holds another kind of key.
    #[error("expected an RSA public key of 2048 to 8192 bits but found {found}")]
    NotRsa {
        /// What was found instead.
        found: String,
    },
    /// The certificate may no longer be used for sealing.
    #[error("the certificate expired on {}", .not_after.strftime("%B %-d, %Y"))]
    Expired {
        /// Its last valid moment.
        not_after: Timestamp,
    },
    /// A key or certificate could not be made.
    #[error("could not generate a key and its certificate")]
    Generate,
}

impl Certificate {
    /// Parses the first certificate of a PEM bundle.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let block = pem::find(text, |label| label == PEM_LABEL).ok_or(Error::NoPem)?;
        let (_, x509) =
            x509_parser::parse_x509_certificate(&block.der).map_err(|_| Error::Malformed)?;
        let public_key_info = x509.public_key().raw.to_vec();
        let (key, key_id) = rsa_key(x509.public_key())?;
        let timestamp = |seconds| Timestamp::from_second(seconds).map_err(|_| Error::Malformed);
        Ok(Self {
            pem: pem::write(PEM_LABEL, &block.der).to_string(),
            public_key_info,
            key,
            key_id,
            not_before: timestamp(x509.validity().not_before.timestamp())?,
            not_after: timestamp(x509.validity().not_after.timestamp())?,
        })
    }

    /// Seals one value; the result is what `spec.encryptedData` holds.
    pub fn seal(&self, label: &Label, value: &[u8], rng: &mut (impl CryptoRng + ?Sized)) -> String {
        wire::seal(&self.key, label, value, rng)
    }

    /// Refuses a certificate whose time is over, as kubeseal does.
    pub fn check_valid_at(&self, now: Timestamp) -> Result<(), Error> {
        if now > self.not_after {
            return Err(Error::Expired { not_after: self.not_after });
        }
        Ok(())
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The fingerprint of its public key.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// The first moment at which it is valid.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last moment at which it is valid.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    pub(super) fn public_key_info(&self) -> &[u8] {
        &self.public_key_info
    }
}

impl KeySize {
    /// The size of that many bits, if keys are made of it.
    pub fn of_bits(bits: u32) -> Option<Self> {
        match bits {
            2048 => Some(Self::Bits2048),
            3072 => Some(Self::Bits3072),
            4096 => Some(Self::Bits4096),
            8192 => Some(Self::Bits8192),
            _ => None,
        }
    }
}

impl From<KeySize> for rsa::KeySize {
    fn from(size: KeySize) -> Self {
        match size {
            KeySize::Bits2048 => Self::Rsa2048,
            KeySize::Bits3072 => Self::Rsa3072,
            KeySize::Bits4096 => Self::Rsa4096,
            KeySize::Bits8192 => Self::Rsa8192,
        }
    }
}

/// Makes an RSA-4096 key and a self-signed certificate: see [`generate_sized`].
pub fn generate(
    common_name: &str,
    now: Timestamp,
    validity: SignedDuration,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Generated, Error> {
    generate_sized(KeySize::default(), common_name, now, validity, rng)
}

/// Makes an RSA key and a self-signed certificate that is valid from `now` for `validity`.
///
/// This takes about a second. The key itself comes from aws-lc's own generator; `rng` chooses
/// the serial number.
pub fn generate_sized(
    size: KeySize,
    common_name: &str,
    now: Timestamp,
    validity: SignedDuration,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Generated, Error> {
    let pair = KeyPair::generate(size.into()).map_err(|_| Error::Generate)?;
    let certificate = self_signed(&pair, &params(common_name, now, validity, rng)?)?;
    let private = key::to_pem(&pair.as_der().map_err(|_| Error::Generate)?);
    Ok(Generated { private, certificate })
}

/// Makes a self-signed certificate for a private key that has lost its own, valid like one of
/// [`generate`].
pub fn certify(
    private: &Plaintext,
    now: Timestamp,
    validity: SignedDuration,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<String, key::Error> {
    let pkcs8 = key::pkcs8(private.expose())?;
    let pair = KeyPair::from_pkcs8(&pkcs8).map_err(|_| key::Error::NotRsa)?;
    Ok(self_signed(&pair, &params("", now, validity, rng)?)?)
}

fn self_signed(pair: &KeyPair, params: &rcgen::CertificateParams) -> Result<String, Error> {
    let certificate = params.self_signed(&Signer(pair)).map_err(|_| Error::Generate)?;
    Ok(pem::write(PEM_LABEL, certificate.der()).to_string())
}

fn params(
    common_name: &str,
    now: Timestamp,
    validity: SignedDuration,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<rcgen::CertificateParams, Error> {
    let mut serial = [0; 16];
    rng.fill_bytes(&mut serial);
    // A positive number of 16 bytes, so that DER adds or drops none.
    serial[0] = (serial[0] & 0x7f) | 0x40;

    let mut params = rcgen::CertificateParams::default();
    params.serial_number = Some(rcgen::SerialNumber::from_slice(&serial));
    params.distinguished_name = rcgen::DistinguishedName::new();
    if !common_name.is_empty() {
        params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
    }
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::EncipherOnly];
    let moment = |at: Timestamp| {
        let seconds = u64::try_from(at.as_second()).map_err(|_| Error::Generate)?;
        let since_epoch = std::time::Duration::from_secs(seconds);
        Ok(rcgen::date_time_ymd(1970, 1, 1) + since_epoch)
    };
    params.not_before = moment(now)?;
    params.not_after = moment(now.checked_add(validity).map_err(|_| Error::Generate)?)?;
    Ok(params)
}

/// Signs with a key whose bytes are never copied out.
struct Signer<'k>(&'k KeyPair);

impl rcgen::PublicKeyData for Signer<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl rcgen::SigningKey for Signer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| rcgen::Error::RingUnspecified)?;
        Ok(signature)
    }
}

fn rsa_key(info: &SubjectPublicKeyInfo<'_>) -> Result<(OaepPublicEncryptingKey, KeyId), Error> {
    let found = || Error::NotRsa { found: describe(info) };
    let Ok(PublicKey::RSA(parts)) = info.parsed() else { return Err(found()) };
    let key = PublicEncryptingKey::from_der(info.raw)
        .and_then(|key| OaepPublicEncryptingKey::new(key).map_err(Into::into))
        .map_err(|_| found())?;
    Ok((key, KeyId::of(parts.exponent, parts.modulus)))
}

fn describe(info: &SubjectPublicKeyInfo<'_>) -> String {
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => format!("an RSA key of {} bits", key.key_size()),
        Ok(PublicKey::EC(_)) => "an EC key".to_owned(),
        _ => format!("a key of algorithm {}", info.algorithm.algorithm.to_id_string()),
    }
}

impl KeyId {
    /// Hashes the SSH wire form: `string "ssh-rsa", mpint e, mpint n`.
    fn of(exponent: &[u8], modulus: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for part in [&b"ssh-rsa"[..], &mpint(exponent), &mpint(modulus)] {
            let length = u32::try_from(part.len()).expect("a modulus has at most 1,025 bytes");
            hash.update(length.to_be_bytes());
            hash.update(part);
        }
        Self::of_hash(&hash.finalize().into())
    }

    /// The fingerprint that is this hash.
    pub(super) fn of_hash(hash: &[u8; 32]) -> Self {
        Self(format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(hash)))
    }

    /// The fingerprint's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A positive SSH integer: no superfluous zeros, one zero before a set top bit.
fn mpint(bytes: &[u8]) -> Vec<u8> {
    let significant: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    match significant.first() {
        Some(first) if *first >= 0x80 => [&[0], &significant[..]].concat(),
        _ => significant,
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("key_id", &self.key_id)
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}
