//! A secret in parts, of which any few give it back and fewer tell nothing.
//!
//! sops splits the data key of a file with several key groups so, one part a group. A part is as
//! Vault writes it: one byte for every byte of the secret, then its x coordinate.
//!
//! ```text
//! part = y₀ y₁ … yₙ x        yᵢ = pᵢ(x) in GF(2⁸), pᵢ(0) = secretᵢ, degree = threshold - 1
//! ```

mod field;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::plaintext::Plaintext;

/// Why a secret is not split, or does not come back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is nothing to split.
    #[error("an empty secret cannot be split")]
    Empty,
    /// One part alone would be the secret.
    #[error("a threshold of {0} is no split; `shamir_threshold` is at least 2")]
    Threshold(u8),
    /// The parts could never be enough.
    #[error(
        "{threshold} parts are needed but only {parts} made; lower `shamir_threshold` or add key groups"
    )]
    TooFew {
        /// How many are made.
        parts: u8,
        /// How many are needed.
        threshold: u8,
    },
    /// A single part gives nothing back.
    #[error("{0} part of the secret is too few; it takes at least 2")]
    Lonely(usize),
    /// A part is too short to be one, or its coordinate is the secret's own.
    #[error("part {0} of the secret is damaged")]
    Damaged(usize),
    /// Parts of different secrets were put together.
    #[error(
        "part {0} of the secret has another length than the first; they belong to different secrets"
    )]
    Length(usize),
    /// One part was given twice.
    #[error("part {0} of the secret was given before; other parts are needed")]
    Twice(usize),
}

/// Splits `secret` so that any `threshold` of its `parts` give it back.
///
/// The coordinates are 1, 2, 3 …, in the order of the parts.
pub fn split(
    secret: &Plaintext,
    parts: u8,
    threshold: u8,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<Plaintext>, Error> {
    let secret = secret.expose();
    if secret.is_empty() {
        return Err(Error::Empty);
    } else if threshold < 2 {
        return Err(Error::Threshold(threshold));
    } else if parts < threshold {
        return Err(Error::TooFew { parts, threshold });
    }
    let mut made: Vec<_> =
        (1..=parts).map(|_| Zeroizing::new(Vec::with_capacity(secret.len() + 1))).collect();
    let mut coefficients = Zeroizing::new(vec![0; usize::from(threshold)]);
    for byte in secret {
        rng.fill_bytes(&mut coefficients);
        coefficients[0] = *byte;
        for (part, x) in made.iter_mut().zip(1..) {
            part.push(field::evaluate(&coefficients, x));
        }
    }
    for (part, x) in made.iter_mut().zip(1..) {
        part.push(x);
    }
    Ok(made.into_iter().map(Plaintext::from).collect())
}

/// The secret that `parts` give.
///
/// Fewer parts than the threshold, or parts of different splits, give something else: what they
/// gave is only known to be the secret by what it opens.
pub fn combine(parts: &[Plaintext]) -> Result<Plaintext, Error> {
    if parts.len() < 2 {
        return Err(Error::Lonely(parts.len()));
    }
    let length = parts[0].expose().len();
    let mut points: Vec<(u8, &[u8])> = Vec::with_capacity(parts.len());
    for (number, part) in (1..).zip(parts) {
        let (x, ys) = part.expose().split_last().ok_or(Error::Damaged(number))?;
        if ys.is_empty() || *x == 0 {
            return Err(Error::Damaged(number));
        } else if part.expose().len() != length {
            return Err(Error::Length(number));
        } else if points.iter().any(|(known, _)| known.ct_eq(x).into()) {
            return Err(Error::Twice(number));
        }
        points.push((*x, ys));
    }
    let weights = weights(&points);
    let mut secret = Zeroizing::new(vec![0; length - 1]);
    for ((_, ys), weight) in points.iter().zip(weights.iter()) {
        for (sum, y) in secret.iter_mut().zip(*ys) {
            *sum ^= field::multiply(*y, *weight);
        }
    }
    Ok(secret.into())
}

/// What each part counts for at 0, by Lagrange; the same for every byte of the secret.
fn weights(points: &[(u8, &[u8])]) -> Vec<u8> {
    let others = |x: u8| points.iter().map(|(other, _)| *other).filter(move |other| *other != x);
    let weight = |x: u8| {
        others(x).fold(1, |product, other| {
            field::multiply(product, field::multiply(other, field::inverse(other ^ x)))
        })
    };
    points.iter().map(|(x, _)| weight(*x)).collect()
}

#[cfg(test)]
mod tests;
