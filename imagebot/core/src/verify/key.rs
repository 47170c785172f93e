//! Public keys, and what they verify.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_ASN1,
    ECDSA_P521_SHA512_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::{
    oid_registry::{
        OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521,
        OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
    },
    pem::parse_x509_pem,
    prelude::FromDer as _,
    x509::SubjectPublicKeyInfo,
};

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    P256,
    P384,
    P521,
    Ed25519,
    Rsa,
}

/// How a signature in JOSE or COSE is made. A key fits one curve, or any of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Jose {
    Es256,
    Es384,
    Es512,
    Ps256,
    Ps384,
    Ps512,
}

impl Jose {
    /// By the name of JOSE.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            _ => return None,
        })
    }

    /// By the number of COSE.
    pub(super) fn numbered(number: i64) -> Option<Self> {
        Some(match number {
            -7 => Self::Es256,
            -35 => Self::Es384,
            -36 => Self::Es512,
            -37 => Self::Ps256,
            -38 => Self::Ps384,
            -39 => Self::Ps512,
            _ => return None,
        })
    }
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no public key in it.
    #[error("there is no `PUBLIC KEY` in PEM in it")]
    NotPem,
    /// It is of another kind.
    #[error("it is none of ECDSA P-256, P-384 and P-521, Ed25519 and RSA of 2048 bits and more")]
    Kind,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({:?})", self.kind)
    }
}

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----`.
    pub fn from_pem(text: &[u8]) -> Result<Self, Error> {
        let (_, pem) = parse_x509_pem(text).map_err(|_| Error::NotPem)?;
        if pem.label != "PUBLIC KEY" {
            return Err(Error::NotPem);
        }
        Self::from_der(&pem.contents)
    }

    /// Reads a `SubjectPublicKeyInfo`.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        match SubjectPublicKeyInfo::from_der(der) {
            Ok(([], info)) => Self::from_info(&info),
            _ => Err(Error::Kind),
        }
    }

    pub(super) fn from_info(info: &SubjectPublicKeyInfo<'_>) -> Result<Self, Error> {
        let algorithm = &info.algorithm.algorithm;
        let curve = || info.algorithm.parameters.as_ref().and_then(|it| it.as_oid().ok());
        let kind = if *algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
            match curve() {
                Some(curve) if curve == OID_EC_P256 => Kind::P256,
                Some(curve) if curve == OID_NIST_EC_P384 => Kind::P384,
                Some(curve) if curve == OID_NIST_EC_P521 => Kind::P521,
                _ => return Err(Error::Kind),
            }
        } else if *algorithm == OID_SIG_ED25519 {
            Kind::Ed25519
        } else if *algorithm == OID_PKCS1_RSAENCRYPTION {
            Kind::Rsa
        } else {
            return Err(Error::Kind);
        };
        Ok(Self { kind, bytes: info.subject_public_key.data.to_vec() })
    }

    /// Whether the key made `signature` over `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithms: &[&'static dyn VerificationAlgorithm] = match self.kind {
            Kind::P256 => &[&ECDSA_P256_SHA256_ASN1],
            Kind::P384 => &[&ECDSA_P384_SHA384_ASN1, &ECDSA_P384_SHA256_ASN1],
            Kind::P521 => &[&ECDSA_P521_SHA512_ASN1],
            Kind::Ed25519 => &[&ED25519],
            Kind::Rsa => &[
                &RSA_PKCS1_2048_8192_SHA256,
                &RSA_PKCS1_2048_8192_SHA384,
                &RSA_PKCS1_2048_8192_SHA512,
            ],
        };
        let made = |algorithm: &&'static dyn VerificationAlgorithm| {
            UnparsedPublicKey::new(*algorithm, &self.bytes).verify(message, signature).is_ok()
        };
        algorithms.iter().any(made)
    }

    /// Whether the key made `signature` over `message` in this way.
    pub(super) fn verifies_as(&self, way: Jose, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &'static dyn VerificationAlgorithm = match (way, self.kind) {
            (Jose::Es256, Kind::P256) => &ECDSA_P256_SHA256_FIXED,
            (Jose::Es384, Kind::P384) => &ECDSA_P384_SHA384_FIXED,
            (Jose::Es512, Kind::P521) => &ECDSA_P521_SHA512_FIXED,
            (Jose::Ps256, Kind::Rsa) => &RSA_PSS_2048_8192_SHA256,
            (Jose::Ps384, Kind::Rsa) => &RSA_PSS_2048_8192_SHA384,
            (Jose::Ps512, Kind::Rsa) => &RSA_PSS_2048_8192_SHA512,
            _ => return false,
        };
        UnparsedPublicKey::new(algorithm, &self.bytes).verify(message, signature).is_ok()
    }
}
