//! Which of an image's tags is the one to run.
//!
//! A policy is parsed once and asked often. It is a total order: the tags may come in any order,
//! from any page of any registry, and the same one wins. Where Flux leaves ties to chance or to
//! the order of its list, the winner here is the one that Flux picks from its stored list, which
//! descends by bytes.

use std::{borrow::Cow, cmp::Reverse};

pub mod explanation;
pub mod filter;
pub mod numerical;
pub mod semver;

use filter::Filter;
use numerical::Number;
use semver::{Range, Version};

/// How one tag is picked out of many.
#[derive(Debug, Clone)]
pub struct Policy {
    filter: Filter,
    order: Order,
}

/// What an author writes, before it is understood: `spec.policy` and `spec.filterTags`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spec<'s> {
    /// `spec.policy.semver.range`
    pub semver: Option<&'s str>,
    /// `spec.policy.alphabetical.order`; an empty order is ascending.
    pub alphabetical: Option<&'s str>,
    /// `spec.policy.numerical.order`; an empty order is ascending.
    pub numerical: Option<&'s str>,
    /// `spec.filterTags.pattern`
    pub pattern: &'s str,
    /// `spec.filterTags.extract`
    pub extract: &'s str,
}

/// What makes one tag later than another.
#[derive(Debug, Clone)]
enum Order {
    SemVer(Range),
    Alphabetical(Direction),
    Numerical(Direction),
}

/// Which end of an order wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// The greatest.
    Ascending,
    /// The least.
    Descending,
}

/// Why a policy is not one. Only its author can mend it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No kind of policy is set.
    #[error("`spec.policy` sets none of `semver`, `alphabetical` and `numerical`; set one")]
    Missing,
    /// The range is not a range of versions.
    #[error("`spec.policy.semver.range` is not a range of versions")]
    Range(#[from] semver::Error),
    /// The order is neither of the two.
    #[error("`spec.policy.{kind}.order` is `{order}`; write `asc` or `desc`")]
    Order {
        /// The kind of policy.
        kind: &'static str,
        /// What was written.
        order: String,
    },
    /// The pattern is not a regular expression.
    #[error("`spec.filterTags.pattern` cannot be used")]
    Pattern(#[from] filter::Error),
}

/// Why no tag is selected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoMatch {
    /// There are no tags at all.
    #[error("version list argument cannot be empty: the repository has no tags")]
    NoTags,
    /// The filter lets no tag through.
    #[error(
        "version list argument cannot be empty: \
         none of {considered} tags matches `spec.filterTags.pattern`"
    )]
    Filtered {
        /// How many tags there are.
        considered: usize,
    },
    /// No tag is a version in the range.
    #[error(
        "unable to determine latest version from provided list: \
         none of {considered} tags is a version in the range"
    )]
    OutOfRange {
        /// How many tags passed the filter.
        considered: usize,
    },
    /// A tag, or what the filter extracts from it, is not a number.
    #[error(
        "failed to parse invalid numeric value '{key}' of tag `{tag}`; \
         let `spec.filterTags` pass only numeric tags, or extract the number"
    )]
    NotANumber {
        /// The tag.
        tag: String,
        /// What the policy saw of it.
        key: String,
    },
}

impl Policy {
    /// Understands what an author wrote. As in Flux, `semver` goes before `alphabetical`, and that
    /// before `numerical`, when several are set.
    pub fn parse(spec: &Spec<'_>) -> Result<Self, Error> {
        let filter = Filter::parse(spec.pattern, spec.extract)?;
        let order = match (spec.semver, spec.alphabetical, spec.numerical) {
            (Some(range), ..) => Order::SemVer(Range::parse(range)?),
            (None, Some(order), _) => Order::Alphabetical(Direction::parse("alphabetical", order)?),
            (None, None, Some(order)) => Order::Numerical(Direction::parse("numerical", order)?),
            (None, None, None) => return Err(Error::Missing),
        };
        Ok(Self { filter, order })
    }

    /// The tag that wins. The order of `tags` never affects the result.
    pub fn select<'t>(&self, tags: impl IntoIterator<Item = &'t str>) -> Result<&'t str, NoMatch> {
        let mut counts = Counts::default();
        let mut best: Option<Candidate<'t>> = None;
        for tag in tags {
            counts.tags += 1;
            let Some(key) = self.filter.key(tag) else { continue };
            counts.filtered += 1;
            let Some(rank) = self.rank(tag, &key)? else { continue };
            let candidate = Candidate { rank, key, tag };
            if best.as_ref().is_none_or(|best| self.prefers(&candidate, best)) {
                best = Some(candidate);
            }
        }
        best.map(|best| best.tag).ok_or(counts.no_match())
    }

    /// What `key` counts for, or `None` if it does not take part.
    fn rank(&self, tag: &str, key: &str) -> Result<Option<Rank>, NoMatch> {
        match &self.order {
            Order::SemVer(range) => {
                Ok(semver::of_tag(key).filter(|version| range.matches(version)).map(Rank::Version))
            }
            Order::Alphabetical(_) => Ok(Some(Rank::Key)),
            Order::Numerical(_) => match Number::parse(key) {
                Some(number) => Ok(Some(Rank::Number(number))),
                None => Err(NoMatch::NotANumber { tag: tag.to_owned(), key: key.to_owned() }),
            },
        }
    }

    /// Whether `left` wins over `right`: a strict total order of distinct tags.
    fn prefers(&self, left: &Candidate<'_>, right: &Candidate<'_>) -> bool {
        let ranks = left.rank.cmp(&right.rank);
        let keys = left.key.cmp(&right.key);
        let ordering = match &self.order {
            // `v1.0.0` over `1.0.0`: the first of a list that descends.
            Order::SemVer(_) => ranks.then(keys),
            Order::Alphabetical(Direction::Ascending) => keys,
            Order::Alphabetical(Direction::Descending) => keys.reverse(),
            // `1` over `1.0`: the last of a list that descends.
            Order::Numerical(Direction::Ascending) => ranks.then(keys.reverse()),
            Order::Numerical(Direction::Descending) => ranks.reverse().then(keys.reverse()),
        };
        // Of two tags with one key the last of a list that descends.
        ordering.then_with(|| Reverse(left.tag).cmp(&Reverse(right.tag))).is_gt()
    }
}

impl Direction {
    fn parse(kind: &'static str, order: &str) -> Result<Self, Error> {
        match order.to_ascii_lowercase().as_str() {
            "" | "asc" => Ok(Self::Ascending),
            "desc" => Ok(Self::Descending),
            _ => Err(Error::Order { kind, order: order.to_owned() }),
        }
    }
}

/// A tag that takes part.
struct Candidate<'t> {
    rank: Rank,
    key: Cow<'t, str>,
    tag: &'t str,
}

/// What decides before keys and tags do. One policy yields one kind of rank.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Version(Version),
    Number(Number),
    Key,
}

#[derive(Default)]
struct Counts {
    tags: usize,
    filtered: usize,
}

impl Counts {
    fn no_match(&self) -> NoMatch {
        match (self.tags, self.filtered) {
            (0, _) => NoMatch::NoTags,
            (considered, 0) => NoMatch::Filtered { considered },
            (_, considered) => NoMatch::OutOfRange { considered },
        }
    }
}

#[cfg(test)]
mod tests;
