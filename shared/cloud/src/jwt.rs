//! JSON Web Tokens with which services and people say who they are.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeyPair,
    signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use serde_json::Value;
use zeroize::Zeroizing;

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

/// The RSA key of a PEM text, as PKCS#1 or PKCS#8.
pub fn key(pem: &[u8]) -> Option<KeyPair> {
    match PrivateKeyDer::from_pem_slice(pem).ok()? {
        PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()).ok(),
        PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        _ => None,
    }
}

/// A token of `claims` under `header`, which names `algorithm` itself.
///
/// # Panics
///
/// Never: a key that was read can sign.
pub fn sign(
    algorithm: Algorithm,
    key: &KeyPair,
    header: &Value,
    claims: &Value,
) -> Zeroizing<String> {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(header), encode(claims));
    let encoding: &'static dyn RsaEncoding = match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        Algorithm::Ps256 => &RSA_PSS_SHA256,
    };
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(encoding, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .expect("a key that was read can sign");
    Zeroizing::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
