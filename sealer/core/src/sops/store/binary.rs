//! Binary files: any bytes, as the only value of a JSON document.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rand_core::CryptoRng;
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::{Error, Format, MacCheck, Opened, Plain};
use crate::sops::{
    format::json::{Document, Value},
    metadata::{KEY, Metadata},
    path::{Path, Step},
    seal::{Decryption, Encryption, Stash},
    value::{self, Kind, Leaf},
};

/// The key of the value.
const DATA: &str = "data";

fn path() -> Path {
    std::iter::once(Step::Key(DATA.to_owned())).collect()
}

/// The document, whose block is `metadata` with its MAC.
///
/// The bytes are encrypted and spelled out in the one buffer that becomes the document.
pub(super) fn seal<R: CryptoRng>(
    mut bytes: Zeroizing<Vec<u8>>,
    mut encryption: Encryption<'_, R>,
    metadata: &mut Metadata,
) -> Result<String, Error> {
    let leaf = Leaf { kind: Kind::Str, bytes: bytes.into() };
    encryption.count(&path(), &leaf);
    bytes = leaf.bytes.into_inner();
    let mut text = std::mem::take(&mut *bytes);
    let mut start = format!("{{\n\t{}: \"", Json::from(DATA));
    let mut end = String::new();
    if !text.is_empty() {
        let sealed = encryption.in_place(&path(), Kind::Str, &mut text);
        start.push_str(&value::format_start(encryption.cipher()));
        end.push_str(&value::format_end(&sealed, Kind::Str));
    }
    let (mac, _) = encryption.finish(&metadata.modified, Vec::new());
    metadata.mac = Some(mac);
    let block = metadata.field().json_text("\t", Some("\t"));
    end += &["\",\n\t", &Json::from(KEY).to_string(), ": ", &block, "\n}\n"].concat();
    spell_out(&mut text, &start, &end);
    String::from_utf8(text).map_err(|_| Error::Binary)
}

/// How many bytes are spelled out at once: a multiple of three.
const PIECE: usize = 3 << 12;

/// Turns bytes into their base64 between two texts, from the end on, so that no copy is needed.
fn spell_out(bytes: &mut Vec<u8>, start: &str, end: &str) {
    let length = bytes.len();
    let spelled = length.div_ceil(3) * 4;
    bytes.reserve_exact(start.len() + spelled + end.len() - length);
    bytes.resize(start.len() + spelled, 0);
    bytes.extend_from_slice(end.as_bytes());
    let mut piece = [0; PIECE];
    for index in (0..length.div_ceil(PIECE)).rev() {
        let from = index * PIECE..length.min((index + 1) * PIECE);
        let size = from.len();
        piece[..size].copy_from_slice(&bytes[from]);
        let to = start.len() + index * PIECE / 3 * 4;
        let room = &mut bytes[to..to + size.div_ceil(3) * 4];
        BASE64_STANDARD.encode_slice(&piece[..size], room).expect("the room was measured");
    }
    bytes[..start.len()].copy_from_slice(start.as_bytes());
}

pub(super) fn open(
    text: &str,
    mut decryption: Decryption<'_>,
    check: MacCheck,
) -> Result<(Opened, Stash), Error> {
    let document = Document::parse(text).map_err(super::FormatError::from)?;
    let Some(Value::Str(sealed)) = document.get(DATA) else { return Err(Error::Binary) };
    let opened = decryption
        .always(&path(), sealed)
        .map_err(|source| super::FormatError::Value { path: DATA.to_owned(), source })?;
    let (verified, stash) = decryption.finish();
    match verified {
        Err(error) if check == MacCheck::Enforced => Err(error.into()),
        _ => {
            let plain = Plain { format: Format::Binary, bytes: opened.bytes.into_inner() };
            Ok((Opened { plain, foreign_comments: 0 }, stash))
        }
    }
}
