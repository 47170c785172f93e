//! Keeps the process as small as what it does.

use std::{future::pending, time::Duration};

use tokio::time::sleep;
use tracing::debug;

/// When the code of the start has run: the first lists are read, and the lease is taken or seen.
const AFTER_START: Duration = Duration::from_secs(2);

/// How often the code of the last burst of work is given back.
const PERIOD: Duration = Duration::from_secs(60);

/// Gives back the memory of code that no longer runs; ends with the process.
pub(super) async fn give_back() {
    let mut wait = AFTER_START;
    loop {
        sleep(wait).await;
        match footprint::shrink() {
            Ok(bytes) => debug!(bytes, "unmapped code"),
            Err(error) => {
                debug!(%error, "code stays in memory");
                return pending().await;
            }
        }
        wait = PERIOD;
    }
}
