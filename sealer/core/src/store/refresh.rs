//! When a store is asked again.

use std::time::Duration;

use jiff::Timestamp;

/// `refreshPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// At each interval.
    #[default]
    Periodic,
    /// When the `ExternalSecret` changes.
    OnChange,
    /// Once.
    CreatedOnce,
}

/// What is known about the last successful sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// When it began, if there was one.
    pub at: Option<Timestamp>,
    /// Whether the `ExternalSecret` has changed since.
    pub spec_changed: bool,
    /// Whether the Secret is there and as it was written.
    pub target_intact: bool,
}

/// When the store has to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// At once.
    Now,
    /// At this moment.
    At(Timestamp),
    /// Only when something changes.
    OnChange,
}

/// Decides when to ask. An interval of zero asks once.
pub fn due(policy: Policy, interval: Duration, last: Last, now: Timestamp) -> Due {
    let Some(at) = last.at.filter(|_| last.target_intact) else { return Due::Now };
    match policy {
        Policy::CreatedOnce => Due::OnChange,
        Policy::Periodic | Policy::OnChange if last.spec_changed => Due::Now,
        Policy::OnChange => Due::OnChange,
        Policy::Periodic if interval.is_zero() => Due::OnChange,
        // A time in the future is a clock that was set back, or a forged status.
        Policy::Periodic if at > now => Due::Now,
        Policy::Periodic => match at.checked_add(interval) {
            Ok(next) if next > now => Due::At(next),
            Ok(_) => Due::Now,
            // Longer than time itself.
            Err(_) => Due::OnChange,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_and_what_is_known_decide() {
        use Policy::{CreatedOnce, OnChange, Periodic};
        let now = Timestamp::from_second(1_000).unwrap();
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let next = Due::At(Timestamp::from_second(1_050).unwrap());
        #[rustfmt::skip]
        let cases = [
            // policy      interval  last sync   changed  intact  due
            (Periodic,     100,      None,       false,   true,   Due::Now),
            (Periodic,     100,      at(950),    false,   true,   next),
            (Periodic,     100,      at(950),    true,    true,   Due::Now),
            (Periodic,     100,      at(950),    false,   false,  Due::Now),
            (Periodic,     100,      at(900),    false,   true,   Due::Now),
            (Periodic,     100,      at(2_000),  false,   true,   Due::Now),
            (Periodic,     0,        at(950),    false,   true,   Due::OnChange),
            (Periodic,     0,        None,       false,   true,   Due::Now),
            (Periodic,     0,        at(950),    true,    true,   Due::Now),
            (OnChange,     100,      at(1),      false,   true,   Due::OnChange),
            (OnChange,     100,      at(1),      true,    true,   Due::Now),
            (OnChange,     100,      at(1),      false,   false,  Due::Now),
            (CreatedOnce,  100,      at(1),      true,    true,   Due::OnChange),
            (CreatedOnce,  100,      None,       true,    true,   Due::Now),
            (CreatedOnce,  100,      at(1),      false,   false,  Due::Now),
        ];
        for (policy, interval, at, spec_changed, target_intact, expected) in cases {
            let last = Last { at, spec_changed, target_intact };
            let found = due(policy, Duration::from_secs(interval), last, now);
            assert_eq!(found, expected, "{policy:?} every {interval} s after {last:?}");
        }
        let last = Last { at: at(1), spec_changed: false, target_intact: true };
        assert_eq!(due(Periodic, Duration::MAX, last, now), Due::OnChange);
    }
}
