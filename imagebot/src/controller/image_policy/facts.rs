//! What was learned about images, so that no registry is asked twice.
//!
//! What a digest names never changes, and what a tag names seldom does: it is asked again after a day,
//! or at the policy's own interval where that follows tags that move. All of it is kept by the
//! ImageRepository through which it was read, so nobody learns what their own credentials would
//! not show.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::registry::Image;

/// How many tags of one ImageRepository are remembered, and how many repositories.
const TAGS: usize = 20_000;
const REPOSITORIES: usize = 256;
/// How many verdicts are remembered.
const VERDICTS: usize = 4096;
/// After how long a verdict that was bad is looked for again, at first and at most.
const SOON: SignedDuration = SignedDuration::from_secs(15);
const LATE: SignedDuration = SignedDuration::from_hours(1);

/// What was learned.
#[derive(Default)]
pub(super) struct Facts {
    images: Mutex<HashMap<String, Images>>,
    /// With each, when it was asked for first.
    verdicts: Mutex<HashMap<Question, (Verdict, Timestamp)>>,
}

#[derive(Default)]
struct Images {
    tags: HashMap<String, (String, Timestamp)>,
    digests: HashMap<String, Image>,
}

/// Whether an image verifies, by these rules of this policy.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    /// The policy.
    pub(super) uid: String,
    /// Its rules.
    pub(super) rules: String,
    /// The image.
    pub(super) digest: String,
}

/// What came of the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Signed, by this one.
    Good(String),
    /// Not signed so far, for this reason. It may yet be.
    Bad {
        /// Why.
        why: String,
        /// When it is looked for again: the longer it is missing, the later.
        again_at: Timestamp,
    },
}

impl Facts {
    /// The image that `tag` named, if that was learned less than `fresh` ago.
    pub(super) fn image(
        &self,
        repository: &str,
        tag: &str,
        fresh: SignedDuration,
        now: Timestamp,
    ) -> Option<Image> {
        let images = lock(&self.images);
        let known = images.get(repository)?;
        let (digest, at) = known.tags.get(tag)?;
        let young = now.duration_since(*at) < fresh;
        known.digests.get(digest).filter(|_| young).cloned()
    }

    /// The image under a digest.
    pub(super) fn digest(&self, repository: &str, digest: &str) -> Option<Image> {
        lock(&self.images).get(repository)?.digests.get(digest).cloned()
    }

    /// Whether nothing was asked of a repository so far; not so from now on.
    pub(super) fn is_new(&self, repository: &str) -> bool {
        let mut images = lock(&self.images);
        if images.contains_key(repository) {
            return false;
        }
        if images.len() >= REPOSITORIES {
            images.clear();
        }
        images.insert(repository.to_owned(), Images::default());
        true
    }

    /// Learns what `tag` names.
    pub(super) fn learn(&self, repository: &str, tag: &str, image: Image, now: Timestamp) {
        let mut images = lock(&self.images);
        if images.len() >= REPOSITORIES && !images.contains_key(repository) {
            images.clear();
        }
        let known = images.entry(repository.to_owned()).or_default();
        if known.tags.len() >= TAGS && !known.tags.contains_key(tag) {
            *known = Images::default();
        }
        known.tags.insert(tag.to_owned(), (image.digest.clone(), now));
        known.digests.insert(image.digest.clone(), image);
        if known.digests.len() > known.tags.len() * 2 {
            let named: HashSet<_> = known.tags.values().map(|(digest, _)| digest.clone()).collect();
            known.digests.retain(|digest, _| named.contains(digest));
        }
    }

    /// What came of a question.
    pub(super) fn verdict(&self, question: &Question) -> Option<Verdict> {
        lock(&self.verdicts).get(question).map(|(verdict, _)| verdict.clone())
    }

    /// Remembers what came of a question; `why` it was bad, or by whom it was good.
    pub(super) fn decide(
        &self,
        question: Question,
        outcome: Result<String, String>,
        now: Timestamp,
    ) -> Verdict {
        let mut verdicts = lock(&self.verdicts);
        if verdicts.len() >= VERDICTS {
            verdicts.clear();
        }
        let first = verdicts.get(&question).map_or(now, |(_, first)| *first);
        let verdict = match outcome {
            Ok(signer) => Verdict::Good(signer),
            Err(why) => {
                let pause = now.duration_since(first).clamp(SOON, LATE);
                Verdict::Bad { why, again_at: now.checked_add(pause).unwrap_or(Timestamp::MAX) }
            }
        };
        verdicts.insert(question, (verdict.clone(), first));
        verdict
    }
}

/// The maps under these locks are whole at every moment, so a poisoned lock is still good.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_a_tag_names_is_known_for_a_while_and_to_its_repository_alone() {
        let facts = Facts::default();
        let image = Image { digest: "sha256:a".to_owned(), ..Image::default() };
        facts.learn("one", "1.0.0", image.clone(), at(0));
        let minute = SignedDuration::from_mins(1);
        assert_eq!(facts.image("one", "1.0.0", minute, at(59)), Some(image.clone()));
        assert_eq!(facts.image("one", "1.0.0", minute, at(60)), None);
        assert_eq!(facts.digest("one", "sha256:a"), Some(image));
        assert_eq!(facts.image("two", "1.0.0", minute, at(1)), None);
        assert_eq!(facts.digest("two", "sha256:a"), None);
    }

    #[test]
    fn a_bad_verdict_is_asked_for_again_and_ever_later() {
        let facts = Facts::default();
        let question = Question { uid: "u".into(), rules: "r".into(), digest: "d".into() };
        let mut now = at(0);
        let mut pauses = Vec::new();
        for _ in 0..4 {
            let verdict = facts.decide(question.clone(), Err("unsigned".into()), now);
            let Verdict::Bad { again_at: next, .. } = verdict else { panic!("{verdict:?}") };
            pauses.push(next.duration_since(now).as_secs());
            now = next;
        }
        assert_eq!(pauses, [15, 15, 30, 60]);
        let good = facts.decide(question.clone(), Ok("key".into()), now);
        assert_eq!(good, Verdict::Good("key".into()));
        assert_eq!(facts.verdict(&question), Some(good));
    }
}
