//! Signatures of the Notary Project: an envelope in JWS or COSE with the whole chain of certificates.
//!
//! What the trust policy asks for is checked: that the chain ends in a given certificate, that the
//! identity is a wanted one, and that neither the signature nor a certificate has expired. Whether a
//! certificate was revoked would have to be asked of its authority over the network, and is not.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Rejection, Signer,
    cbor::{self, Value as Cbor},
    certificate::Certificate,
    key::Jose,
};

mod policy;

pub use policy::{Error, TrustPolicy};

const PAYLOAD: &str = "application/vnd.cncf.notary.payload.v1+json";
const SCHEME: &str = "io.cncf.notary.signingScheme";
const EXPIRY: &str = "io.cncf.notary.expiry";
const AUTHENTIC: &str = "io.cncf.notary.authenticSigningTime";
/// What must be understood where an envelope says so.
const UNDERSTOOD: [&str; 3] = [SCHEME, EXPIRY, AUTHENTIC];

/// An image as an envelope comes with it.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'e> {
    /// The repository, with its registry.
    pub repository: &'e str,
    /// The image.
    pub digest: &'e str,
    /// The type of the envelope.
    pub media_type: &'e str,
    /// The envelope.
    pub bytes: &'e [u8],
}

/// What both forms of an envelope say.
struct Opened {
    algorithm: Jose,
    content_type: String,
    critical: Vec<String>,
    scheme: String,
    expiry: Option<i64>,
    authentic: Option<i64>,
    chain: Vec<Certificate>,
    /// The bytes under the signature.
    message: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// Checks an envelope at the time `now`.
pub(super) fn check(
    policy: &TrustPolicy,
    envelope: &Envelope<'_>,
    now: i64,
) -> Result<Signer, Rejection> {
    let opened = match envelope.media_type {
        "application/jose+json" => jws(envelope.bytes),
        "application/cose" => cose(envelope.bytes),
        other => return Err(Rejection::Unsupported(format!("envelope is a `{other}`"))),
    };
    let opened = opened.ok_or(Rejection::Malformed("envelope"))?;
    let leaf = opened.chain.first().ok_or(Rejection::Malformed("envelope"))?;
    if let Some(unknown) = opened.critical.iter().find(|it| !UNDERSTOOD.contains(&it.as_str())) {
        return Err(Rejection::Unsupported(format!("envelope demands `{unknown}`")));
    }
    let time = match (opened.scheme.as_str(), opened.authentic) {
        // Without a time that somebody vouches for, only now counts.
        ("notary.x509", _) => now,
        ("notary.x509.signingAuthority", Some(authentic)) => authentic,
        (scheme, _) => return Err(Rejection::Unsupported(format!("scheme is `{scheme}`"))),
    };
    let rules = policy.of(envelope.repository).ok_or(Rejection::Kind(
        "for a repository that no trust policy of `trustpolicy.json` names",
    ))?;
    leaf.check_chain(&opened.chain[1..], policy.anchors(), time)?;
    if !leaf.key()?.verifies_as(opened.algorithm, &opened.message, &opened.signature) {
        return Err(Rejection::NotByCertificate);
    }
    let subject = leaf.subject()?;
    if !rules.wants(&subject) {
        let issuer = opened.chain.last().unwrap_or(leaf).subject()?.to_string();
        return Err(Rejection::Subject { issuer, subject: subject.to_string() });
    }
    if rules.enforces_expiry() && opened.expiry.is_some_and(|expiry| expiry <= now) {
        return Err(Rejection::Certificate("is good, and the signature has expired"));
    }
    if opened.content_type != PAYLOAD {
        return Err(Rejection::Other(format!("a `{}`", opened.content_type)));
    }
    let payload: Value =
        serde_json::from_slice(&opened.payload).map_err(|_| Rejection::Malformed("payload"))?;
    let about = payload["targetArtifact"]["digest"].as_str().unwrap_or_default();
    if about != envelope.digest {
        return Err(Rejection::Other(format!("another image, `{about}`")));
    }
    let issuer = opened.chain.last().unwrap_or(leaf).subject()?.to_string();
    Ok(Signer::Identity { issuer, subject: subject.to_string() })
}

#[derive(Deserialize)]
struct Jws {
    payload: String,
    protected: String,
    header: Unprotected,
    signature: String,
}

#[derive(Deserialize)]
struct Unprotected {
    x5c: Vec<String>,
}

/// Opens an envelope in JSON.
fn jws(bytes: &[u8]) -> Option<Opened> {
    let jws: Jws = serde_json::from_slice(bytes).ok()?;
    let header: Value = serde_json::from_slice(&url_base64(&jws.protected)?).ok()?;
    let word = |name: &str| header[name].as_str().map(str::to_owned);
    let time = |name: &str| match header.get(name) {
        Some(time) => time.as_str()?.parse::<Timestamp>().ok().map(|it| Some(it.as_second())),
        None => Some(None),
    };
    let critical = match header.get("crit") {
        Some(list) => list.as_array()?.iter().map(|it| it.as_str().map(str::to_owned)).collect(),
        None => Some(Vec::new()),
    };
    let certificate =
        |text: &String| Certificate::from_der(super::base64(text, "certificate").ok()?).ok();
    Some(Opened {
        algorithm: Jose::named(&word("alg")?)?,
        content_type: word("cty")?,
        critical: critical?,
        scheme: word(SCHEME)?,
        expiry: time(EXPIRY)?,
        authentic: time(AUTHENTIC)?,
        chain: jws.header.x5c.iter().map(certificate).collect::<Option<_>>()?,
        message: format!("{}.{}", jws.protected, jws.payload).into_bytes(),
        payload: url_base64(&jws.payload)?,
        signature: url_base64(&jws.signature)?,
    })
}

/// Opens an envelope in CBOR.
fn cose(bytes: &[u8]) -> Option<Opened> {
    let envelope = cbor::read(bytes)?;
    let [protected, unprotected, payload, signature] = envelope.array()? else { return None };
    let (protected, payload) = (protected.bytes()?, payload.bytes()?);
    let header = cbor::read(protected)?;
    let named = |name: &str| header.get(&Cbor::Text(name.to_owned()));
    let numbered = |number| header.get(&Cbor::Number(number));
    let time = |name: &str| match named(name) {
        Some(time) => time.number().map(Some),
        None => Some(None),
    };
    let critical = numbered(2).map_or(Some(&[][..]), Cbor::array)?;
    // Numbers are headers that every reader knows.
    let critical = critical.iter().filter(|it| !matches!(it, Cbor::Number(1..=3)));
    let critical = critical.map(|it| it.text().map(str::to_owned)).collect::<Option<_>>()?;
    let chain = match unprotected.get(&Cbor::Number(33))? {
        Cbor::Bytes(one) => vec![Certificate::from_der(one.clone()).ok()?],
        Cbor::Array(many) => {
            let certificate = |it: &Cbor| Certificate::from_der(it.bytes()?.to_vec()).ok();
            many.iter().map(certificate).collect::<Option<_>>()?
        }
        _ => return None,
    };
    Some(Opened {
        algorithm: Jose::numbered(numbered(1)?.number()?)?,
        content_type: numbered(3)?.text()?.to_owned(),
        critical,
        scheme: named(SCHEME)?.text()?.to_owned(),
        expiry: time(EXPIRY)?,
        authentic: time(AUTHENTIC)?,
        chain,
        message: cbor::signed(protected, payload),
        payload: payload.to_vec(),
        signature: signature.bytes()?.to_vec(),
    })
}

fn url_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests;
