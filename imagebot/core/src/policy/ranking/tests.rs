//! Tests of `ranking`.

use super::*;
use crate::policy::{Spec, exclude::Exclude};

fn list(tags: &[&str]) -> TagList {
    TagList::new(tags.iter().map(|tag| (*tag).to_owned()).collect())
}

#[test]
fn a_long_list_is_ranked_to_its_end() {
    let policy = Policy::parse(&Spec { semver: Some("*"), ..Spec::default() }).unwrap();
    let tags: Vec<String> = (0..100).map(|patch| format!("1.0.{patch}")).collect();
    let list = TagList::new(tags.clone());
    let mut ranking = policy.ranking(&list, |_| None).unwrap();
    let ranked: Vec<_> = (0..ranking.len()).filter_map(|place| ranking.nth(place)).collect();
    assert!(ranked.iter().eq(tags.iter().rev()), "{ranked:?}");
    assert_eq!(ranking.nth(100), None);
}

#[test]
fn the_best_of_what_each_rule_drops_is_told() {
    let exclude = [Exclude::Tag("1.9.0")];
    let spec = Spec { semver: Some("1.x"), exclude: &exclude, ..Spec::default() };
    let policy = Policy::parse(&spec).unwrap();
    let tags = ["3.0.0", "2.0.0", "1.9.0", "1.8.0", "1.8.1-rc.1", "0.9.0", "latest"];
    let list = list(&tags);
    let mut ranking = policy.ranking(&list, |_| None).unwrap();
    assert_eq!(ranking.nth(0), Some("1.8.0"));
    let near = ranking.near("1.8.0");
    #[rustfmt::skip]
    assert_eq!(near, [("3.0.0", Rule::OutOfRange), ("1.9.0", Rule::Excluded), ("1.8.1-rc.1", Rule::PreRelease)]);
}

#[test]
fn the_newest_is_the_latest_by_time() {
    let policy = Policy::parse(&Spec { newest: true, ..Spec::default() }).unwrap();
    let list = list(&["a", "b", "c", "d"]);
    let time = |tag: &str| match tag {
        "a" => Some(30),
        "b" => Some(20),
        "d" => Some(30),
        _ => None,
    };
    let mut ranking = policy.ranking(&list, time).unwrap();
    assert_eq!(ranking.untimed(), ["c"]);
    assert_eq!([0, 1, 2].map(|place| ranking.nth(place)), [Some("d"), Some("a"), Some("b")]);
    assert!(matches!(policy.select(["a"]), Err(NoMatch::Untimed { considered: 1 })));
}

#[test]
fn a_shortlist_tells_why_the_better_ones_were_not_selected() {
    let exclude = [Exclude::Tag("1.9.0")];
    let spec = Spec { semver: Some("1.x"), exclude: &exclude, ..Spec::default() };
    let policy = Policy::parse(&spec).unwrap();
    let tags = ["2.0.0", "1.9.0", "1.8.0", "1.7.0", "1.6.0", "1.5.0", "1.4.0", "latest"];
    let list = list(&tags);
    let mut ranking = policy.ranking(&list, |_| None).unwrap();
    let row = |tag: &str, verdict: &str| (tag.to_owned(), verdict.to_owned());
    let young = [row("1.8.0", "is young"), row("1.7.0", "is young")];
    #[rustfmt::skip]
    assert_eq!(ranking.shortlist(Some("1.6.0"), &young, 5), [
        row("2.0.0", "is outside the range"),
        row("1.9.0", "is excluded by `spec.exclude`"),
        row("1.8.0", "is young"),
        row("1.7.0", "is young"),
        row("1.6.0", "selected"),
    ]);
    #[rustfmt::skip]
    assert_eq!(ranking.shortlist(Some("1.8.0"), &[], 4), [
        row("2.0.0", "is outside the range"),
        row("1.9.0", "is excluded by `spec.exclude`"),
        row("1.8.0", "selected"),
        row("1.7.0", "goes behind"),
    ]);
    let gone = ranking.shortlist(Some("1.8.5"), &[], 2);
    assert_eq!(gone.last(), Some(&row("1.8.5", "selected")));
}
