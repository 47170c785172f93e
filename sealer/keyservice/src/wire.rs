//! The messages of the protocol, as Protocol Buffers write them.
//!
//! ```text
//! Encrypt and Decrypt   request:  1 key        2 bytes        response:  1 bytes
//! key, one of           1 kms   2 pgp   3 gcp_kms   4 azure_keyvault   5 vault   6 age   7 hckms
//! kms                   1 arn         2 role          3 context (1 key  2 value)*   4 aws_profile
//! azure_keyvault        1 vault_url   2 name          3 version
//! vault                 1 address     2 engine_path   3 key_name
//! the others            1 their name
//! ```
//!
//! Every field is a text, bytes or a message, hence a tag, a length and so many bytes. Fields of other
//! numbers are skipped, as the format wants it, whatever their type.

use std::collections::BTreeMap;

use sealer_core::sops::key::MasterKey;
use zeroize::Zeroizing;

/// The longest message that is read: many times what any key makes of a data key.
pub(crate) const LONGEST: usize = 1 << 20;

/// The bytes are no message of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// They are no fields.
    #[error("the message is not understood")]
    Message,
    /// There is no key.
    #[error("Must provide a key")]
    NoKey,
    /// It is of a kind that is not known.
    #[error("Unknown key type")]
    UnknownKey,
}

/// A request to encrypt or decrypt `payload` with `key`.
pub(crate) fn request(key: &MasterKey, payload: &[u8]) -> Zeroizing<Vec<u8>> {
    let key = written(key);
    let mut message = Zeroizing::new(Vec::with_capacity(key.len() + payload.len() + 20));
    field(&mut message, 1, &key);
    said(&mut message, 2, payload);
    message
}

/// What a request asks: the key and the payload.
pub fn read_request(message: &[u8]) -> Result<(MasterKey, Zeroizing<Vec<u8>>), Malformed> {
    let (mut key, mut payload) = (None, Zeroizing::default());
    for found in Fields(message) {
        match found? {
            (1, bytes) => key = Some(read_key(bytes)?),
            (2, bytes) => payload = Zeroizing::new(bytes.to_vec()),
            _ => {}
        }
    }
    Ok((key.ok_or(Malformed::NoKey)?, payload))
}

/// An answer.
pub(crate) fn response(payload: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut message = Zeroizing::new(Vec::with_capacity(payload.len() + 10));
    said(&mut message, 1, payload);
    message
}

/// What an answer holds.
pub fn read_response(message: &[u8]) -> Result<Zeroizing<Vec<u8>>, Malformed> {
    let mut payload = Zeroizing::default();
    for found in Fields(message) {
        if let (1, bytes) = found? {
            payload = Zeroizing::new(bytes.to_vec());
        }
    }
    Ok(payload)
}

fn written(key: &MasterKey) -> Vec<u8> {
    let texts = |texts: &[&str]| {
        let mut message = Vec::new();
        for (number, text) in (1..).zip(texts) {
            said(&mut message, number, text.as_bytes());
        }
        message
    };
    let (number, message) = match key {
        MasterKey::AwsKms { arn, role, context, profile } => {
            let mut message = texts(&[arn, role.as_deref().unwrap_or_default()]);
            for (name, value) in context {
                field(&mut message, 3, &texts(&[name, value]));
            }
            if let Some(profile) = profile {
                field(&mut message, 4, profile.as_bytes());
            }
            (1, message)
        }
        MasterKey::Pgp { fingerprint } => (2, texts(&[fingerprint])),
        MasterKey::GcpKms { resource_id } => (3, texts(&[resource_id])),
        MasterKey::AzureKeyVault { vault_url, name, version } => {
            (4, texts(&[vault_url, name, version]))
        }
        MasterKey::Vault { address, engine_path, key_name } => {
            (5, texts(&[address, engine_path, key_name]))
        }
        MasterKey::Age { recipient } => (6, texts(&[recipient])),
        MasterKey::HuaweiKms { key_id } => (7, texts(&[key_id])),
    };
    let mut key = Vec::with_capacity(message.len() + 10);
    field(&mut key, number, &message);
    key
}

fn read_key(message: &[u8]) -> Result<MasterKey, Malformed> {
    let mut key = Err(Malformed::NoKey);
    for found in Fields(message) {
        let (number, bytes) = found?;
        key = match number {
            1 => amazon(bytes),
            2 => texts(bytes).map(|[fingerprint, ..]| MasterKey::Pgp { fingerprint }),
            3 => texts(bytes).map(|[resource_id, ..]| MasterKey::GcpKms { resource_id }),
            4 => texts(bytes).map(|[vault_url, name, version]| MasterKey::AzureKeyVault {
                vault_url,
                name,
                version,
            }),
            5 => texts(bytes).map(|[address, engine_path, key_name]| MasterKey::Vault {
                address,
                engine_path,
                key_name,
            }),
            6 => texts(bytes).map(|[recipient, ..]| MasterKey::Age { recipient }),
            7 => texts(bytes).map(|[key_id, ..]| MasterKey::HuaweiKms { key_id }),
            _ => Err(Malformed::UnknownKey),
        };
    }
    key
}

fn amazon(message: &[u8]) -> Result<MasterKey, Malformed> {
    let (mut arn, mut role, mut profile) = <(String, String, String)>::default();
    let mut context = BTreeMap::new();
    for found in Fields(message) {
        match found? {
            (1, bytes) => arn = text(bytes)?,
            (2, bytes) => role = text(bytes)?,
            (3, bytes) => {
                let [name, value, _] = texts(bytes)?;
                context.insert(name, value);
            }
            (4, bytes) => profile = text(bytes)?,
            _ => {}
        }
    }
    let said = |text: String| (!text.is_empty()).then_some(text);
    Ok(MasterKey::AwsKms { arn, role: said(role), context, profile: said(profile) })
}

/// The first three texts of a message.
fn texts(message: &[u8]) -> Result<[String; 3], Malformed> {
    let mut texts = <[String; 3]>::default();
    for found in Fields(message) {
        let (number, bytes) = found?;
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        if let Some(place) = place.and_then(|place| texts.get_mut(place)) {
            *place = text(bytes)?;
        }
    }
    Ok(texts)
}

fn text(bytes: &[u8]) -> Result<String, Malformed> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Malformed::Message)
}

/// Appends a field of bytes; what is empty is left out, which reads the same.
fn said(message: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    if !bytes.is_empty() {
        field(message, number, bytes);
    }
}

/// Appends a field of bytes, which are there even if they are empty.
fn field(message: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    varint(message, number << 3 | 2);
    varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        // The lowest seven bits.
        message.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    message.push(u8::try_from(number).unwrap_or_default());
}

/// The fields of bytes of a message; fields of other types are left out.
struct Fields<'m>(&'m [u8]);

impl<'m> Fields<'m> {
    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for place in 0..10 {
            let (byte, rest) = self.0.split_first().ok_or(Malformed::Message)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(7 * place).unwrap_or_default();
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed::Message)
    }

    fn take(&mut self, length: u64) -> Result<&'m [u8], Malformed> {
        let length = usize::try_from(length).map_err(|_| Malformed::Message)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed::Message)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn read(&mut self) -> Result<Option<(u64, &'m [u8])>, Malformed> {
        let tag = self.varint()?;
        match tag & 7 {
            0 => self.varint().map(|_| None),
            1 => self.take(8).map(|_| None),
            2 => {
                let length = self.varint()?;
                self.take(length).map(|bytes| Some((tag >> 3, bytes)))
            }
            5 => self.take(4).map(|_| None),
            _ => Err(Malformed::Message),
        }
    }
}

impl<'m> Iterator for Fields<'m> {
    type Item = Result<(u64, &'m [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            match self.read() {
                Ok(None) => {}
                Ok(Some(field)) => return Some(Ok(field)),
                Err(error) => {
                    self.0 = &[];
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_are_those_of_protoc() {
        // By `protoc --encode` from the published description of the service.
        let age = MasterKey::age("age1x");
        let context = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let aws = MasterKey::AwsKms {
            arn: "arn".to_owned(),
            role: Some("r".to_owned()),
            context,
            profile: Some("p".to_owned()),
        };
        #[rustfmt::skip]
        let cases: [(MasterKey, &[u8], &[u8]); 2] = [
            (age, b"k",  b"\x0a\x09\x32\x07\x0a\x05age1x\x12\x01k"),
            (aws, b"",   b"\x0a\x15\x0a\x13\x0a\x03arn\x12\x01r\x1a\x06\x0a\x01a\x12\x01b\x22\x01p"),
        ];
        for (key, payload, expected) in cases {
            assert_eq!(request(&key, payload).as_slice(), expected, "{key}");
            let (read, found) = read_request(expected).unwrap();
            assert_eq!((read, found.as_slice()), (key, payload));
        }
    }

    #[test]
    fn what_is_no_request_is_told_as_sops_tells_it() {
        #[rustfmt::skip]
        let cases: [(&[u8], Malformed); 6] = [
            (b"",                              Malformed::NoKey),
            (b"\x12\x01k",                     Malformed::NoKey),
            (b"\x0a\x00",                      Malformed::NoKey),
            (b"\x0a\x04\x42\x02\x0a\x00",      Malformed::UnknownKey),
            (b"\x0a\x7f",                      Malformed::Message),
            (b"\x0a\x04\x32\x02\x0a\x7f",      Malformed::Message),
        ];
        for (message, expected) in cases {
            assert_eq!(read_request(message).err(), Some(expected), "{message:?}");
        }
        // Fields that are not known are nobody's concern.
        let more =
            b"\x0a\x09\x32\x07\x0a\x05age1x\x18\x01\x21\0\0\0\0\0\0\0\0\x2d\0\0\0\0\x12\x01k";
        assert!(read_request(more).is_ok());
    }

    fn key() -> impl Strategy<Value = MasterKey> {
        let word = "[a-z:/+ ]{1,200}";
        let role = proptest::option::of(word);
        let context = proptest::collection::btree_map(word, word, 0..4);
        prop_oneof![
            word.prop_map(|recipient| MasterKey::Age { recipient }),
            word.prop_map(|fingerprint| MasterKey::Pgp { fingerprint }),
            word.prop_map(|resource_id| MasterKey::GcpKms { resource_id }),
            word.prop_map(|key_id| MasterKey::HuaweiKms { key_id }),
            (word, role.clone(), context, role).prop_map(|(arn, role, context, profile)| {
                MasterKey::AwsKms { arn, role, context, profile }
            }),
            (word, word, "[a-z]{0,9}").prop_map(|(vault_url, name, version)| {
                MasterKey::AzureKeyVault { vault_url, name, version }
            }),
            (word, word, word).prop_map(|(address, engine_path, key_name)| MasterKey::Vault {
                address,
                engine_path,
                key_name
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(key in key(), payload in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (read, found) = read_request(&request(&key, &payload)).unwrap();
            prop_assert_eq!((&read, found.as_slice()), (&key, payload.as_slice()));
            let response = response(&payload);
            let found = read_response(&response).unwrap();
            prop_assert_eq!(found.as_slice(), payload.as_slice());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (read_request(&bytes), read_response(&bytes));
        }
    }
}
