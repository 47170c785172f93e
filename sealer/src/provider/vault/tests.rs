//! What Vault is asked, and what its answers mean.

use super::*;

#[test]
fn the_mount_and_data_are_put_in_where_they_are_missing() {
    #[rustfmt::skip]
    let cases = [
        // mount              key                                              read
        (Some("secret/path"), "secret/path/data/test",                         "secret/path/data/test"),
        (Some("secret/path"), "secret/path/test",                              "secret/path/data/test"),
        (Some("secret/path"), "test",                                          "secret/path/data/test"),
        (None,                "secret/test/big/path",                          "secret/data/test/big/path"),
        (None,                "secret/test/data/not/the/first/and/data/twice", "secret/test/data/not/the/first/and/data/twice"),
        (None,                "secret/data/myapp",                             "secret/data/myapp"),
        (None,                "secret/data",                                   "secret/data/data"),
        (Some("secret"),      "data/test",                                     "secret/data/test"),
        (Some("/secret/"),    "/test/",                                        "secret/data/test"),
        (Some("secret"),      "secretive/x",                                   "secret/data/secretive/x"),
    ];
    for (mount, key, read) in cases {
        assert_eq!(location(mount, key), read, "{mount:?} {key}");
    }
}

#[test]
fn bad_settings_are_told_by_field_and_without_the_token() {
    let (headers, token) = (BTreeMap::new(), Plaintext::new(b"s.hunter2\nx".to_vec()));
    let settings =
        |server| Settings { server, namespace: None, ca: None, headers: &headers, token: &token };
    assert!(matches!(Vault::open(&settings("ftp://x")), Err(Error::Server)));
    assert!(matches!(Vault::open(&settings("x")), Err(Error::Server)));
    let error = Vault::open(&settings("https://x")).err().unwrap();
    assert!(matches!(error, Error::Token) && !error.to_string().contains("hunter2"));
}
