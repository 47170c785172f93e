//! When an object is looked at again, and when a time in its status is worth a write.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;
use reconcile::{Object, phase};

/// The annotation by which people and hooks ask for a reconcile now. Any new value is a request.
pub const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";

/// A time in a status that nothing else changed is written at most this often.
const QUIET: Duration = Duration::from_secs(600);

/// The value of [`REQUESTED_AT`] that `object` carries.
pub fn requested_at(object: &impl Object) -> Option<String> {
    object.annotations().get(REQUESTED_AT).cloned()
}

/// The request that `object` carries and that its status does not answer yet.
pub fn open_request(object: &impl Object, handled: Option<&String>) -> Option<String> {
    requested_at(object).filter(|request| Some(request) != handled)
}

/// Whether the object is due at `now`, having been looked at `last`.
pub fn is_due(
    object: &impl Object,
    interval: Duration,
    last: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    phase::is_due(&identity(object), interval, last, now)
}

/// The pause until the object is due again.
pub fn until_due(object: &impl Object, interval: Duration, now: Timestamp) -> Duration {
    phase::until_due(&identity(object), interval, now)
}

/// The time that a status should show where the last one that it shows is `shown`.
///
/// `told` says that the status is written anyway.
pub fn stamp(shown: Option<&Time>, at: Timestamp, interval: Duration, told: bool) -> Option<Time> {
    let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
    match shown {
        Some(shown) if !told && at.duration_since(shown.0) < signed(QUIET.max(interval)) => {
            Some(shown.clone())
        }
        _ => Some(Time(at)),
    }
}

fn signed(length: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(length).unwrap_or(jiff::SignedDuration::MAX)
}

fn identity(object: &impl Object) -> String {
    object.uid().unwrap_or_else(|| object.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_time_moves_with_other_news_or_after_ten_minutes() {
        let minute = Duration::from_secs(60);
        let hour = Duration::from_secs(3600);
        #[rustfmt::skip]
        let cases = [
            // shown       now          interval  told    stamp
            (None,         at(100),     minute,   false,  at(100)),
            (Some(at(0)),  at(100),     minute,   false,  at(0)),
            (Some(at(0)),  at(100),     minute,   true,   at(100)),
            (Some(at(0)),  at(600),     minute,   false,  at(600)),
            (Some(at(0)),  at(600),     hour,     false,  at(0)),
            (Some(at(0)),  at(3600),    hour,     false,  at(3600)),
        ];
        for (shown, now, interval, told, expected) in cases {
            let stamped = stamp(shown.map(Time).as_ref(), now, interval, told);
            assert_eq!(stamped, Some(Time(expected)), "{shown:?} at {now}, told: {told}");
        }
    }
}
