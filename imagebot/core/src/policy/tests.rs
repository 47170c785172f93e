//! Tests of `policy`, over the cases that upstream's own tests and programs decide.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const CASES: &str = include_str!("../../tests/cases/policy-cases.json");

/// Cases where upstream's answer depends on the order of its list or loses digits, and ours.
#[rustfmt::skip]
const BETTER: &[(&str, Option<&str>)] = &[
    // Equal versions: always what the stored order gives.
    ("edge-sv-dup-plain-first", Some("v1.0.0")),
    // One key for two tags: what the stored order gives.
    ("edge-extract-dollar",        Some("a")),
    ("edge-extract-unknown-group", Some("a")),
    // 53 bits are not enough for a time stamp.
    ("edge-nu-precision",  Some("20240101123456789")),
    ("edge-nu-precision2", Some("9007199254740993")),
    // No order knows these.
    ("edge-nu-inf",       None),
    ("edge-nu-nan-last",  None),
    ("edge-nu-nan-first", None),
];

#[test]
fn policies_select_what_flux_selects() {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    let mut seen = 0;
    for case in cases.iter().filter(|case| case["system"] == "flux" && case["kind"].is_null()) {
        let id = case["id"].as_str().unwrap();
        let expected = match BETTER.iter().find(|(better, _)| *better == id) {
            Some((_, ours)) => *ours,
            None => case["expected"].as_str(),
        };
        let tags = strings(&case["tags"]);
        let parsed = policy(case);
        let selected = parsed.as_ref().ok().and_then(|policy| policy.select(tags.clone()).ok());
        assert_eq!(selected, expected, "{id}: {case}");
        // What the daemon does with a list that policies share finds the same.
        let list = list::TagList::new(tags.iter().map(|tag| (*tag).to_owned()).collect());
        let ranked = parsed.as_ref().ok().and_then(|policy| {
            policy.ranking(&list, |_| None).ok().and_then(|mut ranking| ranking.nth(0))
        });
        assert_eq!(ranked, expected, "{id}: {case}");
        if case["errorKind"] == "invalid-policy" || case["conditionReason"] == "InvalidPolicy" {
            assert!(parsed.is_err(), "{id}: the policy itself is invalid");
        }
        if case["errorKind"] == "no-result" {
            assert!(parsed.is_ok(), "{id}: the policy itself is valid");
        }
        seen += 1;
    }
    assert!(seen > 400, "only {seen} cases");
}

#[test]
fn filters_pass_what_flux_passes() {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    for case in cases.iter().filter(|case| case["kind"] == "filter-only") {
        let filter = filter(case).unwrap();
        let mut keys: Vec<_> =
            strings(&case["tags"]).into_iter().filter_map(|tag| filter.key(tag)).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys, strings(&case["expectedKeysSorted"]), "{case}");
    }
}

#[test]
fn ranges_parse_where_the_library_parses() {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    for case in cases.iter().filter(|case| case["kind"] == "rangeSyntax") {
        let range = case["policy"]["semver"]["range"].as_str().unwrap();
        assert_eq!(Range::parse(range).is_ok(), case["rangeValid"] == true, "{case}");
    }
}

#[test]
fn errors_name_the_field_and_the_remedy() {
    #[rustfmt::skip]
    let cases = [
        (Spec::default(), "`spec.policy` sets none of `semver`, `alphabetical`, `numerical` and `newest`; set one"),
        (Spec { alphabetical: Some("up"), ..Spec::default() }, "`spec.policy.alphabetical.order` is `up`; write `asc` or `desc`"),
        (Spec { semver: Some("1x"), ..Spec::default() }, "`spec.policy.semver.range` is not a range of versions"),
        (Spec { semver: Some("*"), pattern: "(", ..Spec::default() }, "`spec.filterTags.pattern` cannot be used"),
    ];
    for (spec, message) in cases {
        assert_eq!(Policy::parse(&spec).unwrap_err().to_string(), message);
    }
}

/// The cases come from version 3.2 of the library, and Flux has 3.5, where a range admits
/// pre-releases when any of its parts names one, and `!=` admits them no more than others do.
/// `shared/golang` holds 3.5's own answers.
#[rustfmt::skip]
const SINCE_3_5: &[(&str, &str)] = &[
    ("!=1.2.3", "1.2.3-beta.2"), ("!=1.2.3", "1.2.3-alpha"), ("!=1.2.3", "2.0.0-0"),
    ("!=1.2.3", "2.1.0-rc.1"), ("!=1.2.3", "1.0.0-rc.1"), (">=1.0.0-rc <1.0.0", "1.0.0-rc.1"),
    (">=2.0.0-0 <3", "2.0.0-0"), (">=2.0.0-0 <3", "2.1.0-rc.1"),
];

#[test]
fn versions_are_in_the_ranges_that_the_library_finds_them_in() {
    const GOLD: &str = include_str!("../../tests/cases/masterminds-gold.json");
    let cases: Vec<Value> = serde_json::from_str(GOLD).unwrap();
    let mut pairs = 0;
    for case in &cases {
        let word = |name: &str| case[name].as_str().unwrap();
        let range = Range::parse(word("C"));
        // `T` and `F`: in the range or not; the rest: the range is none.
        let expected = match word("M") {
            "T" => Some(true),
            "F" => Some(false),
            _ => None,
        };
        let newer = SINCE_3_5.contains(&(word("C"), word("V")));
        let expected = expected.map(|found| found != newer);
        let version = Version::parse(word("V"));
        let found = range.ok().zip(version).map(|(range, version)| range.matches(&version));
        assert_eq!(found, expected, "{case}");
        pairs += 1;
    }
    assert_eq!(pairs, 759);
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

fn filter(case: &Value) -> Result<Filter, filter::Error> {
    let field = |name: &str| case["filter"][name].as_str().unwrap_or_default();
    Filter::parse(field("pattern"), field("extract"))
}

fn policy(case: &Value) -> Result<Policy, Error> {
    let field = |name: &str| case["filter"][name].as_str().unwrap_or_default();
    let kind = |name: &str, value: &str| {
        case["policy"].get(name).map(|kind| kind[value].as_str().unwrap_or_default())
    };
    Policy::parse(&Spec {
        semver: kind("semver", "range"),
        alphabetical: kind("alphabetical", "order"),
        numerical: kind("numerical", "order"),
        pattern: field("pattern"),
        extract: field("extract"),
        ..Spec::default()
    })
}

fn tags() -> impl Strategy<Value = Vec<String>> {
    let tag = "(v?[01]\\.[01]\\.[01](-[ab])?)|([0-2]{1,3})|(0?[12](\\.0)?)";
    prop::collection::vec(tag, 1..10)
}

fn specs() -> impl Strategy<Value = Spec<'static>> {
    let filters = prop::sample::select(vec![
        ("", ""),
        ("^v?(.*)$", "$1"),
        ("^v?(\\d+)", "$1"),
        ("^[0-9.]+$", ""),
        ("^(.).*$", "$1"),
    ]);
    let orders = prop::sample::select(vec![
        (Some("*"), None, None),
        (Some(">=0.0.0-0"), None, None),
        (None, Some("asc"), None),
        (None, Some("desc"), None),
        (None, None, Some("asc")),
        (None, None, Some("desc")),
    ]);
    (filters, orders).prop_map(|((pattern, extract), (semver, alphabetical, numerical))| Spec {
        semver,
        alphabetical,
        numerical,
        pattern,
        extract,
        ..Spec::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_order_of_tags_does_not_matter(
        spec in specs(),
        (listed, shuffled) in tags().prop_flat_map(|tags| (Just(tags.clone()), Just(tags).prop_shuffle())),
    ) {
        let policy = Policy::parse(&spec).unwrap();
        let select = |tags: &[String]| {
            let selected = policy.select(tags.iter().map(String::as_str));
            selected.map(str::to_owned).map_err(|err| std::mem::discriminant(&err))
        };
        prop_assert_eq!(select(&listed), select(&shuffled));
    }

    #[test]
    fn the_winner_heads_the_explanation(spec in specs(), tags in tags()) {
        let policy = Policy::parse(&spec).unwrap();
        let explained = policy.explain(tags.iter().map(String::as_str), usize::MAX);
        if let Ok(selected) = &explained.selected {
            prop_assert_eq!(&explained.candidates[0].tag, selected);
        }
        prop_assert_eq!(explained.candidate_count + explained.dropped_count, tags.len());
    }
}
