//! Base64 between two lines of dashes, as both formats are written.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// A block: its label, its headers and its bytes.
pub(crate) struct Block {
    pub(crate) label: String,
    /// Whether a header says that the content is encrypted.
    pub(crate) encrypted: bool,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// The first block of `text`.
pub(crate) fn decode(text: &str) -> Option<Block> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
    let mut encrypted = false;
    for line in body.lines().map(str::trim) {
        if line.contains(':') {
            encrypted |= line.starts_with("Proc-Type:") && line.contains("ENCRYPTED");
        } else if !line.starts_with('=') {
            // A line that begins with `=` is OpenPGP's checksum, which base64 makes needless.
            base64.push_str(line);
        }
    }
    let bytes = Zeroizing::new(STANDARD.decode(base64.as_bytes()).ok()?);
    Some(Block { label: label.to_owned(), encrypted, bytes })
}

/// `bytes` in a block, `width` characters a line; `between` goes before the last line.
pub(crate) fn encode(label: &str, bytes: &[u8], width: usize, between: Option<&str>) -> String {
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
