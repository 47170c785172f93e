//! The list of an image's tags: which are kept, in which order, when the list is another one, and
//! whether it may be used at all.

pub mod guard;

use golang::regexp;
use regex::Regex;
use sha2::{Digest, Sha256};

/// `spec.exclusionList`: tags that are dropped before they are stored.
#[derive(Debug, Clone, Default)]
pub struct Exclusions(Vec<Regex>);

/// Why an exclusion list cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`spec.exclusionList[{index}]` cannot be used")]
pub struct Error {
    /// Which pattern of the list, from 0.
    pub index: usize,
    source: regexp::Error,
}

impl Exclusions {
    /// Reads each pattern as an unanchored Go regular expression.
    pub fn parse<P: AsRef<str>>(patterns: &[P]) -> Result<Self, Error> {
        let compile = |(index, pattern): (usize, &P)| {
            regexp::compile(pattern.as_ref()).map_err(|source| Error { index, source })
        };
        patterns.iter().enumerate().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// Whether no pattern matches `tag`.
    pub fn admits(&self, tag: &str) -> bool {
        !self.0.iter().any(|pattern| pattern.is_match(tag))
    }
}

/// How many tags `status.lastScanResult.latestTags` shows.
const LATEST_MAX: usize = 10;

/// Sorts as Flux stores tags: descending by bytes. Repeated tags stay.
pub fn sort(tags: &mut [String]) {
    tags.sort_unstable_by(|left, right| right.cmp(left));
}

/// The first tags of a sorted list, for the status.
pub fn latest(sorted: &[String]) -> &[String] {
    &sorted[..sorted.len().min(LATEST_MAX)]
}

/// A digest that changes exactly when a sorted list does.
pub fn revision<'t>(sorted: impl IntoIterator<Item = &'t str>) -> String {
    use std::fmt::Write as _;
    let mut hash = Sha256::new();
    for (index, tag) in sorted.into_iter().enumerate() {
        if index > 0 {
            hash.update("\n");
        }
        hash.update(tag);
    }
    let mut revision = String::from("sha256:");
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(revision, "{byte:02x}");
    }
    revision
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const CASES: &str = include_str!("../tests/cases/policy-cases.json");

    fn strings(list: &Value) -> Vec<String> {
        list.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn exclusions_and_latest_tags_are_those_of_flux() {
        let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
        for case in cases {
            let mut tags = strings(&case["tags"]);
            match case["kind"].as_str() {
                Some("exclusionList") => {
                    let exclusions = Exclusions::parse(&strings(&case["exclusionList"]));
                    assert_eq!(exclusions.is_err(), case["error"] == true, "{case}");
                    if let Ok(exclusions) = exclusions {
                        tags.retain(|tag| exclusions.admits(tag));
                        assert_eq!(tags, strings(&case["expectedTags"]), "{case}");
                    }
                }
                Some("latestTags") => {
                    sort(&mut tags);
                    assert_eq!(latest(&tags), strings(&case["expectedTags"]), "{case}");
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_revision_tells_lists_apart() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(revision([]), empty);
        assert_ne!(revision(["a", "b"]), revision(["ab"]));
    }

    #[test]
    fn an_exclusion_error_names_its_place() {
        let error = Exclusions::parse(&["a", "("]).unwrap_err();
        assert_eq!(error.to_string(), "`spec.exclusionList[1]` cannot be used");
    }
}
