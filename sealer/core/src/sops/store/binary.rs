//! Binary files: any bytes, as the only value of a JSON document.

use rand_core::CryptoRng;
use serde_json::Value as Json;

use super::{Error, Format, MacCheck, Opened, Plain};
use crate::{
    plaintext::Plaintext,
    sops::{
        format::json::{Document, Value},
        metadata::{KEY, Metadata},
        path::{Path, Step},
        seal::{Decryption, Encryption, Stash},
        value::{Kind, Leaf},
    },
};

/// The key of the value.
const DATA: &str = "data";

fn path() -> Path {
    std::iter::once(Step::Key(DATA.to_owned())).collect()
}

/// The document, whose block is `metadata` with its MAC.
pub(super) fn seal<R: CryptoRng>(
    bytes: &[u8],
    mut encryption: Encryption<'_, R>,
    metadata: &mut Metadata,
) -> String {
    let leaf = Leaf { kind: Kind::Str, bytes: Plaintext::new(bytes.to_vec()) };
    let sealed = encryption.always(&path(), leaf);
    let (mac, _) = encryption.finish(&metadata.modified, Vec::new());
    metadata.mac = Some(mac);
    let block = metadata.field().json_text("\t", Some("\t"));
    let (data, key) = (Json::from(DATA), Json::from(KEY));
    let mut text = format!("{{\n\t{data}: \"");
    text.reserve_exact(sealed.len() + block.len() + 64);
    text.push_str(&sealed);
    for part in ["\",\n\t", &key.to_string(), ": ", &block, "\n}\n"] {
        text.push_str(part);
    }
    text
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
