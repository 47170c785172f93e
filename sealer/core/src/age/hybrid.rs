//! The stanza of post-quantum keys: `age1pq1…` and `AGE-SECRET-KEY-PQ-1…`.

use rand_core::CryptoRng;

use super::{
    Error,
    seal::{FileKey, WRAPPED},
    stanza::{self, Stanza},
};
use crate::hpke::{self, xwing};

pub(super) const KIND: &str = "mlkem768x25519";
/// Whoever is not safe from quantum computers would be a way around it.
pub(super) const LABEL: &str = "postquantum";
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";

pub(super) fn wrap(
    file_key: &FileKey,
    recipient: &xwing::Public,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Option<Stanza> {
    let (sent, shared) = recipient.encapsulate(rng)?;
    let body = hpke::seal(xwing::ID, shared.as_slice(), INFO, &[], file_key.expose());
    Some(Stanza { kind: KIND.to_owned(), args: vec![stanza::arg(&sent)], body })
}

pub(super) fn unwrap(identity: &xwing::Private, stanza: &Stanza) -> Result<Option<FileKey>, Error> {
    if stanza.kind != KIND {
        return Ok(None);
    }
    let damaged = Error::Header("an mlkem768x25519 stanza has another form");
    let sent = stanza.args().and_then(|[sent]| stanza::bytes::<{ xwing::ENCAPSULATED }>(sent));
    let Some(sent) = sent.filter(|_| stanza.body.len() == WRAPPED) else {
        return Err(damaged);
    };
    let shared = identity.decapsulate(&sent).ok_or(damaged)?;
    let opened = hpke::open(xwing::ID, shared.as_slice(), INFO, &[], &stanza.body);
    Ok(opened.and_then(|key| FileKey::new(&key)))
}
