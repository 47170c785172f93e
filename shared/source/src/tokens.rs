//! Tokens that live for a while, kept for those who may have them.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use aws_lc_rs::{hmac, rand};
use jiff::{SignedDuration, Timestamp};
use reconcile::clock::Clock;
use tokio::sync::Mutex as AsyncMutex;
use zeroize::Zeroizing;

/// A token that was just issued.
pub(crate) struct Fresh {
    /// The token.
    pub(crate) token: Zeroizing<String>,
    /// How long it lives.
    pub(crate) life: SignedDuration,
}

/// The tokens of a process. Cheap to clone.
///
/// Each is found only with everything that it took to get it, and is used for four fifths of its
/// life, so that none ends in the middle of a push.
#[derive(Clone, Default)]
pub(crate) struct Tokens(Arc<Mutex<HashMap<Key, Slot>>>);

type Slot = Arc<AsyncMutex<Option<Kept>>>;

struct Kept {
    token: Zeroizing<String>,
    until: Timestamp,
}

/// What it took to get a token, as a number that means nothing outside this process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// A key of `parts`: endpoint, TLS, proxy and credentials.
    pub(crate) fn of<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Self {
        static PROCESS: LazyLock<hmac::Key> = LazyLock::new(|| {
            hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())
                .expect("the system has randomness, or nothing in this process is safe")
        });
        let mut hash = hmac::Context::with_key(&PROCESS);
        for part in parts {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash.sign().as_ref());
        Self(bytes)
    }
}

impl Tokens {
    /// The token of `key`, which `issue` fetches when there is none or it is old. Whoever asks for the
    /// same key meanwhile waits for that one.
    pub(crate) async fn get<E>(
        &self,
        key: Key,
        clock: &Clock,
        issue: impl Future<Output = Result<Fresh, E>>,
    ) -> Result<Zeroizing<String>, E> {
        let slot = self.slot(key, clock.now());
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| clock.now() < kept.until) {
            return Ok(kept.token.clone());
        }
        let Fresh { token, life } = issue.await?;
        let until = clock.now().checked_add(life * 4 / 5).ok();
        *kept = until.map(|until| Kept { token: token.clone(), until });
        Ok(token)
    }

    fn slot(&self, key: Key, now: Timestamp) -> Slot {
        // Every change is one call, so a panic elsewhere leaves it sound.
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| match slot.try_lock() {
            Ok(kept) => kept.as_ref().is_some_and(|kept| now < kept.until),
            // Somebody is fetching it.
            Err(_) => true,
        });
        Arc::clone(slots.entry(key).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicI64, Ordering::SeqCst},
    };

    use super::*;

    #[tokio::test]
    async fn a_token_is_used_for_four_fifths_of_its_life_and_by_its_owner_only() {
        let time = Arc::new(AtomicI64::new(0));
        let clock = {
            let time = Arc::clone(&time);
            Clock::from_fn(move || Timestamp::from_second(time.load(SeqCst)).unwrap())
        };
        let (tokens, issued) = (Tokens::default(), AtomicI64::new(0));
        let ask = async |who: &[u8]| {
            let issue = async {
                issued.fetch_add(1, SeqCst);
                let token = Zeroizing::new("t".to_owned());
                Ok::<_, Infallible>(Fresh { token, life: SignedDuration::from_secs(100) })
            };
            tokens.get(Key::of([who]), &clock, issue).await.unwrap();
            issued.load(SeqCst)
        };
        #[rustfmt::skip]
        let cases = [
            // second  who      issued by then
            (0,        "a",     1),
            (79,       "a",     1),
            (79,       "b",     2),
            (80,       "a",     3),
            (159,      "a",     3),
        ];
        for (second, who, expected) in cases {
            time.store(second, SeqCst);
            assert_eq!(ask(who.as_bytes()).await, expected, "{who} at {second}");
        }
        let join = tokio::join!(ask(b"new"), ask(b"new"));
        assert_eq!(join, (4, 4));
        time.store(1_000, SeqCst);
        ask(b"last").await;
        assert_eq!(tokens.0.lock().unwrap().len(), 1, "the old ones are gone");
    }

    #[test]
    fn keys_of_different_parts_differ() {
        assert!(Key::of([&b"ab"[..], b"c"]) != Key::of([&b"a"[..], b"bc"]));
        assert!(Key::of([&b"ab"[..], b"c"]) == Key::of([&b"ab"[..], b"c"]));
    }
}
