//! What a transparency log says about a signature.
//!
//! The log's promise (a signature over the entry and its time) says when the entry was seen; without
//! one there is no time at which the certificate could have been valid. A proof that the entry is in
//! the log's tree is checked where there is one.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Rejection, Signed, base64, certificate::Certificate, hex, root::TrustedRoot, sha256};

/// An entry of a log.
#[derive(Debug, Default, Clone)]
pub(super) struct Entry {
    /// The entry as the log keeps it: JSON.
    pub(super) body: Vec<u8>,
    /// The id of the log.
    pub(super) log: Vec<u8>,
    /// When the log saw it, in seconds since 1970.
    pub(super) time: i64,
    /// Its number over all trees of the log.
    pub(super) index: i64,
    /// The log's signature over the four above.
    pub(super) promise: Vec<u8>,
    pub(super) proof: Option<Proof>,
}

/// The path from an entry to the root of a tree that the log signed.
#[derive(Debug, Default, Clone)]
pub(super) struct Proof {
    pub(super) index: u64,
    pub(super) size: u64,
    pub(super) root: Vec<u8>,
    pub(super) hashes: Vec<Vec<u8>>,
    /// The signed note.
    pub(super) checkpoint: String,
}

impl Entry {
    /// When a trusted log saw this very signature.
    pub(super) fn check(
        &self,
        root: &TrustedRoot,
        signed: &Signed<'_>,
        certificate: &Certificate,
    ) -> Result<i64, Rejection> {
        use base64::Engine as _;
        let key = root.log(&self.log, self.time).ok_or(Rejection::Log("is of an unknown log"))?;
        if self.promise.is_empty() {
            let why =
                "has no promise of its time; entries of Rekor v2 have none, and are not supported";
            return Err(Rejection::Log(why));
        }
        let body = base64::engine::general_purpose::STANDARD.encode(&self.body);
        // Keys in order and no blanks: what the log signs.
        let promised = json!({
            "body": body, "integratedTime": self.time, "logID": hex(&self.log), "logIndex": self.index,
        });
        if !key.verifies(promised.to_string().as_bytes(), &self.promise) {
            return Err(Rejection::Log("is not signed by its log"));
        }
        if let Some(proof) = &self.proof {
            proof.check(&self.body, key)?;
        }
        self.is_about(signed, certificate)?;
        Ok(self.time)
    }

    /// Checks that the entry is about this signature, this content and this certificate.
    fn is_about(&self, signed: &Signed<'_>, certificate: &Certificate) -> Result<(), Rejection> {
        let malformed = || Rejection::Malformed("log entry");
        let body: Value = serde_json::from_slice(&self.body).map_err(|_| malformed())?;
        let word = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
        let (hash, signature, key) = match (word("/kind"), word("/apiVersion")) {
            (Some("hashedrekord"), Some("0.0.1")) => (
                word("/spec/data/hash/value"),
                word("/spec/signature/content"),
                word("/spec/signature/publicKey/content"),
            ),
            (Some("dsse"), Some("0.0.1")) => (
                word("/spec/payloadHash/value"),
                word("/spec/signatures/0/signature"),
                word("/spec/signatures/0/verifier"),
            ),
            (kind, version) => {
                let (kind, version) = (kind.unwrap_or_default(), version.unwrap_or_default());
                let what = format!("log entry is a `{kind}` of version `{version}`");
                return Err(Rejection::Unsupported(what));
            }
        };
        if hash != Some(&hex(&sha256(signed.content))) {
            return Err(Rejection::Log("is about another content"));
        }
        let signature = base64(signature.unwrap_or_default(), "log entry")?;
        let key = base64(key.unwrap_or_default(), "log entry")?;
        let same = Certificate::from_pem(&key).is_ok_and(|it| it == *certificate);
        if signature == signed.signature && same {
            Ok(())
        } else {
            Err(Rejection::Log("is about another signature"))
        }
    }
}

impl Proof {
    /// RFC 6962, §2.1.1 and §2.1.3: the path leads from the entry to the root that the log signed.
    fn check(&self, body: &[u8], key: &super::PublicKey) -> Result<(), Rejection> {
        let wrong = Rejection::Log("has a proof that does not lead to the log's tree");
        if self.index >= self.size {
            return Err(wrong);
        }
        let mut hash = sha256(&[&[0], body].concat());
        let (mut place, mut last) = (self.index, self.size - 1);
        for sibling in &self.hashes {
            if last == 0 {
                return Err(wrong);
            }
            if place % 2 == 1 || place == last {
                hash = sha256(&[&[1][..], sibling, &hash].concat());
                while place.is_multiple_of(2) && place != 0 {
                    place /= 2;
                    last /= 2;
                }
            } else {
                hash = sha256(&[&[1][..], &hash, sibling].concat());
            }
            place /= 2;
            last /= 2;
        }
        if last != 0 || hash[..] != self.root[..] || !self.is_signed(key) {
            return Err(wrong);
        }
        Ok(())
    }

    /// Whether the log signed a note of this size and root.
    fn is_signed(&self, key: &super::PublicKey) -> bool {
        let Some((text, signatures)) = self.checkpoint.split_once("\n\n") else { return false };
        let mut lines = text.lines().skip(1);
        let size = lines.next().and_then(|line| line.parse().ok());
        let root = lines.next().and_then(|line| base64(line, "checkpoint").ok());
        let made = |line: &str| {
            let encoded = line.strip_prefix("\u{2014} ").and_then(|it| it.split_once(' '));
            let bytes = encoded.and_then(|(_, text)| base64(text, "checkpoint").ok());
            // Four bytes say which key it is.
            bytes.and_then(|bytes| bytes.get(4..).map(<[u8]>::to_vec))
        };
        let note = format!("{text}\n");
        size == Some(self.size)
            && root.as_ref() == Some(&self.root)
            && signatures.lines().filter_map(made).any(|it| key.verifies(note.as_bytes(), &it))
    }
}

/// The entry that lies with a classic signature.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Classic {
    signed_entry_timestamp: String,
    payload: ClassicPayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClassicPayload {
    body: String,
    integrated_time: i64,
    log_index: i64,
    #[serde(rename = "logID")]
    log_id: String,
}

/// Reads the annotation `dev.sigstore.cosign/bundle`.
pub(super) fn classic(json: &str) -> Result<Entry, Rejection> {
    let malformed = || Rejection::Malformed("log entry");
    let classic: Classic = serde_json::from_str(json).map_err(|_| malformed())?;
    let payload = classic.payload;
    let byte = |place: usize| u8::from_str_radix(payload.log_id.get(place..place + 2)?, 16).ok();
    let log = (0..payload.log_id.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>();
    Ok(Entry {
        body: base64(&payload.body, "log entry")?,
        log: log.ok_or_else(malformed)?,
        time: payload.integrated_time,
        index: payload.log_index,
        promise: base64(&classic.signed_entry_timestamp, "log entry")?,
        proof: None,
    })
}
