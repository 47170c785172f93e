//! X25519 on bytes, for formats that keep the bare numbers.

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree as with};
use zeroize::Zeroizing;

/// The length of private keys, public keys and what they agree on.
pub const LENGTH: usize = 32;

/// The public half of a private key.
pub fn public(private: &[u8; LENGTH]) -> Option<[u8; LENGTH]> {
    let key = PrivateKey::from_private_key(&X25519, private).ok()?;
    key.compute_public_key().ok()?.as_ref().try_into().ok()
}

/// What both halves of the other pair know too; nothing if `theirs` is a point of low order, with
/// which everybody agrees on the same.
pub fn agree(private: &[u8; LENGTH], theirs: &[u8; LENGTH]) -> Option<Zeroizing<[u8; LENGTH]>> {
    let key = PrivateKey::from_private_key(&X25519, private).ok()?;
    with(&key, UnparsedPublicKey::new(&X25519, theirs), (), |secret| {
        secret.try_into().map(Zeroizing::new).map_err(|_| ())
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_and_low_order_is_refused() {
        let (mine, theirs) = ([7; LENGTH], [9; LENGTH]);
        let agreed = agree(&mine, &public(&theirs).unwrap()).unwrap();
        assert_eq!(agreed, agree(&theirs, &public(&mine).unwrap()).unwrap());
        assert!(agree(&mine, &[0; LENGTH]).is_none());
    }
}
