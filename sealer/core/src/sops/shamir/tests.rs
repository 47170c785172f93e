//! What any few parts give back, and what is refused.

use proptest::prelude::*;

use super::*;

fn secret(bytes: &[u8]) -> Plaintext {
    Plaintext::new(bytes.to_vec())
}

fn parts(all: &[Plaintext], of: &[usize]) -> Vec<Plaintext> {
    of.iter().map(|index| secret(all[*index].expose())).collect()
}

/// The generator of a test: `0, 1, 2 …`.
struct Counter(u8);

impl rand_core::TryRng for Counter {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        unreachable!("only bytes are asked for")
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("only bytes are asked for")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counter {}

proptest! {
    #[test]
    fn any_threshold_of_parts_in_any_order_give_the_secret(
        bytes in prop::collection::vec(any::<u8>(), 1..40),
        (count, threshold) in (2u8..=20).prop_flat_map(|count| (Just(count), 2..=count)),
        order in Just((0..20usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let made = split(&secret(&bytes), count, threshold, &mut rand::rng()).unwrap();
        prop_assert_eq!(made.len(), usize::from(count));
        let order: Vec<_> = order.into_iter().filter(|it| *it < usize::from(count)).collect();
        let enough = combine(&parts(&made, &order[..usize::from(threshold)])).unwrap();
        prop_assert_eq!(enough.expose(), &bytes[..]);
        let all = combine(&parts(&made, &order)).unwrap();
        prop_assert_eq!(all.expose(), &bytes[..]);
    }

    #[test]
    fn combining_any_bytes_gives_a_secret_or_an_error(
        given in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..5),
    ) {
        let given: Vec<_> = given.iter().map(|bytes| secret(bytes)).collect();
        let _ = combine(&given);
    }
}

/// One part too few fits every secret: for each there is a missing part that would give it.
#[test]
fn one_part_too_few_tells_nothing() {
    let made = split(&secret(&[42]), 3, 3, &mut rand::rng()).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for y in 0..=255 {
        let mut known = parts(&made, &[0, 1]);
        known.push(secret(&[y, 3]));
        seen.insert(combine(&known).unwrap().expose()[0]);
    }
    assert_eq!(seen.len(), 256);
}

#[test]
fn the_coordinates_come_last_and_count_from_one() {
    // p(x) = 0x61 + 1x, for `Counter` draws 0 for the constant, which the secret replaces.
    let made = split(&secret(b"a"), 3, 2, &mut Counter(0)).unwrap();
    let shown: Vec<_> = made.iter().map(Plaintext::expose).collect();
    assert_eq!(shown, [[0x60, 1], [0x63, 2], [0x62, 3]]);
}

#[test]
fn parts_that_sops_made_give_its_secret() {
    // Made by `shamir.Split([]byte("test"), 5, 3)` of sops 3.13.3.
    let made = PARTS.map(secret);
    for few in [[0, 1, 2], [4, 2, 0], [3, 1, 4]] {
        assert_eq!(combine(&parts(&made, &few)).unwrap().expose(), b"test", "{few:?}");
    }
}

#[test]
fn what_cannot_be_split_or_combined_says_why() {
    let refused = |bytes: &[u8], parts, threshold| {
        split(&secret(bytes), parts, threshold, &mut rand::rng()).unwrap_err()
    };
    assert_eq!(refused(b"", 3, 2), Error::Empty);
    assert_eq!(refused(b"a", 3, 1), Error::Threshold(1));
    assert_eq!(refused(b"a", 2, 3), Error::TooFew { parts: 2, threshold: 3 });
    #[rustfmt::skip]
    let cases = [
        (&[][..],                            Error::Lonely(0)),
        (&[&[1, 1][..]],                     Error::Lonely(1)),
        (&[&[1, 1], &[]],                    Error::Damaged(2)),
        (&[&[1], &[2]],                      Error::Damaged(1)),
        (&[&[1, 1], &[9, 0]],                Error::Damaged(2)),
        (&[&[1, 1], &[1, 2, 2]],             Error::Length(2)),
        (&[&[1, 1], &[1, 2], &[5, 1]],       Error::Twice(3)),
    ];
    for (given, error) in cases {
        let given: Vec<_> = given.iter().map(|bytes| secret(bytes)).collect();
        assert_eq!(combine(&given).unwrap_err(), error, "{given:?}");
    }
}

#[rustfmt::skip]
const PARTS: [&[u8]; 5] = [
    &[80, 169, 150, 158, 1],
    &[94, 247, 12, 246, 2],
    &[122, 59, 233, 28, 3],
    &[179, 30, 3, 68, 4],
    &[151, 210, 230, 174, 5],
];
