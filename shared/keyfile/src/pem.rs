//! Base64 between two lines of dashes, as keys and signatures are written.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// A block: its label, its headers and its bytes.
pub struct Block {
    /// What stands after `BEGIN`.
    pub label: String,
    /// What the `DEK-Info` header says, if the content is encrypted in the old way of OpenSSL.
    pub encryption: Option<String>,
    /// The content.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// The first block of `text`.
///
/// OpenPGP's checksum is skipped: what matters is signed or authenticated.
pub fn decode(text: &str) -> Option<Block> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
    let mut encryption = None;
    for line in body.lines().map(str::trim) {
        if let Some((name, value)) = line.split_once(':') {
            if name == "DEK-Info" {
                encryption = Some(value.trim().to_owned());
            }
        } else if !line.starts_with('=') {
            base64.push_str(line);
        }
    }
    let bytes = Zeroizing::new(STANDARD.decode(base64.as_bytes()).ok()?);
    Some(Block { label: label.to_owned(), encryption, bytes })
}

/// `bytes` in a block, `width` characters a line; `between` goes before the last line.
pub fn encode(label: &str, bytes: &[u8], width: usize, between: Option<&str>) -> String {
    let base64 = STANDARD.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    if between.is_some() {
        text.push('\n');
    }
    for line in base64.as_bytes().chunks(width) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    if let Some(between) = between {
        text.push_str(between);
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}
