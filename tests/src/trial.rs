//! Tests that say what they need, and are skipped by name where it cannot be had.

use std::time::Duration;

use libtest_mimic::{Completion, Failed, Trial};

use crate::Outcome;
use crate::bed::{Bed, Need};

/// A test that has not ended after this long has failed.
const LIMIT: Duration = Duration::from_secs(180);

/// One registered test: a name that is a claim, its needs, and its body.
pub fn trial<F, R>(bed: &Bed, name: &str, needs: &'static [Need], body: F) -> Trial
where
    F: FnOnce(Bed) -> R + Send + 'static,
    R: Future<Output = Outcome>,
{
    trial_within(LIMIT, bed, name, needs, body)
}

/// The same with a limit of its own, for what is known to take long.
pub fn trial_within<F, R>(
    limit: Duration,
    bed: &Bed,
    name: &str,
    needs: &'static [Need],
    body: F,
) -> Trial
where
    F: FnOnce(Bed) -> R + Send + 'static,
    R: Future<Output = Outcome>,
{
    let (bed, title) = (bed.clone(), name.to_owned());
    Trial::ignorable_test(name, move || {
        let missing = bed.missing(needs);
        if !missing.is_empty() {
            return skip(&bed, &title, &format!("no {}: make bed", missing.join(", no ")));
        }
        let started = bed.runtime().block_on(bed.start(needs));
        started.map_err(|err| Failed::from(format!("the bed: {err}")))?;
        let within = bed.runtime().block_on(async {
            let body = body(bed.clone());
            tokio::time::timeout(limit, body).await
        });
        match within {
            Ok(Ok(())) => Ok(Completion::Completed),
            Ok(Err(err)) => Err(Failed::from(chain(err.as_ref()))),
            Err(_) => Err(Failed::from(format!("not over after {limit:?}"))),
        }
    })
}

fn skip(bed: &Bed, test: &str, why: &str) -> Result<Completion, Failed> {
    if bed.strict() {
        return Err(Failed::from(format!("skipped, which CI does not allow: {why}")));
    }
    bed.skip(format!("{test} ({why})"));
    Ok(Completion::ignored_with(why))
}

/// The error with everything that caused it.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
