//! The classic form of a signature: a small JSON, signed, beside the image.

use serde_json::Value;

use super::{Rejection, Signed, Signer, Trust, base64, certificate::Certificate, log};

/// A layer of the image that cosign keeps under `sha256-….sig`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signature<'s> {
    /// The content of the layer: what was signed.
    pub payload: &'s [u8],
    /// The annotation `dev.cosignproject.cosign/signature`.
    pub signature: &'s str,
    /// The annotation `dev.sigstore.cosign/certificate`.
    pub certificate: Option<&'s str>,
    /// The annotation `dev.sigstore.cosign/bundle`.
    pub log_entry: Option<&'s str>,
}

impl Signature<'_> {
    pub(super) fn check(&self, trust: &Trust, digest: &str) -> Result<Signer, Rejection> {
        let payload: Value =
            serde_json::from_slice(self.payload).map_err(|_| Rejection::Malformed("payload"))?;
        let signature = base64(self.signature, "signature")?;
        let signer = match (trust, self.certificate) {
            // A certificate is no matter where a key is given: the key itself decides.
            (Trust::Keys(_), _) => trust.by_key(self.payload, &signature)?,
            (Trust::Policy(_), _) => {
                return Err(Rejection::Kind("by cosign, and one by notation is wanted"));
            }
            (Trust::Identities(..), None) => {
                return Err(Rejection::Kind("with a key, and identities are wanted"));
            }
            (Trust::Identities(..), Some(pem)) => {
                let certificate = Certificate::from_pem(pem.as_bytes())?;
                let entry = self.log_entry.ok_or(Rejection::Log("is missing"))?;
                let signed =
                    Signed { message: self.payload, content: self.payload, signature: &signature };
                trust.by_certificate(&signed, &certificate, &log::classic(entry)?)?
            }
        };
        let word = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
        let kind = word("/critical/type").unwrap_or_default();
        if kind != "cosign container image signature" {
            return Err(Rejection::Other(format!("a `{kind}`, and not an image")));
        }
        let about = word("/critical/image/docker-manifest-digest").unwrap_or_default();
        if about != digest {
            return Err(Rejection::Other(format!("another image, `{about}`")));
        }
        Ok(signer)
    }
}
