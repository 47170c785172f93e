//! How the private part of a key is encrypted: S2K, then AES in CFB mode.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use keyfile::reader::Reader;
use zeroize::Zeroizing;

use crate::{
    Error,
    cipher::{self, BLOCK, Cipher},
};

/// The numbers of a key that is not encrypted, checked against their sum.
pub(crate) fn open(mut reader: Reader<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let body = reader.rest().len().checked_sub(2).and_then(|size| reader.take(size));
    let (body, sum) = body.zip(reader.u16()).ok_or(Error::NotAKey)?;
    if sum_of(body) != sum {
        return Err(Error::Rejected);
    }
    Ok(Zeroizing::new(body.to_vec()))
}

/// The numbers of an encrypted key. `usage` is the octet before `reader`.
pub(crate) fn decrypt(
    usage: u8,
    mut reader: Reader<'_>,
    passphrase: Option<&[u8]>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if !matches!(usage, 254 | 255) {
        return Err(Error::Protection(match usage {
            253 => "an AEAD mode".to_owned(),
            other => format!("the old cipher {other}"),
        }));
    }
    let cipher = reader.u8().ok_or(Error::NotAKey)?;
    let stretch = Stretch::read(&mut reader)?;
    let cipher = Cipher::numbered(cipher)
        .ok_or_else(|| Error::Protection(format!("the cipher {cipher}")))?;
    let passphrase = passphrase.ok_or(Error::Locked)?;
    let iv: [u8; BLOCK] = reader.array().ok_or(Error::NotAKey)?;
    let key = stretch.key(passphrase, cipher.length());
    let mut plain = Zeroizing::new(reader.rest().to_vec());
    cipher.decrypt(&key, &iv, &mut plain).ok_or(Error::Passphrase)?;
    let tail = if usage == 254 { 20 } else { 2 };
    let size = plain.len().checked_sub(tail).ok_or(Error::NotAKey)?;
    let right = if usage == 254 {
        let sum = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &plain[..size]);
        verify_slices_are_equal(sum.as_ref(), &plain[size..]).is_ok()
    } else {
        sum_of(&plain[..size]).to_be_bytes() == plain[size..]
    };
    if !right {
        return Err(Error::Passphrase);
    }
    plain.truncate(size);
    Ok(plain)
}

fn sum_of(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, byte| sum.wrapping_add(u16::from(*byte)))
}

/// How a passphrase becomes a key.
struct Stretch<'a> {
    hash: &'static digest::Algorithm,
    salt: &'a [u8],
    /// How many bytes are hashed, at least.
    count: usize,
}

impl<'a> Stretch<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let kind = reader.u8().ok_or(Error::NotAKey)?;
        if !matches!(kind, 0 | 1 | 3 | 101) {
            return Err(Error::Protection(format!("the S2K {kind}")));
        }
        let hash = reader.u8().ok_or(Error::NotAKey)?;
        if kind == 101 {
            // GnuPG's own: the private part was left out, or is on a card.
            return Err(Error::Absent);
        }
        let hash =
            cipher::hash(hash).ok_or_else(|| Error::Protection(format!("the hash {hash}")))?;
        let salt = if kind == 0 { &[] } else { reader.take(8).ok_or(Error::NotAKey)? };
        let count = if kind == 3 {
            let coded = reader.u8().ok_or(Error::NotAKey)?;
            (16 + usize::from(coded & 15)) << ((coded >> 4) + 6)
        } else {
            0
        };
        Ok(Self { hash, salt, count })
    }

    fn key(&self, passphrase: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
        let unit = Zeroizing::new([self.salt, passphrase].concat());
        let mut key = Zeroizing::new(Vec::with_capacity(length + 64));
        // Each further hash begins with one zero more.
        for round in 0_usize.. {
            if key.len() >= length {
                break;
            }
            let mut hash = digest::Context::new(self.hash);
            hash.update(&vec![0; round]);
            let mut left = self.count.max(unit.len());
            while left > 0 {
                let part = left.min(unit.len());
                hash.update(&unit[..part]);
                left -= part;
            }
            key.extend_from_slice(hash.finish().as_ref());
        }
        key.truncate(length);
        key
    }
}
