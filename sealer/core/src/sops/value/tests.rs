//! Types, canonical bytes and the `ENC[…]` form.

use proptest::prelude::*;
use yaml::{Schema, resolve::plain};

use super::*;
use crate::sops::{cipher::DataKey, path::Step};

#[test]
fn scalars_have_the_canonical_bytes_that_sops_gives_them() {
    #[rustfmt::skip]
    let cases = [
        // as written                    kind         canonical bytes
        ("012",                          Kind::Int,   "10"),
        ("0o14",                         Kind::Int,   "12"),
        ("0x1F",                         Kind::Int,   "31"),
        ("0b11",                         Kind::Int,   "3"),
        ("1_000",                        Kind::Int,   "1000"),
        ("+5",                           Kind::Int,   "5"),
        ("1e3",                          Kind::Float, "1000"),
        ("1.10",                         Kind::Float, "1.1"),
        ("1.0",                          Kind::Float, "1"),
        ("0.1e-7",                       Kind::Float, "0.00000001"),
        ("123456789012345678901",        Kind::Float, "123456789012345680000"),
        (".inf",                         Kind::Float, "+Inf"),
        ("-.inf",                        Kind::Float, "-Inf"),
        (".nan",                         Kind::Float, "NaN"),
        ("TRUE",                         Kind::Bool,  "True"),
        ("false",                        Kind::Bool,  "False"),
        ("yes",                          Kind::Str,   "yes"),
        ("12:30:45",                     Kind::Str,   "12:30:45"),
        ("2024-01-01",                   Kind::Time,  "2024-01-01T00:00:00Z"),
        ("2024-1-2 03:04:05",            Kind::Time,  "2024-01-02T03:04:05Z"),
        ("2006-01-02T15:04:05+07:06",    Kind::Time,  "2006-01-02T15:04:05+07:06"),
        ("2001-12-14t21:59:43.10-05:00", Kind::Time,  "2001-12-14T21:59:43.1-05:00"),
        ("2001-12-14T21:59:43+00:00",    Kind::Time,  "2001-12-14T21:59:43Z"),
    ];
    for (written, kind, bytes) in cases {
        let leaf = Leaf::of(plain(written, Schema::GoYaml3)).unwrap().unwrap();
        assert_eq!((leaf.kind, leaf.as_str()), (kind, Some(bytes)), "`{written}`");
        assert_eq!(leaf.check(), Ok(()), "`{written}`");
    }
    assert!(Leaf::of(Resolved::Null).unwrap().is_none());
    assert_eq!(Leaf::of(Resolved::Int(1 << 63)).unwrap_err(), Error::TooLarge);
}

#[test]
fn floats_are_written_as_go_writes_them() {
    #[rustfmt::skip]
    let cases = [
        ("1", "1"), ("1000", "1000"), ("1.1", "1.1"), ("0.00000001", "1e-08"), ("0.0001", "0.0001"),
        ("123456789012345680000", "1.2345678901234568e+20"), ("123456", "123456"), ("1234567", "1.234567e+06"),
        ("-0.00001", "-1e-05"), ("+Inf", ".inf"), ("-Inf", "-.inf"), ("NaN", ".nan"),
    ];
    for (canonical, written) in cases {
        assert_eq!(float_text(canonical).as_deref(), Some(written), "{canonical}");
    }
}

#[test]
fn text_that_is_no_encrypted_value_is_told_from_one_that_is_damaged() {
    let b = "AAAA";
    #[rustfmt::skip]
    let cases = [
        // text                                                           looks encrypted  error
        ("plain".to_owned(),                                              false, Error::Form),
        ("ENC[".to_owned(),                                               false, Error::Form),
        ("ENC[AES256_GCM,data:]".to_owned(),                              true,  Error::Form),
        (format!("ENC[AES256_GCM,data:{b},iv:*,tag:{b},type:str]"),       true,  Error::Form),
        (format!("ENC[AES256_GCM,data:{b},iv:{b},tag:{b},type:text]"),    true,  Error::Kind("text".into())),
        (format!("ENC[ROT13,data:{b},iv:{b},tag:{b},type:str]"),          false, Error::Cipher { found: "ROT13".into(), expected: "AES256_GCM" }),
        (format!("ENC[AES256_GCM,data:{b},iv:{b},tag:{b},type:str]"),     true,  Error::Open(cipher::Error::Iv(3))),
    ];
    let engine = DataKey::generate(&mut rand::rng()).under(Cipher::Aes256Gcm);
    for (text, looks, error) in cases {
        assert_eq!(is_encrypted(&text), looks, "{text}");
        assert_eq!(Leaf::decrypt(&text, &engine, &Path::default()).unwrap_err(), error, "{text}");
    }
}

#[test]
fn the_native_cipher_binds_position_and_type() {
    let engine = DataKey::generate(&mut rand::rng()).under(Cipher::ChaCha20Poly1305);
    let at = |index| Path::from_iter([Step::Key("a".into()), Step::Index(index)]);
    let sealed = Leaf::text("5").encrypt(&engine, &at(0), &mut rand::rng());
    assert!(sealed.starts_with("ENC[CHACHA20_POLY1305,data:"), "{sealed}");
    assert_eq!(Leaf::decrypt(&sealed, &engine, &at(0)).unwrap().as_str(), Some("5"));
    assert!(Leaf::decrypt(&sealed, &engine, &at(1)).is_err());
    let retyped = sealed.replace("type:str", "type:int");
    assert!(Leaf::decrypt(&retyped, &engine, &at(0)).is_err());
}

proptest! {
    #[test]
    fn decrypting_undoes_encrypting(text: String, key: String, native: bool) {
        let cipher = if native { Cipher::ChaCha20Poly1305 } else { Cipher::Aes256Gcm };
        let engine = DataKey::generate(&mut rand::rng()).under(cipher);
        let path = Path::from_iter([Step::Key(key)]);
        let sealed = Leaf::text(&text).encrypt(&engine, &path, &mut rand::rng());
        let opened = Leaf::decrypt(&sealed, &engine, &path).unwrap();
        prop_assert_eq!((opened.kind, opened.as_str()), (Kind::Str, Some(&*text)));
    }

    #[test]
    fn foreign_text_never_panics(text in "(ENC\\[|AES256_GCM|,data:|,iv:|,tag:|,type:|str|AAAA|\\]|.){0,12}") {
        let engine = DataKey::generate(&mut rand::rng()).under(Cipher::Aes256Gcm);
        let _ = Leaf::decrypt(&text, &engine, &Path::default());
        let _ = (time::canonical(&text), float_text(&text));
    }
}
