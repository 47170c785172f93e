//! PEM text around DER bytes.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

/// One PEM block; its bytes are wiped on drop, for it may hold a private key.
pub(super) struct Block {
    pub(super) label: String,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// The first well-formed block whose label `wanted` accepts.
pub(super) fn find(text: &[u8], wanted: impl Fn(&str) -> bool) -> Option<Block> {
    next(&mut std::str::from_utf8(text).ok()?, wanted)
}

/// Every well-formed block whose label `wanted` accepts.
pub(super) fn all(text: &[u8], wanted: impl Fn(&str) -> bool) -> Vec<Block> {
    let mut rest = std::str::from_utf8(text).unwrap_or_default();
    std::iter::from_fn(|| next(&mut rest, &wanted)).collect()
}

fn next(rest: &mut &str, wanted: impl Fn(&str) -> bool) -> Option<Block> {
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        *rest = after;
        let (label, body) = after.split_once("-----")?;
        if !wanted(label) {
            continue;
        }
        let Some((body, _)) = body.split_once(&format!("-----END {label}-----")) else { continue };
        let compact: Zeroizing<String> =
            Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
        if let Ok(der) = BASE64_STANDARD.decode(compact.as_bytes()) {
            return Some(Block { label: label.to_owned(), der: Zeroizing::new(der) });
        }
    }
    None
}

/// Writes one block, 64 columns wide, as OpenSSL and Go do.
pub(super) fn write(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(BASE64_STANDARD.encode(der));
    // Sized up front: a string that grows leaves unwiped copies behind.
    let mut text = Zeroizing::new(String::with_capacity(body.len() * 66 / 64 + 128));
    let _ = writeln!(text, "-----BEGIN {label}-----");
    for line in body.as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        text.push('\n');
    }
    let _ = writeln!(text, "-----END {label}-----");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_with_the_label_is_found_among_others() {
        let text = format!(
            "subject=/CN=x\n{}{}{}",
            *write("PRIVATE KEY", &[1; 100]),
            *write("CERTIFICATE", &[2; 100]),
            *write("CERTIFICATE", &[3])
        );
        let found = find(text.as_bytes(), |label| label == "CERTIFICATE").unwrap();
        assert_eq!((found.label.as_str(), found.der.as_slice()), ("CERTIFICATE", &[2; 100][..]));
        assert!(find(text.as_bytes(), |label| label == "X").is_none());
        assert!(
            find(b"-----BEGIN CERTIFICATE-----\n***\n-----END CERTIFICATE-----", |_| true)
                .is_none()
        );
        assert!(find(b"-----BEGIN ", |_| true).is_none());
    }
}
