//! AES key wrap, RFC 3394.
//!
//! On the cipher of aws-lc-rs: its own key wrap takes no key of 192 bits, with which GnuPG's keys
//! on nistp384 ask for it.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use zeroize::Zeroizing;

use crate::cipher::{BLOCK, Cipher};

/// A half of a block, in which keys are wrapped.
pub(super) const HALF: usize = 8;
const INITIAL: [u8; HALF] = [0xa6; HALF];
const ROUNDS: u64 = 6;

/// `plain`, a multiple of [`HALF`] in length, under `key`.
pub(super) fn wrap(key: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let cipher = Cipher::of_length(key.len())?;
    if !plain.len().is_multiple_of(HALF) || plain.len() < 2 * HALF {
        return None;
    }
    let mut wrapped = [INITIAL.as_slice(), plain].concat();
    let mut block = Zeroizing::new([0; BLOCK]);
    let mut step: u64 = 0;
    for _ in 0..ROUNDS {
        for at in (HALF..wrapped.len()).step_by(HALF) {
            step += 1;
            block[..HALF].copy_from_slice(&wrapped[..HALF]);
            block[HALF..].copy_from_slice(&wrapped[at..at + HALF]);
            cipher.encrypt_block(key, &mut block)?;
            count(&mut block, step);
            wrapped[..HALF].copy_from_slice(&block[..HALF]);
            wrapped[at..at + HALF].copy_from_slice(&block[HALF..]);
        }
    }
    Some(wrapped)
}

/// What was wrapped under `key`; nothing if it was altered.
pub(super) fn unwrap(key: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = Cipher::of_length(key.len())?;
    if !wrapped.len().is_multiple_of(HALF) || wrapped.len() < 3 * HALF {
        return None;
    }
    let mut plain = Zeroizing::new(wrapped.to_vec());
    let mut block = Zeroizing::new([0; BLOCK]);
    let mut step = ROUNDS * u64::try_from(wrapped.len() / HALF - 1).ok()?;
    for _ in 0..ROUNDS {
        for at in (HALF..plain.len()).step_by(HALF).rev() {
            block[..HALF].copy_from_slice(&plain[..HALF]);
            block[HALF..].copy_from_slice(&plain[at..at + HALF]);
            count(&mut block, step);
            cipher.decrypt_block(key, &mut block)?;
            plain[..HALF].copy_from_slice(&block[..HALF]);
            plain[at..at + HALF].copy_from_slice(&block[HALF..]);
            step -= 1;
        }
    }
    verify_slices_are_equal(&plain[..HALF], &INITIAL).ok()?;
    plain.drain(..HALF);
    Some(plain)
}

fn count(block: &mut [u8; BLOCK], step: u64) {
    for (byte, of_step) in block.iter_mut().zip(step.to_be_bytes()) {
        *byte ^= of_step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 3394, §4.1, §4.2 and §4.6.
    #[test]
    fn keys_are_wrapped_as_the_rfc_does() {
        let key: Vec<u8> = (0..32).collect();
        let data: Vec<u8> = (0..16).map(|it| it * 0x11).collect();
        let long: Vec<u8> = data.iter().copied().chain(0..16).collect();
        #[rustfmt::skip]
        let cases = [
            (&key[..16], &data, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
            (&key[..24], &data, "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"),
            (&key[..32], &long, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"),
        ];
        for (key, data, expected) in cases {
            let wrapped = wrap(key, data).unwrap();
            let hex = wrapped.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
            assert_eq!(hex, expected);
            assert_eq!(*unwrap(key, &wrapped).unwrap(), *data);
            let mut altered = wrapped;
            altered[9] ^= 1;
            assert!(unwrap(key, &altered).is_none());
        }
    }
}
