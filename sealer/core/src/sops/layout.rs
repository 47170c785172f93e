//! The record of what `ENC[…]` cannot carry, so that decrypting undoes encrypting to the byte.
//!
//! `ENC[…]` carries a value, not how its author spelled it: quotes, folds, `0x1F`, an alias. The
//! spellings that the canonical form would not bring back stand in one text, encrypted and
//! authenticated like the MAC and bound to `lastmodified` as it is, in a field of the `sops` block
//! that sops does not know. sops ignores the field when it reads and drops it when it rewrites;
//! then the canonical form comes back. Format: `docs/adr/0008-lossless-record.md`.
//!
//! A spelling is found by the tag of its ciphertext, so it can only ever stand for that very value.

use std::collections::HashMap;

use rand_core::CryptoRng;
use serde_json::{Value as Json, json};
use zeroize::Zeroize as _;

use super::{
    cipher::Engine,
    mac,
    value::{self, Kind},
    visit::{Spelling, Whole},
};
use crate::plaintext::wipe;

/// What a file looked like before it was encrypted, as far as the file itself does not tell.
#[derive(Default)]
pub(super) struct Layout {
    /// By the base64 of a ciphertext's tag.
    spellings: HashMap<String, Spelling>,
    /// How the block was joined to each document.
    pub joints: Vec<Joint>,
}

/// How a `sops` block was joined to what was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Joint {
    /// The file ended in the middle of a line.
    pub cut_off: bool,
    /// There was nothing but comments.
    pub empty: bool,
    /// A comma stood after the last entry.
    pub comma: bool,
}

impl Joint {
    fn bits(self) -> u64 {
        u64::from(self.cut_off) | u64::from(self.empty) << 1 | u64::from(self.comma) << 2
    }

    fn from_bits(bits: u64) -> Self {
        Self { cut_off: bits & 1 != 0, empty: bits & 2 != 0, comma: bits & 4 != 0 }
    }
}

impl Layout {
    /// Notes how the value was spelled for which `sealed` stands.
    pub(super) fn note(&mut self, sealed: &str, spelling: &Spelling) {
        if let Some(tag) = value::tag_of(sealed) {
            // sops gives equal items of a list one ciphertext; then nobody's spelling can be kept.
            if let Some(other) = self.spellings.insert(tag.to_owned(), spelling.clone())
                && other != *spelling
            {
                self.spellings.remove(tag);
            }
        }
    }

    /// How the author spelled the value that `sealed` stands for.
    pub(super) fn spelling(&self, sealed: &str) -> Option<&Spelling> {
        if self.spellings.is_empty() {
            return None;
        }
        self.spellings.get(value::tag_of(sealed)?)
    }

    pub(super) fn joint(&self, document: usize) -> Joint {
        self.joints.get(document).copied().unwrap_or_default()
    }

    /// The encrypted record, if there is anything to record.
    pub(super) fn seal(
        &self,
        engine: &Engine,
        modified: &str,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Option<String> {
        let joints: Vec<u64> = self.joints.iter().map(|joint| joint.bits()).collect();
        if self.spellings.is_empty() && joints.iter().all(|bits| *bits == 0) {
            return None;
        }
        let mut spellings: Vec<_> = self.spellings.iter().collect();
        spellings.sort_by_key(|(tag, _)| *tag);
        let entries = spellings.into_iter().map(|(tag, Spelling { text, of })| match of {
            Whole::Value => json!([tag, text]),
            Whole::Node => json!([tag, text, 0]),
            Whole::Around(up, check) => json!([tag, text, up, check]),
        });
        let mut record = json!({ "v": 1, "d": joints, "s": entries.collect::<Vec<_>>() });
        let mut text = record.to_string();
        let sealed = engine.seal(&aad(engine, modified), text.as_bytes(), rng);
        text.zeroize();
        wipe(&mut record);
        Some(value::format(engine.cipher(), &sealed, Kind::Str))
    }

    /// Opens a record.
    pub(super) fn open(
        stored: Option<&str>,
        engine: &Engine,
        modified: &str,
    ) -> Result<Self, mac::Error> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        let (sealed, _) = value::parse(stored, engine.cipher()).map_err(mac::Error::Layout)?;
        let text = engine
            .open(&aad(engine, modified), &sealed)
            .map_err(|error| mac::Error::Layout(error.into()))?;
        let malformed = || mac::Error::Layout(value::Error::Form);
        let mut record: Json = serde_json::from_slice(text.expose()).map_err(|_| malformed())?;
        let layout = Self::read(&record);
        wipe(&mut record);
        layout.ok_or_else(malformed)
    }

    fn read(record: &Json) -> Option<Self> {
        if record["v"] != 1 {
            return None;
        }
        let joints = record["d"].as_array()?.iter().map(|bits| bits.as_u64().map(Joint::from_bits));
        let spellings = record["s"].as_array()?.iter().map(|entry| {
            let text = entry[1].as_str()?.to_owned();
            let of = match (entry[2].as_u64(), entry[3].as_str()) {
                (None, _) => Whole::Value,
                (Some(_), None) => Whole::Node,
                (Some(up), Some(check)) => {
                    Whole::Around(usize::try_from(up).ok()?, check.to_owned())
                }
            };
            Some((entry[0].as_str()?.to_owned(), Spelling { text, of }))
        });
        Some(Self {
            joints: joints.collect::<Option<_>>()?,
            spellings: spellings.collect::<Option<_>>()?,
        })
    }
}

impl Drop for Layout {
    fn drop(&mut self) {
        self.spellings.values_mut().for_each(|spelling| spelling.text.zeroize());
    }
}

/// No value and no MAC has this: theirs end with a colon, or are a time.
fn aad(engine: &Engine, modified: &str) -> Vec<u8> {
    mac::bound_to(engine.cipher(), 'l', "signet:layout:", modified)
}
