//! The reads and writes of one sync.

use std::sync::Arc;

use kube::ResourceExt as _;
use sealer_api::{ExternalSecret, SecretStore};
use sealer_core::claim::Rules;

use super::{Answers, Error, Fetcher, Valid, status, values};
use crate::controller::{is_recorded, names, owner, secret_store};
use crate::provider::stores;
use crate::secrets::write::{Intent, Outcome};
use crate::secrets::{Desired, Kind, Known};

impl Fetcher {
    /// What the store answers. After an edit or a forced sync, what was read for somebody else a
    /// moment ago will not do.
    pub(super) async fn fetch(
        &self,
        object: &ExternalSecret,
        valid: &Valid,
        store: &SecretStore,
    ) -> Result<Answers, Error> {
        let name = store.name_any();
        secret_store::readiness(store)
            .map_err(|why| Error::StoreNotReady { name: name.clone(), why })?;
        let store = self.external.stores.get(&self.context, store).await;
        let store = store.map_err(|source| Error::Store { name, source })?;
        let now = status::record(object).is_some_and(|record| record.source != valid.source);
        let mut answers = Answers::new();
        for read in valid.request.reads() {
            let answer = self.external.reads.read(&store, &read, now).await.map_err(|source| {
                Error::Remote { field: values::field(&object.spec, &read), source }
            })?;
            answers.insert(read, answer);
        }
        Ok(answers)
    }

    pub(super) async fn write(
        &self,
        object: &ExternalSecret,
        valid: &Valid,
        desired: &Desired,
        seen: Option<Known>,
    ) -> Result<(Outcome, Arc<Known>), Error> {
        let record = status::record(object);
        let renewed = record.is_none_or(|record| record.source != valid.source);
        let intact =
            record.zip(seen.as_ref()).is_some_and(|(record, known)| is_recorded(record, known));
        let remembered = self.memory().get(&names(object)).cloned();
        let remembered = remembered.filter(|memory| {
            let secret = seen.as_ref().map(|known| (&known.uid, &known.resource_version));
            secret == Some((&memory.secret.0, &memory.secret.1)) && !memory.print.is_empty()
        });
        if let (Some(memory), Some(known)) = (&remembered, &seen)
            && intact
            && !renewed
            && memory.print == stores::print(desired.data.iter())
        {
            return Ok((Outcome::Unchanged, Arc::new(known.clone())));
        }
        let us = object.uid().unwrap_or_default();
        let intent = Intent {
            rules: Rules::Owner,
            us: &us,
            seen,
            // What we remember differs from what should be, so there is nothing to compare.
            pristine: intact && !renewed && remembered.is_some(),
            renewed,
            adopts: false,
            made: None,
        };
        let put = self.context.secrets.put(intent, desired).await;
        // While the Secret could not be written, every change of it is worth another try.
        let awaited = put.is_err().then_some(&valid.target);
        self.context.secrets.refer(&owner(Kind::ExternalSecret, object), awaited);
        put.map_err(Error::Write)
    }

    /// Deletes the Secret of a former name, if it is still the one that was made.
    pub(super) async fn retire(&self, object: &ExternalSecret, valid: &Valid) -> Result<(), Error> {
        let former = object.status.as_ref().and_then(|status| status.binding.as_ref());
        let Some(former) =
            former.filter(|former| former.name != valid.target && !former.name.is_empty())
        else {
            return Ok(());
        };
        let Some(record) = status::record(object) else { return Ok(()) };
        let (us, namespace) =
            (object.uid().unwrap_or_default(), object.namespace().unwrap_or_default());
        let seen = self.context.secrets.look_up(&namespace, &former.name).await;
        let seen = seen.map_err(|source| Error::Read { name: former.name.clone(), source })?;
        let at = (namespace.as_str(), former.name.as_str());
        self.context
            .secrets
            .delete(&us, &record.uid, at, seen.as_ref())
            .await
            .map(drop)
            .map_err(Error::Write)
    }
}
