//! What the self-signatures of a key say of its parts.

use keyfile::reader::Reader;

use crate::packet::length_of_subpacket;

/// What one self-signature says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Claim {
    /// What kind of signature it is.
    pub(crate) kind: u8,
    /// When it was made.
    pub(crate) made: u32,
    /// What the key is for.
    pub(crate) flags: Option<u8>,
    /// How many seconds after its creation the key expires; none or zero is never.
    pub(crate) lifetime: Option<u32>,
}

impl Claim {
    /// The hashed part of a version 4 signature.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let mut fields = Reader::new(body);
        (fields.u8()? == 4).then_some(())?;
        let mut claim = Self { kind: fields.u8()?, ..Self::default() };
        fields.take(2)?;
        let hashed = usize::from(fields.u16()?);
        let mut hashed = Reader::new(fields.take(hashed)?);
        while !hashed.is_empty() {
            let length = length_of_subpacket(&mut hashed)?;
            let mut subpacket = Reader::new(hashed.take(length)?);
            match subpacket.u8()? & 0x7f {
                2 => claim.made = subpacket.u32()?,
                9 => claim.lifetime = Some(subpacket.u32()?),
                27 => claim.flags = Some(subpacket.u8().unwrap_or_default()),
                _ => {}
            }
        }
        Some(claim)
    }

    /// Whether a key or subkey is taken back.
    pub(crate) fn revokes(&self) -> bool {
        matches!(self.kind, 0x20 | 0x28)
    }

    /// Whether it speaks of what a part is for: certifications of user ids, statements on the key
    /// itself, bindings of subkeys.
    pub(crate) fn describes(&self) -> bool {
        matches!(self.kind, 0x10..=0x13 | 0x1f | 0x18)
    }
}
