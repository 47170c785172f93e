//! Conditions in kstatus form, without lying about time.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::error::{Class, Failure, bounded};

/// Condition types of kstatus.
pub const READY: &str = "Ready";
/// See [`READY`].
pub const RECONCILING: &str = "Reconciling";
/// See [`READY`].
pub const STALLED: &str = "Stalled";

/// What a condition should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The condition type, e.g. `Ready`.
    pub type_: &'static str,
    /// `Some(true)` is `True`, `None` is `Unknown`.
    pub status: Option<bool>,
    /// A CamelCase constant.
    pub reason: String,
    /// One line for people.
    pub message: String,
}

impl Verdict {
    /// `type_` holds.
    pub fn holds(type_: &'static str, reason: &str, message: impl Into<String>) -> Self {
        Self { type_, status: Some(true), reason: reason.to_owned(), message: message.into() }
    }

    /// `type_` does not hold.
    pub fn fails(type_: &'static str, reason: &str, message: impl Into<String>) -> Self {
        Self { type_, status: Some(false), reason: reason.to_owned(), message: message.into() }
    }
}

/// Returns `old` with `verdict` merged in.
///
/// `lastTransitionTime` moves only when the status flips, so that calling this twice with the same
/// verdict changes nothing and triggers no watch event.
pub fn merge(
    mut old: Vec<Condition>,
    verdict: Verdict,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let status = match verdict.status {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let since = old
        .iter()
        .find(|condition| condition.type_ == verdict.type_ && condition.status == status)
        .map_or_else(|| whole_seconds(now), |condition| condition.last_transition_time.0);
    let new = Condition {
        type_: verdict.type_.to_owned(),
        status: status.to_owned(),
        reason: verdict.reason,
        message: bounded(&verdict.message, MAX_MESSAGE, "…"),
        observed_generation: Some(generation),
        last_transition_time: Time(since),
    };
    match old.iter_mut().find(|condition| condition.type_ == new.type_) {
        Some(place) => *place = new,
        None => old.push(new),
    }
    old
}

/// The conditions of an object whose reconcile succeeded: `Ready`, and neither of the others.
pub fn ready(
    old: Vec<Condition>,
    reason: &str,
    message: impl Into<String>,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let kept = without(old, &[RECONCILING, STALLED]);
    merge(kept, Verdict::holds(READY, reason, message), generation, now)
}

/// The conditions of an object whose reconcile failed.
///
/// `Ready` is false with the failure's reason; `Stalled` is there when only the author can help,
/// `Reconciling` when the daemon goes on trying.
pub fn failed(
    old: Vec<Condition>,
    failure: &Failure,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let (kept, companion) = match failure.class {
        Class::Stalled => (
            without(old, &[RECONCILING]),
            Verdict::holds(STALLED, failure.reason, &failure.message),
        ),
        Class::Transient | Class::Waiting => (
            without(old, &[STALLED]),
            Verdict::holds(RECONCILING, "ProgressingWithRetry", &failure.message),
        ),
    };
    let told = merge(kept, companion, generation, now);
    merge(told, Verdict::fails(READY, failure.reason, &failure.message), generation, now)
}

fn without(conditions: Vec<Condition>, types: &[&str]) -> Vec<Condition> {
    conditions.into_iter().filter(|condition| !types.contains(&condition.type_.as_str())).collect()
}

/// The API carries times in whole seconds; a finer value would differ from what is read back.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).expect("a second of a valid timestamp is in range")
}

/// The API refuses condition messages of more than 32,768 bytes.
const MAX_MESSAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn failure(class: Class) -> Failure {
        Failure { class, reason: "Broken", message: "it broke".into(), retry_after: None }
    }

    #[test]
    fn the_transition_time_moves_only_when_the_status_flips() {
        let first = ready(vec![], "Succeeded", "one", 1, at(10));
        let second = ready(first, "Succeeded", "two", 2, at(20));
        assert_eq!(second[0].last_transition_time.0, at(10));
        let third = failed(second, &failure(Class::Transient), 2, at(30));
        let ready = third.iter().find(|condition| condition.type_ == READY).unwrap();
        assert_eq!((ready.status.as_str(), ready.last_transition_time.0), ("False", at(30)));
    }

    #[test]
    fn saying_the_same_again_changes_nothing() {
        let once = failed(vec![], &failure(Class::Stalled), 3, at(10));
        assert_eq!(failed(once.clone(), &failure(Class::Stalled), 3, at(99)), once);
    }

    #[test]
    fn stalled_and_reconciling_exclude_each_other() {
        let stalled = failed(vec![], &failure(Class::Stalled), 1, at(1));
        let retrying = failed(stalled, &failure(Class::Waiting), 1, at(2));
        let types: Vec<_> = retrying.iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(types, [READY, RECONCILING]);
        assert_eq!(ready(retrying, "Succeeded", "", 1, at(3)).len(), 1);
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let long = ready(vec![], "Succeeded", "é".repeat(5000), 1, at(1));
        assert!(long[0].message.len() < 4200 && long[0].message.ends_with('…'));
    }
}
