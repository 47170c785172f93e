//! Tests of `explanation`.

use super::*;
use crate::policy::Spec;

#[test]
fn every_tag_is_explained() {
    let policy = Policy::parse(&Spec {
        semver: Some("^1.2"),
        pattern: "^rel-(.*)$",
        extract: "$1",
        ..Spec::default()
    });
    let tags = ["rel-1.2.0", "rel-1.10.0", "1.3.0", "rel-x", "rel-1.3.0-rc.1", "rel-2.0.0"];
    let explained = policy.unwrap().explain(tags, 10);
    assert_eq!(explained.selected, Ok("rel-1.10.0".to_owned()));
    let keys: Vec<&str> = explained.candidates.iter().map(|found| found.key.as_str()).collect();
    assert_eq!(keys, ["1.10.0", "1.2.0"]);
    let dropped: Vec<(&str, Rule)> =
        explained.dropped.iter().map(|(tag, rule)| (tag.as_str(), *rule)).collect();
    #[rustfmt::skip]
    assert_eq!(dropped, [
        ("1.3.0", Rule::Pattern),
        ("rel-x", Rule::NotAVersion),
        ("rel-1.3.0-rc.1", Rule::PreRelease),
        ("rel-2.0.0", Rule::OutOfRange),
    ]);
}

#[test]
fn one_bad_number_is_named() {
    let policy = Policy::parse(&Spec { numerical: Some(""), ..Spec::default() }).unwrap();
    let explained = policy.explain(["1", "latest", "2"], 1);
    assert!(matches!(&explained.selected, Err(NoMatch::NotANumber { tag, .. }) if tag == "latest"));
    assert_eq!((explained.candidate_count, explained.candidates.len()), (2, 1));
    assert_eq!(explained.dropped, [("latest".to_owned(), Rule::NotANumber)]);
}
