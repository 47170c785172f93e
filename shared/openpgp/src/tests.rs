//! Messages and keys, with the real `gpg` on the other side.

mod gpg;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use gpg::{Home, now};

/// The passphrase of every key that has one.
const PASSPHRASE: &str = "open sesame";

/// Opens with the passphrase, which is not asked for keys that have none.
fn opened(message: &[u8], keys: &[Key]) -> Result<Vec<u8>, Error> {
    let mut ask = |_: &Part| Some(Zeroizing::new(PASSPHRASE.as_bytes().to_vec()));
    decrypt(message, keys, &mut ask).map(|data| data.to_vec())
}

fn one(mut keys: Vec<Key>) -> Key {
    assert_eq!(keys.len(), 1);
    keys.remove(0)
}

#[test]
fn messages_go_both_ways_for_every_kind_of_key() {
    let home = Home::new();
    #[rustfmt::skip]
    let cases = [
        // name        primary      subkey        passphrase
        ("rsa@x",     "rsa2048",   "rsa2048",    ""),
        ("rsa3@x",    "rsa2048",   "rsa3072",    PASSPHRASE),
        ("cv@x",      "ed25519",   "cv25519",    ""),
        ("cv-pw@x",   "ed25519",   "cv25519",    PASSPHRASE),
        ("p256@x",    "nistp256",  "nistp256",   ""),
        ("p384@x",    "nistp384",  "nistp384",   PASSPHRASE),
        ("p521@x",    "nistp521",  "nistp521",   ""),
    ];
    for (name, primary, subkey, passphrase) in cases {
        let fingerprint = home.generate(name, primary, passphrase);
        home.add(&fingerprint, subkey, "encr", passphrase);
        let public = one(Key::read(&home.public(name)).unwrap());
        let private = Key::read(&home.private(name, passphrase)).unwrap();
        assert_eq!(public.primary().public().fingerprint().to_string(), fingerprint, "{name}");
        assert!(public.is_named(&fingerprint) && !public.is_secret() && private[0].is_secret());
        // Numbers have leading zeros now and then.
        for size in [0, 1, 32, 33, 1000] {
            let data = vec![b'x'; size];
            let ours = encrypt(&data, &[&public], now()).unwrap();
            let ours = armor::encode("PGP MESSAGE", &ours);
            assert_eq!(home.decrypt(ours.as_bytes(), passphrase).unwrap(), data, "{name} {size}");
            let theirs = home.encrypt(&[name], &data, &[]);
            assert_eq!(opened(&theirs, &private).unwrap(), data, "{name} {size}");
        }
    }
}

#[test]
fn forms_of_messages_that_gpg_writes_are_read_or_named() {
    let home = Home::new();
    let fingerprint = home.generate("a@x", "ed25519", "");
    home.add(&fingerprint, "cv25519", "encr", "");
    let keys = Key::read(&home.private("a@x", "")).unwrap();
    let data = b"all work and no play ".repeat(500);
    #[rustfmt::skip]
    let cases: [(&[&str], Result<(), &str>); 9] = [
        // options                                      outcome
        (&["--compress-algo", "none"],                  Ok(())),
        (&["--compress-algo", "zip"],                   Ok(())),
        (&["--compress-algo", "zlib"],                  Ok(())),
        (&["--compress-algo", "bzip2"],                 Err("BZip2")),
        (&["--cipher-algo", "AES128"],                  Ok(())),
        (&["--cipher-algo", "AES192"],                  Ok(())),
        (&["--cipher-algo", "CAST5"],                   Err("altered or cut off")),
        (&["--throw-keyids"],                           Ok(())),
        (&["--rfc4880", "--sign"],                      Ok(())),
    ];
    for (options, outcome) in cases {
        let message = home.encrypt(&["a@x"], &data, options);
        match (opened(&message, &keys), outcome) {
            (Ok(plain), Ok(())) => assert_eq!(plain, data, "{options:?}"),
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{options:?}: {error}");
            }
            (other, _) => panic!("{options:?}: {other:?}"),
        }
    }
}

#[test]
fn any_recipient_opens_and_others_are_told_for_whom_it_is() {
    let home = Home::new();
    let keys = ["a@x", "b@x", "c@x"].map(|name| {
        let fingerprint = home.generate(name, "ed25519", "");
        home.add(&fingerprint, "cv25519", "encr", "");
        one(Key::read(&home.private(name, "")).unwrap())
    });
    let [a, b, c] = keys;
    let message = encrypt(b"x", &[&a, &b], now()).unwrap();
    let id = |key: &Key| key.encryptor(now()).unwrap().public().fingerprint();
    let names: Vec<_> = [&a, &b].map(|key| id(key).to_string()[24..].to_owned()).into();
    assert_eq!(message::recipients(&message).unwrap(), names);
    assert!(message::is_for(&message, &id(&a)).unwrap());
    assert!(!message::is_for(&message, &id(&c)).unwrap());
    assert_eq!(opened(&message, &[c]), Err(Error::NoMatch(names)));
    for key in [a, b] {
        assert_eq!(opened(&message, &[key]).unwrap(), b"x");
    }
}

#[test]
fn the_part_that_encrypts_is_the_newest_that_may() {
    let home = Home::new();
    let fingerprint = home.generate("a@x", "ed25519", "");
    let key = |home: &Home| one(Key::read(&home.public("a@x")).unwrap());
    assert_eq!(key(&home).encryptor(now()).err(), Some(Error::Purpose("encryption")));
    home.add_until(&fingerprint, "cv25519", "encr", "1y");
    home.add_until(&fingerprint, "ed25519", "sign", "never");
    let public = key(&home);
    let part = public.encryptor(now()).unwrap();
    assert_eq!(part.public().algorithm(), Algorithm::ECDH);
    let later = now() + 2 * 366 * 86_400;
    assert_eq!(public.encryptor(later).err(), Some(Error::Expired));
    // What expired still opens what was encrypted for it.
    let message = encrypt(b"x", &[&public], now()).unwrap();
    let private = Key::read(&home.private("a@x", "")).unwrap();
    assert_eq!(opened(&message, &private).unwrap(), b"x");
    home.revoke(&fingerprint);
    assert_eq!(key(&home).encryptor(now()).err(), Some(Error::Revoked));
}

#[test]
fn passphrases_open_their_keys_alone() {
    let home = Home::new();
    let fingerprint = home.generate("a@x", "ed25519", PASSPHRASE);
    home.add(&fingerprint, "cv25519", "encr", PASSPHRASE);
    let keys = Key::read(&home.private("a@x", PASSPHRASE)).unwrap();
    let message = encrypt(b"x", &[&keys[0]], now()).unwrap();
    assert_eq!(decrypt(&message, &keys, &mut |_| None), Err(Error::Locked));
    let mut wrong = |_: &Part| Some(Zeroizing::new(b"wrong".to_vec()));
    assert_eq!(decrypt(&message, &keys, &mut wrong), Err(Error::Passphrase));
    assert_eq!(opened(&message, &keys).unwrap(), b"x");
}

#[test]
fn elgamal_is_refused_by_name() {
    let home = Home::new();
    let fingerprint = home.generate("old@x", "dsa2048", "");
    home.add(&fingerprint, "elg2048", "encr", "");
    let keys = Key::read(&home.private("old@x", "")).unwrap();
    let error = encrypt(b"x", &[&keys[0]], now()).unwrap_err().to_string();
    assert!(error.contains("16 (ElGamal)"), "{error}");
    let error = opened(&home.encrypt(&["old@x"], b"x", &[]), &keys).unwrap_err().to_string();
    assert!(error.contains("16 (ElGamal)"), "{error}");
}

#[test]
fn keyrings_and_texts_hold_several_keys() {
    let home = Home::new();
    let fingerprints = ["a@x", "b@x"].map(|name| home.generate(name, "ed25519", ""));
    let both = [home.public("a@x"), home.public("b@x")];
    let keys = Key::read(&both.concat()).unwrap();
    let names = |keys: &[Key]| -> Vec<String> {
        keys.iter().map(|key| key.primary().public().fingerprint().to_string()).collect()
    };
    assert_eq!(names(&keys), fingerprints);
    let text = both.map(|key| armor::encode("PGP PUBLIC KEY BLOCK", &key)).concat();
    assert_eq!(names(&Key::read_armored(&text).unwrap()), fingerprints);
    for text in ["", "-----BEGIN PGP MESSAGE-----\n\naaaa\n-----END PGP MESSAGE-----\n"] {
        assert_eq!(Key::read_armored(text).err(), Some(Error::NotAKey));
    }
}

#[test]
fn every_altered_byte_is_noticed() {
    let home = Home::new();
    let fingerprint = home.generate("a@x", "ed25519", "");
    home.add(&fingerprint, "cv25519", "encr", "");
    let private = home.private("a@x", "");
    let keys = Key::read(&private).unwrap();
    let message = encrypt(b"secret", &[&keys[0]], now()).unwrap();
    let is_data = |at| at > message.len() - 60;
    for at in 0..message.len() {
        let mut altered = message.clone();
        altered[at] ^= 1;
        if let Ok(data) = opened(&altered, &keys) {
            // How many bits of a byte a number has is written twice.
            assert!(data == b"secret" && !is_data(at), "{at}");
        }
        assert!(opened(&message[..at], &keys).is_err(), "{at}");
    }
    for at in 0..private.len() {
        let mut altered = private.clone();
        altered[at] ^= 0x10;
        for keys in [Key::read(&altered), Key::read(&private[..at])].into_iter().flatten() {
            let _ = opened(&message, &keys);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = Key::read(&bytes);
        let _ = message::recipients(&bytes);
    }
}
