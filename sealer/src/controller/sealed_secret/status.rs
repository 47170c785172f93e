//! What a SealedSecret's status says: upstream's `Synced` first, then kstatus.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use reconcile::condition;
use reconcile::error::{Failure, describe};
use sealer_api::SealedSecret;
use sealer_api::sealed_secret::{SealedBy, SealedSecretStatus, SyncCondition};
use sealer_api::written::Written;
use sealer_core::sealed::keyring::Keyring;

use super::Error;

const SYNCED: &str = "Synced";

/// What was written last.
pub(super) fn record(object: &SealedSecret) -> Option<&Written> {
    object.status.as_ref()?.written.as_ref()
}

/// Whether the object was in step when its status was written.
pub(super) fn is_synced(object: &SealedSecret) -> bool {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|condition| condition.type_ == SYNCED && condition.status == "True")
}

/// The keys of `record`, the newest first, as far as they are still there.
pub(super) fn sealed_by(record: Option<&Written>, ring: &Keyring) -> Vec<SealedBy> {
    let keys = record.into_iter().flat_map(|record| &record.keys);
    let from = |id: &String| ring.valid_from(id).map(Time);
    let mut all: Vec<_> =
        keys.map(|id| SealedBy { key: id.clone(), valid_from: from(id) }).collect();
    all.sort_by(|a, b| {
        let from = |by: &SealedBy| by.valid_from.as_ref().map(|time| time.0);
        from(b).cmp(&from(a)).then_with(|| a.key.cmp(&b.key))
    });
    all
}

/// The status after a reconcile. A failure keeps the record of the last success.
pub(super) fn of(
    object: &SealedSecret,
    failure: Option<&Error>,
    written: Option<(Written, Vec<SealedBy>)>,
    now: Timestamp,
) -> SealedSecretStatus {
    let old = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let (synced, others): (Vec<_>, Vec<_>) =
        old.conditions.into_iter().partition(|condition| condition.type_ == SYNCED);
    let others = others.into_iter().map(to_condition).collect();
    let others = match failure {
        None => condition::ready(others, "Unsealed", "", generation, now),
        Some(error) => condition::failed(others, &Failure::of(error), generation, now),
    };
    let synced = merge(synced.first(), failure, generation, now);
    let (written, sealed_by) = match written {
        Some((written, sealed_by)) => (Some(written), sealed_by),
        None => (old.written, old.sealed_by),
    };
    SealedSecretStatus {
        conditions: std::iter::once(synced).chain(others.into_iter().map(from_condition)).collect(),
        observed_generation: Some(generation),
        sealed_by,
        written,
    }
}

/// `Synced`, with times that move only when something does.
fn merge(
    old: Option<&SyncCondition>,
    failure: Option<&Error>,
    generation: i64,
    now: Timestamp,
) -> SyncCondition {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let new = SyncCondition {
        type_: SYNCED.to_owned(),
        status: if failure.is_none() { "True" } else { "False" }.to_owned(),
        last_update_time: None,
        last_transition_time: None,
        reason: Some(failure.map_or("Unsealed", reconcile::Classify::reason).to_owned()),
        message: failure.map(describe),
        observed_generation: Some(generation),
    };
    let same_status = old.filter(|old| old.status == new.status);
    let transition = same_status.and_then(|old| old.last_transition_time.clone());
    let unchanged = same_status.filter(|old| {
        old.message.as_deref().unwrap_or_default() == new.message.as_deref().unwrap_or_default()
            && old.reason == new.reason
            && old.observed_generation == new.observed_generation
    });
    let update = unchanged.and_then(|old| old.last_update_time.clone());
    SyncCondition {
        last_update_time: Some(update.unwrap_or(Time(now))),
        last_transition_time: Some(transition.unwrap_or(Time(now))),
        ..new
    }
}

fn to_condition(condition: SyncCondition) -> Condition {
    Condition {
        type_: condition.type_,
        status: condition.status,
        reason: condition.reason.unwrap_or_default(),
        message: condition.message.unwrap_or_default(),
        observed_generation: condition.observed_generation,
        last_transition_time: condition.last_transition_time.unwrap_or(Time(Timestamp::UNIX_EPOCH)),
    }
}

fn from_condition(condition: Condition) -> SyncCondition {
    SyncCondition {
        type_: condition.type_,
        status: condition.status,
        last_update_time: None,
        last_transition_time: Some(condition.last_transition_time),
        reason: Some(condition.reason),
        message: Some(condition.message),
        observed_generation: condition.observed_generation,
    }
}
