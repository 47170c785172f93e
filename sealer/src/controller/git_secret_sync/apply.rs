//! Writing what a commit says, as the ServiceAccount if one is named.

use sealer_api::GitSecretSync;

use super::files::Yield;
use super::{Applied, Error, Outcome, status};
use crate::accounts::Accounts;
use crate::controller::batch::{Author, Batch, Done};
use crate::controller::{Context, names};

/// Does what `result` says.
pub(super) async fn apply(
    context: &Context,
    accounts: &Accounts,
    author: &Author,
    object: &GitSecretSync,
    (revision, result): (String, Yield),
) -> Result<Applied, Error> {
    let Yield { planned, warnings, .. } = result;
    let mut batch = Batch::new(context, author, status::inventory(object), planned);
    if let Some(name) = object.spec.service_account_name.as_ref().filter(|_| !batch.is_idle()) {
        let (namespace, _) = names(object);
        let client = accounts.client(&namespace, name).await;
        let client = client.map_err(|source| Error::Account { name: name.clone(), source })?;
        batch = batch.acting(context.secrets.acting_as(client));
    }
    let Done { entries, created, updated, deleted, failures, .. } = batch.run().await;
    let outcome = Outcome { revision, entries, created, updated, deleted, warnings };
    let applied = Applied::Looked(Box::new(outcome));
    if failures.is_empty() {
        Ok(applied)
    } else {
        Err(Error::Files { failures, applied: Box::new(applied) })
    }
}
