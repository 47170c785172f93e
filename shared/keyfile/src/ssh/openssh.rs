//! OpenSSH's own format of private keys.

use aws_lc_rs::{
    cipher::{AES_128, AES_256, Algorithm, DecryptingKey, DecryptionContext, UnboundCipherKey},
    iv::FixedLength,
    signature::Ed25519KeyPair,
};
use zeroize::Zeroizing;

use super::{ED25519, Error, RSA, names, public};
use crate::{
    Curve, Pair,
    reader::{Reader, padded},
    rsa::Numbers,
};

const OPENSSH: &[u8] = b"openssh-key-v1\0";
/// More rounds than any key has whose password is typed by people.
const MOST_ROUNDS: u32 = 1024;
const BLOCK: usize = 16;

/// The key of a file, which has exactly one.
pub(super) fn unlock(bytes: &[u8], password: Option<&[u8]>) -> Result<Pair, Error> {
    let file = File::read(bytes).ok_or(Error::Rejected)?;
    let private = match (file.cipher, password) {
        (b"none", _) => Zeroizing::new(file.private.to_vec()),
        (_, None) => return Err(Error::Locked),
        (_, Some(password)) => file.decrypt(password)?,
    };
    let mut fields = Reader::new(&private);
    let (one, two) = (fields.u32(), fields.u32());
    if one.is_none() || one != two {
        return Err(if file.cipher == b"none" { Error::Rejected } else { Error::Password });
    }
    let pair = pair(fields)?;
    // The half that can be read without a password is what others take the key for.
    let own = public(&pair).is_some_and(|own| own == file.public);
    if own { Ok(pair) } else { Err(Error::Rejected) }
}

pub(super) fn public_half(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(File::read(bytes)?.public.to_vec())
}

struct File<'a> {
    cipher: &'a [u8],
    derivation: &'a [u8],
    options: &'a [u8],
    public: &'a [u8],
    private: &'a [u8],
}

impl<'a> File<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(bytes.strip_prefix(OPENSSH)?);
        let (cipher, derivation, options) = (fields.string()?, fields.string()?, fields.string()?);
        (fields.u32()? == 1).then_some(())?;
        let public = fields.string()?;
        Some(Self { cipher, derivation, options, public, private: fields.string()? })
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
            .map_err(|_| Error::Rejected)?;
        let (key, iv) = derived.split_at(length);
        let key = UnboundCipherKey::new(algorithm, key).map_err(|_| Error::Rejected)?;
        let key = if chained { DecryptingKey::cbc(key) } else { DecryptingKey::ctr(key) };
        let iv = FixedLength::<BLOCK>::try_from(iv).map_err(|_| Error::Rejected)?;
        let mut private = Zeroizing::new(self.private.to_vec());
        key.and_then(|key| key.decrypt(&mut private, DecryptionContext::Iv128(iv)).map(drop))
            .map_err(|_| Error::Password)?;
        Ok(private)
    }
}

/// The key that the private fields make.
fn pair(mut fields: Reader<'_>) -> Result<Pair, Error> {
    let name = fields.string().ok_or(Error::Rejected)?;
    let rejected = |_| Error::Rejected;
    match name {
        _ if name == ED25519.as_bytes() => {
            let public = fields.string().ok_or(Error::Rejected)?;
            let seed = fields.string().and_then(|both| both.get(..32)).ok_or(Error::Rejected)?;
            let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public);
            pair.map(Pair::Ed25519).map_err(rejected)
        }
        _ if name == RSA.as_bytes() => {
            let mut next = || fields.string().ok_or(Error::Rejected);
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
            let mut next = || fields.string().ok_or(Error::Rejected);
            let (_, public, private) = (next()?, next()?, next()?);
            let private = padded(private, curve.size()).ok_or(Error::Rejected)?;
            Pair::ecdsa(curve, &private, public).map_err(rejected)
        }
    }
}
