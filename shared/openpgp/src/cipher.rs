//! The ciphers and hashes of OpenPGP, by their numbers.

use aws_lc_rs::{
    cipher::{
        AES_128, AES_192, AES_256, Algorithm, DecryptingKey, DecryptionContext, EncryptingKey,
        EncryptionContext, UnboundCipherKey,
    },
    digest,
    iv::FixedLength,
};

/// The length of a block.
pub(crate) const BLOCK: usize = 16;

/// AES in one of its sizes. GnuPG and its kin have no other cipher since 2005 unless asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    Aes128,
    Aes192,
    Aes256,
}

impl Cipher {
    pub(crate) const ALL: [Self; 3] = [Self::Aes128, Self::Aes192, Self::Aes256];

    pub(crate) fn numbered(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| cipher.number() == number)
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Aes128 => 7,
            Self::Aes192 => 8,
            Self::Aes256 => 9,
        }
    }

    /// The length of a key.
    pub(crate) fn length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    /// The cipher whose keys have this length.
    pub(crate) fn of_length(length: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| cipher.length() == length)
    }

    /// Encrypts one block by itself.
    pub(crate) fn encrypt_block(self, key: &[u8], block: &mut [u8; BLOCK]) -> Option<()> {
        let key = EncryptingKey::ecb(self.key(key)?).ok()?;
        key.encrypt(block).ok().map(drop)
    }

    /// Decrypts one block by itself.
    pub(crate) fn decrypt_block(self, key: &[u8], block: &mut [u8; BLOCK]) -> Option<()> {
        let key = DecryptingKey::ecb(self.key(key)?).ok()?;
        key.decrypt(block, DecryptionContext::None).ok().map(drop)
    }

    fn key(self, key: &[u8]) -> Option<UnboundCipherKey> {
        let algorithm: &'static Algorithm = match self {
            Self::Aes128 => &AES_128,
            Self::Aes192 => &AES_192,
            Self::Aes256 => &AES_256,
        };
        UnboundCipherKey::new(algorithm, key).ok()
    }

    /// Encrypts in CFB mode, in place.
    pub(crate) fn encrypt(self, key: &[u8], iv: &[u8; BLOCK], data: &mut [u8]) -> Option<()> {
        let key = EncryptingKey::cfb128(self.key(key)?).ok()?;
        let iv = EncryptionContext::Iv128(FixedLength::from(iv));
        key.less_safe_encrypt(data, iv).ok().map(drop)
    }

    /// Decrypts in CFB mode, in place.
    pub(crate) fn decrypt(self, key: &[u8], iv: &[u8; BLOCK], data: &mut [u8]) -> Option<()> {
        let key = DecryptingKey::cfb128(self.key(key)?).ok()?;
        key.decrypt(data, DecryptionContext::Iv128(FixedLength::from(iv))).ok().map(drop)
    }
}

/// The hash with this number.
pub(crate) fn hash(number: u8) -> Option<&'static digest::Algorithm> {
    match number {
        2 => Some(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        8 => Some(&digest::SHA256),
        9 => Some(&digest::SHA384),
        10 => Some(&digest::SHA512),
        11 => Some(&digest::SHA224),
        _ => None,
    }
}
