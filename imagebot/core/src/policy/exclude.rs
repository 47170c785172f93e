//! `spec.exclude`: tags that never win, whatever the order says.

use golang::regexp;
use regex::Regex;

use super::semver::{self, Range, Version};

/// One thing to exclude, as an author writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclude<'s> {
    /// This very tag.
    Tag(&'s str),
    /// Tags that this Go regular expression matches anywhere.
    Pattern(&'s str),
    /// Versions in this range.
    Range(&'s str),
}

/// What is excluded.
#[derive(Debug, Clone, Default)]
pub struct Exclusion(Vec<Entry>);

#[derive(Debug, Clone)]
enum Entry {
    Tag(String),
    Pattern(Regex),
    Range(Range),
}

/// Why something cannot be excluded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The pattern is not a regular expression.
    #[error("`spec.exclude[{index}].pattern` cannot be used")]
    Pattern {
        /// Which entry, from 0.
        index: usize,
        /// Why.
        source: regexp::Error,
    },
    /// The range is not a range of versions.
    #[error("`spec.exclude[{index}].range` is not a range of versions")]
    Range {
        /// Which entry, from 0.
        index: usize,
        /// Why.
        source: semver::Error,
    },
}

impl Exclusion {
    /// Understands what an author wrote.
    pub fn parse(entries: &[Exclude<'_>]) -> Result<Self, Error> {
        let parse = |(index, entry): (usize, &Exclude<'_>)| match *entry {
            Exclude::Tag(tag) => Ok(Entry::Tag(tag.to_owned())),
            Exclude::Pattern(pattern) => regexp::compile(pattern)
                .map(Entry::Pattern)
                .map_err(|source| Error::Pattern { index, source }),
            Exclude::Range(range) => Range::parse(range)
                .map(Entry::Range)
                .map_err(|source| Error::Range { index, source }),
        };
        entries.iter().enumerate().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `tag` is excluded; `version` is what its key means, where that is a version.
    pub fn drops(&self, tag: &str, version: Option<&Version>) -> bool {
        self.0.iter().any(|entry| match entry {
            Entry::Tag(excluded) => excluded == tag,
            Entry::Pattern(pattern) => pattern.is_match(tag),
            Entry::Range(range) => match version {
                Some(version) => range.matches(version),
                None => semver::of_tag(tag).is_some_and(|version| range.matches(&version)),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_excluded_by_name_pattern_or_range() {
        let entries =
            [Exclude::Tag("1.4.1"), Exclude::Pattern("-debug$"), Exclude::Range(">=2.0.0 <2.1.3")];
        let exclusion = Exclusion::parse(&entries).unwrap();
        #[rustfmt::skip]
        let cases = [
            ("1.4.1", true), ("1.4.10", false), ("1.4.2-debug", true), ("debug", false),
            ("2.1.2", true), ("2.1.3", false), ("v2.0.0", true), ("2", false),
        ];
        for (tag, excluded) in cases {
            assert_eq!(exclusion.drops(tag, None), excluded, "{tag}");
        }
    }

    #[test]
    fn an_error_names_its_place() {
        let pattern = Exclusion::parse(&[Exclude::Tag("a"), Exclude::Pattern("(")]).unwrap_err();
        assert_eq!(pattern.to_string(), "`spec.exclude[1].pattern` cannot be used");
        let range = Exclusion::parse(&[Exclude::Range("1x")]).unwrap_err();
        assert_eq!(range.to_string(), "`spec.exclude[0].range` is not a range of versions");
    }
}
