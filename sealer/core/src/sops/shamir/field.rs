//! GF(2⁸) with the polynomial x⁸ + x⁴ + x³ + x + 1, as in AES.
//!
//! No table and no branch depends on an operand, so neither cache nor clock tells a secret.

/// `one * other`.
pub(super) fn multiply(one: u8, other: u8) -> u8 {
    let mut product = 0;
    for bit in (0..8).rev() {
        product = double(product) ^ (mask(other >> bit) & one);
    }
    product
}

/// `1 / of`; of 0 it is 0. By Fermat: `of` to the power of 254.
pub(super) fn inverse(of: u8) -> u8 {
    // 254 is 0b1111_1110: a square for each bit, times `of` for each but the last.
    let power = (0..6).fold(of, |power, _| multiply(multiply(power, power), of));
    multiply(power, power)
}

/// The value at `x` of the polynomial with these coefficients, the constant first; by Horner.
pub(super) fn evaluate(coefficients: &[u8], x: u8) -> u8 {
    coefficients.iter().rev().fold(0, |sum, coefficient| multiply(sum, x) ^ coefficient)
}

fn double(number: u8) -> u8 {
    (number << 1) ^ (mask(number >> 7) & 0x1b)
}

/// All ones if the lowest bit is set, else zero.
fn mask(bit: u8) -> u8 {
    (bit & 1).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_field_of_aes() {
        // The worked example of FIPS 197, §4.2.
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
    }

    #[test]
    fn every_number_but_zero_has_an_inverse() {
        for number in 1..=255 {
            assert_eq!(multiply(number, inverse(number)), 1, "{number}");
        }
        assert_eq!(inverse(0), 0);
    }

    #[test]
    fn a_polynomial_is_read_constant_first() {
        assert_eq!(evaluate(&[7], 200), 7);
        assert_eq!(evaluate(&[7, 1], 3), 4);
        assert_eq!(evaluate(&[7, 0, 1], 2), 3);
    }
}
