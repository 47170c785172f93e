//! When an object with an interval is due: spread over the interval, and the same after a restart.
//!
//! Without a phase, a restart makes every object due at the same moment, and they stay together for
//! ever. The phase is derived from the uid, so it needs no memory.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// The pause from `now` to the next moment at which the object `uid` is due.
///
/// Due moments are `interval` apart, at an offset that only the uid decides. The pause is never
/// zero and never longer than `interval`.
pub fn until_due(uid: &str, interval: Duration, now: Timestamp) -> Duration {
    let period = millis(interval).max(1);
    let offset = spread(uid, period);
    let position = u64::try_from(now.as_millisecond().rem_euclid(signed(period))).unwrap_or(0);
    let rest = (offset + period - position) % period;
    Duration::from_millis(if rest == 0 { period } else { rest })
}

/// Whether a due moment of the object `uid` lies in (`last`, `now`].
///
/// With no `last`, the object is due. So is one whose `last` lies more than an interval back.
pub fn is_due(uid: &str, interval: Duration, last: Option<Timestamp>, now: Timestamp) -> bool {
    let Some(last) = last else { return true };
    let next = until_due(uid, interval, last);
    let elapsed = now.as_millisecond().saturating_sub(last.as_millisecond());
    elapsed >= signed(millis(next))
}

fn spread(uid: &str, period: u64) -> u64 {
    let digest = Sha256::digest(uid.as_bytes());
    let mut head = [0; 8];
    head.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(head) % period
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    #[test]
    fn the_due_moment_does_not_depend_on_when_one_asks() {
        let first =
            at(1_000_000).as_millisecond() + signed(millis(until_due("a", MINUTE, at(1_000_000))));
        for later in [1_000_001, 1_010_000] {
            let pause = signed(millis(until_due("a", MINUTE, at(later))));
            assert_eq!((later + pause - first) % 60_000, 0, "asked at {later}");
        }
    }

    #[test]
    fn objects_are_spread_over_the_interval() {
        let pauses: Vec<_> =
            (0..1000).map(|n| until_due(&format!("uid-{n}"), MINUTE, at(0)).as_secs()).collect();
        for quarter in 0..4 {
            let inside = pauses.iter().filter(|&&s| s / 15 == quarter).count();
            assert!((180..320).contains(&inside), "{inside} of 1000 in quarter {quarter}");
        }
    }

    #[test]
    fn an_object_is_due_once_an_interval() {
        let mut last = Some(at(0));
        let mut times = 0;
        for second in 0..600 {
            if is_due("a", MINUTE, last, at(second * 1000)) {
                last = Some(at(second * 1000));
                times += 1;
            }
        }
        assert!((9..=11).contains(&times), "{times} times in ten minutes");
        assert!(is_due("a", MINUTE, None, at(0)), "never looked at");
    }
}
