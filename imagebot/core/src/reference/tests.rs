//! Tests of `reference`.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

#[test]
fn names_are_canonical() {
    let digest = format!("sha256:{}", "a1".repeat(32));
    #[rustfmt::skip]
    let cases = [
        // written                        canonical
        ("alpine",                        "index.docker.io/library/alpine"),
        ("docker.io/alpine",              "index.docker.io/library/alpine"),
        ("registry-1.docker.io/a/b",      "index.docker.io/a/b"),
        ("acme/web",                      "index.docker.io/acme/web"),
        ("ghcr.io/acme/web",              "ghcr.io/acme/web"),
        ("GHCR.io/acme/web",              "ghcr.io/acme/web"),
        ("localhost/web",                 "localhost/web"),
        ("localhost:5000/a/b/c",          "localhost:5000/a/b/c"),
        ("[::1]:5000/web",                "[::1]:5000/web"),
        ("registry:5000/web",             "registry:5000/web"),
        ("registry/web",                  "index.docker.io/registry/web"),
        ("a.b/library/x",                 "a.b/library/x"),
    ];
    for (written, canonical) in cases {
        assert_eq!(Repository::parse(written).unwrap().to_string(), canonical, "`{written}`");
        let tagged = Reference::parse(&format!("{written}:1.2-rc")).unwrap();
        assert_eq!(tagged.canonical(), format!("{canonical}:1.2-rc"));
        assert_eq!(tagged.to_string(), format!("{written}:1.2-rc"));
        let both = Reference::parse(&format!("{written}:1@{digest}")).unwrap();
        assert_eq!(both.canonical(), format!("{canonical}@{digest}"));
        assert_eq!(both.tag.as_deref(), Some("1"));
    }
}

#[test]
fn the_implied_folder_counts_for_the_length_of_a_name() {
    let longest = "a".repeat(255 - "library/".len());
    let canonical = Reference::parse(&longest).unwrap().canonical();
    assert!(Reference::parse(&canonical).is_ok());
    assert!(matches!(Reference::parse(&format!("{longest}a")), Err(Error::Path(_))));
}

#[test]
fn what_is_no_image_is_refused_with_the_remedy() {
    let digest = format!("sha256:{}", "a1".repeat(32));
    #[rustfmt::skip]
    let cases = [
        ("https://ghcr.io/a/b",   "image 'https://ghcr.io/a/b' should not include URL scheme; remove 'https://'"),
        ("ghcr.io/a/b:1",         "image 'ghcr.io/a/b:1' should not include a tag; remove ':1'"),
        ("web:latest",            "image 'web:latest' should not include a tag; remove ':latest'"),
        ("ghcr.io/A/b",           "image 'ghcr.io/A/b' has a repository name with other than `a-z 0-9 . _ - /`, or of over 255 characters"),
        ("ghcr.io/a//b",          "image 'ghcr.io/a//b' has a repository name"),
        ("ghcr.io/../b",          "image 'ghcr.io/../b' has a repository name"),
        ("ghcr.io/",              "image 'ghcr.io/' has a repository name"),
        ("",                      "image '' has a repository name"),
        ("a.b:x/c",               "image 'a.b:x/c' does not begin with a valid registry; write it as `host[:port]/name`"),
        ("a.b:99999/c",           "image 'a.b:99999/c' does not begin with a valid registry"),
        ("a b.c/d",               "image 'a b.c/d' does not begin with a valid registry"),
        ("a@sha256:12",           "image 'a@sha256:12' has a digest that is not of the form `sha256:<64 hex digits>`"),
        ("a:",                    "image 'a:' has a tag with other than"),
        ("a:-x",                  "image 'a:-x' has a tag with other than"),
    ];
    for (image, message) in cases {
        let error = Repository::parse(image).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    let error = Repository::parse(&format!("a@{digest}")).unwrap_err();
    assert_eq!(error, Error::Digested { image: format!("a@{digest}"), digest });
}

#[test]
fn images_parse_where_flux_parses_them() {
    let cases = include_str!("../../tests/cases/policy-cases.json");
    let cases: Vec<Value> = serde_json::from_str(cases).unwrap();
    for case in cases.iter().filter(|case| case["kind"] == "parseImage") {
        let parsed = Repository::parse(case["image"].as_str().unwrap());
        let parsed = parsed.ok().map(|repository| repository.to_string());
        assert_eq!(parsed.as_deref(), case["expectedRef"].as_str(), "{case}");
    }
}

#[test]
fn only_near_registries_are_local() {
    let local = |image: &str| Repository::parse(image).unwrap().is_local();
    for image in ["localhost:5000/a", "10.1.2.3/a", "192.168.0.1:5000/a", "127.0.0.1/a"] {
        assert!(local(image), "{image}");
    }
    for image in ["[::1]:5000/a", "x.localhost/a"] {
        assert!(local(image), "{image}");
    }
    for image in ["ghcr.io/a", "8.8.8.8/a", "localhost.example/a", "172.32.0.1/a", "alpine"] {
        assert!(!local(image), "{image}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a-zA-Z0-9./:@_-]{0,32}|\\PC{0,24}") {
        if let Ok(reference) = Reference::parse(&text) {
            let canonical = Reference::parse(&reference.canonical()).unwrap();
            prop_assert_eq!(canonical.repository, reference.repository);
        }
    }
}
