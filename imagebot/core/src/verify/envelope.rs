//! The newer form of a signature: a Sigstore bundle with a signed statement.

use serde::Deserialize;
use serde_json::Value;

use super::{
    Rejection, Signed, Signer, Trust, base64,
    certificate::Certificate,
    hexadecimal,
    log::{Entry, Proof},
};

/// What a statement says that signs an image; others attest something else about it.
const SIGNS: &str = "https://sigstore.dev/cosign/sign/v1";
const STATEMENTS: [&str; 2] =
    ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    verification_material: Material,
    dsse_envelope: Option<Envelope>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    certificate: Option<Raw>,
    x509_certificate_chain: Option<Chain>,
    #[serde(default)]
    tlog_entries: Vec<LogEntry>,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    raw_bytes: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

/// Numbers of 64 bits are text in this JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogEntry {
    log_index: Option<String>,
    log_id: LogId,
    integrated_time: Option<String>,
    inclusion_promise: Option<Promise>,
    inclusion_proof: Option<WrittenProof>,
    canonicalized_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Promise {
    signed_entry_timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenProof {
    log_index: Option<String>,
    root_hash: String,
    tree_size: String,
    #[serde(default)]
    hashes: Vec<String>,
    checkpoint: Checkpoint,
}

#[derive(Deserialize)]
struct Checkpoint {
    envelope: String,
}

/// Checks a bundle.
pub(super) fn check(trust: &Trust, digest: &str, bundle: &[u8]) -> Result<Signer, Rejection> {
    let wanted = hexadecimal(digest)?;
    let bundle: Bundle =
        serde_json::from_slice(bundle).map_err(|_| Rejection::Malformed("bundle"))?;
    let envelope = bundle
        .dsse_envelope
        .as_ref()
        .ok_or_else(|| Rejection::Unsupported("bundle has no `dsseEnvelope`".to_owned()))?;
    let payload = base64(&envelope.payload, "envelope")?;
    let message = encoded(&envelope.payload_type, &payload);
    let [signature] = &envelope.signatures[..] else {
        let many = format!("envelope has {} signatures", envelope.signatures.len());
        return Err(Rejection::Unsupported(many));
    };
    let signature = base64(&signature.sig, "signature")?;
    let signer = match trust {
        Trust::Keys(_) => trust.by_key(&message, &signature)?,
        Trust::Policy(_) => {
            return Err(Rejection::Kind("by cosign, and one by notation is wanted"));
        }
        Trust::Identities(..) => {
            let signed = Signed { message: &message, content: &payload, signature: &signature };
            let (certificate, entry) = bundle.verification_material.read()?;
            trust.by_certificate(&signed, &certificate, &entry)?
        }
    };
    if envelope.payload_type != "application/vnd.in-toto+json" {
        return Err(Rejection::Other(format!("a `{}`", envelope.payload_type)));
    }
    is_about(&payload, wanted)?;
    Ok(signer)
}

/// The bytes that are signed for a payload of this type.
fn encoded(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Checks that the statement signs the image with this hash.
fn is_about(payload: &[u8], wanted: &str) -> Result<(), Rejection> {
    let statement: Value =
        serde_json::from_slice(payload).map_err(|_| Rejection::Malformed("statement"))?;
    let kind = statement["_type"].as_str().unwrap_or_default();
    let says = statement["predicateType"].as_str().unwrap_or_default();
    if !STATEMENTS.contains(&kind) || says != SIGNS {
        return Err(Rejection::Other(format!("an attestation, `{says}`, and no signature")));
    }
    let subjects = statement["subject"].as_array().map(Vec::as_slice).unwrap_or_default();
    if subjects.iter().any(|subject| subject["digest"]["sha256"] == wanted) {
        Ok(())
    } else {
        Err(Rejection::Other("another image".to_owned()))
    }
}

impl Material {
    fn read(&self) -> Result<(Certificate, Entry), Rejection> {
        let chain = self.x509_certificate_chain.as_ref();
        let raw = self.certificate.as_ref().or_else(|| chain?.certificates.first());
        let raw = raw.ok_or(Rejection::Kind("with a key, and identities are wanted"))?;
        let certificate = Certificate::from_der(base64(&raw.raw_bytes, "certificate")?)?;
        let entry = self.tlog_entries.first().ok_or(Rejection::Log("is missing"))?;
        Ok((certificate, entry.read()?))
    }
}

impl LogEntry {
    fn read(&self) -> Result<Entry, Rejection> {
        let number = |text: &Option<String>| match text {
            Some(text) => text.parse().map_err(|_| Rejection::Malformed("log entry")),
            None => Ok(0),
        };
        let promise = match &self.inclusion_promise {
            Some(promise) => base64(&promise.signed_entry_timestamp, "log entry")?,
            None => Vec::new(),
        };
        Ok(Entry {
            body: base64(&self.canonicalized_body, "log entry")?,
            log: base64(&self.log_id.key_id, "log entry")?,
            time: number(&self.integrated_time)?,
            index: number(&self.log_index)?,
            promise,
            proof: self.inclusion_proof.as_ref().map(WrittenProof::read).transpose()?,
        })
    }
}

impl WrittenProof {
    fn read(&self) -> Result<Proof, Rejection> {
        let malformed = || Rejection::Malformed("proof");
        let number = |text: &str| text.parse().map_err(|_| malformed());
        let hashes = self.hashes.iter().map(|hash| base64(hash, "proof"));
        Ok(Proof {
            index: number(self.log_index.as_deref().unwrap_or("0"))?,
            size: number(&self.tree_size)?,
            root: base64(&self.root_hash, "proof")?,
            hashes: hashes.collect::<Result<_, _>>()?,
            checkpoint: self.checkpoint.envelope.clone(),
        })
    }
}
