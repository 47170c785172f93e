//! Fields of the two wire formats, taken from the front of a slice.

/// What is left to read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything that is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        Some(u8::from_be_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.array()?))
    }

    /// SSH's `string`: its length in four bytes, then its bytes.
    pub(crate) fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.take(length)
    }

    /// OpenPGP's number: its length in bits, then its bytes.
    pub(crate) fn number(&mut self) -> Option<&'a [u8]> {
        let bits = usize::from(self.u16()?);
        Some(unpadded(self.take(bits.div_ceil(8))?))
    }
}

/// A big-endian number without leading zeros.
pub(crate) fn unpadded(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// A big-endian number of exactly `length` bytes.
pub(crate) fn padded(number: &[u8], length: usize) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let number = unpadded(number);
    let mut whole = zeroize::Zeroizing::new(vec![0; length.checked_sub(number.len())?]);
    whole.extend_from_slice(number);
    Some(whole)
}
