//! RSA keys as SSH and OpenPGP keep them, for aws-lc-rs.

use aws_lc_rs::{
    error::KeyRejected,
    rsa::{KeyPairComponents, PublicKeyComponents},
    signature::RsaKeyPair,
};
use zeroize::{Zeroize, Zeroizing};

use crate::reader::unpadded;

/// The numbers that both formats keep.
pub struct Numbers<'a> {
    /// The modulus.
    pub n: &'a [u8],
    /// The public exponent.
    pub e: &'a [u8],
    /// The private exponent.
    pub d: &'a [u8],
    /// A prime.
    pub p: &'a [u8],
    /// The other prime.
    pub q: &'a [u8],
    /// The inverse of `q` modulo `p`.
    pub q_inverse: &'a [u8],
}

impl Numbers<'_> {
    /// The key, if its numbers fit each other. It has at least 2048 bits.
    pub fn pair(&self) -> Result<RsaKeyPair, KeyRejected> {
        let components = KeyPairComponents {
            public_key: PublicKeyComponents { n: unpadded(self.n), e: unpadded(self.e) },
            d: unpadded(self.d).to_vec(),
            p: unpadded(self.p).to_vec(),
            q: unpadded(self.q).to_vec(),
            dP: below(self.d, self.p).to_vec(),
            dQ: below(self.d, self.q).to_vec(),
            qInv: unpadded(self.q_inverse).to_vec(),
        };
        let components = Wiped(components);
        RsaKeyPair::from_components(&components.0)
    }
}

struct Wiped<'n>(KeyPairComponents<&'n [u8], Vec<u8>>);

impl Drop for Wiped<'_> {
    fn drop(&mut self) {
        let KeyPairComponents { d, p, q, dP, dQ, qInv, .. } = &mut self.0;
        [d, p, q, dP, dQ, qInv].into_iter().for_each(Zeroize::zeroize);
    }
}

/// `number` modulo `prime - 1`, bit by bit: neither format keeps it.
///
/// It takes as long as the key makes it take, which nobody can ask for twice with another message.
fn below(number: &[u8], prime: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut modulus = Zeroizing::new(unpadded(prime).to_vec());
    if let Some(last) = modulus.last_mut() {
        // A prime is odd, and what is not is refused by who gets it.
        *last &= 0xfe;
    }
    let mut rest = Zeroizing::new(vec![0_u8; modulus.len() + 1]);
    for byte in number {
        for bit in (0..8).rev() {
            double(&mut rest, (byte >> bit) & 1);
            if rest[0] != 0 || rest[1..] >= modulus[..] {
                subtract(&mut rest, &modulus);
            }
        }
    }
    Zeroizing::new(unpadded(&rest).to_vec())
}

fn double(number: &mut [u8], mut carry: u8) {
    for byte in number.iter_mut().rev() {
        let next = *byte >> 7;
        *byte = *byte << 1 | carry;
        carry = next;
    }
}

/// `number -= smaller`, aligned at their ends.
fn subtract(number: &mut [u8], smaller: &[u8]) {
    let mut borrow = false;
    let padding = std::iter::repeat(&0);
    for (byte, other) in number.iter_mut().rev().zip(smaller.iter().rev().chain(padding)) {
        let (difference, first) = byte.overflowing_sub(*other);
        let (difference, second) = difference.overflowing_sub(u8::from(borrow));
        *byte = difference;
        borrow = first || second;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_below_another() {
        #[rustfmt::skip]
        let cases: [(&[u8], &[u8], &[u8]); 5] = [
            // number             prime       number mod (prime - 1)
            (&[7],                &[11],      &[7]),
            (&[13],               &[11],      &[3]),
            (&[1, 0],             &[11],      &[6]),
            (&[0xff, 0xff, 0xff], &[1, 1],    &[0xff]),
            (&[10],               &[0, 11],   &[]),
        ];
        for (number, prime, expected) in cases {
            assert_eq!(*below(number, prime), expected, "{number:?} {prime:?}");
        }
    }
}
