//! Why a policy selects what it selects.
//!
//! The same rules as [`Policy::select`], told tag by tag: for a `--explain`, a dashboard, or the
//! body of a pull request.

use super::{Candidate, NoMatch, Order, Policy, semver};

/// The outcome of a policy, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What [`Policy::select`] returns.
    pub selected: Result<String, NoMatch>,
    /// The tags that take part, the winner first, cut at the asked length.
    pub candidates: Vec<Contender>,
    /// The tags that do not, in the given order, cut at the asked length.
    pub dropped: Vec<(String, Rule)>,
    /// How many tags take part.
    pub candidate_count: usize,
    /// How many tags do not.
    pub dropped_count: usize,
}

/// A tag that takes part, and what the policy sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contender {
    /// The tag.
    pub tag: String,
    /// The tag itself, or what `spec.filterTags.extract` makes of it.
    pub key: String,
}

/// The rule that drops a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// The filter does not match.
    #[error("does not match `spec.filterTags.pattern`")]
    Pattern,
    /// The key is not a version of three parts.
    #[error("is not a version of three parts")]
    NotAVersion,
    /// The version is a pre-release, and the range admits none.
    #[error("is a pre-release; add `-0` to the range to admit them, as in `>=1.0.0-0`")]
    PreRelease,
    /// The version lies outside the range.
    #[error("is outside the range")]
    OutOfRange,
    /// The key is not a number.
    #[error("is not a number")]
    NotANumber,
}

impl Policy {
    /// Explains what the policy makes of `tags`, with at most `most` tags in each list.
    pub fn explain<'t>(
        &self,
        tags: impl IntoIterator<Item = &'t str> + Clone,
        most: usize,
    ) -> Explanation {
        let selected = self.select(tags.clone()).map(str::to_owned);
        let mut candidates = Vec::new();
        let mut dropped = Vec::new();
        for tag in tags {
            match self.judge(tag) {
                Ok(candidate) => candidates.push(candidate),
                Err(rule) => dropped.push((tag, rule)),
            }
        }
        candidates.sort_by(|left, right| self.prefers(right, left).cmp(&self.prefers(left, right)));
        Explanation {
            selected,
            candidate_count: candidates.len(),
            dropped_count: dropped.len(),
            candidates: candidates.into_iter().take(most).map(Contender::from).collect(),
            dropped: dropped
                .iter()
                .take(most)
                .map(|(tag, rule)| ((*tag).to_owned(), *rule))
                .collect(),
        }
    }

    fn judge<'t>(&self, tag: &'t str) -> Result<Candidate<'t>, Rule> {
        let key = self.filter.key(tag).ok_or(Rule::Pattern)?;
        match self.rank(tag, &key) {
            Ok(Some(rank)) => Ok(Candidate { rank, key, tag }),
            Ok(None) => Err(self.unranked(&key)),
            Err(_) => Err(Rule::NotANumber),
        }
    }

    fn unranked(&self, key: &str) -> Rule {
        let Order::SemVer(range) = &self.order else { return Rule::NotAVersion };
        match semver::of_tag(key) {
            None => Rule::NotAVersion,
            Some(version) if range.refuses_pre(&version) => Rule::PreRelease,
            Some(_) => Rule::OutOfRange,
        }
    }
}

impl From<Candidate<'_>> for Contender {
    fn from(candidate: Candidate<'_>) -> Self {
        Self { tag: candidate.tag.to_owned(), key: candidate.key.into_owned() }
    }
}

#[cfg(test)]
mod tests;
