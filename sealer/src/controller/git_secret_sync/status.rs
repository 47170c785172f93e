//! What a GitSecretSync's status says.

use jiff::Timestamp;
use kube::ResourceExt as _;
use reconcile::condition;
use reconcile::error::Failure;
use sealer_api::GitSecretSync;
use sealer_api::git_secret_sync::{GitSecretSyncStatus, Inventory, InventoryEntry};

use super::{Applied, Error};

/// The annotation with which Flux's tools ask for a look.
pub(super) const REQUESTED: &str = "reconcile.fluxcd.io/requestedAt";

/// What was applied before.
pub(super) fn inventory(object: &GitSecretSync) -> &[InventoryEntry] {
    let inventory = object.status.as_ref().and_then(|status| status.inventory.as_ref());
    inventory.map_or(&[], |inventory| &inventory.entries)
}

/// What was asked for by annotation.
fn requested(object: &GitSecretSync) -> Option<String> {
    object.annotations().get(REQUESTED).cloned()
}

/// Whether the status is the last word on what the author wants now.
pub(super) fn is_current(object: &GitSecretSync) -> bool {
    let Some(status) = &object.status else { return false };
    let ready = status.conditions.iter().find(|condition| condition.type_ == condition::READY);
    status.observed_generation == object.metadata.generation
        && status.last_handled_reconcile_at == requested(object)
        && ready.is_some_and(|ready| ready.status == "True")
}

/// The status after a reconcile.
pub(super) fn of(
    object: &GitSecretSync,
    outcome: Result<&Applied, &Error>,
    now: Timestamp,
) -> GitSecretSyncStatus {
    let old = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let mut status = GitSecretSyncStatus {
        observed_generation: Some(generation),
        last_handled_reconcile_at: requested(object),
        ..old
    };
    let applied = outcome.ok().or_else(|| outcome.err().and_then(Error::applied));
    if let Some(Applied::Looked(looked)) = applied {
        status.inventory = Some(Inventory { entries: looked.entries.clone() });
        status.last_attempted_revision = Some(looked.revision.clone());
    }
    let old = std::mem::take(&mut status.conditions);
    status.conditions = match outcome {
        Ok(applied) => {
            if let Applied::Looked(looked) = applied {
                status.last_applied_revision = Some(looked.revision.clone());
            }
            let revision = status.last_applied_revision.as_deref().unwrap_or_default();
            let message = format!("Applied revision: {revision}");
            condition::ready(old, "ReconciliationSucceeded", message, generation, now)
        }
        Err(error) => condition::failed(old, &Failure::of(error), generation, now),
    };
    status
}
