//! Native values: the vectors of the specification, what they are bound to, and what is no value.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::sealed::keyring::{self, Keyring, Order};

const VECTORS: &str = include_str!("../../../fixtures/sealed/native.json");

fn key(suite: Suite, seed: u8) -> Arc<PrivateKey> {
    let seed = Plaintext::new(vec![seed; 32]);
    let created = "2026-01-02T03:04:05Z".parse().unwrap();
    Arc::new(PrivateKey::of_seed(suite, &seed, created).unwrap())
}

fn recipients(keys: &[&Arc<PrivateKey>]) -> Recipients {
    Recipients::new(keys.iter().map(|key| key.public().clone())).unwrap()
}

fn keyring(keys: &[&Arc<PrivateKey>]) -> Keyring {
    Keyring::new([], Order::CertNotBefore).with_native(keys.iter().map(|key| Arc::clone(key)))
}

fn label(scope: Scope) -> Label {
    scope.label("ns", "name").of("key")
}

#[test]
fn the_vectors_of_the_specification_open() {
    let vectors: Vec<Json> = serde_json::from_str(VECTORS).unwrap();
    assert!(vectors.len() >= 6);
    for vector in &vectors {
        let text = |field: &str| vector[field].as_str().unwrap();
        let suite: Suite = text("suite").parse().unwrap();
        let seed = text("seed");
        let digit = |at| u8::from_str_radix(&seed[at..at + 2], 16).unwrap();
        let seed = Plaintext::new((0..seed.len()).step_by(2).map(digit).collect());
        let created = text("created").parse().unwrap();
        let key = Arc::new(PrivateKey::of_seed(suite, &seed, created).unwrap());
        assert_eq!(key.public().pem(), text("public"));
        assert_eq!(key.id().as_str(), text("keyId"));
        let scope: Scope = text("scope").parse().unwrap();
        let label = scope.label(text("namespace"), text("name")).of(text("key"));
        let opened = keyring(&[&key]).unseal(&label, text("value")).unwrap();
        assert_eq!(opened.value.expose(), text("plaintext").as_bytes());
        let parsed = Value::parse(text("value")).unwrap();
        assert_eq!(parsed.to_string(), text("value"), "reading loses nothing");
    }
}

#[test]
fn the_page_shows_the_first_vector() {
    let page = include_str!("../../../../../docs/reference/sealed-native.md");
    let shown = page.rsplit_once("```json\n").unwrap().1.trim_end().trim_end_matches("```");
    let vectors: Vec<Json> = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(serde_json::from_str::<Json>(shown).unwrap(), vectors[0]);
}

#[test]
fn a_value_opens_only_where_it_is_bound_to() {
    for suite in Suite::ALL {
        let key = key(suite, 1);
        let ring = keyring(&[&key]);
        #[rustfmt::skip]
        let cases = [
            // scope               same, other name, other namespace, other data key
            (Scope::Strict,        [true, false, false, false]),
            (Scope::NamespaceWide, [true, true,  false, false]),
            (Scope::ClusterWide,   [true, true,  true,  false]),
        ];
        for (scope, expected) in cases {
            let sealed = recipients(&[&key]).seal(&label(scope), b"v", &mut rand::rng());
            let opens = |namespace, name, key| {
                ring.unseal(&scope.label(namespace, name).of(key), &sealed).is_ok()
            };
            let found = [
                opens("ns", "name", "key"),
                opens("ns", "other", "key"),
                opens("other", "name", "key"),
                opens("ns", "name", "other"),
            ];
            assert_eq!(found, expected, "{suite} {scope}");
            for other in [Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide] {
                let error = ring.unseal(&label(other), &sealed).err();
                let sealed = scope;
                let refused =
                    (other != scope).then_some(keyring::Error::OtherScope { sealed, asked: other });
                assert_eq!(error, refused, "the scope is part of it");
            }
            assert!(ring.unseal(&scope.label("ns", "name"), &sealed).is_err(), "no data key");
        }
    }
}

#[test]
fn every_recipient_opens_it_and_nobody_else() {
    for suite in Suite::ALL {
        let (ours, theirs, other) = (key(suite, 1), key(suite, 2), key(suite, 3));
        let label = label(Scope::Strict);
        let sealed = recipients(&[&ours, &theirs, &ours]).seal(&label, b"v", &mut rand::rng());
        for key in [&ours, &theirs] {
            let opened = keyring(&[&other, key]).unseal(&label, &sealed).unwrap();
            assert_eq!((opened.value.expose(), opened.attempts), (&b"v"[..], 1));
            assert_eq!(opened.key_id, key.id());
        }
        let error = keyring(&[&other]).unseal(&label, &sealed).unwrap_err();
        assert_eq!(error, keyring::Error::NoNativeKey(vec![ours.id(), theirs.id()]));
    }
    let mixed = [key(Suite::X25519, 1), key(Suite::XWing, 1)].map(|key| key.public().clone());
    let error = Recipients::new(mixed).unwrap_err();
    assert_eq!(error, RecipientsError::Mixed(Suite::X25519, Suite::XWing));
    assert_eq!(Recipients::new([]).unwrap_err(), RecipientsError::None);
}

#[test]
fn a_change_of_any_byte_is_found() {
    let (ours, theirs) = (key(Suite::X25519, 1), key(Suite::X25519, 2));
    let label = label(Scope::Strict);
    let sealed = recipients(&[&ours, &theirs]).seal(&label, b"v", &mut rand::rng());
    let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, &sealed[PREFIX.len()..]);
    let bytes = bytes.unwrap();
    for at in 0..bytes.len() {
        for bit in [0, 7] {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let Ok(value) = Value::from_bytes(&changed) else { continue };
            assert!(value.open(&ours, &label).is_err(), "byte {at}, also those of others");
        }
    }
    for length in 0..bytes.len() {
        let Ok(value) = Value::from_bytes(&bytes[..length]) else { continue };
        assert!(value.open(&ours, &label).is_err(), "cut at {length}");
    }
}

/// Whoever seals for two could try to show each another plaintext under the same bytes.
#[test]
fn two_recipients_cannot_be_shown_two_content_keys() {
    let (ours, theirs) = (key(Suite::X25519, 1), key(Suite::X25519, 2));
    let label = label(Scope::Strict);
    let context = context(Suite::X25519, &label).unwrap();
    let wrapped = |key: &PrivateKey, content| {
        wrap(key.public(), &[content; CONTENT_KEY], &context, &mut rand::rng())
    };
    let header = Header {
        suite: Suite::X25519,
        scope: Scope::Strict,
        recipients: vec![wrapped(&ours, 1), wrapped(&theirs, 2)],
    };
    let value = finish(header, &[1; CONTENT_KEY], &context, b"v");
    assert!(value.open(&ours, &label).is_ok());
    assert_eq!(value.open(&theirs, &label).unwrap_err(), Rejected::Damaged);
}

#[test]
fn a_value_is_renewed_for_the_newest_key_and_keeps_others() {
    let created = "2027-01-01T00:00:00Z".parse().unwrap();
    for suite in Suite::ALL {
        let (old, theirs) = (key(suite, 1), key(suite, 2));
        let (_, newest) = PrivateKey::generate(suite, created, &mut rand::rng());
        let newest = Arc::new(newest);
        let (ring, label) = (keyring(&[&old, &newest]), label(Scope::Strict));
        for others in [vec![], vec![&theirs]] {
            let all: Vec<_> = [&old].into_iter().chain(others.iter().copied()).collect();
            let sealed = recipients(&all).seal(&label, b"v", &mut rand::rng());
            let renewed = ring.reseal(&label, &sealed, &mut rand::rng()).unwrap();
            let ids: Vec<_> = Value::parse(&renewed).unwrap().key_ids().collect();
            assert_eq!(ids.len(), all.len());
            assert!(ids.contains(&newest.id()) && !ids.contains(&old.id()));
            for key in others.iter().copied().chain([&newest]) {
                let opened = keyring(&[key]).unseal(&label, &renewed).unwrap();
                assert_eq!(opened.value.expose(), b"v");
            }
            // Once more changes the bytes and not the recipients.
            let again = ring.reseal(&label, &renewed, &mut rand::rng()).unwrap();
            assert_ne!(again, renewed);
            assert_eq!(Value::parse(&again).unwrap().key_ids().collect::<Vec<_>>(), ids);
        }
    }
}

#[test]
fn what_is_no_value_says_why() {
    let encoded = |bytes: &[u8]| {
        format!("{PREFIX}{}", base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes))
    };
    #[rustfmt::skip]
    let cases = [
        ("AgBy".to_owned(),                   Error::Prefix),
        (encoded(&[]),                        Error::Truncated),
        (encoded(&[9, 0, 0, 1]),              Error::Suite(9)),
        (encoded(&[1, 3, 0, 1]),              Error::Scope(3)),
        (encoded(&[1, 0, 0, 0]),              Error::Recipients(0)),
        (encoded(&[1, 0, 0xff, 0xff]),        Error::Recipients(0xffff)),
        (encoded(&[1, 0, 0, 1, 5]),           Error::Truncated),
    ];
    for (text, error) in cases {
        assert_eq!(Value::parse(&text), Err(error), "{text}");
    }
    assert!(matches!(Value::parse("signet1.*"), Err(Error::Base64(_))));
}

#[test]
fn keys_are_written_down_and_read_again() {
    for suite in Suite::ALL {
        let created = "2026-01-02T03:04:05Z".parse().unwrap();
        let (seed, made) = PrivateKey::generate(suite, created, &mut rand::rng());
        let pem = made.public().pem();
        let read = PrivateKey::parse(&seed, pem.as_bytes()).unwrap();
        assert_eq!((read.id(), read.public().created(), read.suite()), (made.id(), created, suite));
        assert_eq!(suite.as_str().parse(), Ok(suite));
        let other = Plaintext::new(vec![5; 32]);
        assert_eq!(PrivateKey::parse(&other, pem.as_bytes()).unwrap_err(), KeyError::Mismatch);
        let short = Plaintext::new(vec![5; 31]);
        assert_eq!(PrivateKey::parse(&short, pem.as_bytes()).unwrap_err(), KeyError::Seed);
        let bundle =
            format!("{pem}\n{}\n{pem}", include_str!("../../../fixtures/sealed/k2048.crt"));
        assert_eq!(PublicKey::parse_all(bundle.as_bytes()).unwrap().len(), 2);
    }
    let low_order = pem_of(&[&[1][..], &[0; 8], &[0; 32]].concat());
    assert_eq!(PublicKey::parse_all(low_order.as_bytes()).unwrap_err(), KeyError::Malformed);
    assert_eq!(PublicKey::parse_all(b"").unwrap_err(), KeyError::NoPem);
}

fn pem_of(bytes: &[u8]) -> String {
    crate::sealed::pem::write("SIGNET SEALING KEY", bytes).to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn unsealing_undoes_sealing(value: Vec<u8>, ns: String, name: String, key_name: String) {
        for suite in Suite::ALL {
            let key = key(suite, 1);
            let label = Scope::Strict.label(&ns, &name).of(&key_name);
            let sealed = recipients(&[&key]).seal(&label, &value, &mut rand::rng());
            prop_assert_eq!(Value::parse(&sealed).unwrap().plaintext_len(), value.len());
            let opened = keyring(&[&key]).unseal(&label, &sealed).unwrap();
            prop_assert_eq!(opened.value.expose(), &value[..]);
        }
    }

    #[test]
    fn reading_never_panics(bytes: Vec<u8>, text: String) {
        let _ = Value::from_bytes(&bytes).map(|value| value.to_string());
        let _ = Value::parse(&text);
        let _ = Value::parse(&format!("{PREFIX}{text}"));
    }

    /// Parts of the context have their lengths before them.
    #[test]
    fn no_two_places_have_one_context(
        a in ("[ab/]{0,4}", "[ab/]{0,4}", "[ab/]{0,4}"), b in ("[ab/]{0,4}", "[ab/]{0,4}", "[ab/]{0,4}"),
    ) {
        let of = |(ns, name, key): &(String, String, String)| {
            context(Suite::X25519, &Scope::Strict.label(ns, name).of(key))
        };
        prop_assert_eq!(of(&a) == of(&b), a == b);
    }
}
