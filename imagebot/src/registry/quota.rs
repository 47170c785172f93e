//! What registries say about how much may still be asked. Pure.
//!
//! ```text
//! RateLimit-Remaining: 76;w=21600  ·  RateLimit-Reset: 30        what Docker Hub sends, the drafts up to 7
//! RateLimit: "default";r=50;t=30                                 the drafts since 8
//! X-RateLimit-Remaining: 12  ·  X-RateLimit-Reset: 1700000000    GitHub and GitLab; the second an epoch
//! ```

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap};

/// A reset beyond this is a moment, not a length of time.
const EPOCHS: u64 = 1_000_000_000;

/// What is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    /// How many requests may still be sent.
    pub(super) left: u64,
    /// In how long there are more, where it says.
    pub(super) back_in: Option<Duration>,
}

/// The scarcest quota of an answer.
pub(super) fn read(headers: &HeaderMap) -> Option<Quota> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let separate = |prefix: &str| {
        let remaining = text(&format!("{prefix}-remaining"))?;
        let left = number(remaining)?;
        let reset = text(&format!("{prefix}-reset")).and_then(number);
        // With a sliding window, one request comes back after its share of it.
        let window = parameter(remaining, "w");
        let limit = text(&format!("{prefix}-limit")).and_then(number).filter(|limit| *limit > 0);
        let share = || Some(Duration::from_secs(window?.div_ceil(limit?)));
        let back_in = reset.and_then(|reset| until(reset, text(DATE.as_str()))).or_else(share);
        Some(Quota { left, back_in })
    };
    let structured =
        text("ratelimit").into_iter().flat_map(|list| list.split(',')).filter_map(|item| {
            let back_in = parameter(item, "t").map(Duration::from_secs);
            Some(Quota { left: parameter(item, "r")?, back_in })
        });
    let all = structured.chain(separate("ratelimit")).chain(separate("x-ratelimit"));
    all.min_by_key(|quota| (quota.left, std::cmp::Reverse(quota.back_in)))
}

/// A length of time, or what is left until a moment by the registry's own clock.
fn until(reset: u64, date: Option<&str>) -> Option<Duration> {
    if reset < EPOCHS {
        return Some(Duration::from_secs(reset));
    }
    let now = jiff::fmt::rfc2822::parse(date?).ok()?.timestamp().as_second();
    Some(Duration::from_secs(reset.saturating_sub(u64::try_from(now).ok()?)))
}

/// The number that a value begins with.
fn number(value: &str) -> Option<u64> {
    let first = value.split([';', ',']).next()?.trim();
    first.split('.').next()?.parse().ok()
}

/// The parameter `name` of an item.
fn parameter(item: &str, name: &str) -> Option<u64> {
    item.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        (key.trim() == name).then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn quotas_are_read_as_registries_write_them() {
        let date = ("date", "Tue, 14 Nov 2023 22:13:20 GMT");
        #[rustfmt::skip]
        let cases = [
            // headers                                                                                              left  back in
            (vec![("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "76;w=21600")],                       Some((76, Some(216)))),
            (vec![("ratelimit-limit", "100"), ("ratelimit-remaining", "0"), ("ratelimit-reset", "30")],             Some((0, Some(30)))),
            (vec![("ratelimit", "\"default\";r=50;t=30")],                                                          Some((50, Some(30)))),
            (vec![("ratelimit", "\"hour\";r=50;t=30, \"day\";r=3;t=900")],                                          Some((3, Some(900)))),
            (vec![("x-ratelimit-remaining", "12"), ("x-ratelimit-reset", "1700000060"), date],                      Some((12, Some(60)))),
            (vec![("x-ratelimit-remaining", "12"), ("x-ratelimit-reset", "1700000060")],                            Some((12, None))),
            (vec![("x-ratelimit-remaining", "12"), ("x-ratelimit-reset", "1600000000"), date],                      Some((12, Some(0)))),
            (vec![("ratelimit-remaining", "9.5")],                                                                  Some((9, None))),
            (vec![("ratelimit-remaining", "soon")],                                                                 None),
            (vec![("ratelimit", "junk;;=,r")],                                                                      None),
            (vec![],                                                                                                None),
        ];
        for (pairs, wanted) in cases {
            let headers: HeaderMap = pairs
                .iter()
                .map(|(name, value)| {
                    (HeaderName::from_static(name), HeaderValue::from_static(value))
                })
                .collect();
            let found =
                read(&headers).map(|quota| (quota.left, quota.back_in.map(|it| it.as_secs())));
            assert_eq!(found, wanted, "{pairs:?}");
        }
    }
}
