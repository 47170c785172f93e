//! The private key with which we log in.

use std::{fmt, sync::Arc};

use aws_lc_rs::{rand::SystemRandom, rsa, signature};
use base64::{Engine, engine::general_purpose::STANDARD};
use russh::keys::{
    Algorithm, Error as KeyError, HashAlg, PrivateKey, PublicKey, decode_secret_key,
    encode_pkcs8_pem,
    signature::{Signer, Verifier},
    ssh_key,
};
use zeroize::Zeroizing;

use crate::{Error, Secret};

/// A private key. RSA keys sign through aws-lc-rs: the `rsa` crate's timing depends on the key.
pub(crate) struct Key {
    public: PublicKey,
    blob: Vec<u8>,
    private: Private,
}

/// Who signs.
#[derive(Clone)]
pub(super) enum Private {
    Rsa(Arc<rsa::KeyPair>),
    Other(Arc<PrivateKey>),
}

impl Key {
    pub(super) fn read(identity: &Secret, passphrase: Option<&Secret>) -> Result<Self, Error> {
        let text = std::str::from_utf8(identity.expose())
            .map_err(|source| unusable("it is not text; give it in PEM", source))?;
        let passphrase = passphrase.map(|passphrase| std::str::from_utf8(passphrase.expose()));
        let passphrase = passphrase
            .transpose()
            .map_err(|source| unusable("its passphrase is not UTF-8", source))?;
        let private = decode(text.trim(), passphrase.filter(|passphrase| !passphrase.is_empty()))?;
        let public = private.public_key().clone();
        let blob = public
            .to_bytes()
            .map_err(|source| unusable("its public half cannot be written", source))?;
        let private = match private.algorithm() {
            Algorithm::Rsa { .. } => Private::Rsa(Arc::new(rsa_pair(&private)?)),
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => {
                // Who is let in by the public half must have the private one: connections wait for
                // their next use by its holder.
                let signed: ssh_key::Signature = private
                    .try_sign(SAMPLE)
                    .map_err(|source| unusable("it does not sign", source))?;
                let own = "its private and public halves do not belong together";
                Verifier::verify(&public, SAMPLE, &signed)
                    .map_err(|source| unusable(own, source))?;
                Private::Other(Arc::new(private))
            }
            _ => {
                let why = "its type is not supported; use ed25519, ecdsa or rsa";
                return Err(Error::Key { why, source: None });
            }
        };
        Ok(Self { public, blob, private })
    }

    /// The public half, as it goes over the wire.
    pub(crate) fn blob(&self) -> &[u8] {
        &self.blob
    }

    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn private(&self) -> Private {
        self.private.clone()
    }
}

impl fmt::Display for Key {
    /// What a server's administrator looks for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = self.public.algorithm();
        write!(f, "{} ({})", self.public.fingerprint(HashAlg::Sha256), algorithm.as_str())
    }
}

impl Private {
    /// Signs `data` as ssh has it: `string(algorithm) string(signature)`.
    pub(super) fn sign(
        &self,
        hash: Option<HashAlg>,
        data: &[u8],
    ) -> Result<Vec<u8>, ssh_key::Error> {
        let (algorithm, raw) = match self {
            Self::Rsa(pair) => {
                let (name, padding): (_, &'static dyn signature::RsaEncoding) = match hash {
                    Some(HashAlg::Sha512) => ("rsa-sha2-512", &signature::RSA_PKCS1_SHA512),
                    _ => ("rsa-sha2-256", &signature::RSA_PKCS1_SHA256),
                };
                let mut raw = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), data, &mut raw)
                    .map_err(|_| ssh_key::Error::Crypto)?;
                (name.to_owned(), raw)
            }
            Self::Other(key) => {
                let signed: ssh_key::Signature = (**key).try_sign(data)?;
                (signed.algorithm().as_str().to_owned(), signed.as_bytes().to_vec())
            }
        };
        let mut blob = Vec::with_capacity(algorithm.len() + raw.len() + 8);
        string(&mut blob, algorithm.as_bytes());
        string(&mut blob, &raw);
        Ok(blob)
    }
}

/// Appends `bytes` with their length.
pub(super) fn string(to: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("nothing here has four gigabytes");
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(bytes);
}

/// Reads a private key in any of its forms.
fn decode(text: &str, passphrase: Option<&str>) -> Result<PrivateKey, Error> {
    let sealed_pem = text.contains("DEK-Info:");
    let rsa = text.contains("-----BEGIN RSA PRIVATE KEY-----");
    if sealed_pem && !(rsa && text.contains("DEK-Info: AES-128-CBC,")) {
        let why = "the old PEM form is opened for rsa keys under AES-128-CBC only; convert it with \
                   `ssh-keygen -p`";
        return Err(Error::Key { why, source: None });
    }
    let sealed = sealed_pem || text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----");
    let openssh = text.contains("-----BEGIN OPENSSH PRIVATE KEY-----");
    if sealed && passphrase.is_none() {
        return Err(Error::Key { why: NO_PASSPHRASE, source: None });
    }
    // A passphrase that an unencrypted key does not need must not keep it from being read.
    let passphrase = passphrase.filter(|_| sealed || openssh);
    decode_secret_key(text, passphrase).map_err(|source| match &source {
        KeyError::KeyIsEncrypted => Error::Key { why: NO_PASSPHRASE, source: None },
        KeyError::SshKey(ssh_key::Error::Crypto) if passphrase.is_some() => {
            unusable(WRONG_PASSPHRASE, source)
        }
        KeyError::CouldNotReadKey => {
            let why = "it is no private key; give one in OpenSSH, PKCS#8 or PEM form";
            Error::Key { why, source: None }
        }
        _ if sealed => unusable(WRONG_PASSPHRASE, source),
        _ => unusable("it cannot be read", source),
    })
}

/// The same key for aws-lc-rs.
fn rsa_pair(key: &PrivateKey) -> Result<rsa::KeyPair, Error> {
    let weak = "aws-lc-rs refuses it; an rsa key has 2048 to 8192 bits";
    let mut pem = Zeroizing::new(Vec::new());
    encode_pkcs8_pem(key, &mut *pem).map_err(|source| unusable("it cannot be read", source))?;
    let body: Zeroizing<Vec<u8>> = Zeroizing::new(
        pem.split(|byte| *byte == b'\n')
            .filter(|line| !line.starts_with(b"-----"))
            .flatten()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect(),
    );
    let der = STANDARD.decode(&*body).map(Zeroizing::new);
    let der = der.map_err(|source| unusable("it cannot be read", source))?;
    rsa::KeyPair::from_pkcs8(&der).map_err(|source| unusable(weak, source))
}

fn unusable(why: &'static str, source: impl Into<crate::error::Source>) -> Error {
    Error::Key { why, source: Some(source.into()) }
}

/// What a key signs to show that it can.
const SAMPLE: &[u8] = b"signet";
const NO_PASSPHRASE: &str = "it is encrypted; put its passphrase into `password`";
const WRONG_PASSPHRASE: &str = "the passphrase in `password` does not open it";
