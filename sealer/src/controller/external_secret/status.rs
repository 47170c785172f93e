//! What an ExternalSecret's status says.
//!
//! A time that is written at each sync would be a write at each sync. So `refreshTime` goes along with
//! any other news, and alone at most once in ten minutes or an interval, whichever is longer; exact
//! times are metrics.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;
use reconcile::condition;
use reconcile::error::Failure;
use sealer_api::ExternalSecret;
use sealer_api::external_secret::{Binding, ExternalSecretStatus};
use sealer_api::written::Written;

use super::shape::target;
use super::{Applied, Error};
use crate::source::Source;

/// The annotation with which people ask for a sync, any change of which is one.
pub(super) const FORCE_SYNC: &str = "external-secrets.io/force-sync";
/// How often a time alone is written at most.
const LAG: Duration = Duration::from_secs(600);

/// What was written last.
pub(super) fn record(object: &ExternalSecret) -> Option<&Written> {
    object.status.as_ref()?.written.as_ref()
}

/// Whether the last reconcile succeeded.
pub(super) fn is_ready(object: &ExternalSecret) -> bool {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions
        .into_iter()
        .any(|condition| condition.type_ == condition::READY && condition.status == "True")
}

/// The status after a reconcile.
pub(super) fn of(
    object: &ExternalSecret,
    outcome: Result<&Applied, &Error>,
    interval: Duration,
    now: Timestamp,
) -> ExternalSecretStatus {
    let old = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let mut status = ExternalSecretStatus { observed_generation: Some(generation), ..old.clone() };
    let conditions = std::mem::take(&mut status.conditions);
    status.conditions = match outcome {
        Ok(_) => condition::ready(conditions, "SecretSynced", "secret synced", generation, now),
        Err(error) => condition::failed(conditions, &Failure::of(error), generation, now),
    };
    if let Ok(Applied::Synced { written, began, .. }) = outcome {
        status.written = Some(written.clone());
        status.synced_resource_version = Some(synced(object, generation));
        status.binding = Some(Binding { name: target(object) });
        let last = old.refresh_time.as_ref().map(|time| time.0);
        if status != old || is_stale(last, interval, *began) {
            status.refresh_time = Timestamp::from_second(began.as_second()).ok().map(Time);
        }
    }
    status
}

fn is_stale(last: Option<Timestamp>, interval: Duration, now: Timestamp) -> bool {
    let Some(last) = last else { return true };
    let lag = i64::try_from(interval.max(LAG).as_secs()).unwrap_or(i64::MAX);
    now.as_second().saturating_sub(last.as_second()) >= lag
}

/// The generation, and a hash of the labels and annotations, that were synced.
fn synced(object: &ExternalSecret, generation: i64) -> String {
    let hash = Source::of("labels and annotations")
        .and_all(object.labels().iter().flat_map(|(key, value)| [key, value]))
        .and("")
        .and_all(object.annotations().iter().flat_map(|(key, value)| [key, value]))
        .finish();
    let hash = hash.trim_start_matches("sha256:");
    format!("{generation}-{}", &hash[..56])
}
