//! Which part of a key signs.

use super::{
    Error,
    packet::{Claim, PUBLIC_KEY, PUBLIC_SUBKEY, Packet, SECRET_KEY, SECRET_SUBKEY, SIGNATURE, all},
};

/// The flag of a key that signs data.
const SIGNS: u8 = 2;
const REVOKES_KEY: u8 = 0x20;
const REVOKES_SUBKEY: u8 = 0x28;

/// A primary key or subkey, and what the newest self-signature says of it.
struct Part<'a> {
    body: &'a [u8],
    primary: bool,
    claim: Option<Claim>,
    revoked: bool,
}

/// The body of the packet that signs at `now`: the newest subkey that may, or the primary key.
pub(super) fn select(bytes: &[u8], now: i64) -> Result<&[u8], Error> {
    let packets = all(bytes).ok_or(Error::NotAKey)?;
    let keys = packets.iter().filter(|it| matches!(it.tag, SECRET_KEY | PUBLIC_KEY)).count();
    match (keys, packets.first().map(|it| it.tag)) {
        (1, Some(SECRET_KEY)) => {}
        (1, Some(PUBLIC_KEY)) => return Err(Error::Public),
        (0 | 1, _) => return Err(Error::NotAKey),
        (several, _) => return Err(Error::Several(several)),
    }
    let parts = parts(&packets);
    let primary = &parts[0];
    if let Some(version) = primary.body.first().filter(|version| **version != 4) {
        return Err(Error::Version(*version));
    }
    if primary.revoked {
        return Err(Error::Revoked);
    }
    if primary.expired(now) {
        return Err(Error::Expired);
    }
    let able: Vec<_> = parts.iter().filter(|part| part.may_sign() && !part.revoked).collect();
    let usable = able.iter().filter(|part| !part.expired(now) && part.body.first() == Some(&4));
    // Of keys of one age the later one counts, and a subkey before the primary key.
    let best = usable.max_by_key(|part| (!part.primary, part.created()));
    match best {
        Some(part) => Ok(part.body),
        None if able.is_empty() => Err(Error::NotForSigning),
        None => Err(Error::Expired),
    }
}

fn parts<'a>(packets: &[Packet<'a>]) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    // Whether the signatures that follow speak of the last part.
    let mut speaking = false;
    for packet in packets {
        match packet.tag {
            SECRET_KEY | SECRET_SUBKEY => {
                let primary = packet.tag == SECRET_KEY;
                parts.push(Part { body: packet.body, primary, claim: None, revoked: false });
                speaking = true;
            }
            PUBLIC_SUBKEY => speaking = false,
            SIGNATURE if speaking => {
                if let (Some(part), Some(claim)) = (parts.last_mut(), Claim::read(packet.body)) {
                    part.hear(claim);
                }
            }
            _ => {}
        }
    }
    parts
}

impl Part<'_> {
    fn hear(&mut self, claim: Claim) {
        match claim.kind {
            REVOKES_KEY | REVOKES_SUBKEY => self.revoked = true,
            // Certifications of user ids, statements on the key itself, bindings of subkeys.
            0x10..=0x13 | 0x1f | 0x18
                if self.claim.is_none_or(|known| known.made <= claim.made) =>
            {
                self.claim = Some(claim);
            }
            _ => {}
        }
    }

    fn may_sign(&self) -> bool {
        match self.claim.and_then(|claim| claim.flags) {
            Some(flags) => flags & SIGNS != 0,
            // Keys of old say nothing; their primary key signs.
            None => self.primary,
        }
    }

    fn created(&self) -> u32 {
        self.body.get(1..5).and_then(|it| it.try_into().ok()).map_or(0, u32::from_be_bytes)
    }

    fn expired(&self, now: i64) -> bool {
        let lifetime = self.claim.and_then(|claim| claim.lifetime).filter(|it| *it != 0);
        lifetime.is_some_and(|lifetime| i64::from(self.created()) + i64::from(lifetime) <= now)
    }
}
