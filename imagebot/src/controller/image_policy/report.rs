//! What a policy's status says. Pure.

use std::time::Duration;

use imagebot_api::{ImagePolicy, ImagePolicyStatus, reference::ImageReference};
use jiff::Timestamp;
use reconcile::{Report, condition, error::Failure, event::Event};

use super::{Error, Picked, extras::Extras, rules::Held};
use crate::controller::due::{requested_at, until_due};

/// The status after `outcome`, and what else is to be said; nothing while nothing is known.
pub(super) fn report(
    object: &ImagePolicy,
    outcome: Result<&Picked, &Error>,
    now: Timestamp,
) -> Option<(ImagePolicyStatus, Report)> {
    let old = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let mut status = ImagePolicyStatus {
        observed_generation: Some(generation),
        last_handled_reconcile_at: requested_at(object)
            .or_else(|| old.last_handled_reconcile_at.clone()),
        ..old.clone()
    };
    Extras::of(object).show(&mut status);
    match outcome {
        Ok(Picked::Same) => None,
        Ok(Picked::Image(choice)) => {
            choice.extras.clone().show(&mut status);
            let (status, mut report) = picked(&choice.image, "", status, (&old, generation, now));
            report.events.extend(
                choice.news.iter().map(|(reason, message)| Event::warning(reason, message)),
            );
            let due = object.spec.interval.as_ref().and_then(|interval| interval.parse().ok());
            let due = due.map(|interval| until_due(object, interval, now));
            report.next = earliest(due, choice.next);
            Some((status, report))
        }
        Ok(Picked::Held(image, held)) => {
            let until = match held {
                Held::Until(until) => Some(*until),
                Held::Open => None,
            };
            let held = match until {
                Some(until) => format!(" (held until {until})"),
                None => " (held)".to_owned(),
            };
            let (status, mut report) = picked(image, &held, status, (&old, generation, now));
            let rest = until.map(|until| until.duration_since(now));
            report.next = rest.and_then(|rest| Duration::try_from(rest).ok());
            Some((status, report))
        }
        Err(error) => {
            let mut report = Report::default();
            if let Error::Unpicked(unpicked) = error {
                unpicked.extras.clone().show(&mut status);
                report.next = unpicked.next;
            }
            status.conditions =
                condition::failed(old.conditions, &Failure::of(error), generation, now);
            Some((status, report))
        }
    }
}

fn earliest(left: Option<Duration>, right: Option<Duration>) -> Option<Duration> {
    left.into_iter().chain(right).min()
}

/// The status and the event of a policy that picked `image`.
fn picked(
    image: &ImageReference,
    held: &str,
    mut status: ImagePolicyStatus,
    (old, generation, now): (&ImagePolicyStatus, i64, Timestamp),
) -> (ImagePolicyStatus, Report) {
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
    let message = format!(
        "Latest image tag for {} resolved to {}{digest}{previous}{held}",
        image.name, image.tag
    );
    let ready = old.conditions.iter().find(|it| it.type_ == "Ready" && it.status == "True");
    let news = ready.is_none_or(|ready| ready.message != message);
    status.conditions =
        condition::ready(old.conditions.clone(), "Succeeded", &message, generation, now);
    let report = Report::default();
    let told = Event::normal("Succeeded", message);
    (status, if news { report.telling(told) } else { report })
}
