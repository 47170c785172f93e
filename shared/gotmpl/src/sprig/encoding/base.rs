//! Base64 and base32 as Go's standard encodings have them, with padding.
//!
//! Decoding skips line breaks, and answers bad input with the text of Go's error, as sprig does.

use crate::value::Value;

/// An alphabet whose characters carry some bits each.
#[derive(Clone, Copy)]
pub(super) struct Base {
    name: &'static str,
    alphabet: &'static [u8],
    bits: u32,
    /// Characters in a group.
    group: usize,
}

pub(super) const BASE32: Base =
    Base { name: "base32", alphabet: b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", bits: 5, group: 8 };

pub(super) const BASE64: Base = Base {
    name: "base64",
    alphabet: b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    bits: 6,
    group: 4,
};

pub(super) fn encode(bytes: &[u8], base: Base) -> Vec<u8> {
    let mask = (1_u32 << base.bits) - 1;
    let mut out = Vec::with_capacity(bytes.len() * 8 / base.bits as usize + base.group);
    let (mut held, mut count) = (0_u32, 0);
    let mut push = |value: u32| out.push(base.alphabet[(value & mask) as usize]);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        count += 8;
        while count >= base.bits {
            count -= base.bits;
            push(held >> count);
        }
        held &= (1 << count) - 1;
    }
    if count > 0 {
        push(held << (base.bits - count));
    }
    out.resize(out.len().next_multiple_of(base.group), b'=');
    out
}

/// The decoded text, or what Go says about the first byte at fault.
pub(super) fn decode(text: &[u8], base: Base) -> Value {
    match decoded(text, base) {
        Ok(bytes) => bytes.into(),
        Err(at) => format!("illegal {} data at input byte {at}", base.name).into(),
    }
}

fn decoded(text: &[u8], base: Base) -> Result<Vec<u8>, usize> {
    let symbols: Vec<(usize, u8)> = text
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, byte)| !matches!(byte, b'\r' | b'\n'))
        .collect();
    let end = symbols.iter().position(|(_, byte)| *byte == b'=').unwrap_or(symbols.len());
    let (data, padding) = symbols.split_at(end);
    let mut out = Vec::with_capacity(text.len());
    let (mut held, mut count) = (0_u32, 0);
    for (at, symbol) in data {
        let value = base.alphabet.iter().position(|known| known == symbol).ok_or(*at)?;
        held = held << base.bits | u32::try_from(value).unwrap_or(0);
        count += base.bits;
        if count >= 8 {
            count -= 8;
            out.push((held >> count).to_le_bytes()[0]);
            held &= (1 << count) - 1;
        }
    }
    let open = data.len() % base.group;
    let wanted = if open == 0 { 0 } else { base.group - open };
    let whole = (open * base.bits as usize) % 8 < base.bits as usize;
    let good = padding.len() == wanted && whole && padding.iter().all(|(_, byte)| *byte == b'=');
    if good {
        return Ok(out);
    }
    // Go names the first byte of the padding, or the start of the group that is cut short.
    let fault = match padding.first() {
        Some((at, _)) if !whole || open == 0 => *at,
        Some((at, _)) => match padding.iter().take(wanted).position(|(_, byte)| *byte != b'=') {
            Some(_) => *at,
            None => padding.get(wanted).map_or(text.len(), |(at, _)| *at),
        },
        None => data.get(data.len() - open).map_or(text.len(), |(at, _)| *at),
    };
    Err(fault)
}
