//! How fast a registry may be asked, over all objects that ask as the same.
//!
//! A token bucket paces what we send by ourselves; what the registry says about its limits
//! (`Retry-After`, `RateLimit-*`, status 429) holds for every object of the same credential.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use reqwest::{StatusCode, header::HeaderMap};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

use super::{
    Error,
    access::Fingerprint,
    client,
    quota::{self, Quota},
    session::lock,
};

/// How many conversations there are with one registry as one identity.
const CONVERSATIONS: usize = 8;
/// How long a pause that the registry wants is waited for in place.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest pause that is believed.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The pause after a quota that is spent and does not say until when.
const UNKNOWN: Duration = Duration::from_secs(60);
/// The slowest that refusals make us: a request in four seconds.
const SLOWEST: f64 = 0.25;
/// How much faster each answer makes us that is no refusal.
const RECOVERY: f64 = 1.02;
/// How many gates are remembered.
const REMEMBERED: usize = 4096;

/// How fast one registry is asked as one identity where it does not say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Requests a second.
    pub per_second: f64,
    /// Requests at once, after a rest.
    pub burst: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { per_second: 100.0, burst: 200.0 }
    }
}

/// What is asked for; registries count the kinds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lists of tags.
    List,
    /// Manifests and blobs.
    Content,
}

/// What was answered, by registry and status.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Answered {
    host: String,
    status: u16,
}

/// A registry, and as whom it is asked.
type Who = (String, Option<Fingerprint>);

/// The gates that are known.
pub(super) struct Gates {
    pace: Pace,
    pub(super) answers: Family<Answered, Counter>,
    known: Mutex<HashMap<Who, Arc<Gate>>>,
}

/// The way to one registry as one identity.
pub(super) struct Gate {
    host: String,
    answers: Family<Answered, Counter>,
    room: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    pace: Pace,
    /// How many requests may be sent now; negative when some wait for their time.
    tokens: f64,
    rate: f64,
    counted: Instant,
    shut: Option<Instant>,
    spent: [Option<Instant>; 2],
    refusals: u32,
}

impl Gates {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, answers: Family::default(), known: Mutex::default() }
    }

    /// The gate of a registry for an identity.
    pub(super) fn of(&self, host: &str, identity: Option<Fingerprint>) -> Arc<Gate> {
        let mut known = lock(&self.known);
        if known.len() >= REMEMBERED {
            known.retain(|_, gate| Arc::strong_count(gate) > 1 || gate.is_shut());
        }
        let gate = known.entry((host.to_owned(), identity));
        let new = || Arc::new(Gate::new(host, self.pace, self.answers.clone()));
        Arc::clone(gate.or_insert_with(new))
    }
}

impl Gate {
    fn new(host: &str, pace: Pace, answers: Family<Answered, Counter>) -> Self {
        let state = Mutex::new(State::new(pace, Instant::now()));
        let room = Arc::new(Semaphore::new(CONVERSATIONS));
        Self { host: host.to_owned(), answers, room, state }
    }

    /// Room for a conversation, which ends when what this returns is dropped.
    pub(super) async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.room).acquire_owned().await.ok()
    }

    /// Waits until one more request may be sent, unless the registry wants a long pause.
    pub(super) async fn pass(&self, kind: Kind) -> Result<(), Error> {
        self.pause(kind)?;
        let turn = lock(&self.state).take(Instant::now());
        sleep(turn).await;
        // Others may have been refused meanwhile.
        while let Some(pause) = self.pause(kind)? {
            sleep(pause).await;
        }
        Ok(())
    }

    /// The pause until requests are welcome again, if there is one and it is short.
    fn pause(&self, kind: Kind) -> Result<Option<Duration>, Error> {
        match lock(&self.state).pause(kind, Instant::now()) {
            Some(wait) if wait > PATIENCE => Err(Error::Paused { host: self.host.clone(), wait }),
            pause => Ok(pause),
        }
    }

    fn is_shut(&self) -> bool {
        let (state, now) = (lock(&self.state), Instant::now());
        state.pause(Kind::List, now).or(state.pause(Kind::Content, now)).is_some()
    }

    /// Learns from an answer how the next may be asked for.
    pub(super) fn learn(&self, kind: Kind, status: StatusCode, headers: &HeaderMap) {
        let answered = Answered { host: self.host.clone(), status: status.as_u16() };
        self.answers.get_or_create(&answered).inc();
        lock(&self.state).learn(kind, status, headers, Instant::now());
    }
}

impl State {
    fn new(pace: Pace, now: Instant) -> Self {
        let (tokens, rate) = (pace.burst, pace.per_second);
        Self { pace, tokens, rate, counted: now, shut: None, spent: [None; 2], refusals: 0 }
    }

    /// Takes a turn, which comes after what this returns.
    fn take(&mut self, now: Instant) -> Duration {
        self.refill(now);
        self.tokens -= 1.0;
        Duration::from_secs_f64((-self.tokens / self.rate).max(0.0))
    }

    fn pause(&self, kind: Kind, now: Instant) -> Option<Duration> {
        let until = self.shut.max(self.spent[kind as usize])?;
        Some(until.saturating_duration_since(now)).filter(|wait| !wait.is_zero())
    }

    fn learn(&mut self, kind: Kind, status: StatusCode, headers: &HeaderMap, now: Instant) {
        self.refill(now);
        let asked = client::retry_after(headers);
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.refusals = self.refusals.saturating_add(1);
            self.rate = (self.rate / 2.0).max(SLOWEST.min(self.pace.per_second));
            self.tokens = self.tokens.min(0.0);
            let grown = Duration::from_secs(1 << self.refusals.min(6));
            self.shut = Some(now + asked.unwrap_or(grown).min(LONGEST));
        } else if status == StatusCode::SERVICE_UNAVAILABLE {
            self.shut = asked.map(|asked| now + asked.min(LONGEST)).or(self.shut);
        } else {
            self.refusals = 0;
            self.rate = (self.rate * RECOVERY).min(self.pace.per_second);
        }
        match quota::read(headers) {
            Some(Quota { left: 0, back_in }) => {
                let pause = back_in.unwrap_or(UNKNOWN).min(LONGEST);
                self.spent[kind as usize] = Some(now + pause);
            }
            Some(Quota { left, .. }) => {
                #[expect(clippy::cast_precision_loss, reason = "a quota is a small number")]
                let left = left as f64;
                self.tokens = self.tokens.min(left);
            }
            None => {}
        }
    }

    fn refill(&mut self, now: Instant) {
        let gained = now.saturating_duration_since(self.counted).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + gained).min(self.pace.burst);
        self.counted = now;
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    /// A gate in a time of its own.
    struct Clocked(State, Instant);

    impl Clocked {
        fn new(per_second: f64, burst: f64) -> Self {
            let now = Instant::now();
            Self(State::new(Pace { per_second, burst }, now), now)
        }

        fn learn(&mut self, kind: Kind, status: u16, headers: &[(&'static str, &'static str)]) {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
                .collect();
            self.0.learn(kind, StatusCode::from_u16(status).unwrap(), &headers, self.1);
        }

        fn pause(&self, kind: Kind) -> Option<u64> {
            self.0.pause(kind, self.1).map(|pause| pause.as_secs())
        }

        /// How many seconds it takes until as many requests are sent, one after the other.
        fn took(&mut self, requests: u32) -> f64 {
            let begin = self.1;
            for _ in 0..requests {
                self.1 += self.0.take(self.1);
                self.1 += self.0.pause(Kind::List, self.1).unwrap_or_default();
            }
            self.1.duration_since(begin).as_secs_f64()
        }
    }

    #[test]
    fn a_burst_is_free_and_what_follows_is_paced() {
        let mut gate = Clocked::new(10.0, 5.0);
        assert!(gate.took(5) < 0.001);
        let later = gate.took(20);
        assert!((1.9..2.1).contains(&later), "{later}");
    }

    #[test]
    fn requests_that_come_at_once_are_sent_one_after_the_other() {
        let mut gate = Clocked::new(10.0, 1.0);
        let turns: Vec<_> = (0..4).map(|_| gate.0.take(gate.1).as_millis()).collect();
        assert_eq!(turns, [0, 100, 200, 300]);
    }

    #[test]
    fn a_refusal_holds_for_every_kind_and_halves_the_pace() {
        let mut gate = Clocked::new(10.0, 5.0);
        gate.learn(Kind::Content, 429, &[("retry-after", "3")]);
        assert_eq!(gate.pause(Kind::List), Some(3));
        let later = gate.took(21);
        assert!((5.5..6.5).contains(&later), "three seconds, a burst, and 5/s: {later}");
    }

    #[test]
    fn a_pause_that_a_busy_registry_wants_is_kept() {
        let mut gate = Clocked::new(10.0, 5.0);
        gate.learn(Kind::List, 503, &[]);
        assert_eq!(gate.pause(Kind::List), None);
        gate.learn(Kind::List, 503, &[("retry-after", "40")]);
        gate.learn(Kind::List, 200, &[]);
        assert_eq!(gate.pause(Kind::Content), Some(40));
        gate.learn(Kind::List, 429, &[("retry-after", "99999999999")]);
        assert_eq!(gate.pause(Kind::List), Some(86_400), "a year is not believed");
    }

    #[test]
    fn a_quota_that_is_spent_holds_for_its_kind() {
        let mut gate = Clocked::new(10.0, 5.0);
        gate.learn(
            Kind::Content,
            200,
            &[("ratelimit-remaining", "0;w=21600"), ("ratelimit-reset", "900")],
        );
        assert_eq!((gate.pause(Kind::Content), gate.pause(Kind::List)), (Some(900), None));
    }

    #[test]
    fn what_is_left_of_a_quota_bounds_the_burst() {
        let mut gate = Clocked::new(1.0, 100.0);
        gate.learn(Kind::List, 200, &[("x-ratelimit-remaining", "2")]);
        let later = gate.took(5);
        assert!((2.9..3.1).contains(&later), "{later}");
    }

    #[test]
    fn refusals_without_a_time_grow() {
        let mut gate = Clocked::new(10.0, 5.0);
        let waits: Vec<_> = (0..8)
            .map(|_| {
                gate.learn(Kind::List, 429, &[]);
                gate.pause(Kind::List).unwrap()
            })
            .collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 64, 64]);
    }
}
