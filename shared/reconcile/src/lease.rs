//! Leader election on a Lease, by compare-and-swap.
//!
//! A replica may lead while its record is in the Lease and it has renewed within the renew deadline,
//! which is shorter than the time after which others may take over. Clocks of different machines are
//! never compared: a rival counts as dead when *we* have seen its record unchanged for the length of
//! the lease, as client-go does.

use std::{sync::Mutex, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use crate::clock::Clock;

mod fence;

pub use fence::{Fence, NotLeading};

/// Who stands for election, for what, and how patiently.
#[derive(Clone, Debug)]
pub struct Candidacy {
    /// Where the Lease lives.
    pub namespace: String,
    /// What it is called.
    pub name: String,
    /// Who we are: unique to this process.
    pub identity: String,
    /// After how long without renewal others may take over.
    pub duration: Duration,
    /// After how long without renewal the leader stops.
    pub deadline: Duration,
    /// The pause between two tries.
    pub retry: Duration,
}

impl Candidacy {
    /// A candidacy with client-go's times, but a shorter pause between tries, so that a released
    /// lease is taken within about a second.
    pub fn new(namespace: &str, name: &str, identity: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
            duration: Duration::from_secs(15),
            deadline: Duration::from_secs(10),
            retry: Duration::from_secs(1),
        }
    }
}

/// A process that stands for election.
pub struct Elector {
    api: Api<Lease>,
    candidacy: Candidacy,
    clock: Clock,
    fence: Fence,
    rival: Mutex<Option<Rival>>,
}

/// What we last saw of the holder, and since when it has not changed.
struct Rival {
    record: (Option<String>, Option<Timestamp>),
    since: Instant,
}

enum Try {
    Held,
    NotHeld,
}

impl Elector {
    /// Stands for election. `fence` is open while the lease is ours and within the renew deadline.
    pub fn new(client: Client, candidacy: Candidacy, clock: Clock, fence: Fence) -> Self {
        let api = Api::namespaced(client, &candidacy.namespace);
        Self { api, candidacy, clock, fence, rival: Mutex::default() }
    }

    /// Waits until the lease is ours.
    pub async fn acquire(&self) {
        loop {
            match self.attempt().await {
                Ok(Try::Held) => break info!(lease = %self.candidacy.name, "leading"),
                Ok(Try::NotHeld) => debug!(lease = %self.candidacy.name, "someone else leads"),
                Err(error) => {
                    warn!(%error, lease = %self.candidacy.name, "could not try the lease");
                }
            }
            sleep(self.candidacy.retry).await;
        }
    }

    /// Keeps the lease; returns when it is lost, and no later than the renew deadline.
    pub async fn hold(&self) {
        let mut renewed = Instant::now();
        loop {
            sleep(self.candidacy.retry).await;
            let left = self.candidacy.deadline.saturating_sub(renewed.elapsed());
            match timeout(left, self.attempt()).await {
                Ok(Ok(Try::Held)) => renewed = Instant::now(),
                Ok(Ok(Try::NotHeld)) => break warn!("another replica took the lease"),
                Ok(Err(error)) => warn!(%error, "could not renew the lease"),
                Err(_) => break warn!("the lease could not be renewed before its deadline"),
            }
        }
    }

    /// Gives the lease back, so that another replica need not wait for it to expire.
    pub async fn release(&self) {
        self.fence.close();
        if let Err(error) = self.clear().await {
            warn!(%error, "could not release the lease; it will expire");
        }
    }

    async fn clear(&self) -> Result<(), kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.candidacy.name).await? else { return Ok(()) };
        let Some(spec) = lease.spec.as_mut().filter(|spec| self.is_ours(spec)) else {
            return Ok(());
        };
        spec.holder_identity = None;
        spec.lease_duration_seconds = Some(1);
        self.replace(&lease).await
    }

    async fn attempt(&self) -> Result<Try, kube::Error> {
        // The term begins when the lease was asked for, whenever the answer comes.
        let asked = Instant::now();
        let outcome = self.swap().await;
        match outcome {
            Ok(Try::Held) => self.fence.open_until(asked + self.candidacy.deadline),
            Ok(Try::NotHeld) => self.fence.close(),
            Err(_) => {}
        }
        outcome
    }

    async fn swap(&self) -> Result<Try, kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.candidacy.name).await? else {
            return settle(self.create().await);
        };
        let spec = lease.spec.get_or_insert_default();
        if !self.is_ours(spec) && !self.is_free(spec) {
            return Ok(Try::NotHeld);
        }
        let now = MicroTime(self.clock.now());
        if !self.is_ours(spec) {
            spec.holder_identity = Some(self.candidacy.identity.clone());
            spec.acquire_time = Some(now.clone());
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or_default() + 1);
        }
        spec.lease_duration_seconds = Some(seconds(self.candidacy.duration));
        spec.renew_time = Some(now);
        settle(self.replace(&lease).await)
    }

    async fn create(&self) -> Result<(), kube::Error> {
        let now = MicroTime(self.clock.now());
        let lease = Lease {
            metadata: ObjectMeta { name: Some(self.candidacy.name.clone()), ..<_>::default() },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.candidacy.identity.clone()),
                lease_duration_seconds: Some(seconds(self.candidacy.duration)),
                acquire_time: Some(now.clone()),
                renew_time: Some(now),
                lease_transitions: Some(0),
                ..<_>::default()
            }),
        };
        self.api.create(&PostParams::default(), &lease).await.map(drop)
    }

    /// Writes only over the version that was read.
    async fn replace(&self, lease: &Lease) -> Result<(), kube::Error> {
        self.api.replace(&self.candidacy.name, &PostParams::default(), lease).await.map(drop)
    }

    fn is_ours(&self, spec: &LeaseSpec) -> bool {
        spec.holder_identity.as_deref() == Some(&self.candidacy.identity)
    }

    /// Whether nobody holds the lease, or its holder has been silent for its length.
    fn is_free(&self, spec: &LeaseSpec) -> bool {
        if spec.holder_identity.as_deref().unwrap_or_default().is_empty() {
            return true;
        }
        let record =
            (spec.holder_identity.clone(), spec.renew_time.as_ref().map(|renewed| renewed.0));
        let length = spec.lease_duration_seconds.and_then(|s| u64::try_from(s).ok());
        let length = length.map_or(self.candidacy.duration, Duration::from_secs);
        let mut rival = self.rival.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(rival) = rival.as_ref().filter(|rival| rival.record == record) {
            return rival.since.elapsed() > length;
        }
        *rival = Some(Rival { record, since: Instant::now() });
        false
    }
}

/// A lost race is not an error: someone else leads.
fn settle(written: Result<(), kube::Error>) -> Result<Try, kube::Error> {
    match written {
        Ok(()) => Ok(Try::Held),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(Try::NotHeld),
        Err(error) => Err(error),
    }
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
