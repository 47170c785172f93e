//! What these keys open and wrap, and what is said of those that are not here.

use super::*;
use crate::age::Identity;

const PRIVATE: &str = include_str!("tests/locked.asc");
const PUBLIC: &str = include_str!("tests/public.asc");
/// The passphrase of [`PRIVATE`].
const PASSPHRASE: &str = "open sesame";
/// Of the primary key of [`PRIVATE`], and so in all files for it.
const FINGERPRINT: &str = "3124097E27365380CBB4F7F75FE9FFE1FC517886";

fn now() -> Timestamp {
    "2026-12-01T00:00:00Z".parse().unwrap()
}

fn pgp(text: &str) -> Vec<openpgp::Key> {
    openpgp::Key::read_armored(text).unwrap()
}

fn part() -> Plaintext {
    Plaintext::new(vec![7; 32])
}

fn wrapped(keys: &LocalKeys, key: MasterKey) -> Wrapped {
    let enc = keys.encrypt(&key, &part()).unwrap();
    Wrapped { key, enc, created_at: None }
}

#[test]
fn age_keys_open_what_was_wrapped_for_them() {
    let text = Identity::generate(&mut rand::rng());
    let identities = Identities::parse(&text.to_string().into()).unwrap();
    let recipient = identities.recipients().remove(0);
    let nobody = LocalKeys::new(Identities::default(), Vec::new(), now());
    let wrapped = wrapped(&nobody, MasterKey::Age { recipient });
    assert!(wrapped.enc.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    let keys = LocalKeys::new(identities, Vec::new(), now());
    assert_eq!(keys.decrypt(&wrapped).unwrap().expose(), part().expose());
    let error = nobody.decrypt(&wrapped).unwrap_err();
    assert!(matches!(&error, KeyError::Missing(why) if why.starts_with("failed to load age")));
    let other = Identity::generate(&mut rand::rng());
    let other = Identities::parse(&other.to_string().into()).unwrap();
    let error = LocalKeys::new(other, Vec::new(), now()).decrypt(&wrapped).unwrap_err();
    let why = "failed to create reader for decrypting sops data key with age: no identity matched any of the recipients";
    assert_eq!(error, KeyError::Missing(why.to_owned()));
}

#[test]
fn pgp_keys_open_what_was_wrapped_for_them() {
    let public = LocalKeys::new(Identities::default(), pgp(PUBLIC), now());
    assert_eq!(public.names(), [FINGERPRINT]);
    for fingerprint in [FINGERPRINT, &FINGERPRINT.to_lowercase(), &FINGERPRINT[24..]] {
        let key = MasterKey::Pgp { fingerprint: fingerprint.to_owned() };
        let wrapped = wrapped(&public, key);
        assert!(wrapped.enc.starts_with("-----BEGIN PGP MESSAGE-----\n\n"));
        let error = public.decrypt(&wrapped).unwrap_err();
        assert!(matches!(&error, KeyError::Missing(why) if why.contains("it is for ")), "{error}");
        let locked = LocalKeys::new(Identities::default(), pgp(PRIVATE), now());
        let error = locked.decrypt(&wrapped).unwrap_err();
        assert!(matches!(&error, KeyError::Missing(why) if why.contains("no passphrase")));
        let words = |_: &Part| Some(Zeroizing::new(PASSPHRASE.as_bytes().to_vec()));
        let keys = locked.with_passphrases(words);
        assert_eq!(keys.decrypt(&wrapped).unwrap().expose(), part().expose());
    }
}

#[test]
fn keys_that_are_not_here_are_missing_and_not_broken() {
    let keys = LocalKeys::new(Identities::default(), Vec::new(), now());
    let gcp = MasterKey::GcpKms { resource_id: "projects/p".to_owned() };
    let missing = |key: &MasterKey| keys.encrypt(key, &part()).unwrap_err();
    let why = "keys of the kind `gcp_kms` are not held here";
    assert_eq!(missing(&gcp), KeyError::Missing(why.to_owned()));
    let error = missing(&MasterKey::Pgp { fingerprint: FINGERPRINT.to_owned() });
    assert!(
        matches!(&error, KeyError::Missing(why) if why.ends_with("is not available in keyring"))
    );
    let error = missing(&MasterKey::Age { recipient: "nobody".to_owned() });
    assert!(
        matches!(&error, KeyError::Failed(why) if why.contains("`nobody` is not an age recipient"))
    );
}
