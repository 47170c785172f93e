//! How long to pause after a failure.

use std::time::Duration;

use crate::error::{Class, Failure};

/// The first pause after a transient failure.
pub const BASE: Duration = Duration::from_secs(1);
/// The longest pause after a transient failure.
pub const CEILING: Duration = Duration::from_secs(300);
/// The pause while someone else must act; a watch usually wakes the object earlier.
pub const WAITING: Duration = Duration::from_secs(120);

/// The pause after the `attempt`-th failure in a row (the first is 1), or none when only a change
/// of the object can help.
///
/// `noise` in 0..1 spreads objects that failed together over half of the pause. What the other side
/// asked for (`Retry-After`) is the least that is waited.
pub fn pause(failure: &Failure, attempt: u32, noise: f64) -> Option<Duration> {
    let nominal = match failure.class {
        Class::Stalled => return None,
        Class::Waiting => WAITING,
        Class::Transient => {
            let doublings = attempt.saturating_sub(1).min(16);
            BASE.saturating_mul(1 << doublings).min(CEILING)
        }
    };
    let spread = nominal.mul_f64(0.75 + noise.clamp(0.0, 1.0) / 2.0);
    Some(failure.retry_after.map_or(spread, |asked| spread.max(asked)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(class: Class, retry_after: Option<u64>) -> Failure {
        Failure {
            class,
            reason: "Broken",
            message: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn pauses_grow_to_the_ceiling() {
        #[rustfmt::skip]
        let cases = [
            // attempt  seconds
            (1,         1),
            (2,         2),
            (5,         16),
            (60,        300),
        ];
        for (attempt, seconds) in cases {
            let pause = pause(&failure(Class::Transient, None), attempt, 0.5).unwrap();
            assert_eq!(pause.as_secs(), seconds, "attempt {attempt}");
        }
    }

    #[test]
    fn noise_spreads_by_a_quarter_either_way() {
        let transient = failure(Class::Transient, None);
        assert_eq!(pause(&transient, 3, 0.0), Some(Duration::from_secs(3)));
        assert_eq!(pause(&transient, 3, 1.0), Some(Duration::from_secs(5)));
    }

    #[test]
    fn the_other_side_may_ask_for_more_but_not_for_less() {
        assert_eq!(
            pause(&failure(Class::Transient, Some(30)), 1, 0.5),
            Some(Duration::from_secs(30))
        );
        assert_eq!(pause(&failure(Class::Waiting, Some(1)), 1, 0.5), Some(WAITING));
    }

    #[test]
    fn a_stalled_object_is_left_alone() {
        assert_eq!(pause(&failure(Class::Stalled, Some(1)), 1, 0.5), None);
    }
}
