//! New keys: the first, one in time, one after a compromise, and one whenever somebody asks.

use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use kube::api::ObjectMeta;
use sealer_core::plaintext::Plaintext;
use sealer_core::sealed::certificate;
use sealer_core::sealed::keyring::Order;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info, warn};

use super::{ACTIVE, LABEL, Settings};
use crate::controller::Context;
use crate::secrets::{Desired, write};

/// The pause before a key that could not be stored is made again.
const REMAKE: Duration = Duration::from_secs(30);

/// Makes a key when there is none, another when the newest is old or before the cutoff, and one
/// whenever `asked` changes, until it is dropped.
pub async fn provide(context: Context, settings: Settings, asked: watch::Sender<u64>) {
    // Whoever asked before this replica led was told so.
    let mut asked = asked.subscribe();
    context.keys.listed().await;
    let mut cutoff = settings.cutoff;
    loop {
        let now = context.core.clock.now();
        let pause = until_due(&context, &settings, cutoff, now);
        let mut changes = Box::pin(context.keys.changes());
        if pause != Some(Duration::ZERO) {
            // With a key that is never renewed, only its disappearance or somebody needs us.
            let due = async {
                match pause {
                    Some(pause) => sleep_until(Instant::now() + pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => continue,
                _ = changes.next() => continue,
                Ok(()) = asked.changed() => info!("a new sealing key is asked for"),
            }
        }
        match make(&context, &settings, now).await {
            // The watch brings the key back to us; until then there is nothing to decide.
            Ok(()) => {
                cutoff = None;
                changes.next().await;
            }
            Err(problem) => {
                error!(problem, "could not make a sealing key; trying again");
                sleep(REMAKE).await;
            }
        }
    }
}

/// The pause before a new key is needed: zero when it is needed now, none when never.
fn until_due(
    context: &Context,
    settings: &Settings,
    cutoff: Option<Timestamp>,
    now: Timestamp,
) -> Option<Duration> {
    let ring = context.keys.current();
    let Some(newest) = ring.newest() else { return Some(Duration::ZERO) };
    let born = match settings.order {
        Order::CertNotBefore => newest.certificate().not_before(),
        Order::SecretCreation => newest.created(),
    };
    if cutoff.is_some_and(|cutoff| born < cutoff) {
        return Some(Duration::ZERO);
    }
    if settings.renew_period.is_zero() {
        return None;
    }
    let age = now.as_second().saturating_sub(born.as_second());
    let age = Duration::from_secs(u64::try_from(age).unwrap_or(0));
    Some(settings.renew_period.saturating_sub(age))
}

async fn make(context: &Context, settings: &Settings, now: Timestamp) -> Result<(), String> {
    let (size, name, validity) = (settings.size, settings.common_name.clone(), settings.validity);
    let made = tokio::task::spawn_blocking(move || {
        certificate::generate_sized(size, &name, now, validity, &mut rand::rng())
    });
    let made = made.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let mut labels = settings.labels.clone();
    labels.insert(LABEL.to_owned(), ACTIVE.to_owned());
    let annotations = &settings.annotations;
    let desired = Desired {
        metadata: ObjectMeta {
            namespace: Some(settings.namespace.clone()),
            generate_name: Some(settings.prefix.clone()),
            labels: Some(labels),
            annotations: (!annotations.is_empty()).then(|| annotations.clone()),
            ..ObjectMeta::default()
        },
        type_: Some("kubernetes.io/tls".to_owned()),
        data: [
            ("tls.key".to_owned(), made.private),
            ("tls.crt".to_owned(), Plaintext::from(made.certificate)),
        ]
        .into(),
        ..Desired::default()
    };
    let stored = context.secrets.generate(&desired).await;
    stored.map(|_| info!("made a sealing key")).map_err(|error| told(&error))
}

/// Asks the leader for a new key whenever the process gets SIGUSR1, until it is dropped.
pub async fn asked_by_signal(asked: watch::Sender<u64>) {
    let mut signals = match signal(SignalKind::user_defined1()) {
        Ok(signals) => signals,
        Err(error) => {
            error!(%error, "SIGUSR1 cannot be awaited, so it makes no sealing key");
            return std::future::pending().await;
        }
    };
    while signals.recv().await.is_some() {
        if asked.receiver_count() == 0 {
            warn!(
                "SIGUSR1 makes no key here: this replica does not lead; send it to the one that does"
            );
        }
        asked.send_modify(|times| *times += 1);
    }
}

fn told(error: &write::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}")
}
