//! Bech32 (BIP 173) without its limit of length: keys of age are longer.

use zeroize::Zeroizing;

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
const CHECKSUM: usize = 6;

/// The part before the last `1`, in lower case, and the bytes after it.
pub(super) fn decode(text: &str) -> Option<(String, Zeroizing<Vec<u8>>)> {
    let mixed = text.bytes().any(|it| it.is_ascii_lowercase())
        && text.bytes().any(|it| it.is_ascii_uppercase());
    if mixed || !text.bytes().all(|byte| (33..=126).contains(&byte)) {
        return None;
    }
    let (prefix, data) = text.rsplit_once('1').filter(|(prefix, _)| !prefix.is_empty())?;
    let prefix = prefix.to_ascii_lowercase();
    let mut digits = Zeroizing::new(Vec::with_capacity(data.len()));
    for byte in data.bytes() {
        let digit = ALPHABET.iter().position(|it| *it == byte.to_ascii_lowercase())?;
        digits.push(u8::try_from(digit).ok()?);
    }
    let size = digits.len().checked_sub(CHECKSUM)?;
    if polymod(&prefix, &digits) != 1 {
        return None;
    }
    Some((prefix, regroup(&digits[..size], 5, 8, false)?))
}

/// `bytes` behind `prefix`, in lower case.
pub(super) fn encode(prefix: &str, bytes: &[u8]) -> Zeroizing<String> {
    let mut digits = regroup(bytes, 8, 5, true).expect("bytes fit digits when padded");
    let size = digits.len();
    digits.extend([0; CHECKSUM]);
    let sum = polymod(prefix, &digits) ^ 1;
    for (index, digit) in digits[size..].iter_mut().enumerate() {
        *digit = u8::try_from((sum >> (5 * (CHECKSUM - 1 - index))) & 31).expect("five bits");
    }
    let mut text = Zeroizing::new(String::with_capacity(prefix.len() + 1 + digits.len()));
    text.push_str(prefix);
    text.push('1');
    text.extend(digits.iter().map(|digit| char::from(ALPHABET[usize::from(*digit)])));
    text
}

fn polymod(prefix: &str, digits: &[u8]) -> u32 {
    let high = prefix.bytes().map(|byte| byte >> 5);
    let low = prefix.bytes().map(|byte| byte & 31);
    high.chain([0]).chain(low).chain(digits.iter().copied()).fold(1, |sum, digit| {
        let top = sum >> 25;
        let sum = (sum & 0x01ff_ffff) << 5 ^ u32::from(digit);
        GENERATOR
            .iter()
            .enumerate()
            .filter(|(bit, _)| top >> bit & 1 == 1)
            .fold(sum, |sum, (_, generator)| sum ^ generator)
    })
}

/// Groups of `from` bits as groups of `to` bits. Without `pad`, what is left over must be zero and
/// shorter than a group.
fn regroup(groups: &[u8], from: u32, to: u32, pad: bool) -> Option<Zeroizing<Vec<u8>>> {
    let (mut held, mut bits) = (0_u32, 0);
    let mask = (1 << to) - 1;
    let mut regrouped = Zeroizing::new(Vec::with_capacity(groups.len() * 8 / 5 + 8));
    for group in groups {
        held = (held << from | u32::from(*group)) & 0xfff;
        bits += from;
        while bits >= to {
            bits -= to;
            regrouped.push(u8::try_from(held >> bits & mask).ok()?);
        }
    }
    let rest = held << (to - bits) & mask;
    if pad && bits > 0 {
        regrouped.push(u8::try_from(rest).ok()?);
    } else if !pad && (bits >= from || rest != 0) {
        return None;
    }
    Some(regrouped)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decoding_undoes_encoding(prefix in "[a-z-]{1,12}", bytes: Vec<u8>) {
            let text = encode(&prefix, &bytes);
            let (known, decoded) = decode(&text).unwrap();
            prop_assert_eq!(known, &prefix[..]);
            prop_assert_eq!(&*decoded, &bytes);
            prop_assert!(decode(&text.to_ascii_uppercase()).is_some());
        }
    }

    #[test]
    fn texts_of_the_specification_are_read_and_refused() {
        #[rustfmt::skip]
        let cases = [
            // text                                              valid
            ("A12UEL5L",                                         true),
            ("a12uel5l",                                         true),
            ("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",    true),
            ("A12uEL5L",                                         false),
            ("a12uel5m",                                         false),
            ("pzry9x0s0muk",                                     false),
            ("1pzry9x0s0muk",                                    false),
            ("x1b4n0q5v",                                        false),
            ("li1dgmt3",                                         false),
            ("10a06t8",                                          false),
        ];
        for (text, valid) in cases {
            assert_eq!(decode(text).is_some(), valid, "{text}");
        }
    }
}
