//! How often one client may ask.
//!
//! Each client has a schedule: a request moves its next free moment on by the time between two, and
//! is refused when that moment is too far ahead. What proxies say of the client counts only as far as
//! the last of them saw it: the last entry of `X-Forwarded-For`, which the API server's proxy adds
//! itself. Everything before it is the client's own word.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;

/// How many clients are told apart; all others share one schedule.
const CLIENTS: usize = 4096;

/// The schedules of all clients.
#[derive(Debug)]
pub(super) struct Limit {
    between: Duration,
    tolerance: Duration,
    free: Mutex<HashMap<(&'static str, String), Instant>>,
}

impl Limit {
    /// `rate` requests a second, and `burst` more at once.
    pub(super) fn new(rate: u32, burst: u32) -> Self {
        let between = Duration::from_secs(1) / rate.max(1);
        Self { between, tolerance: between * burst, free: Mutex::default() }
    }

    /// How long the client has to wait before it may ask `path`, if it has to.
    pub(super) fn refuses(
        &self,
        path: &'static str,
        headers: &HeaderMap,
        now: Instant,
    ) -> Option<Duration> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() >= CLIENTS {
            free.retain(|_, moment| *moment > now);
        }
        let mut who = (path, client(headers));
        if free.len() >= CLIENTS && !free.contains_key(&who) {
            who.1.clear();
        }
        let moment = free.get(&who).map_or(now, |moment| (*moment).max(now));
        let ahead = moment.saturating_duration_since(now);
        if ahead > self.tolerance {
            return Some(ahead.saturating_sub(self.tolerance));
        }
        free.insert(who, moment + self.between);
        None
    }
}

fn client(headers: &HeaderMap) -> String {
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
    let last = forwarded.and_then(|text| text.to_str().ok()?.rsplit(',').next());
    last.unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(chain: &str) -> HeaderMap {
        HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), chain.parse().unwrap())])
    }

    #[test]
    fn a_client_has_a_burst_and_then_a_rate() {
        let (limit, now) = (Limit::new(2, 2), Instant::now());
        let ask = |chain, at| limit.refuses("/v1/verify", &from(chain), now + at).is_none();
        let at_once: Vec<_> = (0..5).map(|_| ask("10.0.0.1", Duration::ZERO)).collect();
        assert_eq!(at_once, [true, true, true, false, false]);
        // What a client says before the last hop makes it nobody else.
        assert!(!ask("1.2.3.4, 10.0.0.1", Duration::ZERO));
        assert!(ask("10.0.0.2", Duration::ZERO));
        assert!(ask("10.0.0.1", Duration::from_millis(500)));
        assert!(!ask("10.0.0.1", Duration::from_millis(500)));
        assert!(limit.refuses("/v1/rotate", &from("10.0.0.1"), now).is_none());
    }

    #[test]
    fn a_crowd_of_clients_takes_no_memory() {
        let (limit, now) = (Limit::new(1, 0), Instant::now());
        for client in 0..CLIENTS * 2 {
            limit.refuses("/v1/verify", &from(&client.to_string()), now);
        }
        assert!(limit.free.lock().unwrap().len() <= CLIENTS + 1);
    }
}
