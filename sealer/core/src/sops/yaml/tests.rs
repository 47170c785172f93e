//! Files of real sops, files of ours, and files that somebody tampered with.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{plaintext::Plaintext, sops::selector::Fields};

const ALL_DECRYPTED: &str = include_str!("../../../fixtures/sops/all.dec.yaml");
const ALL_3_11: &str = include_str!("../../../fixtures/sops/all.3.11.0.enc.yaml");
const ALL_3_13: &str = include_str!("../../../fixtures/sops/all.3.13.3.enc.yaml");
const SECRET: &str = include_str!("../../../fixtures/sops/secret.yaml");
const SECRET_3_11: &str = include_str!("../../../fixtures/sops/secret.3.11.0.enc.yaml");
const SECRET_3_13: &str = include_str!("../../../fixtures/sops/secret.3.13.3.enc.yaml");

fn identities(file: &str) -> Identities {
    Identities::parse(&Plaintext::from(file.to_owned())).expect("the fixture is an identity file")
}

fn ours() -> Identities {
    identities(include_str!("../../../fixtures/sops/key.txt"))
}

fn others() -> Identities {
    identities(include_str!("../../../fixtures/sops/other.txt"))
}

fn options() -> Options {
    Options {
        recipients: vec![Recipient::parse(&ours().recipients()[0]).unwrap()],
        selector: Selector::default(),
        mac_only_encrypted: false,
        cipher: Cipher::default(),
        now: "2026-01-02T03:04:05.678Z".parse().unwrap(),
    }
}

fn encrypted(source: &str, options: &Options) -> String {
    encrypt(source, options, &mut rand::rng()).unwrap_or_else(|err| panic!("{err}: {source}")).text
}

fn opened(source: &str) -> Result<Decrypted, Error> {
    decrypt(source, &ours(), MacCheck::Enforced)
}

fn meaning(source: &str) -> Vec<Json> {
    ::yaml::json::documents(source, Schema::GoYaml3).unwrap()
}

#[test]
fn files_of_real_sops_open_and_mean_the_same() {
    for (file, expected) in [
        (ALL_3_11, ALL_DECRYPTED),
        (ALL_3_13, ALL_DECRYPTED),
        (SECRET_3_11, SECRET),
        (SECRET_3_13, SECRET),
    ] {
        let opened = opened(file).unwrap();
        assert_eq!(meaning(opened.expose()), meaning(expected));
        assert!(!opened.expose().contains("ENC["), "{}", opened.expose());
        let comments =
            ["# head comment", "# comment", "# trail", "# rotated by hand", "# do not share"];
        for comment in comments {
            assert_eq!(opened.expose().contains(comment), expected.contains(comment), "{comment}");
        }
    }
    assert!(decrypt(ALL_3_13, &others(), MacCheck::Enforced).is_ok(), "the second recipient");
}

#[test]
fn only_values_change() {
    let source = "# head\na: b # trailing\nlist:\n- {x: 1, y: [true, z]}\n-   wide\n\nnested:\n   deep:   value\n";
    let sealed = encrypted(source, &options());
    assert!(!sealed.contains("wide") && !sealed.contains("head"), "{sealed}");
    assert_eq!(opened(&sealed).unwrap().expose(), source);
}

#[test]
fn a_selector_leaves_the_rest_of_a_manifest_readable() {
    let fields =
        Fields { encrypted_regex: Some("^(data|stringData)$".into()), ..Fields::default() };
    let options = Options { selector: Selector::new(fields).unwrap(), ..options() };
    let sealed = encrypt(SECRET, &options, &mut rand::rng()).unwrap();
    assert_eq!(sealed.values, 3);
    for readable in
        ["kind: Secret", "name: app # the app's", "encrypted_regex: ^(data|stringData)$"]
    {
        assert!(sealed.text.contains(readable), "{readable}");
    }
    for secret in ["s3cret", "rotated", "MIIB", "8080"] {
        assert!(!sealed.text.contains(secret), "{secret}");
    }
    let opened = opened(&sealed.text).unwrap();
    let documents = opened.documents().unwrap();
    assert_eq!(documents[0].expose()["stringData"]["password"], json!("s3cret"));
    assert_eq!(format!("{opened:?}{documents:?}").matches("s3cret").count(), 0);
}

#[test]
fn every_way_of_tampering_is_noticed() {
    let plain = "a: one\nb: two\nlist: [x, y]\nnote_unencrypted: hello\n";
    let sealed = encrypted(plain, &options());
    let value = |key: &str| {
        let line = sealed.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_once(": ").unwrap().1.to_owned()
    };
    let (a, b, list) = (value("a"), value("b"), value("list"));
    let (x, y) = list[1..list.len() - 1].split_once(", ").unwrap();
    let line = |key: &str| format!("{key}: {}\n", value(key));
    let mac = sealed.lines().find(|line| line.starts_with("    mac:")).unwrap();
    let flipped = |text: &str| text.replacen("data:", "data:A", 1).replacen("=,iv", ",iv", 1);
    #[rustfmt::skip]
    let cases = [
        // change                                                       error
        (sealed.replace(&a, &b),                                        "Tree"),
        (sealed.replace(&a, &flipped(&a)),                              "Tree"),
        (sealed.replace("a: ", "c: "),                                  "Tree"),
        (sealed.replace(&a, "plain"),                                   "Tree"),
        (sealed.replace(&a, "5"),                                       "Tree"),
        (sealed.replace(&line("b"), ""),                                "Mismatch"),
        (sealed.replace(&list, &format!("[{y}, {x}]")),                 "Mismatch"),
        (sealed.replace("hello", "bye"),                                "Mismatch"),
        (sealed.replace("note_", "more_unencrypted: x\nnote_"),         "Mismatch"),
        (sealed.replace("2026-01-02", "2026-01-03"),                    "Undecryptable"),
        (sealed.replace(mac, &flipped(mac)),                            "Undecryptable"),
        (sealed.replace(mac, "    mac: \"\""),                          "Missing"),
    ];
    for (tampered, expected) in cases {
        assert_ne!(tampered, sealed);
        let error = opened(&tampered).unwrap_err();
        let shown = format!("{error:?}");
        assert!(shown.contains(expected), "{shown} instead of {expected}");
        assert!(!shown.contains("one") && !shown.contains("hello"), "{shown}");
        let ignored = decrypt(&tampered, &ours(), MacCheck::Ignored);
        assert_eq!(ignored.is_ok(), expected != "Tree", "{expected}");
    }
}

#[test]
fn clear_values_may_change_when_only_encrypted_ones_count() {
    let options = Options { mac_only_encrypted: true, ..options() };
    let sealed = encrypted("a: one\nnote_unencrypted: hello\n", &options);
    assert!(opened(&sealed.replace("hello", "bye")).is_ok());
}

#[test]
fn the_native_cipher_notices_what_sops_does_not() {
    let options = Options { cipher: Cipher::ChaCha20Poly1305, ..options() };
    let source = "a: 5\nlist:\n- x\n- z # note\n";
    let sealed = encrypted(source, &options);
    assert!(sealed.contains("    mac: ENC[CHACHA20_POLY1305,"), "{sealed}");
    assert_eq!(opened(&sealed).unwrap().expose(), source);

    let mut lines: Vec<&str> = sealed.lines().collect();
    let at = lines.iter().position(|line| line.starts_with("- ENC")).unwrap();
    lines.swap(at, at + 1);
    for tampered in [lines.join("\n"), sealed.replacen("type:int", "type:str", 1)] {
        let error = decrypt(&tampered, &ours(), MacCheck::Ignored).unwrap_err();
        assert!(matches!(error, Error::Format(FormatError::Tree(_))), "{error:?}");
    }
}

#[test]
fn who_cannot_open_a_file_is_told_who_can() {
    let sealed = encrypted("a: b\n", &options());
    let (us, them) = (&ours().recipients()[0], &others().recipients()[0]);
    let error = decrypt(&sealed, &others(), MacCheck::Enforced).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("none of the age identities ({them}) can open the file; it is encrypted for {us}")
    );
    let error = decrypt(&sealed, &Identities::default(), MacCheck::Enforced).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("there are no age identities; the file is encrypted for {us}")
    );
    let pgp = "a: ENC[AES256_GCM,data:,iv:,tag:,type:str]\nsops:\n  pgp:\n  - fp: AB\n    enc: x\n  kms: []\n";
    assert_eq!(opened(pgp).unwrap_err(), Error::OtherKeys(vec!["pgp"]));
}

#[test]
fn files_that_cannot_be_used_say_why() {
    #[rustfmt::skip]
    let cases = [
        // plain file                      error
        ("",                               "file cannot be completely empty, it must contain at least one document"),
        ("- a",                            "line 1: a document must be a mapping at its top"),
        ("a: b\n---\ntext",                "line 3: a document must be a mapping at its top"),
        ("a: b\nsops: {}",                 "the file is already encrypted: it has a top-level key `sops`"),
        ("a: b\na: c",                     "line 2, column 1: key `a` is already defined in this mapping; remove one of the two"),
        ("5: b",                           "line 1: key `5` is not text; put it in quotes"),
        ("a: 18446744073709551615",        "line 1: `a`"),
        ("a: *x",                          "line 1, column 4: not YAML: while parsing node, found unknown anchor"),
        ("a: &x {b: *x}",                  "line 1, column 11: the alias refers to a value that contains it; write the value out"),
    ];
    for (source, message) in cases {
        let error = encrypt(source, &options(), &mut rand::rng()).unwrap_err();
        assert_eq!(error.to_string(), message, "{source}");
    }
    assert_eq!(opened("a: b").unwrap_err().to_string(), "sops metadata not found");
    let bomb = (1..20).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1)
    });
    let error = encrypt(&bomb, &options(), &mut rand::rng()).unwrap_err();
    assert!(error.to_string().contains("aliases expand to more than"), "{error}");
}

#[test]
fn metadata_that_cannot_be_used_says_why() {
    let sealed = encrypted("a: b\n", &options());
    let with = |line: &str| sealed.replace("    unencrypted_suffix: _unencrypted", line);
    #[rustfmt::skip]
    let cases = [
        (with("    encrypted_regex: ("),                               "the rule in `sops` cannot be used"),
        ("a: b\nsops: x\n".to_owned(),                                 "`sops` is not a map"),
        ("a: b\nsops: {age: [x]}\n".to_owned(),                        "`sops.age[0].enc` is not text"),
    ];
    for (source, message) in cases {
        assert_eq!(opened(&source).unwrap_err().to_string(), message);
    }
    let defaulted =
        sealed.replace("    unencrypted_suffix: _unencrypted\n", "    pgp: null\n    kms: []\n");
    assert!(opened(&defaulted).is_ok(), "as very old files have it");
}

fn leaves(json: &Json, into: &mut Vec<Json>) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| leaves(item, into)),
        Json::Object(fields) => fields.values().for_each(|field| leaves(field, into)),
        Json::Null => {}
        leaf => into.push(leaf.clone()),
    }
}

/// A document in JSON, which is YAML too.
fn document() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e9..1e9).prop_map(Json::from),
        "[ -~é😀\n\t]{0,12}".prop_map(Json::from),
        "(true|null|~|1e3|0x1F|2024-01-01|yes|ENC\\[x\\]| a|a |#|- |a: b|\n\n|a\n b\n)"
            .prop_map(Json::from),
    ];
    let value = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[a-z:. ]{1,4}(_unencrypted)?", inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-z]{1,3}", value, 0..5)
        .prop_map(|map| Json::Object(map.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn decrypting_undoes_encrypting(document in document(), native: bool, only: bool, pretty: bool) {
        let cipher = if native { Cipher::ChaCha20Poly1305 } else { Cipher::Aes256Gcm };
        let options = Options { cipher, mac_only_encrypted: only, ..options() };
        let source = if pretty { format!("{document:#}") } else { document.to_string() };
        let sealed = encrypted(&source, &options);
        let opened = opened(&sealed).unwrap();
        prop_assert_eq!(meaning(opened.expose()), meaning(&source));
    }

    #[test]
    fn a_changed_character_never_yields_another_value(
        at: prop::sample::Index, with in prop::sample::select(vec!['A', ' ', '\n', ':', '-', '#', '"', '[', '&'])
    ) {
        let sealed = ALL_3_13;
        let at = at.index(sealed.find("\nsops:").unwrap());
        let mut changed: Vec<char> = sealed.chars().collect();
        changed[at] = with;
        let changed: String = changed.into_iter().collect();
        // Whether `<<` merges is the reader's business; the values stay what they were.
        prop_assume!(changed.contains("!!merge <<:\n"));
        if let Ok(opened) = opened(&changed) {
            // Blanks and comments are free, and sops does not bind the shape around the values.
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            leaves(&meaning(opened.expose()).into(), &mut found);
            leaves(&meaning(ALL_DECRYPTED).into(), &mut expected);
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn foreign_text_never_panics(text in "(\\PC|\n|  |- |: |\\{|\\}|sops:|a|&x|\\*x|\\|\n){0,20}") {
        let _ = encrypt(&text, &options(), &mut rand::rng());
        let _ = opened(&text);
        let _ = is_encrypted(&text);
    }
}
