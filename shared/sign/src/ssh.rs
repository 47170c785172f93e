//! Signatures with SSH keys (SSHSIG), as `ssh-keygen -Y sign -n git` makes them.

use aws_lc_rs::digest;
use keyfile::{
    pem,
    reader::push_string,
    ssh::{self, RsaHash},
};

pub use keyfile::ssh::Error;

/// What a signature is good for, and for nothing else.
const NAMESPACE: &[u8] = b"git";
const HASH: &[u8] = b"sha512";
const MAGIC: &[u8] = b"SSHSIG";

/// A private key that signs commits: ed25519, ECDSA on a NIST curve, or RSA of 2048 bits or more.
pub struct Key(ssh::Key);

impl Key {
    /// Reads a private key, which `password` opens if it is encrypted.
    pub fn unlock(text: &str, password: Option<&[u8]>) -> Result<Self, Error> {
        ssh::Key::unlock(text, password).map(Self)
    }

    /// The signature of `message`, armored.
    pub fn sign(&self, message: &[u8]) -> Result<String, Error> {
        let hash = digest::digest(&digest::SHA512, message);
        let mut signed = MAGIC.to_vec();
        for field in [NAMESPACE, b"", HASH, hash.as_ref()] {
            push_string(&mut signed, field);
        }
        let signature = self.0.sign(RsaHash::Sha512, &signed)?;
        let mut blob = MAGIC.to_vec();
        blob.extend(1_u32.to_be_bytes());
        for field in [self.0.public(), NAMESPACE, b"", HASH, &signature] {
            push_string(&mut blob, field);
        }
        Ok(pem::encode("SSH SIGNATURE", &blob, 70, None))
    }
}
