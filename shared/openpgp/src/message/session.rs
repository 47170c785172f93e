//! Session keys, and how a key of a recipient wraps one.

use aws_lc_rs::{
    digest,
    encoding::AsDer as _,
    rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey, PublicKeyComponents},
};
use keyfile::reader::{Reader, padded, push_number};
use zeroize::Zeroizing;

use super::wrap::{HALF, unwrap, wrap};
use crate::{
    Algorithm, Error, Fingerprint, Part,
    cipher::{self, Cipher},
    curve::{Agreed, Curve},
    key::{Ecdh, EcdhSecret, Numbers, Unlocked, decrypting},
};

const VERSION: u8 = 3;

/// The key of one message.
pub(super) struct Session {
    pub(super) cipher: Cipher,
    pub(super) key: Zeroizing<Vec<u8>>,
}

/// A session key, wrapped for one key.
pub(super) struct Wrapped<'a> {
    /// The end of the recipient's fingerprint; zeros hide it.
    id: [u8; 8],
    algorithm: Algorithm,
    fields: Reader<'a>,
}

impl Session {
    pub(super) fn generate() -> Option<Self> {
        let cipher = Cipher::Aes256;
        let mut key = Zeroizing::new(vec![0; cipher.length()]);
        aws_lc_rs::rand::fill(&mut key).ok()?;
        Some(Self { cipher, key })
    }

    /// The number of the cipher, the key, and their sum.
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut encoded = Zeroizing::new(Vec::with_capacity(48));
        encoded.push(self.cipher.number());
        encoded.extend_from_slice(&self.key);
        encoded.extend(sum(&self.key));
        encoded
    }

    /// The opposite of [`Session::encode`].
    fn decode(encoded: &[u8]) -> Option<Self> {
        let (number, rest) = encoded.split_first()?;
        let cipher = Cipher::numbered(*number)?;
        let (key, sum) = rest.split_at_checked(cipher.length())?;
        (sum == self::sum(key)).then(|| Self { cipher, key: Zeroizing::new(key.to_vec()) })
    }

    /// The body of the packet for this part.
    pub(super) fn wrap(&self, part: &Part) -> Result<Vec<u8>, Error> {
        let public = part.public();
        let mut body = vec![VERSION];
        body.extend(public.fingerprint().id());
        body.push(public.algorithm().0);
        let wrapped = match public.numbers() {
            Numbers::Rsa { n, e } => self.wrap_rsa(n, e, &mut body),
            Numbers::Ecdh(key) => self.wrap_ecdh(key, &public.fingerprint(), &mut body),
            Numbers::X25519(key) => self.wrap_x25519(key, &mut body),
            _ => return Err(Error::Algorithm(public.algorithm())),
        };
        wrapped.map(|()| body).ok_or(Error::Rejected)
    }

    fn wrap_rsa(&self, n: &[u8], e: &[u8], body: &mut Vec<u8>) -> Option<()> {
        let der = PublicKeyComponents { n, e }.as_der().ok()?;
        let key = PublicEncryptingKey::from_der(der.as_ref()).ok()?;
        let key = Pkcs1PublicEncryptingKey::new(key).ok()?;
        let mut wrapped = vec![0; key.ciphertext_size()];
        key.encrypt(&self.encode(), &mut wrapped).ok()?;
        push_number(body, &wrapped);
        Some(())
    }

    fn wrap_ecdh(&self, key: &Ecdh, owner: &Fingerprint, body: &mut Vec<u8>) -> Option<()> {
        let (public, agreed) = key.curve.agree_anew(&key.point)?;
        let mut encoded = self.encode();
        let padding = HALF - encoded.len() % HALF;
        encoded.extend(std::iter::repeat_n(u8::try_from(padding).ok()?, padding));
        let wrapped = wrap(&key.wrapping_key(&agreed, owner)?, &encoded)?;
        push_number(body, &public);
        body.push(u8::try_from(wrapped.len()).ok()?);
        body.extend(wrapped);
        Some(())
    }

    fn wrap_x25519(&self, key: &[u8; 32], body: &mut Vec<u8>) -> Option<()> {
        let theirs = [&[crate::curve::NATIVE], key.as_slice()].concat();
        let (public, agreed) = Curve::X25519.agree_anew(&theirs)?;
        let public: [u8; 32] = public[1..].try_into().ok()?;
        let wrapped = wrap(&x25519_key(&public, key, &agreed), &self.key)?;
        body.extend(public);
        body.push(u8::try_from(wrapped.len() + 1).ok()?);
        body.push(self.cipher.number());
        body.extend(wrapped);
        Some(())
    }
}

impl<'a> Wrapped<'a> {
    /// What a packet says; nothing if it is in a version that we do not know, which others may.
    pub(super) fn read(body: &'a [u8]) -> Result<Option<Self>, Error> {
        let mut fields = Reader::new(body);
        if fields.u8() != Some(VERSION) {
            return Ok(None);
        }
        let id = fields.array().ok_or(Error::NotAMessage)?;
        let algorithm = fields.u8().map(Algorithm).ok_or(Error::NotAMessage)?;
        Ok(Some(Self { id, algorithm, fields }))
    }

    /// How the recipient is named.
    pub(super) fn recipient(&self) -> String {
        if self.id == [0; 8] {
            return "a hidden key".to_owned();
        }
        self.id.iter().fold(String::new(), |id, byte| format!("{id}{byte:02X}"))
    }

    /// Whether a key with this fingerprint may be meant.
    pub(super) fn names(&self, fingerprint: &Fingerprint) -> bool {
        self.id == [0; 8] || self.id == fingerprint.id()
    }

    pub(super) fn is_for(&self, part: &Part) -> bool {
        part.is_secret()
            && part.public().algorithm() == self.algorithm
            && self.names(&part.public().fingerprint())
    }

    /// The session key. What RSA found to be nothing is altered, like all else: nobody learns which.
    pub(super) fn unwrap(&self, part: &Part, passphrase: Option<&[u8]>) -> Result<Session, Error> {
        let public = part.public();
        let secret = part.unlock(passphrase)?;
        let session = match (&secret, public.numbers()) {
            (Unlocked::Pair(pair), Numbers::Rsa { .. }) => {
                decrypting(pair).and_then(|key| self.unwrap_rsa(&key))
            }
            (Unlocked::Ecdh(secret), Numbers::Ecdh(key)) => {
                self.unwrap_ecdh(secret, key, &public.fingerprint())
            }
            (Unlocked::Ecdh(secret), Numbers::X25519(key)) => self.unwrap_x25519(secret, key),
            _ => return Err(Error::Algorithm(self.algorithm)),
        };
        session.ok_or(Error::Altered)
    }

    fn unwrap_rsa(&self, key: &aws_lc_rs::rsa::Pkcs1PrivateDecryptingKey) -> Option<Session> {
        let mut fields = self.fields;
        let wrapped = padded(fields.number()?, key.key_size_bytes())?;
        let mut plain = Zeroizing::new(vec![0; key.min_output_size()]);
        Session::decode(key.decrypt(&wrapped, &mut plain).ok()?)
    }

    fn unwrap_ecdh(&self, secret: &EcdhSecret, key: &Ecdh, owner: &Fingerprint) -> Option<Session> {
        let mut fields = self.fields;
        let theirs = fields.number()?;
        let length = usize::from(fields.u8()?);
        let wrapped = fields.take(length)?;
        let agreed = secret.curve.agree(&secret.number, theirs)?;
        let plain = unwrap(&key.wrapping_key(&agreed, owner)?, wrapped)?;
        // The padding says its length in every byte.
        let padding = usize::from(*plain.last()?);
        let size = plain.len().checked_sub(padding)?;
        let right = plain[size..].iter().all(|byte| usize::from(*byte) == padding);
        right.then(|| Session::decode(&plain[..size])).flatten()
    }

    fn unwrap_x25519(&self, secret: &EcdhSecret, key: &[u8; 32]) -> Option<Session> {
        let mut fields = self.fields;
        let public: [u8; 32] = fields.array()?;
        let length = usize::from(fields.u8()?);
        let (number, wrapped) = fields.take(length)?.split_first()?;
        let theirs = [&[crate::curve::NATIVE], public.as_slice()].concat();
        let agreed = secret.curve.agree(&secret.number, &theirs)?;
        let plain = unwrap(&x25519_key(&public, key, &agreed), wrapped)?;
        let cipher = Cipher::numbered(*number).filter(|it| it.length() == plain.len())?;
        Some(Session { cipher, key: plain })
    }
}

impl Ecdh {
    /// The key that wraps, RFC 6637, §8.
    fn wrapping_key(&self, agreed: &Agreed, owner: &Fingerprint) -> Option<Zeroizing<Vec<u8>>> {
        let length = Cipher::numbered(self.cipher)?.length();
        let mut hash = digest::Context::new(cipher::hash(self.hash)?);
        hash.update(&[0, 0, 0, 1]);
        hash.update(agreed);
        hash.update(&[u8::try_from(self.oid.len()).ok()?]);
        hash.update(&self.oid);
        hash.update(&[Algorithm::ECDH.0, 3, 1, self.hash, self.cipher]);
        hash.update(b"Anonymous Sender    ");
        hash.update(&owner.0);
        let derived = hash.finish();
        Some(Zeroizing::new(derived.as_ref().get(..length)?.to_vec()))
    }
}

/// The key that wraps for an X25519 key, RFC 9580, §5.1.6.
fn x25519_key(share: &[u8; 32], owner: &[u8; 32], agreed: &Agreed) -> Zeroizing<Vec<u8>> {
    use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
    struct Length;
    impl KeyType for Length {
        fn len(&self) -> usize {
            16
        }
    }
    let input = Zeroizing::new([share, owner.as_slice(), agreed.as_slice()].concat());
    let mut key = Zeroizing::new(vec![0; 16]);
    Salt::new(HKDF_SHA256, &[])
        .extract(&input)
        .expand(&[b"OpenPGP X25519"], Length)
        .and_then(|derived| derived.fill(&mut key))
        .expect("HKDF gives 16 bytes");
    key
}

fn sum(key: &[u8]) -> [u8; 2] {
    key.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte))).to_be_bytes()
}
