//! What a SopsSecret's status says: the operator's message, then kstatus.

use jiff::Timestamp;
use reconcile::condition;
use reconcile::error::Failure;
use sealer_api::SopsSecret;
use sealer_api::git_secret_sync::{Inventory, InventoryEntry};
use sealer_api::sops_secret::SopsSecretStatus;

use super::{Applied, Error};

const HEALTHY: &str = "Healthy";

/// What was written before.
pub(super) fn inventory(object: &SopsSecret) -> &[InventoryEntry] {
    let inventory = object.status.as_ref().and_then(|status| status.inventory.as_ref());
    inventory.map_or(&[], |inventory| &inventory.entries)
}

/// Whether the status is the last word on what the author wants now.
pub(super) fn is_current(object: &SopsSecret) -> bool {
    object.status.as_ref().is_some_and(|status| {
        status.message == HEALTHY && status.observed_generation == object.metadata.generation
    })
}

/// The status after a reconcile.
pub(super) fn of(
    object: &SopsSecret,
    outcome: Result<&Applied, &Error>,
    now: Timestamp,
) -> SopsSecretStatus {
    let old = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let done = match outcome {
        Ok(Applied::Wrote(done)) | Err(Error::Write(done)) => Some(done),
        Ok(_) | Err(_) => None,
    };
    let entries = done.map(|done| Inventory { entries: done.entries.clone() });
    let message = match outcome {
        Ok(Applied::Suspended) => "Reconciliation is suspended",
        Ok(Applied::Settled | Applied::Wrote(_)) => HEALTHY,
        Err(error) => error.message(),
    };
    let conditions = match outcome {
        Ok(Applied::Suspended) => old.conditions,
        Ok(_) => condition::ready(old.conditions, "Healthy", "", generation, now),
        Err(error) => condition::failed(old.conditions, &Failure::of(error), generation, now),
    };
    SopsSecretStatus {
        message: message.to_owned(),
        conditions,
        observed_generation: Some(generation),
        inventory: entries.or(old.inventory),
    }
}
