//! DHKEM(X25519, HKDF-SHA256) of RFC 9180, §4.1.

use keyfile::x25519::{self, LENGTH};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{expand, prk};

/// The id of the KEM.
pub const ID: u16 = 0x0020;
/// The length of private keys, of public keys and of what is sent.
pub const KEY: usize = LENGTH;

/// What both sides know.
pub type Shared = Zeroizing<[u8; 32]>;

/// A private key with its public half.
pub struct Private {
    private: Zeroizing<[u8; KEY]>,
    public: [u8; KEY],
}

impl Private {
    /// The key of its bytes.
    pub fn new(private: &[u8; KEY]) -> Option<Self> {
        Some(Self { private: Zeroizing::new(*private), public: x25519::public(private)? })
    }

    /// The public half.
    pub fn public(&self) -> &[u8; KEY] {
        &self.public
    }

    /// What the sender knows; nothing if the bytes can come from no sender.
    pub fn decapsulate(&self, sent: &[u8; KEY]) -> Option<Shared> {
        let agreed = x25519::agree(&self.private, sent)?;
        Some(extract_and_expand(&agreed, sent, &self.public))
    }
}

/// Something new that the holder of the private key gets to know from what is returned first.
/// Nothing if `public` has low order, which makes the other side's help needless.
pub fn encapsulate(
    public: &[u8; KEY],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Option<([u8; KEY], Shared)> {
    let mut ephemeral = Zeroizing::new([0; KEY]);
    rng.fill_bytes(ephemeral.as_mut_slice());
    with(&ephemeral, public)
}

fn with(ephemeral: &[u8; KEY], public: &[u8; KEY]) -> Option<([u8; KEY], Shared)> {
    let sent = x25519::public(ephemeral)?;
    let agreed = x25519::agree(ephemeral, public)?;
    Some((sent, extract_and_expand(&agreed, &sent, public)))
}

fn extract_and_expand(agreed: &[u8; KEY], sent: &[u8; KEY], public: &[u8; KEY]) -> Shared {
    let suite = [b"KEM".as_slice(), &ID.to_be_bytes()].concat();
    let secret = prk(&suite, &[], "eae_prk", agreed);
    let mut shared = Zeroizing::new([0; 32]);
    expand(&suite, &secret, "shared_secret", &[*sent, *public].concat(), shared.as_mut_slice());
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> [u8; KEY] {
        let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..text.len()).step_by(2).map(digit).collect();
        bytes.try_into().unwrap()
    }

    /// RFC 9180, A.2.1.
    #[test]
    fn the_vector_of_the_rfc_agrees_on_both_sides() {
        let ephemeral = hex("f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600");
        let private = hex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb");
        let private = Private::new(&private).unwrap();
        let public = hex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a");
        assert_eq!(private.public(), &public);
        let (sent, shared) = with(&ephemeral, &public).unwrap();
        assert_eq!(sent, hex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"));
        let expected = hex("0bbe78490412b4bbea4812666f7916932b828bba79942424abb65244930d69a7");
        assert_eq!(*shared, expected);
        assert_eq!(*private.decapsulate(&sent).unwrap(), expected);
    }

    #[test]
    fn points_of_low_order_agree_on_nothing() {
        assert!(encapsulate(&[0; KEY], &mut rand::rng()).is_none());
        assert!(Private::new(&[7; KEY]).unwrap().decapsulate(&[0; KEY]).is_none());
    }
}
