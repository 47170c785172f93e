//! Fields of wire formats, taken from the front of a slice and appended to a vector.

/// What is left to read.
#[derive(Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// All of `bytes` is left.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything that is left.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The next bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    /// The next bytes, of a known number.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// The next byte, big-endian.
    pub fn u8(&mut self) -> Option<u8> {
        Some(u8::from_be_bytes(self.array()?))
    }

    /// The next number of two bytes, big-endian.
    pub fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.array()?))
    }

    /// The next number of four bytes, big-endian.
    pub fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.array()?))
    }

    /// SSH's `string`: its length in four bytes, then its bytes.
    pub fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.take(length)
    }

    /// The content of the next DER field, which has this tag.
    pub fn der(&mut self, tag: u8) -> Option<&'a [u8]> {
        (self.u8()? == tag).then_some(())?;
        let length = match self.u8()? {
            short @ 0..=0x7f => usize::from(short),
            long => {
                let bytes = self.take(usize::from(long & 0x7f))?;
                bytes.iter().try_fold(0_usize, |length, byte| {
                    Some(length.checked_mul(0x100)? | usize::from(*byte))
                })?
            }
        };
        self.take(length)
    }

    /// OpenPGP's number: its length in bits, then its bytes.
    pub fn number(&mut self) -> Option<&'a [u8]> {
        let bits = usize::from(self.u16()?);
        Some(unpadded(self.take(bits.div_ceil(8))?))
    }
}

/// A big-endian number without leading zeros.
pub fn unpadded(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// A big-endian number of exactly `length` bytes.
pub fn padded(number: &[u8], length: usize) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let number = unpadded(number);
    let mut whole = zeroize::Zeroizing::new(vec![0; length.checked_sub(number.len())?]);
    whole.extend_from_slice(number);
    Some(whole)
}

/// Appends SSH's `string`: its length in four bytes, then its bytes.
///
/// # Panics
///
/// If they are four gigabytes.
pub fn push_string(into: &mut Vec<u8>, field: &[u8]) {
    let length = u32::try_from(field.len()).expect("no field here has four gigabytes");
    into.extend(length.to_be_bytes());
    into.extend_from_slice(field);
}

/// Appends SSH's `mpint` of a positive number: a leading zero where its first bit is set.
pub fn push_mpint(into: &mut Vec<u8>, number: &[u8]) {
    let number = unpadded(number);
    let zero: &[u8] = if number.first().is_some_and(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    push_string(into, &[zero, number].concat());
}

/// Appends OpenPGP's number: its length in bits, then its bytes.
///
/// # Panics
///
/// If it has 65536 bits.
pub fn push_number(into: &mut Vec<u8>, number: &[u8]) {
    let number = unpadded(number);
    let spare = number.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = u16::try_from(number.len() * 8 - spare).expect("no number here has 65536 bits");
    into.extend(bits.to_be_bytes());
    into.extend_from_slice(number);
}
