//! Deleting the Secrets of SealedSecrets that are gone, where somebody asked for that.
//!
//! Kubernetes does it by the owner reference. This is for Secrets that have none, and only as long as
//! this process runs: what is deleted while nobody watches is not seen.

use futures::StreamExt as _;
use kube::ResourceExt as _;
use reconcile::Watched;
use reconcile::watched::Change;
use sealer_api::SealedSecret;
use tracing::{info, warn};

use super::status;
use crate::controller::names;
use crate::secrets::Secrets;

/// Follows the deletions until it is dropped.
pub(super) async fn follow(secrets: Secrets, objects: Watched<SealedSecret>) {
    let mut changes = std::pin::pin!(objects.changes());
    while let Some(change) = changes.next().await {
        if let Change::Deleted(object) = change {
            delete(&secrets, &object).await;
        }
    }
}

/// Deletes the Secret, if it is the one that `object` controls or has made.
async fn delete(secrets: &Secrets, object: &SealedSecret) {
    let (namespace, name) = names(object);
    let us = object.uid().unwrap_or_default();
    let seen = match secrets.look_up(&namespace, &name).await {
        Ok(seen) => seen,
        Err(error) => {
            warn!(namespace, name, %error, "could not look at the Secret of a SealedSecret that is gone");
            return;
        }
    };
    let controlled = seen
        .as_ref()
        .filter(|seen| seen.controller().is_some_and(|controller| controller.uid == us));
    let made = controlled.map(|seen| seen.uid.clone());
    let made = made.or_else(|| status::record(object).map(|record| record.uid.clone()));
    let Some(made) = made else { return };
    match secrets.delete(&us, &made, (&namespace, &name), seen.as_ref()).await {
        Ok(true) => info!(namespace, name, "deleted the Secret of a SealedSecret that is gone"),
        Ok(false) => {}
        Err(error) => {
            warn!(namespace, name, %error, "could not delete the Secret of a SealedSecret that is gone");
        }
    }
}
