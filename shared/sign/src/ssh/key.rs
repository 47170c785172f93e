//! Private SSH keys as files hold them: OpenSSH's own format, and the older ones of OpenSSL.

use aws_lc_rs::{
    cipher::{AES_128, AES_256, Algorithm, DecryptingKey, DecryptionContext, UnboundCipherKey},
    iv::FixedLength,
    signature::{EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair},
};
use zeroize::Zeroizing;

use super::{Error, names};
use crate::{
    pair::{Curve, Pair},
    pem,
    reader::{Reader, padded},
    rsa::Numbers,
};

const OPENSSH: &[u8] = b"openssh-key-v1\0";
/// More rounds than any key has whose password is typed by people.
const MOST_ROUNDS: u32 = 1024;
const BLOCK: usize = 16;

pub(super) fn unlock(text: &str, password: Option<&[u8]>) -> Result<Pair, Error> {
    let block = pem::decode(text).ok_or(Error::NotAKey)?;
    if block.encrypted {
        return Err(Error::Encryption("PEM".to_owned()));
    }
    let rejected = |_| Error::Rejected;
    match block.label.as_str() {
        "OPENSSH PRIVATE KEY" => openssh(&block.bytes, password.filter(|it| !it.is_empty())),
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(&block.bytes).map(Pair::Rsa).map_err(rejected),
        "EC PRIVATE KEY" => ecdsa(&block.bytes).ok_or(Error::Rejected),
        "PRIVATE KEY" => Ed25519KeyPair::from_pkcs8(&block.bytes)
            .map(Pair::Ed25519)
            .or_else(|_| RsaKeyPair::from_pkcs8(&block.bytes).map(Pair::Rsa))
            .or_else(|_| ecdsa(&block.bytes).ok_or(Error::Rejected)),
        "ENCRYPTED PRIVATE KEY" => Err(Error::Encryption("PKCS#8".to_owned())),
        _ => Err(Error::NotAKey),
    }
}

fn ecdsa(der: &[u8]) -> Option<Pair> {
    Curve::ALL.into_iter().find_map(|curve| {
        let pair = EcdsaKeyPair::from_private_key_der(curve.algorithm(), der).ok()?;
        Some(Pair::Ecdsa(curve, pair))
    })
}

/// The key of a file in OpenSSH's format, which has exactly one.
fn openssh(bytes: &[u8], password: Option<&[u8]>) -> Result<Pair, Error> {
    let file = File::read(bytes).ok_or(Error::NotAKey)?;
    let private = match (file.cipher, password) {
        (b"none", _) => Zeroizing::new(file.private.to_vec()),
        (_, None) => return Err(Error::Locked),
        (_, Some(password)) => file.decrypt(password)?,
    };
    let mut fields = Reader::new(&private);
    let (one, two) = (fields.u32(), fields.u32());
    if one.is_none() || one != two {
        return Err(if file.cipher == b"none" { Error::NotAKey } else { Error::Password });
    }
    pair(fields)
}

struct File<'a> {
    cipher: &'a [u8],
    derivation: &'a [u8],
    options: &'a [u8],
    private: &'a [u8],
}

impl<'a> File<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(bytes.strip_prefix(OPENSSH)?);
        let (cipher, derivation, options) = (fields.string()?, fields.string()?, fields.string()?);
        (fields.u32()? == 1).then_some(())?;
        fields.string()?;
        Some(Self { cipher, derivation, options, private: fields.string()? })
    }

    fn decrypt(&self, password: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let unknown = || Error::Encryption(String::from_utf8_lossy(self.cipher).into_owned());
        let (algorithm, chained): (&'static Algorithm, bool) = match self.cipher {
            b"aes256-ctr" => (&AES_256, false),
            b"aes128-ctr" => (&AES_128, false),
            b"aes256-cbc" => (&AES_256, true),
            b"aes128-cbc" => (&AES_128, true),
            _ => return Err(unknown()),
        };
        if self.derivation != b"bcrypt" {
            return Err(unknown());
        }
        let mut options = Reader::new(self.options);
        let (salt, rounds) = options
            .string()
            .zip(options.u32())
            .filter(|it| it.1 <= MOST_ROUNDS)
            .ok_or_else(unknown)?;
        let length = if self.cipher.starts_with(b"aes256") { 32 } else { 16 };
        let mut derived = Zeroizing::new(vec![0; length + BLOCK]);
        bcrypt_pbkdf::bcrypt_pbkdf(password, salt, rounds, &mut derived)
            .map_err(|_| Error::NotAKey)?;
        let (key, iv) = derived.split_at(length);
        let key = UnboundCipherKey::new(algorithm, key).map_err(|_| Error::NotAKey)?;
        let key = if chained { DecryptingKey::cbc(key) } else { DecryptingKey::ctr(key) };
        let iv = FixedLength::<BLOCK>::try_from(iv).map_err(|_| Error::NotAKey)?;
        let mut private = Zeroizing::new(self.private.to_vec());
        key.and_then(|key| key.decrypt(&mut private, DecryptionContext::Iv128(iv)).map(drop))
            .map_err(|_| Error::Password)?;
        Ok(private)
    }
}

/// The key that the private fields make.
fn pair(mut fields: Reader<'_>) -> Result<Pair, Error> {
    let name = fields.string().ok_or(Error::NotAKey)?;
    let rejected = |_| Error::Rejected;
    match name {
        b"ssh-ed25519" => {
            let public = fields.string().ok_or(Error::NotAKey)?;
            let seed = fields.string().and_then(|both| both.get(..32)).ok_or(Error::NotAKey)?;
            let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public);
            pair.map(Pair::Ed25519).map_err(rejected)
        }
        b"ssh-rsa" => {
            let mut next = || fields.string().ok_or(Error::NotAKey);
            // A struct's fields are read in the order in which they are written here.
            let numbers = Numbers {
                n: next()?,
                e: next()?,
                d: next()?,
                q_inverse: next()?,
                p: next()?,
                q: next()?,
            };
            numbers.pair().map(Pair::Rsa).map_err(rejected)
        }
        _ => {
            let curve = Curve::ALL.into_iter().find(|curve| names(*curve).0.as_bytes() == name);
            let curve = curve
                .ok_or_else(|| Error::Algorithm(String::from_utf8_lossy(name).into_owned()))?;
            let mut next = || fields.string().ok_or(Error::NotAKey);
            let (_, public, private) = (next()?, next()?, next()?);
            let private = padded(private, curve.size()).ok_or(Error::Rejected)?;
            Pair::ecdsa(curve, &private, public).map_err(rejected)
        }
    }
}
