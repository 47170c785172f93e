//! The one place where plaintext becomes a request body.
//!
//! Everything that a Secret holds passes [`encode`] and nothing else. The body is assembled in one
//! allocation of the right size, so that no half-grown copy of it stays behind.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use kube::api::ObjectMeta;
use sealer_core::plaintext::Plaintext;
use serde_json::{Value, json};

/// A Secret as it should be.
#[derive(Debug, Default)]
pub struct Desired {
    /// Its metadata. `uid` and `resourceVersion` are preconditions of an update.
    pub metadata: ObjectMeta,
    /// Its type; the API server's default is `Opaque`.
    pub type_: Option<String>,
    /// Whether the API server refuses to change its values.
    pub immutable: Option<bool>,
    /// Its values.
    pub data: BTreeMap<String, Plaintext>,
}

/// The JSON of a Secret with `metadata` and everything else of `desired`.
pub(super) fn encode<'v>(
    desired: &Desired,
    metadata: &ObjectMeta,
    data: impl Iterator<Item = (&'v String, &'v Plaintext)> + Clone,
) -> Vec<u8> {
    let mut head = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata });
    if let Some(type_) = &desired.type_ {
        head["type"] = Value::from(type_.as_str());
    }
    if let Some(immutable) = desired.immutable {
        head["immutable"] = immutable.into();
    }
    let mut head = head.to_string();
    head.truncate(head.len() - 1);

    let entry =
        |(key, value): (&String, &Plaintext)| key.len() * 6 + value.expose().len() * 4 / 3 + 12;
    let mut body = Vec::with_capacity(head.len() + 16 + data.clone().map(entry).sum::<usize>());
    let capacity = body.capacity();
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(br#","data":{"#);
    for (index, (key, value)) in data.enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(Value::from(key.as_str()).to_string().as_bytes());
        body.extend_from_slice(br#":""#);
        append_base64(&mut body, value.expose());
        body.push(b'"');
    }
    body.extend_from_slice(b"}}");
    debug_assert_eq!(body.capacity(), capacity, "a body that grows leaves a copy behind");
    body
}

fn append_base64(body: &mut Vec<u8>, bytes: &[u8]) {
    let start = body.len();
    body.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = BASE64_STANDARD.encode_slice(bytes, &mut body[start..]);
    debug_assert_eq!(written.ok(), Some(body.len() - start), "padded base64 has one length");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(desired: &Desired) -> Vec<u8> {
        encode(desired, &desired.metadata, desired.data.iter())
    }

    #[test]
    fn a_body_is_the_json_of_the_secret() {
        let desired = Desired {
            metadata: ObjectMeta { name: Some("a".into()), ..<_>::default() },
            type_: Some("Opaque".into()),
            immutable: Some(true),
            data: [("k\"1", &b"hunter2"[..]), ("k2", &[0, 255])]
                .map(|(key, value)| (key.to_owned(), Plaintext::new(value.to_vec())))
                .into(),
        };
        let json: Value = serde_json::from_slice(&body(&desired)).unwrap();
        assert_eq!(
            json,
            json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
                "type": "Opaque", "immutable": true,
                "data": {"k\"1": "aHVudGVyMg==", "k2": "AP8="},
            })
        );
    }

    #[test]
    fn a_body_is_assembled_in_one_allocation() {
        for size in [0, 1, 2, 3, 1000, 100_000] {
            let data = [("\u{1}key".to_owned(), Plaintext::new(vec![7; size]))].into();
            // `encode` itself asserts it.
            assert!(body(&Desired { data, ..Desired::default() }).len() > size);
        }
    }
}
