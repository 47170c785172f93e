//! Tests of `semver`, against what the library answers.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Asked of Masterminds/semver 3.5.0, the release that Flux pins.
const MATRIX: &str = include_str!("../../tests/golden/semver.json");
/// Asked of 3.2.0, from before pre-releases were admitted by a whole group.
const OLDER: &str = include_str!("../../tests/golden/semver-3.2.json");

#[test]
fn versions_are_those_of_the_library() {
    let matrix: Value = serde_json::from_str(MATRIX).unwrap();
    for row in matrix["versions"].as_array().unwrap() {
        let text = row[0].as_str().unwrap();
        let shown = Version::parse(text).map(|version| version.to_string());
        assert_eq!(shown.as_deref(), row[1].as_str(), "version `{text}`");
    }
}

#[test]
fn ranges_match_what_the_library_matches() {
    let matrix: Value = serde_json::from_str(MATRIX).unwrap();
    let versions = matrix["versions"].as_array().unwrap();
    let versions: Vec<(&str, Version)> = versions
        .iter()
        .filter_map(|row| row[0].as_str())
        .filter_map(|text| Some((text, Version::parse(text)?)))
        .collect();
    let mut wrong = Vec::new();
    for row in matrix["constraints"].as_array().unwrap() {
        let text = row[0].as_str().unwrap();
        match (Range::parse(text), row[1].as_str()) {
            (Ok(range), Some(answers)) => {
                for ((version, parsed), answer) in versions.iter().zip(answers.chars()) {
                    if range.matches(parsed) != (answer == '1') {
                        wrong.push(format!("`{text}` of {version} should be {answer}"));
                    }
                }
            }
            (Err(_), None) => {}
            (Ok(_), None) => wrong.push(format!("`{text}` should be refused")),
            (Err(err), Some(_)) => wrong.push(format!("`{text}`: {err}")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(40)]);
}

#[test]
fn the_older_library_differs_only_in_pre_releases_of_groups() {
    #[rustfmt::skip]
    let changed = [
        ("!=1.2.3", "1.2.3-beta.2"), ("!=1.2.3", "1.2.3-alpha"), ("!=1.2.3", "2.0.0-0"),
        ("!=1.2.3", "2.1.0-rc.1"), ("!=1.2.3", "1.0.0-rc.1"), (">=1.0.0-rc <1.0.0", "1.0.0-rc.1"),
        (">=2.0.0-0 <3", "2.0.0-0"), (">=2.0.0-0 <3", "2.1.0-rc.1"),
    ];
    let rows: Vec<Value> = serde_json::from_str(OLDER).unwrap();
    for row in rows {
        let field = |name: &str| row[name].as_str().unwrap();
        let (text, version, answer) = (field("C"), field("V"), field("M"));
        let ours = match (Range::parse(text), Version::parse(version)) {
            (Err(_), _) => "CERR",
            (_, None) => "VERR",
            (Ok(range), Some(version)) if range.matches(&version) => "T",
            _ => "F",
        };
        let differs = changed.contains(&(text, version));
        assert_eq!(ours == answer, !differs, "`{text}` of {version}: {ours}, was {answer}");
    }
}

#[test]
fn pre_release_identifiers_compare_as_numbers_of_any_length() {
    let version = |pre: &str| Version::parse(&format!("1.0.0-{pre}")).unwrap();
    assert!(version("99999999999999999999") < version("100000000000000000000"));
    assert!(version("rc.9") < version("rc.10"));
    assert!(version("10") < version("a"));
}

#[test]
fn build_metadata_decides_nothing() {
    let version = |text: &str| Version::parse(text).unwrap();
    assert_eq!(version("1.2.3+a"), version("1.2.3+b"));
    assert!(Range::parse("=1.2.3+a").unwrap().matches(&version("v1.2.3+b.5")));
    assert_eq!(version("v1.2-rc.1+b.5").to_string(), "1.2.0-rc.1+b.5");
}

#[test]
fn a_range_says_when_only_the_pre_release_is_in_its_way() {
    let range = Range::parse("^1.2").unwrap();
    let refuses = |text: &str| range.refuses_pre(&Version::parse(text).unwrap());
    assert!(refuses("1.3.0-rc.1"));
    assert!(!refuses("1.3.0"));
    assert!(!refuses("2.0.0-rc.1"));
}

proptest! {
    #[test]
    fn no_text_panics(text in "[0-9vx*.+~^<>=!|, -]{0,24}|\\PC{0,16}") {
        let _ = Range::parse(&text);
        let _ = Version::parse(&text);
    }

    #[test]
    fn versions_are_totally_ordered(
        texts in prop::collection::vec("v?[01]\\.[01]\\.[01](-[0a]{1,2}(\\.[01]{1,2})?)?", 3),
    ) {
        let versions: Vec<_> = texts.iter().filter_map(|text| Version::parse(text)).collect();
        let [a, b, c] = versions.as_slice() else { return Ok(()) };
        prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
        prop_assert!(!(a <= b && b <= c) || a <= c);
    }
}
