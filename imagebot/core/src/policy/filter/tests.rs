//! Tests of `filter`.

use proptest::prelude::*;

use super::*;

#[test]
fn patterns_mean_what_go_means() {
    let filter = Filter::parse(r"^[[\d]$", "").unwrap();
    assert!(filter.key("[").is_some() && filter.key("1").is_some() && filter.key("٣").is_none());
    assert!(Filter::parse(r"a(?!b)", "").is_err());
}

#[test]
fn extract_expands_groups_as_go_does() {
    #[rustfmt::skip]
    let cases = [
        ("$ts", "42"), ("${ts}", "42"), ("$2", "42"), ("$1-$2", "main-42"), ("$$", "$"),
        ("$nope", ""), ("$2x", ""), ("${2}x", "42x"), ("$1.$2", "main.42"), ("a$", "a$"), ("", "main-42"),
    ];
    for (extract, key) in cases {
        let filter = Filter::parse(r"^(\w+)-(?P<ts>\d+)$", extract).unwrap();
        assert_eq!(filter.key("main-42").as_deref(), Some(key), "`{extract}`");
    }
}

proptest! {
    #[test]
    fn no_pattern_panics(pattern in "[\\[\\]^\\\\a-c0-9QE&~:-]{0,16}|\\PC{0,12}", tag in "[a-c0-9.-]{0,8}") {
        if let Ok(filter) = Filter::parse(&pattern, "$1") {
            let _ = filter.key(&tag);
        }
    }
}
