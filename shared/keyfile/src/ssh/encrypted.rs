//! Keys that OpenSSL encrypted: PKCS#8 with PBES2, and the form with a `DEK-Info` header.

use std::num::NonZeroU32;

use aws_lc_rs::{
    cipher::{
        AES_128, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
    },
    iv::FixedLength,
    pbkdf2,
};
use zeroize::Zeroizing;

use super::Error;
use crate::reader::Reader;

const SEQUENCE: u8 = 0x30;
const OCTETS: u8 = 0x04;
const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;

const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const AES_128_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x02];
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];
/// `hmacWithSHA…`, but for the last byte.
const HMAC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];

/// More than anybody uses, and less than a minute.
const MOST_ROUNDS: u32 = 10_000_000;

/// The PKCS#8 key within an encrypted one.
pub(super) fn pkcs8(der: &[u8], password: Option<&[u8]>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let sealed = Pbes2::read(der).ok_or_else(|| unknown("PKCS#8"))?;
    let password = password.ok_or(Error::Locked)?;
    let mut key = Zeroizing::new([0; 32]);
    let key = &mut key[..sealed.key_length];
    pbkdf2::derive(sealed.prf, sealed.rounds, sealed.salt, password, key);
    decrypt(sealed.cipher, key, sealed.iv, sealed.data)
}

/// The key below a header `DEK-Info: AES-128-CBC,IV`.
pub(super) fn openssl(
    how: &str,
    data: &[u8],
    password: Option<&[u8]>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let iv = how.strip_prefix("AES-128-CBC,").and_then(hex).ok_or_else(|| unknown(how))?;
    let password = password.ok_or(Error::Locked)?;
    let mut stretch = md5::Context::new();
    stretch.consume(password);
    stretch.consume(&iv[..8]);
    let key = Zeroizing::new(stretch.finalize().0);
    decrypt(&AES_128, key.as_slice(), &iv, data)
}

struct Pbes2<'a> {
    prf: pbkdf2::Algorithm,
    salt: &'a [u8],
    rounds: NonZeroU32,
    cipher: &'static Algorithm,
    key_length: usize,
    iv: &'a [u8],
    data: &'a [u8],
}

impl<'a> Pbes2<'a> {
    /// `SEQ { SEQ { pbes2, SEQ { SEQ { pbkdf2, SEQ {…} }, SEQ { cipher, iv } } }, data }`.
    fn read(der: &'a [u8]) -> Option<Self> {
        let mut whole = Reader::new(Reader::new(der).der(SEQUENCE)?);
        let mut scheme = Reader::new(whole.der(SEQUENCE)?);
        let data = whole.der(OCTETS)?;
        (scheme.der(OID)? == PBES2).then_some(())?;
        let mut parts = Reader::new(scheme.der(SEQUENCE)?);
        let (mut derivation, mut cipher) =
            (Reader::new(parts.der(SEQUENCE)?), Reader::new(parts.der(SEQUENCE)?));
        (derivation.der(OID)? == PBKDF2).then_some(())?;
        let mut options = Reader::new(derivation.der(SEQUENCE)?);
        let salt = options.der(OCTETS)?;
        let rounds = options
            .der(INTEGER)?
            .iter()
            .try_fold(0_u32, |rounds, byte| Some(rounds.checked_mul(0x100)? | u32::from(*byte)));
        let rounds = rounds.filter(|rounds| *rounds <= MOST_ROUNDS).and_then(NonZeroU32::new)?;
        if options.rest().first() == Some(&INTEGER) {
            // The length of the key, which the cipher says as well.
            options.der(INTEGER)?;
        }
        let prf = match options.der(SEQUENCE) {
            None => pbkdf2::PBKDF2_HMAC_SHA1,
            Some(prf) => match Reader::new(prf).der(OID)?.strip_prefix(HMAC)? {
                [7] => pbkdf2::PBKDF2_HMAC_SHA1,
                [9] => pbkdf2::PBKDF2_HMAC_SHA256,
                [10] => pbkdf2::PBKDF2_HMAC_SHA384,
                [11] => pbkdf2::PBKDF2_HMAC_SHA512,
                _ => return None,
            },
        };
        let (kind, key_length): (&'static Algorithm, _) = match cipher.der(OID)? {
            AES_128_CBC => (&AES_128, 16),
            AES_256_CBC => (&AES_256, 32),
            _ => return None,
        };
        Some(Self { prf, salt, rounds, cipher: kind, key_length, iv: cipher.der(OCTETS)?, data })
    }
}

fn decrypt(
    cipher: &'static Algorithm,
    key: &[u8],
    iv: &[u8],
    data: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let iv = FixedLength::<16>::try_from(iv).map_err(|_| Error::Rejected)?;
    let mut data = Zeroizing::new(data.to_vec());
    let length = UnboundCipherKey::new(cipher, key)
        .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
        .and_then(|key| {
            let plain = key.decrypt(&mut data, DecryptionContext::Iv128(iv))?;
            Ok(plain.len())
        })
        .map_err(|_| Error::Password)?;
    data.truncate(length);
    Ok(data)
}

/// Sixteen bytes in hexadecimal.
fn hex(text: &str) -> Option<[u8; 16]> {
    let digits = text.trim().as_bytes();
    let mut bytes = [0; 16];
    (digits.len() == 32).then_some(())?;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn unknown(how: &str) -> Error {
    Error::Encryption(how.to_owned())
}
