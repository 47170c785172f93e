//! Spellings of keys, and how reports show them.

use super::*;

fn context(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn keys_are_shown_as_sops_shows_them() {
    let aws = |text: &str, pairs: &[(&str, &str)], profile| {
        MasterKey::aws_kms(text, &context(pairs), profile)
    };
    let arn = "arn:aws:kms:eu-west-1:1:key/x";
    let role = "arn:aws:kms:eu-west-1:1:key/x+arn:aws:iam::1:role/r";
    #[rustfmt::skip]
    let cases = [
        (MasterKey::age(" age1x "),                             "age1x".to_owned()),
        (MasterKey::pgp("AB CD"),                               "ABCD".to_owned()),
        (aws(arn, &[], None),                                   arn.to_owned()),
        (aws(role, &[], Some("")),                              role.to_owned()),
        (aws(arn, &[("b", "2"), ("a", "1")], None),             format!("{arn}|a:1,b:2")),
        (aws(role, &[], Some("p")),                             format!("{role}||p")),
        (MasterKey::gcp_kms(" projects/p "),                    "projects/p".to_owned()),
        (MasterKey::huawei_kms("eu:1-2").unwrap(),              "eu:1-2".to_owned()),
        (MasterKey::azure_key_vault("https://v/keys/n/1").unwrap(), "https://v/keys/n/1".to_owned()),
        (MasterKey::azure_key_vault("https://v/keys/n").unwrap(), "https://v/keys/n/".to_owned()),
        (MasterKey::vault("http://h:1/v1/a/b/keys/k").unwrap(), "http://h:1/v1/a/b/keys/k".to_owned()),
    ];
    for (key, shown) in cases {
        assert_eq!(key.to_string(), shown);
        assert_eq!(Kind::named(key.kind().name()), Some(key.kind()));
    }
}

#[test]
fn texts_that_name_no_key_are_refused_with_the_form_that_is_wanted() {
    let azure = MasterKey::azure_key_vault;
    for text in ["", "http://v/keys/n", "https://v/n", "https://v/keys/", "https://v/keys/n/1/2"] {
        assert!(azure(text).is_err(), "{text}");
    }
    for text in
        ["", "h/v1/e/keys/k", "http://h/e/keys/k", "http://h/v1/keys/k", "http://h/v1/e/keys/"]
    {
        assert!(MasterKey::vault(text).is_err(), "{text}");
    }
    for text in ["", "eu", ":x", "eu:"] {
        assert!(MasterKey::huawei_kms(text).is_err(), "{text}");
    }
    assert_eq!(parse_context("a:b,c:d").unwrap(), context(&[("a", "b"), ("c", "d")]));
    assert_eq!(parse_context("").unwrap(), context(&[]));
    for text in ["a", "a:b:c", "a:b,"] {
        assert!(parse_context(text).is_err(), "{text}");
    }
}
