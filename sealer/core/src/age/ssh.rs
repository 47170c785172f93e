//! The stanzas of ssh keys: `ssh-ed25519` and `ssh-rsa`.

use aws_lc_rs::{
    digest,
    encoding::{AsBigEndian as _, AsDer as _, Curve25519SeedBin, Pkcs8V1Der},
    rsa::{
        OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
        PrivateDecryptingKey, PublicEncryptingKey, PublicKeyComponents,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use curve25519_dalek::edwards::CompressedEdwardsY;
use keyfile::{
    Pair,
    reader::{Reader, unpadded},
    ssh,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    Error,
    seal::{FileKey, WRAPPED, hkdf},
    stanza::{self, Stanza},
    x25519::Secret,
};
use crate::plaintext::Plaintext;

const ED25519: &str = "ssh-ed25519";
const RSA: &str = "ssh-rsa";
const ED25519_LABEL: &[u8] = b"age-encryption.org/v1/ssh-ed25519";
const RSA_LABEL: &[u8] = b"age-encryption.org/v1/ssh-rsa";

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Public {
    blob: Vec<u8>,
    key: PublicKey,
}

#[derive(Clone, PartialEq, Eq)]
enum PublicKey {
    /// As a key of X25519.
    Ed25519([u8; 32]),
    /// The key as X.509 has it.
    Rsa(Vec<u8>),
}

/// A private key.
pub(super) struct Private {
    public: Public,
    key: PrivateKey,
}

enum PrivateKey {
    Ed25519(Secret),
    Rsa(Box<OaepPrivateDecryptingKey>),
}

/// A private key that a passphrase protects, of which the public half can be read.
pub struct Locked {
    text: Plaintext,
    public: Public,
}

impl Public {
    /// `ssh-ed25519 BASE64 comment`, or the same with `ssh-rsa`.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (kind, blob) = (words.next()?, STANDARD.decode(words.next()?).ok()?);
        let public = Self::of(blob)?;
        (public.kind() == kind).then_some(public)
    }

    fn of(blob: Vec<u8>) -> Option<Self> {
        let mut fields = Reader::new(&blob);
        let key = match fields.string()? {
            kind if kind == ED25519.as_bytes() => {
                let point = CompressedEdwardsY::from_slice(fields.string()?).ok()?;
                PublicKey::Ed25519(point.decompress()?.to_montgomery().to_bytes())
            }
            kind if kind == RSA.as_bytes() => {
                let (e, n) = (unpadded(fields.string()?), unpadded(fields.string()?));
                // aws-lc-rs takes 2048 bits or more, as age does.
                let key = PublicKeyComponents { n, e }.as_der().ok()?;
                PublicEncryptingKey::from_der(key.as_ref()).ok()?;
                PublicKey::Rsa(key.as_ref().to_vec())
            }
            _ => return None,
        };
        fields.is_empty().then_some(())?;
        Some(Self { blob, key })
    }

    fn kind(&self) -> &'static str {
        match self.key {
            PublicKey::Ed25519(_) => ED25519,
            PublicKey::Rsa(_) => RSA,
        }
    }

    pub(super) fn line(&self) -> String {
        format!("{} {}", self.kind(), STANDARD.encode(&self.blob))
    }

    /// A hint at the key, which others may share.
    fn tag(&self) -> String {
        stanza::arg(&digest::digest(&digest::SHA256, &self.blob).as_ref()[..4])
    }

    /// Whether the stanza hints at this key.
    pub(super) fn is_hinted(&self, stanza: &Stanza) -> bool {
        stanza.kind == self.kind() && stanza.args.first().is_some_and(|tag| *tag == self.tag())
    }

    pub(super) fn wrap(
        &self,
        file_key: &FileKey,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Option<Stanza> {
        let mut args = vec![self.tag()];
        let body = match &self.key {
            PublicKey::Ed25519(public) => {
                let ephemeral = Secret::generate(rng);
                let shared = ephemeral.agree(public)?;
                args.push(stanza::arg(&ephemeral.public));
                file_key.wrap(&*self.ed25519_key(&ephemeral.public, public, &shared)?)
            }
            PublicKey::Rsa(der) => {
                let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(der).ok()?);
                let key = key.ok()?;
                let mut body = vec![0; key.ciphertext_size()];
                let (scheme, label) = (&OAEP_SHA256_MGF1SHA256, Some(RSA_LABEL));
                key.encrypt(scheme, file_key.expose(), &mut body, label).ok()?;
                body
            }
        };
        Some(Stanza { kind: self.kind().to_owned(), args, body })
    }

    /// The key that wraps: what was agreed on, bound to the ssh key and not to its X25519 form alone.
    fn ed25519_key(
        &self,
        share: &[u8; 32],
        public: &[u8; 32],
        shared: &[u8; 32],
    ) -> Option<Zeroizing<[u8; 32]>> {
        let tweak = hkdf(&self.blob, &[], ED25519_LABEL);
        let shared = keyfile::x25519::agree(&tweak, shared)?;
        Some(hkdf(&[*share, *public].concat(), shared.as_slice(), ED25519_LABEL))
    }
}

impl Private {
    /// Reads a private key, which `password` opens if it is encrypted.
    pub(super) fn unlock(text: &str, password: Option<&[u8]>) -> Result<Self, ssh::Error> {
        let key = ssh::Key::unlock(text, password)?;
        let kind = match key.pair() {
            Pair::Ed25519(_) | Pair::Rsa(_) => ssh::Error::Rejected,
            Pair::Ecdsa(..) => ssh::Error::Algorithm("ecdsa".to_owned()),
        };
        Self::of(&key).ok_or(kind)
    }

    fn of(key: &ssh::Key) -> Option<Self> {
        let public = Public::of(key.public().to_vec())?;
        let key = match key.pair() {
            Pair::Ed25519(pair) => {
                let seed: Curve25519SeedBin<'_> = pair.seed().ok()?.as_be_bytes().ok()?;
                let hash = digest::digest(&digest::SHA512, seed.as_ref());
                PrivateKey::Ed25519(Secret::new(&hash.as_ref()[..32])?)
            }
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
                let key = PrivateDecryptingKey::from_pkcs8(der.as_ref()).ok()?;
                PrivateKey::Rsa(Box::new(OaepPrivateDecryptingKey::new(key).ok()?))
            }
            Pair::Ecdsa(..) => return None,
        };
        Some(Self { public, key })
    }

    pub(super) fn public(&self) -> &Public {
        &self.public
    }

    pub(super) fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, Error> {
        if !self.public.is_hinted(stanza) {
            return Ok(None);
        }
        match (&self.key, &self.public.key) {
            (PrivateKey::Ed25519(secret), PublicKey::Ed25519(public)) => {
                let damaged = Error::Header("an ssh-ed25519 stanza has another form");
                let share = stanza.args().and_then(|[_, share]| stanza::bytes(share));
                let Some(share) = share.filter(|_| stanza.body.len() == WRAPPED) else {
                    return Err(damaged);
                };
                let shared = secret.agree(&share).ok_or(damaged)?;
                let key = self.public.ed25519_key(&share, public, &shared);
                Ok(key.and_then(|key| FileKey::unwrap(&stanza.body, &key)))
            }
            (PrivateKey::Rsa(key), _) if stanza.args.len() == 1 => {
                let mut plain = Zeroizing::new(vec![0; key.min_output_size()]);
                let (scheme, label) = (&OAEP_SHA256_MGF1SHA256, Some(RSA_LABEL));
                let opened = key.decrypt(scheme, &stanza.body, &mut plain, label);
                // The tag is only a hint, so what does not open is another's.
                Ok(opened.ok().and_then(|opened| FileKey::new(opened)))
            }
            _ => Err(Error::Header("an ssh-rsa stanza has another form")),
        }
    }
}

impl Locked {
    /// A key in OpenSSH's format that is encrypted; nothing if it is another, or age does not take
    /// keys of its type.
    pub(super) fn of(text: &str) -> Option<Self> {
        let public = Public::of(ssh::public_half(text)?)?;
        let text = Plaintext::from(text.to_owned());
        Some(Self { text, public })
    }

    /// The public half, as a line of an `authorized_keys` file.
    pub fn public(&self) -> String {
        self.public.line()
    }

    /// The key that `passphrase` opens.
    pub fn unlock(&self, passphrase: &Plaintext) -> Result<super::Identity, ssh::Error> {
        let text = std::str::from_utf8(self.text.expose()).map_err(|_| ssh::Error::NotAKey)?;
        Private::unlock(text, Some(passphrase.expose())).map(super::Identity::of_ssh)
    }

    pub(super) fn is_hinted(&self, stanza: &Stanza) -> bool {
        self.public.is_hinted(stanza)
    }
}
