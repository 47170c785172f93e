//! Values sealed by kubeseal, by us, and damaged ones.

use proptest::prelude::*;

use super::*;
use crate::sealed::{
    certificate::{self, Certificate},
    key,
    scope::Scope,
};

const K2048: (&[u8], &[u8]) = (
    include_bytes!("../../../fixtures/sealed/k2048.pem"),
    include_bytes!("../../../fixtures/sealed/k2048.crt"),
);
const K4096: (&[u8], &[u8]) = (
    include_bytes!("../../../fixtures/sealed/k4096.pem"),
    include_bytes!("../../../fixtures/sealed/k4096.crt"),
);
const EC: &[u8] = include_bytes!("../../../fixtures/sealed/ec.crt");
const STRICT_2048: &str = include_str!("../../../fixtures/sealed/2048.strict.txt");

fn parse(private: &[u8], certificate: &[u8]) -> Result<SealingKey, key::Error> {
    let private = Plaintext::new(private.to_vec());
    SealingKey::parse(&private, certificate, Timestamp::UNIX_EPOCH)
}

fn key((private, certificate): (&[u8], &[u8])) -> Arc<SealingKey> {
    Arc::new(parse(private, certificate).expect("the fixture is a key pair"))
}

/// A key of its own.
fn fresh() -> Arc<SealingKey> {
    let year = jiff::SignedDuration::from_hours(24 * 365);
    let now = Timestamp::UNIX_EPOCH;
    let made = certificate::generate("", now, year, &mut rand::rng()).expect("keys can be made");
    let parsed = SealingKey::parse(&made.private, made.certificate.as_bytes(), now);
    Arc::new(parsed.expect("what was made is a key pair"))
}

fn keyring() -> Keyring {
    Keyring::new([key(K2048), key(K4096)], Order::CertNotBefore)
}

#[test]
fn values_sealed_by_kubeseal_open() {
    #[rustfmt::skip]
    let cases = [
        // sealed value                                                    scope                 value
        (STRICT_2048,                                                       Scope::Strict,        "hello"),
        (include_str!("../../../fixtures/sealed/4096.strict.txt"),          Scope::Strict,        "hello"),
        (include_str!("../../../fixtures/sealed/2048.empty.txt"),           Scope::Strict,        ""),
        (include_str!("../../../fixtures/sealed/2048.namespace-wide.txt"),  Scope::NamespaceWide, "hello"),
        (include_str!("../../../fixtures/sealed/2048.cluster-wide.txt"),    Scope::ClusterWide,   "hello"),
    ];
    let keyring = keyring();
    for (sealed, scope, value) in cases {
        let opened = keyring.unseal(&scope.label("ns", "name"), sealed).unwrap();
        assert_eq!(opened.value.expose(), value.as_bytes(), "{scope}");
    }
}

#[test]
fn a_value_opens_only_where_its_scope_allows() {
    let keyring = keyring();
    let certificate = keyring.newest().unwrap().certificate();
    #[rustfmt::skip]
    let cases = [
        // scope                 same name, namespace  other name  other namespace
        (Scope::Strict,          (true,                false,      false)),
        (Scope::NamespaceWide,   (true,                true,       false)),
        (Scope::ClusterWide,     (true,                true,       true)),
    ];
    for (scope, expected) in cases {
        let sealed = certificate.seal(&scope.label("ns", "a"), b"x", &mut rand::rng());
        let opens = |ns, name| keyring.unseal(&scope.label(ns, name), &sealed).is_ok();
        assert_eq!((opens("ns", "a"), opens("ns", "b"), opens("other", "a")), expected, "{scope}");
    }
}

#[test]
fn the_key_that_worked_last_is_tried_first_and_wrong_keys_are_not_tried_twice() {
    let (old, newest) = (key(K4096), fresh());
    // The fixture's certificate is from today; order by creation keeps this independent of it.
    let keyring = Keyring::new([newest.clone(), old.clone()], Order::CertNotBefore);
    let label = Scope::Strict.label("ns", "name");
    let seal = |key: &SealingKey| key.certificate().seal(&label, b"x", &mut rand::rng());
    let attempts = |value: &str| keyring.unseal(&label, value).unwrap().attempts;

    let [first, second] = [&keyring.keys()[0].clone(), &keyring.keys()[1].clone()];
    let value = seal(second);
    assert_eq!((attempts(&value), attempts(&value)), (2, 1), "the key is remembered");
    assert_eq!(attempts(&seal(second)), 1, "for other values too");
    assert_eq!(attempts(&seal(first)), 2, "a guess, not a rule");
}

#[test]
fn the_key_of_an_object_is_tried_first_whatever_is_opened_meanwhile() {
    let keyring = Keyring::new([key(K4096), fresh()], Order::CertNotBefore);
    let label = Scope::Strict.label("ns", "name");
    let seal = |key: &SealingKey| key.certificate().seal(&label, b"x", &mut rand::rng());
    for (ours, theirs) in [(0, 1), (1, 0)] {
        let values: BTreeMap<_, _> =
            ["a", "b", "c"].map(|name| (name.to_owned(), seal(&keyring.keys()[ours]))).into();
        let other = seal(&keyring.keys()[theirs]);
        let busy = values.iter().inspect(|_| drop(keyring.unseal(&label, &other)));
        let opened = keyring.unseal_all(&label, busy).unwrap();
        let attempts: Vec<_> = opened.values().map(|opened| opened.attempts).collect();
        assert_eq!(attempts, [2, 1, 1], "key {ours}");
    }
}

#[test]
fn every_way_to_fail_has_its_own_message_and_is_stable() {
    let label = Scope::Strict.label("ns", "name");
    let flip = |at: usize| {
        let mut bytes =
            base64::Engine::decode(&base64::prelude::BASE64_STANDARD, STRICT_2048).unwrap();
        bytes[at] ^= 1;
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes)
    };
    let only_4096 = Keyring::new([key(K4096)], Order::CertNotBefore);
    let damaged = Error::Damaged { key_id: key(K2048).id().clone() };
    #[rustfmt::skip]
    let cases = [
        // keyring             value                    error
        (Keyring::default(),   STRICT_2048.to_owned(),  Error::NoKeys),
        (only_4096,            STRICT_2048.to_owned(),  Error::NoKeyOfSize { bits: 2048 }),
        (keyring(),            flip(40),                Error::NoKey { tried: 1 }),
        (keyring(),            flip(260),               damaged.clone()),
        (keyring(),            flip(278),               damaged),
    ];
    for (keyring, value, error) in cases {
        for _ in 0..2 {
            assert_eq!(keyring.unseal(&label, &value).unwrap_err(), error);
        }
        assert!(error.to_string().starts_with("no key could decrypt secret"), "{error}");
    }
    assert!(matches!(keyring().unseal(&label, "AQ=="), Err(Error::Envelope(_))));
}

#[test]
fn one_bad_value_does_not_hide_another() {
    let values: BTreeMap<String, String> = [("good", STRICT_2048), ("bad", "!"), ("worse", "AA==")]
        .map(|(key, value)| (key.into(), value.into()))
        .into();
    let failed = keyring().unseal_all(&Scope::Strict.label("ns", "name"), &values).unwrap_err();
    assert_eq!(failed.keys().collect::<Vec<_>>(), ["bad", "worse"]);
}

#[test]
fn key_pairs_that_cannot_be_used_say_why() {
    let ec = parse(K2048.0, EC).unwrap_err();
    let cases = [
        (parse(b"no pem", K2048.1).unwrap_err(), "`tls.key` holds no PEM block"),
        (parse(K2048.0, K4096.1).unwrap_err(), "`tls.crt` certifies another key"),
        (parse(K2048.0, b"").unwrap_err(), "`tls.crt` cannot be used"),
        (
            parse(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", K2048.1)
                .unwrap_err(),
            "`tls.key` is not an RSA key",
        ),
    ];
    for (error, message) in cases {
        assert!(error.to_string().starts_with(message), "{error}");
    }
    let cause = std::error::Error::source(&ec).unwrap().to_string();
    assert_eq!(cause, "expected an RSA public key of 2048 to 8192 bits but found an EC key");
}

#[test]
fn a_key_id_is_the_fingerprint_that_ssh_keygen_prints() {
    let id = key(K2048).id().to_string();
    assert_eq!(id, "SHA256:zEgJ1GJyorf8vmLLTUVxun1C6VfMdNvj84koX96fHk0");
}

#[test]
fn a_generated_key_seals_unseals_and_has_the_dates_it_was_given() {
    let now = "2026-03-04T05:06:07Z".parse().unwrap();
    let day = jiff::SignedDuration::from_hours(24);
    let made = certificate::generate("sealer", now, day, &mut rand::rng()).unwrap();
    assert!(made.private.expose().starts_with(b"-----BEGIN RSA PRIVATE KEY-----\n"));
    let key = parse(made.private.expose(), made.certificate.as_bytes()).unwrap();
    assert_eq!((key.bits(), key.certificate().not_before()), (4096, now));
    assert!(key.certificate().check_valid_at(now + day).is_ok());
    let expired = key.certificate().check_valid_at(now + day * 2).unwrap_err();
    assert_eq!(expired.to_string(), "the certificate expired on March 5, 2026");
    assert_eq!(Certificate::parse(key.certificate().pem().as_bytes()).unwrap().key_id(), key.id());

    let label = Scope::Strict.label("a", "b");
    let sealed = key.certificate().seal(&label, b"v", &mut rand::rng());
    let keyring = Keyring::new([Arc::new(key)], Order::CertNotBefore);
    assert_eq!(keyring.unseal(&label, &sealed).unwrap().value.expose(), b"v");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn unsealing_undoes_sealing(value: Vec<u8>, ns in "[a-z]{0,9}", name in "[a-z]{0,9}") {
        let keyring = Keyring::new([key(K2048)], Order::CertNotBefore);
        let label = Scope::Strict.label(&ns, &name);
        let certificate = keyring.newest().unwrap().certificate();
        let sealed = certificate.seal(&label, &value, &mut rand::rng());
        let opened = keyring.unseal(&label, &sealed).unwrap();
        prop_assert_eq!(opened.value.expose(), &value[..]);
    }
}
