//! What a policy's status says. Pure.

use imagebot_api::{ImagePolicy, ImagePolicyStatus, reference::ImageReference};
use jiff::Timestamp;
use reconcile::{Report, condition, error::Failure, event::Event};

use super::{Error, Picked};
use crate::controller::due::{requested_at, until_due};

/// The status after `outcome`.
pub(super) fn report(
    object: &ImagePolicy,
    outcome: Result<&Picked, &Error>,
    now: Timestamp,
) -> Report {
    let old = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let status = ImagePolicyStatus {
        observed_generation: Some(generation),
        last_handled_reconcile_at: requested_at(object)
            .or_else(|| old.last_handled_reconcile_at.clone()),
        ..old.clone()
    };
    let report = match outcome {
        Ok(Picked::Same) => return Report::default(),
        Ok(Picked::Image(image)) => picked(image, status, &old, generation, now),
        Err(error) => {
            let conditions =
                condition::failed(old.conditions, &Failure::of(error), generation, now);
            return Report::status(&ImagePolicyStatus { conditions, ..status });
        }
    };
    match object.spec.interval.as_ref().and_then(|interval| interval.parse().ok()) {
        Some(interval) => report.again_in(until_due(object, interval, now)),
        None => report,
    }
}
/// The status and the event of a policy that picked `image`.
fn picked(
    image: &ImageReference,
    mut status: ImagePolicyStatus,
    old: &ImagePolicyStatus,
    generation: i64,
    now: Timestamp,
) -> Report {
    if old.latest_ref.as_ref() != Some(image) {
        status.observed_previous_ref.clone_from(&old.latest_ref);
        status.latest_ref = Some(image.clone());
    }
    let text = |image: &ImageReference| image.to_string();
    status.latest_image = status.latest_ref.as_ref().map(text);
    status.observed_previous_image = status.observed_previous_ref.as_ref().map(text);
    let digest =
        image.digest.as_ref().map(|digest| format!(" with digest {digest}")).unwrap_or_default();
    let previous = status.observed_previous_image.as_ref();
    let previous = previous.map(|it| format!(" (previously {it})")).unwrap_or_default();
    let message =
        format!("Latest image tag for {} resolved to {}{digest}{previous}", image.name, image.tag);
    let ready = old.conditions.iter().find(|it| it.type_ == "Ready" && it.status == "True");
    let news = ready.is_none_or(|ready| ready.message != message);
    status.conditions =
        condition::ready(old.conditions.clone(), "Succeeded", &message, generation, now);
    let report = Report::status(&status);
    if news { report.telling(Event::normal("Succeeded", message)) } else { report }
}
