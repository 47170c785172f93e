//! Tests of `filter`.

use proptest::prelude::*;

use super::*;

#[test]
fn patterns_mean_what_go_means() {
    #[rustfmt::skip]
    let cases = [
        // pattern            matches    does not match
        (r"^\Qa.b\E$",        "a.b",     "axb"),
        (r"^\Qa.b",           "a.bc",    "axbc"),
        (r"^[[a]$",           "[",       "b"),
        (r"^[a[]b$",          "[b",      "[]b"),
        (r"^[[:alpha:]_]+$",  "a_",      "1"),
        (r"^[^[:alpha:]]$",   "1",       "a"),
        (r"^[]a]$",           "]",       "b"),
        (r"^[a-z&&[^b]$",     "&",       "A"),
        (r"^[+--]$",          ",",       "."),
        (r"^[a-]$",           "-",       "b"),
        (r"^[\w.-]+$",        "a.b-c",   "a b"),
        (r"^[~~a]$",          "~",       "b"),
        (r"^\07$",            "\u{7}",   "7"),
        (r"^\101$",           "A",       "101"),
        (r"^[\101-\103]$",    "B",       "D"),
        (r"^a\<b$",           "a<b",     "ab"),
        (r"(?i)^RC",          "rc1",     "c"),
        (r"^(?P<n>\d+)$",     "12",      "a"),
        (r"^(?<n>\d+)$",      "12",      "a"),
        (r"x\d",              "ax1",     "x"),
        (r"^[\d-x]$",         "-",       "e"),
        (r"^[\x41-\x43]$",    "B",       "D"),
        (r"^[\x{41}\pN]$",    "A",       "B"),
        (r"^[\p{Greek}-]$",   "α",       "a"),
        (r"^\pL+$",           "é",       "1"),
    ];
    for (pattern, yes, no) in cases {
        let filter = Filter::parse(pattern, "").unwrap();
        assert!(filter.key(yes).is_some(), "`{pattern}` matches `{yes}`");
        assert!(filter.key(no).is_none(), "`{pattern}` does not match `{no}`");
    }
}

#[test]
fn what_go_refuses_is_refused() {
    for pattern in [r"(unclosed", r"a(?!b)", r"(a)\1", r"[=", r"[b-a]", r"\Z", r"*", r"\E"] {
        assert!(Filter::parse(pattern, "").is_err(), "`{pattern}`");
    }
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

    #[test]
    fn quoted_text_matches_itself(text in "[ -~]{0,16}") {
        prop_assume!(!text.contains("\\E") && !text.ends_with('\\'));
        let filter = Filter::parse(&format!("^\\Q{text}\\E$"), "").unwrap();
        prop_assert!(filter.key(&text).is_some());
    }
}
