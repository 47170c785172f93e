//! Which of an image's tags is the one to run.
//!
//! A policy is parsed once and asked often. It is a total order: the tags may come in any order,
//! from any page of any registry, and the same one wins. Where Flux leaves ties to chance or to
//! the order of its list, the winner here is the one that Flux picks from its stored list, which
//! descends by bytes.
//!
//! ```text
//! tags ─▶ exclude ─▶ filter ─▶ order ─▶ ranking, the best first ─▶ age · platforms · signature ─▶ step
//! ```
//!
//! The first three are rules about the tag alone and are decided here in one pass over the list;
//! what is behind the ranking costs requests, and is asked of the best candidates only.

use std::{
    borrow::Cow,
    cmp::{Ordering, Reverse},
};

pub mod age;
pub mod exclude;
pub mod explanation;
pub mod filter;
pub mod list;
pub mod numerical;
pub mod platform;
pub mod ranking;
pub mod semver;
pub mod step;

use exclude::{Exclude, Exclusion};
use explanation::Rule;
use filter::Filter;
use numerical::Number;
use semver::{Range, Version};

/// How one tag is picked out of many.
#[derive(Debug, Clone)]
pub struct Policy {
    exclusion: Exclusion,
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
    /// Whether `spec.policy.newest` is set: the latest by time, whatever its name.
    pub newest: bool,
    /// `spec.exclude`
    pub exclude: &'s [Exclude<'s>],
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
    /// By a time that only the registry knows.
    Newest,
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
    #[error(
        "`spec.policy` sets none of `semver`, `alphabetical`, `numerical` and `newest`; set one"
    )]
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
    /// What is to be excluded cannot be understood.
    #[error(transparent)]
    Exclude(#[from] exclude::Error),
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
    /// Every tag that matches is excluded.
    #[error("each of the {considered} tags that match is excluded by `spec.exclude`")]
    Excluded {
        /// How many tags the exclusion dropped.
        considered: usize,
    },
    /// The order needs times, which only a registry knows.
    #[error(
        "`spec.policy.newest` orders by time, and of none of {considered} tags the time is known"
    )]
    Untimed {
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
    /// before `numerical`, when several are set; `newest`, which is ours, comes last.
    pub fn parse(spec: &Spec<'_>) -> Result<Self, Error> {
        let exclusion = Exclusion::parse(spec.exclude)?;
        let filter = Filter::parse(spec.pattern, spec.extract)?;
        let order = match (spec.semver, spec.alphabetical, spec.numerical) {
            (Some(range), ..) => Order::SemVer(Range::parse(range)?),
            (None, Some(order), _) => Order::Alphabetical(Direction::parse("alphabetical", order)?),
            (None, None, Some(order)) => Order::Numerical(Direction::parse("numerical", order)?),
            (None, None, None) if spec.newest => Order::Newest,
            (None, None, None) => return Err(Error::Missing),
        };
        Ok(Self { exclusion, filter, order })
    }

    /// Whether the order needs to know when each tag was made.
    pub fn needs_times(&self) -> bool {
        matches!(self.order, Order::Newest)
    }

    /// The tag that wins. The order of `tags` never affects the result.
    pub fn select<'t>(&self, tags: impl IntoIterator<Item = &'t str>) -> Result<&'t str, NoMatch> {
        let mut counts = Counts::default();
        let mut best: Option<Candidate<'t>> = None;
        for tag in tags {
            match counts.take(self, tag, self.judge(tag, None, None))? {
                Ok(it) if best.as_ref().is_none_or(|best| self.prefers(&it, best)) => {
                    best = Some(it);
                }
                _ => {}
            }
        }
        best.map(|best| best.tag).ok_or(counts.no_match())
    }

    /// What `tag` counts for, or the rule that drops it.
    ///
    /// `parsed` is what [`semver::of_tag`] makes of the tag where that is known, and `time` is when
    /// the tag was made.
    fn judge<'t>(
        &self,
        tag: &'t str,
        parsed: Option<&'t Option<Version>>,
        time: Option<i64>,
    ) -> Result<Candidate<'t>, Dropped<'t>> {
        let dropped = |rule, rank| Err(Dropped { rule, rank });
        let Some(key) = self.filter.key(tag) else { return dropped(Rule::Pattern, None) };
        let rank = match &self.order {
            Order::SemVer(_) => {
                let version = match (parsed, &key) {
                    (Some(parsed), Cow::Borrowed(_)) => parsed.as_ref().map(Cow::Borrowed),
                    _ => semver::of_tag(&key).map(Cow::Owned),
                };
                let Some(version) = version else { return dropped(Rule::NotAVersion, None) };
                Rank::Version(version)
            }
            Order::Alphabetical(_) => Rank::Key,
            Order::Numerical(_) => match Number::parse(&key) {
                Some(number) => Rank::Number(number),
                None if self.exclusion.drops(tag, None) => return dropped(Rule::Excluded, None),
                None => return dropped(Rule::NotANumber, None),
            },
            Order::Newest => match time {
                Some(time) => Rank::Time(time),
                None if self.exclusion.drops(tag, None) => return dropped(Rule::Excluded, None),
                None => return dropped(Rule::Untimed, None),
            },
        };
        let version = match &rank {
            Rank::Version(version) => Some(version.as_ref()),
            _ => None,
        };
        let rule = match (&self.order, version) {
            _ if self.exclusion.drops(tag, version) => Some(Rule::Excluded),
            (Order::SemVer(range), Some(version)) if !range.matches(version) => {
                let pre = range.refuses_pre(version);
                Some(if pre { Rule::PreRelease } else { Rule::OutOfRange })
            }
            _ => None,
        };
        let candidate = Candidate { rank, key, tag };
        match rule {
            Some(rule) => dropped(rule, Some(candidate)),
            None => Ok(candidate),
        }
    }

    /// Whether `left` wins over `right`.
    fn prefers(&self, left: &Candidate<'_>, right: &Candidate<'_>) -> bool {
        self.order(left, right).is_gt()
    }

    /// A strict total order of distinct tags; the greatest wins.
    fn order(&self, left: &Candidate<'_>, right: &Candidate<'_>) -> Ordering {
        let ranks = left.rank.cmp(&right.rank);
        let keys = left.key.cmp(&right.key);
        let ordering = match &self.order {
            // `v1.0.0` over `1.0.0`: the first of a list that descends.
            Order::SemVer(_) => ranks.then(keys),
            Order::Alphabetical(Direction::Ascending) => keys,
            Order::Alphabetical(Direction::Descending) => keys.reverse(),
            Order::Newest => ranks.then(keys),
            // `1` over `1.0`: the last of a list that descends.
            Order::Numerical(Direction::Ascending) => ranks.then(keys.reverse()),
            Order::Numerical(Direction::Descending) => ranks.reverse().then(keys.reverse()),
        };
        // Of two tags with one key the last of a list that descends.
        ordering.then_with(|| Reverse(left.tag).cmp(&Reverse(right.tag)))
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
#[derive(Debug, Clone)]
struct Candidate<'t> {
    rank: Rank<'t>,
    key: Cow<'t, str>,
    tag: &'t str,
}

/// A tag that does not.
struct Dropped<'t> {
    rule: Rule,
    /// What it would count for, if the rule were not there.
    rank: Option<Candidate<'t>>,
}

/// What decides before keys and tags do. One policy yields one kind of rank.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Rank<'t> {
    Version(Cow<'t, Version>),
    Number(Number),
    Time(i64),
    Key,
}

#[derive(Default)]
struct Counts {
    tags: usize,
    filtered: usize,
    excluded: usize,
    untimed: usize,
}

impl Counts {
    /// Counts a tag; an error when it spoils the whole list.
    fn take<T>(
        &mut self,
        policy: &Policy,
        tag: &str,
        judged: Result<T, Dropped<'_>>,
    ) -> Result<Result<T, Rule>, NoMatch> {
        let rule = match judged {
            Ok(candidate) => {
                self.tags += 1;
                self.filtered += 1;
                return Ok(Ok(candidate));
            }
            Err(dropped) => dropped.rule,
        };
        self.dropped(rule);
        if rule == Rule::NotANumber {
            let key = policy.filter.key(tag).unwrap_or_default().into_owned();
            return Err(NoMatch::NotANumber { tag: tag.to_owned(), key });
        }
        Ok(Err(rule))
    }

    fn dropped(&mut self, rule: Rule) {
        self.tags += 1;
        match rule {
            Rule::Pattern => {}
            Rule::Excluded => self.excluded += 1,
            rule => {
                self.filtered += 1;
                self.untimed += usize::from(rule == Rule::Untimed);
            }
        }
    }

    fn no_match(&self) -> NoMatch {
        match self {
            Self { tags: 0, .. } => NoMatch::NoTags,
            Self { untimed: 1.., filtered, .. } => NoMatch::Untimed { considered: *filtered },
            Self { filtered: 0, excluded: 0, tags, .. } => NoMatch::Filtered { considered: *tags },
            Self { filtered: 0, excluded, .. } => NoMatch::Excluded { considered: *excluded },
            Self { filtered, .. } => NoMatch::OutOfRange { considered: *filtered },
        }
    }
}

#[cfg(test)]
mod tests;
