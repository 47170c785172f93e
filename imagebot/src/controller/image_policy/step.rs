//! The last word on a choice: steps down that nobody asked for, and what to say when there is none.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use imagebot_api::{
    image_policy::{Candidate, DigestReflection, NewestBy},
    reference::ImageReference,
};
use imagebot_core::policy::{ranking::Ranking, step::Step};
use jiff::{SignedDuration, Timestamp};

use super::{
    Error,
    choose::{Choice, DAY, Look, Walk},
    facts::Verdict,
    rules::ACCEPT_DOWNGRADE,
    unpicked::{Unpicked, Why},
};
use crate::registry;

/// How many images are read for an order by time in one pass, and how many at once.
const TIMES: usize = 128;
const AT_ONCE: usize = 4;
/// How many candidates the status shows.
const SHOWN: usize = 5;
/// The time of an image that has none: it is known, and goes behind every other.
pub(super) const TIMELESS: i64 = i64::MIN;

/// Why a step is not made.
pub(super) enum Refusal {
    /// It would be one down.
    Why(Why, String),
    /// It could not be found out.
    Failed(Error),
}

impl Look<'_> {
    /// Whether the step from what is in force to `tag` may be made, and what people should know of it.
    ///
    /// Down goes only who is sent: by other rules, by a rule that drops what is in force, by the
    /// annotation that names the tag, or by the registry, which says that the tag in force is gone
    /// and not only missing in a list.
    pub(super) async fn step(
        &self,
        latest: &ImageReference,
        tag: &str,
        walk: &Walk,
    ) -> Result<Option<(&'static str, String)>, Refusal> {
        let in_force = &latest.tag;
        match self.rules.policy.step(in_force, tag, |tag| self.time(tag)) {
            Step::Same | Step::Up | Step::Released(_) => return Ok(None),
            Step::Down if !self.same_rules() => return Ok(None),
            Step::Down if self.rules.allowed.as_deref() == Some(tag) => return Ok(None),
            Step::Down => {}
        }
        if self.listed.tags.contains(in_force) {
            let verdict = walk.verdict(in_force).unwrap_or("no longer qualifies");
            let message = format!(
                "`{in_force}` is in force and {verdict}; `{tag}`, which qualifies, would be a step \
                 down; {}",
                accept(tag)
            );
            return Err(Refusal::Why(walk.why.unwrap_or(Why::Downgrade), message));
        }
        match self.controller.registry.digest(&self.image, in_force, self.access_or().await?).await
        {
            Ok(_) => Err(Refusal::Why(
                Why::Downgrade,
                format!(
                    "the registry has `{in_force}` and did not list it, so its list is not whole; \
                     `{tag}` would be a step down; {}",
                    accept(tag)
                ),
            )),
            Err(registry::Error::NotFound { .. }) => {
                let told = format!("`{in_force}` was removed from the registry; `{tag}` is next");
                Ok(Some(("TagRemoved", told)))
            }
            Err(source) => Err(Refusal::Failed(self.unread(in_force, source))),
        }
    }

    async fn access_or(&self) -> Result<&registry::Access, Refusal> {
        self.access().await.map_err(Refusal::Failed)
    }

    /// What to say when no candidate was admitted.
    pub(super) fn none(&self, ranking: &mut Ranking<'_, '_>, walk: Walk) -> Result<Choice, Error> {
        let latest = self.latest();
        let selected = latest.map(|latest| latest.tag.as_str());
        let candidates = shown(ranking, &walk, selected);
        let spoilt = latest.is_some_and(|latest| walk.verdict(&latest.tag).is_some());
        if let Some(latest) = latest.filter(|_| !spoilt && self.same_rules()) {
            // What was looked at goes before it, and none of it is fit.
            return Ok(self.choice(latest.clone(), candidates, walk, None));
        }
        let why = walk.why.unwrap_or(Why::Times);
        let first = walk.dropped.first();
        let first = first.map(|(tag, verdict)| format!("; `{tag}` {verdict}")).unwrap_or_default();
        let message = format!("none of the {} best tags qualifies{first}", walk.dropped.len());
        Err(self.unpicked(why, message, candidates, walk))
    }

    pub(super) fn unpicked(
        &self,
        why: Why,
        message: String,
        candidates: Vec<Candidate>,
        walk: Walk,
    ) -> Error {
        let next = walk.next.and_then(|next| Duration::try_from(next).ok());
        let mut extras = self.extras(candidates, walk.sightings);
        // What is in force was picked by other rules, if it was.
        extras.picked_by = super::extras::Extras::of(self.object).picked_by;
        Error::Unpicked(Box::new(Unpicked { why, message, extras, next }))
    }

    /// The tag that the author named.
    pub(super) async fn pinned(&self, pin: &str) -> Result<Choice, Error> {
        let mut walk = Walk::default();
        let told =
            |verdict: &str| vec![Candidate { tag: pin.to_owned(), verdict: verdict.to_owned() }];
        if !self.listed.tags.contains(pin) {
            let message = format!("the registry lists no tag `{pin}`, which `spec.pin` names");
            let next = Vec::new();
            return Err(self.unpicked(Why::Pin, message, next, walk));
        }
        let mut digest = None;
        if self.rules.verify.is_some() {
            let read = self.controller.digest(self.repository, pin).await?;
            let verdict = self.verdict(&read).await?;
            if let Verdict::Bad { why, again_at } = &verdict {
                let wait = again_at.duration_since(self.now);
                walk.next = Some(wait.max(SignedDuration::from_secs(1)));
                let message = format!("`{pin}`, which `spec.pin` names, {why}");
                return Err(self.unpicked(Why::Signature, message, told(why), walk));
            }
            digest = Some(read);
        }
        let digest = self.digest(pin, digest, &mut walk).await?;
        let name = self.repository.spec.image.clone();
        let image = ImageReference { name, tag: pin.to_owned(), digest };
        Ok(self.choice(image, told("selected by `spec.pin`"), walk, None))
    }

    /// When a tag was made, for an order by time.
    pub(super) fn time(&self, tag: &str) -> Option<i64> {
        let by = self.rules.newest?;
        let image = self.known(tag, true, self.fresh())?;
        let time = match by {
            NewestBy::Created => image.created,
            NewestBy::Pushed => image.pushed,
        };
        Some(time.map_or(TIMELESS, Timestamp::as_millisecond))
    }

    /// How long it is believed that a tag names the same image, for an order by time.
    fn fresh(&self) -> SignedDuration {
        let spec = &self.object.spec;
        let interval = spec.interval.as_ref().and_then(|interval| interval.parse().ok());
        match (spec.digest_reflection_policy, interval) {
            (DigestReflection::Always, Some(interval)) => {
                SignedDuration::try_from(interval).unwrap_or(DAY)
            }
            _ => DAY,
        }
    }

    /// Reads the times of some tags of which they are not known yet.
    pub(super) async fn learn_times(&self) -> Result<(), Error> {
        let policy = &self.rules.policy;
        let ranking =
            policy.ranking(&self.listed.tags, |tag| self.time(tag)).map_err(Error::NoMatch)?;
        let unknown = ranking.untimed();
        let wanted: Vec<String> = unknown.iter().take(TIMES).map(|tag| (*tag).to_owned()).collect();
        let fresh = self.fresh();
        let read = |tag: String| async move { self.look(&tag, true, fresh).await.map(drop) };
        let reads = stream::iter(wanted.into_iter().map(read)).buffer_unordered(AT_ONCE);
        reads.try_collect::<()>().await?;
        if unknown.len() <= TIMES {
            return Ok(());
        }
        let total = ranking.len() + unknown.len();
        // The same words at every pass: progress is no news.
        let message = format!("it is being read when each of {total} tags was made");
        let mut walk = Walk::default();
        walk.again_in(SignedDuration::from_secs(1));
        Err(self.unpicked(Why::Times, message, Vec::new(), walk))
    }
}

/// The few tags that the status shows.
pub(super) fn shown(
    ranking: &mut Ranking<'_, '_>,
    walk: &Walk,
    selected: Option<&str>,
) -> Vec<Candidate> {
    let list = ranking.shortlist(selected, &walk.dropped, SHOWN);
    list.into_iter().map(|(tag, verdict)| Candidate { tag, verdict }).collect()
}

/// How a step down is accepted.
fn accept(tag: &str) -> String {
    format!("to accept it, annotate the policy with `{ACCEPT_DOWNGRADE}={tag}`")
}
