//! The packets of a key, and the subpackets of its signatures.

use keyfile::reader::Reader;

/// A packet: what it is, and its body.
#[derive(Clone, Copy)]
pub(super) struct Packet<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

pub(super) const SIGNATURE: u8 = 2;
pub(super) const SECRET_KEY: u8 = 5;
pub(super) const PUBLIC_KEY: u8 = 6;
pub(super) const SECRET_SUBKEY: u8 = 7;
pub(super) const PUBLIC_SUBKEY: u8 = 14;

/// All packets of `bytes`.
pub(super) fn all(bytes: &[u8]) -> Option<Vec<Packet<'_>>> {
    let mut reader = Reader::new(bytes);
    let mut packets = Vec::new();
    while !reader.is_empty() {
        packets.push(next(&mut reader)?);
    }
    Some(packets)
}

fn next<'a>(reader: &mut Reader<'a>) -> Option<Packet<'a>> {
    let head = reader.u8()?;
    (head & 0x80 != 0).then_some(())?;
    let (tag, length) = if head & 0x40 == 0 {
        let length = match head & 3 {
            0 => u32::from(reader.u8()?),
            1 => u32::from(reader.u16()?),
            2 => reader.u32()?,
            _ => u32::try_from(reader.rest().len()).ok()?,
        };
        ((head >> 2) & 0xf, length)
    } else {
        // Lengths in parts are for data, and no key has them.
        (head & 0x3f, length(reader)?)
    };
    Some(Packet { tag, body: reader.take(usize::try_from(length).ok()?)? })
}

fn length(reader: &mut Reader<'_>) -> Option<u32> {
    match reader.u8()? {
        short @ 0..=191 => Some(u32::from(short)),
        middle @ 192..=223 => {
            Some(((u32::from(middle) - 192) << 8) + u32::from(reader.u8()?) + 192)
        }
        224..=254 => None,
        255 => reader.u32(),
    }
}

/// What a self-signature says of a key.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Claim {
    /// What kind of signature it is.
    pub(super) kind: u8,
    /// When it was made.
    pub(super) made: u32,
    /// What the key is for.
    pub(super) flags: Option<u8>,
    /// How many seconds after its creation the key expires; none or zero is never.
    pub(super) lifetime: Option<u32>,
}

impl Claim {
    /// The hashed part of a version 4 signature.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut fields = Reader::new(body);
        (fields.u8()? == 4).then_some(())?;
        let mut claim = Self { kind: fields.u8()?, ..Self::default() };
        fields.take(2)?;
        let hashed = usize::from(fields.u16()?);
        let mut hashed = Reader::new(fields.take(hashed)?);
        while !hashed.is_empty() {
            let length = usize::try_from(length_of_subpacket(&mut hashed)?).ok()?;
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
}

fn length_of_subpacket(reader: &mut Reader<'_>) -> Option<u32> {
    match reader.u8()? {
        short @ 0..=191 => Some(u32::from(short)),
        255 => reader.u32(),
        middle => Some(((u32::from(middle) - 192) << 8) + u32::from(reader.u8()?) + 192),
    }
}
