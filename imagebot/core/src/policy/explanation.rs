//! Why a policy selects what it selects.
//!
//! The same rules as [`Policy::select`], told tag by tag: for a command line, a dashboard, or the
//! body of a pull request. [`Policy::explain`] needs nothing but names, so it works offline; what
//! else decided (age, platforms, signatures, a step down) is known to the daemon alone, which shows
//! it in `status.candidates` in the form of [`Explanation::shortlist`].

use super::{Candidate, NoMatch, Policy, list::TagList};

/// How long a shortlist is.
const SHORT: usize = 5;

/// The outcome of a policy, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What [`Policy::select`] returns.
    pub selected: Result<String, NoMatch>,
    /// The tags that take part, the winner first, cut at the asked length.
    pub candidates: Vec<Contender>,
    /// The tags that do not, in the given order, cut at the asked length.
    pub dropped: Vec<(String, Rule)>,
    /// The few tags that tell the story, as a status shows them, see
    /// [`Ranking::shortlist`](super::ranking::Ranking::shortlist).
    pub shortlist: Vec<(String, String)>,
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
    /// An entry of the exclusion names it.
    #[error("is excluded by `spec.exclude`")]
    Excluded,
    /// Nobody has said when it was made.
    #[error("has no known time yet")]
    Untimed,
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
        for tag in tags.clone() {
            match self.judge(tag, None, None) {
                Ok(candidate) => candidates.push(candidate),
                Err(it) => dropped.push((tag, it.rule)),
            }
        }
        candidates.sort_by(|left, right| self.order(right, left));
        let list = TagList::new(tags.into_iter().map(str::to_owned).collect());
        let shortlist = self.ranking(&list, |_| None).map_or_else(
            |_| Vec::new(),
            |mut ranking| ranking.shortlist(selected.as_deref().ok(), &[], most.min(SHORT)),
        );
        Explanation {
            selected,
            shortlist,
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
}

impl From<Candidate<'_>> for Contender {
    fn from(candidate: Candidate<'_>) -> Self {
        Self { tag: candidate.tag.to_owned(), key: candidate.key.into_owned() }
    }
}

#[cfg(test)]
mod tests;
