//! Which tag is picked, where names alone do not say.
//!
//! The candidates are looked at from the best one down, and the first of which everything holds is
//! picked. What costs requests is asked of few and remembered. A gate that does not open (too young,
//! a platform missing, no signature) only ever keeps what is in force or picks what is behind it.

use std::time::Duration;

use imagebot_api::{
    ImagePolicy, ImageRepository,
    image_policy::{Candidate, DigestReflection},
    reference::ImageReference,
};
use imagebot_core::{
    policy::{
        age::{MOST, Sightings},
        platform,
        ranking::Ranking,
    },
    reference::Repository,
    verify::Trust,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tokio::sync::OnceCell;

use super::{
    Error, ImagePolicies,
    extras::Extras,
    facts::Verdict,
    lists::Listed,
    rules::Rules,
    step::{Refusal, TIMELESS, shown},
    unpicked::Why,
};
use crate::registry::Access;

/// How many images are read for their platforms or their age in one pass.
const LOOKS: usize = 10;
/// How many images are verified in one pass.
const VERIFIED: usize = 5;
/// How long it is believed that a tag names the same image.
pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How long it is believed that an image lacks something.
const MOMENT: SignedDuration = SignedDuration::from_secs(10);

/// What was chosen.
#[derive(Debug)]
pub struct Choice {
    /// The image.
    pub image: ImageReference,
    /// What the status keeps.
    pub extras: Extras,
    /// When something comes of age, or is looked for again.
    pub next: Option<Duration>,
    /// What people should be told besides the choice: a reason and a message.
    pub news: Vec<(&'static str, String)>,
}

/// One look at one image, for one policy.
pub(super) struct Look<'l> {
    pub(super) controller: &'l ImagePolicies,
    pub(super) object: &'l ImagePolicy,
    pub(super) rules: &'l Rules,
    pub(super) repository: &'l ImageRepository,
    pub(super) listed: &'l Listed,
    pub(super) now: Timestamp,
    pub(super) image: Repository,
    pub(super) access: OnceCell<Access>,
    pub(super) trust: OnceCell<Trust>,
}

/// What became of the candidates.
#[derive(Default)]
pub(super) struct Walk {
    /// Those that a gate dropped, best first.
    pub(super) dropped: Vec<(String, String)>,
    looks: usize,
    ages: usize,
    verified: usize,
    /// The first reason why one was dropped.
    pub(super) why: Option<Why>,
    pub(super) next: Option<SignedDuration>,
    pub(super) sightings: Sightings,
}

impl Walk {
    fn drop(&mut self, tag: &str, why: Why, verdict: String) {
        self.why.get_or_insert(why);
        self.dropped.push((tag.to_owned(), verdict));
    }

    /// Why a tag was dropped, if it was.
    pub(super) fn verdict(&self, tag: &str) -> Option<&str> {
        let dropped = self.dropped.iter().find(|(dropped, _)| dropped == tag);
        dropped.map(|(_, verdict)| verdict.as_str())
    }

    pub(super) fn again_in(&mut self, pause: SignedDuration) {
        self.next = Some(self.next.map_or(pause, |next| next.min(pause)));
    }
}

impl<'l> Look<'l> {
    /// A look that has asked for nothing yet.
    pub(super) fn new(
        controller: &'l ImagePolicies,
        object: &'l ImagePolicy,
        rules: &'l Rules,
        repository: &'l ImageRepository,
        listed: &'l Listed,
    ) -> Result<Self, Error> {
        let image = Repository::parse(&repository.spec.image).map_err(Error::Image)?;
        let now = controller.core.clock.now();
        let (access, trust) = (OnceCell::new(), OnceCell::new());
        Ok(Self { controller, object, rules, repository, listed, now, image, access, trust })
    }

    /// The image in force, if it is of this repository.
    pub(super) fn latest(&self) -> Option<&'l ImageReference> {
        let latest = self.object.status.as_ref()?.latest_ref.as_ref()?;
        (latest.name == self.repository.spec.image).then_some(latest)
    }

    /// Whether what is in force was picked by the rules of today. What Flux picked, or an imagebot
    /// that took no notes, counts as picked by them.
    pub(super) fn same_rules(&self) -> bool {
        Extras::of(self.object).picked_by.is_none_or(|id| id == self.rules.id)
    }

    /// Chooses.
    pub(super) async fn choose(&self) -> Result<Choice, Error> {
        if let Some(pin) = &self.rules.pin {
            return self.pinned(pin).await;
        }
        self.recall().await?;
        if self.rules.newest.is_some() {
            self.learn_times().await?;
        }
        let tags = &self.listed.tags;
        let mut ranking =
            self.rules.policy.ranking(tags, |tag| self.time(tag)).map_err(Error::NoMatch)?;
        let mut walk = Walk::default();
        self.see(&mut ranking, &mut walk);
        let mut chosen = None;
        let mut place = 0;
        while let Some(tag) = ranking.nth(place) {
            place += 1;
            let timeless = self.rules.newest.is_some() && self.time(tag) == Some(TIMELESS);
            // Behind these nobody is known to be old enough.
            let unseen = self.rules.min_age.is_some() && place > MOST + 2;
            if timeless {
                walk.drop(tag, Why::Untold, "has no such time".to_owned());
            }
            if timeless || unseen || walk.looks >= LOOKS || walk.verified >= VERIFIED {
                break;
            }
            if let Some(digest) = self.admit(tag, &mut walk).await? {
                chosen = Some((tag, digest));
                break;
            }
        }
        let Some((tag, digest)) = chosen else { return self.none(&mut ranking, walk) };
        let news = match self.latest() {
            Some(latest) => match self.step(latest, tag, &walk).await {
                Ok(news) => news,
                Err(Refusal::Failed(error)) => return Err(error),
                Err(Refusal::Why(why, message)) => {
                    let candidates = shown(&mut ranking, &walk, Some(&latest.tag));
                    return Err(self.unpicked(why, message, candidates, walk));
                }
            },
            None => None,
        };
        let candidates = shown(&mut ranking, &walk, Some(tag));
        let digest = self.digest(tag, digest, &mut walk).await?;
        let image = ImageReference {
            name: self.repository.spec.image.clone(),
            tag: tag.to_owned(),
            digest,
        };
        Ok(self.choice(image, candidates, walk, news))
    }

    pub(super) fn choice(
        &self,
        image: ImageReference,
        candidates: Vec<Candidate>,
        walk: Walk,
        news: Option<(&'static str, String)>,
    ) -> Choice {
        let unsigned = walk.dropped.iter().find(|(_, verdict)| verdict.contains("signature"));
        let told = |(tag, verdict): &(String, String)| {
            let shown = Extras::of(self.object).candidates;
            shown.iter().any(|it| it.tag == *tag && it.verdict == *verdict)
        };
        let unsigned = unsigned
            .filter(|it| !told(it))
            .map(|(tag, verdict)| (Why::Signature.reason(), format!("{tag} {verdict}")));
        let next = walk.next.and_then(|next| Duration::try_from(next).ok());
        Choice {
            image,
            extras: self.extras(candidates, walk.sightings),
            next,
            news: news.into_iter().chain(unsigned).collect(),
        }
    }

    pub(super) fn extras(&self, candidates: Vec<Candidate>, sightings: Sightings) -> Extras {
        let time = |second| Timestamp::from_second(second).unwrap_or(self.now);
        let seen = sightings.into_inner().into_iter();
        Extras {
            candidates,
            first_seen: seen.map(|(tag, second)| (tag, Time(time(second)))).collect(),
            picked_by: Some(self.rules.id.clone()),
        }
    }

    /// Sees the candidates that go before the one in force.
    fn see(&self, ranking: &mut Ranking<'_, '_>, walk: &mut Walk) {
        let Some(age) = self.rules.min_age else { return };
        let seen = Extras::of(self.object).first_seen;
        walk.sightings =
            Sightings::new(seen.into_iter().map(|(tag, at)| (tag, at.0.as_second())).collect());
        let latest = self.latest().map(|latest| latest.tag.as_str());
        let mut above = Vec::new();
        while let Some(tag) = ranking.nth(above.len()).filter(|tag| Some(*tag) != latest) {
            if above.len() > MOST {
                break;
            }
            above.push(tag);
        }
        let moved = latest.map(|tag| format!("{tag}@"));
        let keep = |tag: &str| {
            above.contains(&tag) || moved.as_ref().is_some_and(|it| tag.starts_with(it))
        };
        let now = self.now.as_second();
        walk.sightings.see(above.iter().copied(), keep, now);
        if let Some(wait) = walk.sightings.next(age, now) {
            walk.again_in(SignedDuration::from_secs(wait));
        }
    }

    /// Whether everything holds of a candidate; the digest is that of the image of which it does, where
    /// one was looked at.
    async fn admit(&self, tag: &str, walk: &mut Walk) -> Result<Option<Option<String>>, Error> {
        let status = self.object.status.as_ref();
        let before = status.and_then(|status| status.observed_previous_ref.as_ref());
        let latest = self.latest().filter(|latest| latest.tag == tag);
        let in_force = latest.is_some() && self.same_rules();
        // What was in force once has had its time.
        let known = latest.is_some() || before.is_some_and(|before| before.tag == tag);
        if !known && !self.is_of_age(tag, walk).await? {
            return Ok(None);
        }
        if !in_force && !self.rules.platforms.is_empty() {
            walk.looks += 1;
            let required = &self.rules.platforms;
            let mut image = self.look(tag, false, DAY).await?.unwrap_or_default();
            if !platform::missing(required, &image.platforms).is_empty() {
                let fresh = if self.requested() { SignedDuration::ZERO } else { MOMENT };
                image = self.look(tag, false, fresh).await?.unwrap_or_default();
            }
            let missing = platform::missing(required, &image.platforms);
            if !missing.is_empty() {
                let missing: Vec<_> = missing.iter().map(|it| format!("`{it}`")).collect();
                walk.drop(tag, Why::Platforms, format!("lacks {}", missing.join(", ")));
                // Platforms are often pushed one by one.
                walk.again_in(SignedDuration::from_mins(1));
                return Ok(None);
            }
        }
        if self.rules.verify.is_none() {
            return Ok(Some(None));
        }
        let kept = latest.and_then(|latest| latest.digest.clone()).filter(|_| in_force);
        let follows = self.object.spec.digest_reflection_policy == DigestReflection::Always;
        if let (Some(digest), false) = (&kept, follows) {
            return Ok(Some(Some(digest.clone())));
        }
        walk.verified += 1;
        let digest = self.controller.digest(self.repository, tag).await?;
        match self.verdict(&digest).await? {
            Verdict::Good(_) => Ok(Some(Some(digest))),
            Verdict::Bad { why, again_at } => {
                let wait = again_at.duration_since(self.now);
                walk.again_in(wait.max(SignedDuration::from_secs(1)));
                walk.drop(tag, Why::Signature, why);
                // The image under the tag moved: the one that was verified stays.
                Ok(kept.map(Some))
            }
        }
    }

    /// Whether a tag is as old as it must be, since it was seen or since it was pushed.
    async fn is_of_age(&self, tag: &str, walk: &mut Walk) -> Result<bool, Error> {
        let Some(age) = self.rules.min_age else { return Ok(true) };
        let now = self.now.as_second();
        let wait = walk.sightings.until(tag, age, now);
        if wait == 0 {
            return Ok(true);
        }
        let mut ready = now.saturating_add(wait);
        if walk.ages < LOOKS {
            walk.ages += 1;
            let pushed = self.look(tag, false, DAY).await?.and_then(|image| image.pushed);
            if let Some(pushed) = pushed {
                let due = pushed.as_second().saturating_add(age);
                ready = ready.min(due);
                if due <= now {
                    return Ok(true);
                }
                walk.again_in(SignedDuration::from_secs(due - now));
            }
        }
        let ready = Timestamp::from_second(ready).unwrap_or(Timestamp::MAX);
        walk.drop(tag, Why::Age, format!("is younger than `minAge` until {ready}"));
        Ok(false)
    }

    /// The digest that goes into the status.
    pub(super) async fn digest(
        &self,
        tag: &str,
        verified: Option<String>,
        walk: &mut Walk,
    ) -> Result<Option<String>, Error> {
        if self.rules.verify.is_some() {
            return Ok(verified);
        }
        let kept = self.latest().filter(|latest| latest.tag == tag);
        let kept = kept.and_then(|latest| latest.digest.clone());
        let reflection = self.object.spec.digest_reflection_policy;
        match (reflection, kept) {
            (DigestReflection::Never, _) => Ok(None),
            (DigestReflection::IfNotPresent, Some(kept)) => Ok(Some(kept)),
            (_, kept) => {
                let read = self.controller.digest(self.repository, tag).await?;
                let (Some(age), Some(kept)) = (self.rules.min_age, kept) else {
                    return Ok(Some(read));
                };
                // An image that moved under its tag is as new as a new tag.
                let (name, now) = (format!("{tag}@{read}"), self.now.as_second());
                if read == kept {
                    return Ok(Some(read));
                }
                walk.sightings.see([name.as_str()], |_| true, now);
                match walk.sightings.until(&name, age, now) {
                    0 => Ok(Some(read)),
                    wait => {
                        walk.again_in(SignedDuration::from_secs(wait));
                        Ok(Some(kept))
                    }
                }
            }
        }
    }
}
