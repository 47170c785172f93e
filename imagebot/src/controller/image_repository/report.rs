//! What an image's status says. Pure.

use std::{path::Path, time::Duration};

use imagebot_api::{ImageRepository, ImageRepositoryStatus, image_repository::ScanResult};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use reconcile::{Report, condition, error::Failure, event::Event};

use super::{Applied, Error, Reason};
use crate::controller::due::{requested_at, stamp, until_due};

/// The status after `outcome`; `aside` is where a damaged tag database went.
pub(super) fn report(
    object: &ImageRepository,
    outcome: Result<&Applied, &Error>,
    aside: Option<&Path>,
    now: Timestamp,
) -> Report {
    let old = object.status.clone().unwrap_or_default();
    let mut status = ImageRepositoryStatus {
        last_handled_reconcile_at: requested_at(object)
            .or_else(|| old.last_handled_reconcile_at.clone()),
        ..old.clone()
    };
    let applied = match outcome {
        Ok(_) if object.spec.suspend => return Report::status(&status),
        Ok(applied) => applied,
        Err(error) => {
            let generation = object.metadata.generation.unwrap_or_default();
            status.observed_generation = Some(generation);
            status.conditions =
                condition::failed(old.conditions, &Failure::of(error), generation, now);
            let Error::TagsLost(withheld) = error else { return Report::status(&status) };
            status.withheld_scan_result = Some(withheld.shown());
            let interval = object.spec.interval.parse().unwrap_or(Duration::from_secs(60));
            return Report::status(&status).again_in(until_due(object, interval, now));
        }
    };
    let mut report = describe(object, applied, status, &old, now);
    if let (Some(Reason::NoTags), Some(aside)) = (applied.reason, aside) {
        let message = format!(
            "the tag database was damaged and moved to `{}`; the image was scanned again",
            aside.display()
        );
        report = report.telling(Event::warning("TagDatabaseReset", message));
    }
    report
}

/// The status and the event of an image that was scanned, now or earlier.
fn describe(
    object: &ImageRepository,
    applied: &Applied,
    mut status: ImageRepositoryStatus,
    old: &ImageRepositoryStatus,
    now: Timestamp,
) -> Report {
    let generation = object.metadata.generation.unwrap_or_default();
    let interval = object.spec.interval.parse().unwrap_or(Duration::from_secs(60));
    let again = until_due(object, interval, now);
    let Some(scan) = &applied.scan else { return Report::default().again_in(again) };
    let message =
        format!("successful scan: found {} tags with checksum {}", scan.count, scan.revision);
    let news = condition_message(&old.conditions) != Some(&message);
    let shown = old.last_scan_result.as_ref();
    let latest = applied.latest.clone();
    status.withheld_scan_result = None;
    status.observed_generation = Some(generation);
    status.canonical_image_name = Some(scan.image.clone());
    status.observed_exclusion_list.clone_from(&scan.exclusion_list);
    status.conditions =
        condition::ready(old.conditions.clone(), "Succeeded", &message, generation, now);
    status.last_scan_result = Some(ScanResult {
        revision: Some(scan.revision.clone()),
        tag_count: i64::try_from(scan.count).unwrap_or(i64::MAX),
        scan_time: shown.and_then(|shown| shown.scan_time.clone()),
        latest_tags: latest
            .or_else(|| shown.map(|shown| shown.latest_tags.clone()))
            .unwrap_or_default(),
    });
    let told = status != *old;
    if let Some(result) = status.last_scan_result.as_mut() {
        result.scan_time = stamp(result.scan_time.as_ref(), scan.time(), interval, told);
    }
    let report = Report::status(&status).again_in(again);
    if news { report.telling(Event::normal("Succeeded", message)) } else { report }
}

/// What the `Ready` condition says while it is true.
fn condition_message(conditions: &[Condition]) -> Option<&String> {
    conditions.iter().find(|it| it.type_ == "Ready" && it.status == "True").map(|it| &it.message)
}
