//! Searching in bytes that are usually text, in linear time.

use memchr::memmem;

pub(super) fn contains(text: &[u8], part: &[u8]) -> bool {
    memmem::find(text, part).is_some()
}

/// Splits as Go's `strings.SplitN` does; an empty separator splits between characters.
pub(super) fn split<'t>(text: &'t [u8], separator: &[u8], most: Option<usize>) -> Vec<&'t [u8]> {
    let most = most.unwrap_or(usize::MAX);
    if most == 0 {
        return Vec::new();
    }
    let (mut parts, mut rest) = (Vec::new(), text);
    if separator.is_empty() {
        while !rest.is_empty() && parts.len() + 1 < most {
            let (character, after) = rest.split_at(character_length(rest));
            parts.push(character);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(rest);
        }
        return parts;
    }
    let finder = memmem::Finder::new(separator);
    while parts.len() + 1 < most
        && let Some(at) = finder.find(rest)
    {
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    parts.push(rest);
    parts
}

/// Replaces as Go's `strings.ReplaceAll` does; an empty `from` is found around every character.
pub(super) fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    if !from.is_empty() {
        return split(text, from, None).join(to);
    }
    let mut out = to.to_vec();
    for character in split(text, b"", None) {
        out.extend_from_slice(character);
        out.extend_from_slice(to);
    }
    out
}

/// The length of the first character; of what is no character, 1.
pub(super) fn character_length(text: &[u8]) -> usize {
    let head = &text[..text.len().min(4)];
    head.utf8_chunks()
        .next()
        .and_then(|chunk| chunk.valid().chars().next())
        .map_or(1, char::len_utf8)
}
