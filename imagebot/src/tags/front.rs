//! Front coding of sorted lists.
//!
//! Neighbours in a sorted list of tags share most of their bytes, so each is written as how much
//! of the one before it begins with, and the rest:
//!
//! ```text
//! "1.10.0" "1.10.1" "1.2"   →   0 6 1.10.0   5 1 1   2 1 2
//! ```
//!
//! Both numbers are LEB128. Any list survives the round trip; sorted ones become small.

/// The list as bytes.
pub(crate) fn pack(tags: &[String]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut before: &[u8] = &[];
    for tag in tags {
        let tag = tag.as_bytes();
        let shared = before.iter().zip(tag).take_while(|(left, right)| left == right).count();
        push(&mut packed, shared);
        push(&mut packed, tag.len() - shared);
        packed.extend_from_slice(&tag[shared..]);
        before = tag;
    }
    packed
}

/// The bytes as a list, unless they are not one.
pub(crate) fn unpack(mut packed: &[u8]) -> Option<Vec<String>> {
    let mut tags: Vec<String> = Vec::new();
    while !packed.is_empty() {
        let shared = pull(&mut packed)?;
        let rest = pull(&mut packed)?;
        let (rest, tail) = packed.split_at_checked(rest)?;
        let before = tags.last().map_or(&[][..], |tag| tag.as_bytes());
        let bytes = [before.get(..shared)?, rest].concat();
        tags.push(String::from_utf8(bytes).ok()?);
        packed = tail;
    }
    Some(tags)
}

/// Appends bytes with their length before them.
pub(crate) fn field(bytes: &mut Vec<u8>, field: &[u8]) {
    push(bytes, field.len());
    bytes.extend_from_slice(field);
}

/// Takes off what [`field`] appended.
pub(crate) fn take_field<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = pull(bytes)?;
    let (field, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(field)
}

fn push(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(low(number) | 0x80);
        number >>= 7;
    }
    bytes.push(low(number));
}

/// The last seven bits.
fn low(number: usize) -> u8 {
    number.to_le_bytes()[0] & 0x7f
}

fn pull(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let long = "x".repeat(300);
        let cases: [&[&str]; 6] = [
            &[],
            &[""],
            &["1.10.0", "1.10.1", "1.2"],
            &["b", "a", "b"],
            &["é", "è"],
            &[&long, &long],
        ];
        for tags in cases {
            assert_eq!(unpack(&pack(&list(tags))), Some(list(tags)));
        }
    }

    #[test]
    fn sorted_tags_become_small() {
        let mut tags: Vec<_> = (0..10_000).map(|n| format!("release-2026.{n:05}")).collect();
        tags.sort_unstable();
        assert!(pack(&tags).len() < 40_000, "{} bytes", pack(&tags).len());
    }

    #[test]
    fn bytes_that_are_no_list_are_refused() {
        for bytes in [&[0, 9, b'a'][..], &[3, 0], &[0x80], &[0, 1, 0xff], &[0xff; 12]] {
            assert_eq!(unpack(bytes), None, "{bytes:?}");
        }
    }
}
