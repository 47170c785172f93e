//! Waiting for a state of the world, never for a time.

use std::error::Error;
use std::time::{Duration, Instant};

use crate::Outcome;

/// How long to pause between two looks.
const PAUSE: Duration = Duration::from_millis(30);

/// Repeats `attempt` until it succeeds, and fails after `within` with its last error.
///
/// An `Err` of the attempt means "not yet" and says what is still missing.
pub async fn eventually<T>(
    within: Duration,
    what: &str,
    attempt: impl AsyncFn() -> Outcome<T>,
) -> Outcome<T> {
    let deadline = Instant::now() + within;
    let mut last = String::from("nothing");
    loop {
        let missing: Box<dyn Error + Send + Sync> =
            match tokio::time::timeout_at(deadline.into(), attempt()).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(missing)) => missing,
                Err(_) => format!("the last look did not end; before it: {last}").into(),
            };
        if Instant::now() >= deadline {
            return Err(format!("not within {within:?}: {what}: {missing}").into());
        }
        last = missing.to_string();
        tokio::time::sleep(PAUSE).await;
    }
}

/// Watches for `during` that `look` keeps succeeding, and fails with its first error.
///
/// For promises that something does *not* happen.
pub async fn throughout(during: Duration, what: &str, look: impl AsyncFn() -> Outcome) -> Outcome {
    let end = Instant::now() + during;
    while Instant::now() < end {
        look().await.map_err(|broken| format!("{what}: {broken}"))?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
