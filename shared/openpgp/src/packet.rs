//! Packets: a tag, a length, a body.

use std::borrow::Cow;

use keyfile::reader::Reader;

/// A packet: what it is, and its body.
pub(crate) struct Packet<'a> {
    pub(crate) tag: u8,
    pub(crate) body: Cow<'a, [u8]>,
}

pub(crate) const SESSION_KEY: u8 = 1;
pub(crate) const SIGNATURE: u8 = 2;
pub(crate) const SECRET_KEY: u8 = 5;
pub(crate) const PUBLIC_KEY: u8 = 6;
pub(crate) const SECRET_SUBKEY: u8 = 7;
pub(crate) const COMPRESSED: u8 = 8;
pub(crate) const ENCRYPTED: u8 = 9;
pub(crate) const LITERAL: u8 = 11;
pub(crate) const PUBLIC_SUBKEY: u8 = 14;
pub(crate) const ENCRYPTED_WHOLE: u8 = 18;
pub(crate) const ENCRYPTED_AEAD: u8 = 20;

/// All packets of `bytes`.
pub(crate) fn all(bytes: &[u8]) -> Option<Vec<Packet<'_>>> {
    let mut reader = Reader::new(bytes);
    let mut packets = Vec::new();
    while !reader.is_empty() {
        packets.push(next(&mut reader)?);
    }
    Some(packets)
}

/// The next packet.
pub(crate) fn next<'a>(reader: &mut Reader<'a>) -> Option<Packet<'a>> {
    let head = reader.u8()?;
    (head & 0x80 != 0).then_some(())?;
    if head & 0x40 != 0 {
        return Some(Packet { tag: head & 0x3f, body: parts(reader)? });
    }
    let length = match head & 3 {
        0 => usize::from(reader.u8()?),
        1 => usize::from(reader.u16()?),
        2 => usize::try_from(reader.u32()?).ok()?,
        _ => reader.rest().len(),
    };
    Some(Packet { tag: (head >> 2) & 0xf, body: Cow::Borrowed(reader.take(length)?) })
}

/// A body of the newer format, whose data may come in parts.
fn parts<'a>(reader: &mut Reader<'a>) -> Option<Cow<'a, [u8]>> {
    let (length, mut last) = length(reader)?;
    let mut body = Cow::Borrowed(reader.take(length)?);
    while !last {
        let (length, ends) = self::length(reader)?;
        body.to_mut().extend_from_slice(reader.take(length)?);
        last = ends;
    }
    Some(body)
}

/// A length, and whether it is that of the last part.
fn length(reader: &mut Reader<'_>) -> Option<(usize, bool)> {
    match reader.u8()? {
        short @ 0..=191 => Some((usize::from(short), true)),
        middle @ 192..=223 => Some((two_bytes(middle, reader.u8()?), true)),
        part @ 224..=254 => Some((1 << (part & 0x1f), false)),
        255 => Some((usize::try_from(reader.u32()?).ok()?, true)),
    }
}

/// The length of a subpacket, which comes in one part.
pub(crate) fn length_of_subpacket(reader: &mut Reader<'_>) -> Option<usize> {
    match reader.u8()? {
        short @ 0..=191 => Some(usize::from(short)),
        255 => usize::try_from(reader.u32()?).ok(),
        middle => Some(two_bytes(middle, reader.u8()?)),
    }
}

fn two_bytes(first: u8, second: u8) -> usize {
    ((usize::from(first) - 192) << 8) + usize::from(second) + 192
}

/// Appends a packet in the newer format.
pub(crate) fn write(into: &mut Vec<u8>, tag: u8, body: &[u8]) {
    into.push(0xc0 | tag);
    match body.len() {
        short @ 0..=191 => into.push(u8::try_from(short).expect("below 192")),
        other => {
            into.push(255);
            let length = u32::try_from(other).expect("no packet here has four gigabytes");
            into.extend(length.to_be_bytes());
        }
    }
    into.extend_from_slice(body);
}
