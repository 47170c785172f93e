//! Tests of `regexp`, against what Go answers.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const GOLDEN: &str = include_str!("../../tests/golden/regexp.json");

/// What Go takes and the engine does not.
const NOT_TAKEN: &[&str] = &["(?P<a>a)(?P<a>b)", "(?P<1>a)", "a(?i)*"];

#[test]
fn expressions_match_what_they_match_in_go() {
    let table: Value = serde_json::from_str(GOLDEN).unwrap();
    let texts: Vec<&str> =
        table["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    let mut wrong = Vec::new();
    for row in table["expressions"].as_array().unwrap() {
        let source = row[0].as_str().unwrap();
        match (compile(source), row[1].as_str()) {
            (Ok(regex), Some(answers)) => {
                let bytes = compile_bytes(source, 1 << 20).unwrap();
                for (text, answer) in texts.iter().zip(answers.chars()) {
                    if regex.is_match(text) != (answer == '1') {
                        wrong.push(format!("`{source}` on {text:?} should be {answer}"));
                    }
                    // Bytes are no characters: between them is no boundary either.
                    let inside = source == r"\B" && !text.is_ascii();
                    if !inside && bytes.is_match(text.as_bytes()) != (answer == '1') {
                        wrong.push(format!(
                            "`{source}` on the bytes of {text:?} should be {answer}"
                        ));
                    }
                }
            }
            (Err(_), None) => {}
            (Ok(_), None) => wrong.push(format!("`{source}` should be refused")),
            (Err(_), Some(_)) if NOT_TAKEN.contains(&source) => {}
            (Err(error), Some(_)) => wrong.push(format!("`{source}` should be taken: {error:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
}

#[test]
fn what_differs_between_the_dialects_means_what_go_means() {
    #[rustfmt::skip]
    let cases = [
        // expression              matches    does not match
        (r"^\Qa.b\E$",             "a.b",     "axb"),
        (r"^\Qa.b",                "a.bc",    "axbc"),
        (r"^[[a]$",                "[",       "b"),
        (r"^[a[]b$",               "[b",      "[]b"),
        (r"^[[:alpha:]_]+$",       "a_",      "1"),
        (r"^[^[:alpha:]]$",        "1",       "a"),
        (r"^[]a]$",                "]",       "b"),
        (r"^[a-z&&[^b]$",          "&",       "A"),
        (r"^[+--]$",               ",",       "."),
        (r"^[a-]$",                "-",       "b"),
        (r"^[\w.-]+$",             "a.b-c",   "a b"),
        (r"^[~~a]$",               "~",       "b"),
        (r"^\07$",                 "\u{7}",   "7"),
        (r"^\101$",                "A",       "101"),
        (r"^[\101-\103]$",         "B",       "D"),
        (r"^a\<b$",                "a<b",     "ab"),
        (r"(?i)^RC",               "rc1",     "c"),
        (r"^(?P<n>\d+)$",          "12",      "a"),
        (r"^(?<n>\d+)$",           "12",      "a"),
        (r"x\d",                   "ax1",     "x"),
        (r"^[\d-x]$",              "-",       "e"),
        (r"^[\x41-\x43]$",         "B",       "D"),
        (r"^[\x{41}\pN]$",         "A",       "B"),
        (r"^[\p{Greek}-]$",        "α",       "a"),
        (r"^\pL+$",                "é",       "1"),
        (r"^(data|stringData)$",   "data",    "metadata"),
        (r"pass",                  "my-pass1", "word"),
        (r"^\d+$",                 "12",      "٣"),
        (r"^[\d.]+$",              "1.2",     "1,2"),
        (r"^\w$",                  "e",       "é"),
        (r"\bkey\b",               "a key",   "keys"),
        (r"[a&&b]",                "&",       "c"),
        (r"(?i)TOKEN",             "token",   "to"),
    ];
    for (source, yes, no) in cases {
        let regex = compile(source).unwrap();
        assert!(regex.is_match(yes), "`{source}` matches `{yes}`");
        assert!(!regex.is_match(no), "`{source}` does not match `{no}`");
    }
}

#[test]
fn what_go_refuses_is_refused() {
    #[rustfmt::skip]
    let cases = [
        (r"(unclosed", None), (r"a(?!b)", Some(PERL)), (r"a(?=b)", Some(PERL)), (r"(a)\1", Some("invalid escape sequence")),
        (r"[=", Some("missing closing ]")), (r"[b-a]", Some("invalid character class range")),
        (r"\Z", Some("invalid escape sequence")), (r"*", None), (r"\E", Some("invalid escape sequence")),
        (r"(", None), (r"[a", Some("missing closing ]")), (r"a**", Some("invalid nested repetition operator")),
        (r"a{1001}", Some("invalid repeat count")), (r"a\", Some("trailing backslash at end of expression")),
    ];
    for (source, expected) in cases {
        let reason = match compile(source).unwrap_err() {
            Error::Grammar { reason, .. } => Some(reason),
            Error::Engine { .. } => None,
        };
        assert_eq!(reason, expected, "`{source}`");
    }
}

const PERL: &str = "invalid or unsupported Perl syntax";

proptest! {
    #[test]
    fn no_expression_panics(
        source in "([\\\\\\[\\]^&~:Q E dDbB0-9a-]|.){0,12}|[\\[\\]^\\\\a-c0-9QE&~:{},()?*<>P-]{0,16}|\\PC{0,12}",
        text in "[a-c0-9.-]{0,8}",
    ) {
        let _ = compile(&source).map(|regex| regex.is_match(&text));
    }

    #[test]
    fn quoted_text_matches_itself(text in "[ -~]{0,16}") {
        prop_assume!(!text.contains("\\E") && !text.ends_with('\\'));
        let regex = compile(&format!("^\\Q{text}\\E$")).unwrap();
        prop_assert!(regex.is_match(&text));
    }
}
