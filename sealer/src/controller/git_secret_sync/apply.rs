//! Writing what a commit says, and deleting what it no longer says.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt as _;
use sealer_api::GitSecretSync;
use sealer_api::git_secret_sync::{Conflict, InventoryEntry};
use sealer_core::claim::Rules;

use super::files::{Cause, Failure, Wanted, Yield};
use super::{Applied, Error, Outcome, is_entry, salt, status};
use crate::accounts::Accounts;
use crate::controller::{Context, names, owner, owner_reference};
use crate::secrets::owner::labels;
use crate::secrets::write::{self, Intent};
use crate::secrets::{Desired, Kind, Known, Secrets};

/// Labels and annotations by which other tools say that a Secret is theirs.
const TOOLS: [&str; 4] = [
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/name",
    "meta.helm.sh/release-name",
    "argocd.argoproj.io/tracking-id",
];

/// Marks the source of an entry whose file could not be applied as a whole.
const PARTIAL: &str = "partial:";

/// The source of an entry, whether or not all of its file was applied.
fn full(source: &str) -> &str {
    source.strip_prefix(PARTIAL).unwrap_or(source)
}

/// Does what `result` says.
pub(super) async fn apply(
    context: &Context,
    accounts: &Accounts,
    object: &GitSecretSync,
    revision: String,
    result: Yield,
) -> Result<Applied, Error> {
    let Yield { kept, wanted, failures, warnings, .. } = result;
    let before: BTreeMap<_, _> =
        status::inventory(object).iter().map(|entry| (entry.id.clone(), entry)).collect();
    let mut writer = Writer {
        context,
        secrets: context.secrets.clone(),
        object,
        before,
        failures,
        refused: Vec::new(),
        outcome: Outcome { revision, entries: kept, warnings, ..Outcome::default() },
    };
    let gone = writer.gone(&wanted);
    if let Some(name) = &object.spec.service_account_name
        && !(wanted.is_empty() && gone.is_empty())
    {
        let (namespace, _) = names(object);
        let client = accounts.client(&namespace, name).await;
        let client = client.map_err(|source| Error::Account { name: name.clone(), source })?;
        writer.secrets = context.secrets.acting_as(client);
    }
    for ((namespace, name), wanted) in wanted {
        writer.write(&namespace, &name, wanted).await;
    }
    let refused = std::mem::take(&mut writer.refused);
    context.secrets.refer_also(&owner(Kind::GitSecretSync, object), refused);
    writer.prune(gone).await;
    writer.finish()
}

struct Writer<'w> {
    context: &'w Context,
    secrets: Secrets,
    object: &'w GitSecretSync,
    before: BTreeMap<String, &'w InventoryEntry>,
    failures: BTreeMap<String, Failure>,
    /// Secrets of the object's namespace that could not be written; a change of one may help.
    refused: Vec<String>,
    outcome: Outcome,
}

impl Writer<'_> {
    /// What was applied before and is no longer wanted. While a file cannot be read, nobody knows.
    fn gone(&self, wanted: &BTreeMap<(String, String), Wanted>) -> Vec<InventoryEntry> {
        let is_kept = |id: &str| self.outcome.entries.iter().any(|entry| entry.id == id);
        let is_wanted =
            |id: &str| wanted.keys().any(|(namespace, name)| status::id(namespace, name) == id);
        let missing = self.before.iter().filter(|(id, _)| !is_kept(id) && !is_wanted(id));
        missing.map(|(_, entry)| (*entry).clone()).collect()
    }

    /// Writes one Secret. A failure keeps the entry of what was written before.
    async fn write(&mut self, namespace: &str, name: &str, wanted: Wanted) {
        let id = status::id(namespace, name);
        let before = self.before.get(&id).copied();
        let source = salt(self.object).hash(wanted.blob);
        let written = self.put((namespace, name), wanted.desired, before, &source).await;
        match written {
            Ok((outcome, known)) => {
                match outcome {
                    write::Outcome::Created => self.outcome.created += 1,
                    write::Outcome::Updated => self.outcome.updated += 1,
                    write::Outcome::Unchanged => {}
                }
                if outcome != write::Outcome::Unchanged {
                    self.context.metrics.secret_writes.inc();
                }
                self.outcome.entries.push(InventoryEntry {
                    id,
                    v: "v1".to_owned(),
                    uid: known.uid.clone(),
                    resource_version: known.resource_version.clone(),
                    file: wanted.file,
                    source,
                });
            }
            Err(error) => {
                if namespace == self.object.namespace().unwrap_or_default() {
                    self.refused.push(name.to_owned());
                }
                self.fail(wanted.file, &error);
                self.outcome.entries.extend(before.cloned());
            }
        }
    }

    async fn put(
        &self,
        (namespace, name): (&str, &str),
        mut desired: Desired,
        before: Option<&InventoryEntry>,
        source: &str,
    ) -> Result<(write::Outcome, Arc<Known>), write::Error> {
        let (own, sync) = names(self.object);
        if namespace == own {
            desired.metadata.owner_references = Some(vec![owner_reference(self.object)]);
        } else {
            // No owner reference reaches across namespaces; the inventory says what is ours.
            let ours = desired.metadata.labels.get_or_insert_default();
            ours.extend(labels(&own, &sync));
        }
        let seen = self
            .seen(namespace, name, before)
            .await
            .map_err(|source| write::Error::Request { name: name.to_owned(), source })?;
        let pristine = before.zip(seen.as_ref()).filter(|(entry, known)| is_entry(entry, known));
        let renewed = before.is_none_or(|entry| full(&entry.source) != source);
        if let Some((_, known)) = pristine.filter(|_| !renewed) {
            return Ok((write::Outcome::Unchanged, Arc::new(known.clone())));
        }
        let pristine = pristine.is_some();
        let adopts = match self.object.spec.conflict {
            Conflict::Fail => false,
            Conflict::Adopt => !seen.as_ref().is_some_and(is_of_a_tool),
            Conflict::Force => true,
        };
        let intent = Intent {
            rules: Rules::Owner,
            us: self.object.metadata.uid.as_deref().unwrap_or_default(),
            pristine,
            renewed,
            made: before.map(|entry| entry.uid.as_str()),
            adopts,
            seen,
        };
        self.secrets.put(intent, &desired).await
    }

    /// The Secret as last seen; it is asked for where the watch does not say.
    async fn seen(
        &self,
        namespace: &str,
        name: &str,
        before: Option<&InventoryEntry>,
    ) -> Result<Option<Known>, reconcile::request::Error> {
        match self.secrets.known(namespace, name) {
            Some(known) => Ok(Some(Known::clone(&known))),
            None if before.is_some() || self.object.spec.conflict != Conflict::Fail => {
                self.secrets.look_up(namespace, name).await
            }
            None => Ok(None),
        }
    }

    /// Deletes what is gone, unless a failure leaves it open whether it is.
    async fn prune(&mut self, gone: Vec<InventoryEntry>) {
        if !self.failures.is_empty() {
            self.outcome.entries.extend(gone);
            return;
        }
        if !self.object.spec.prune {
            return;
        }
        for entry in gone {
            let (namespace, name) = status::place(&entry);
            let us = self.object.uid().unwrap_or_default();
            let deleted = match self.secrets.look_up(namespace, name).await {
                Ok(seen) => {
                    self.secrets.delete(&us, &entry.uid, (namespace, name), seen.as_ref()).await
                }
                Err(source) => Err(write::Error::Request { name: name.to_owned(), source }),
            };
            match deleted {
                Ok(true) => {
                    self.context.metrics.secret_writes.inc();
                    self.outcome.deleted += 1;
                }
                Ok(false) => {}
                Err(error) => {
                    self.fail(entry.file.clone(), &error);
                    self.outcome.entries.push(entry);
                }
            }
        }
    }

    fn fail(&mut self, file: String, error: &write::Error) {
        let new = failure(error);
        match self.failures.get_mut(&file) {
            Some(failure) => failure.message = format!("{}; {}", failure.message, new.message),
            None => drop(self.failures.insert(file, new)),
        }
    }

    fn finish(self) -> Result<Applied, Error> {
        let mut outcome = self.outcome;
        for entry in &mut outcome.entries {
            // A file of which something is missing must be opened again.
            if self.failures.contains_key(&entry.file) && !entry.source.starts_with(PARTIAL) {
                entry.source.insert_str(0, PARTIAL);
            }
        }
        outcome.entries.sort_by(|a, b| a.id.cmp(&b.id));
        outcome.entries.dedup_by(|a, b| a.id == b.id);
        let applied = Applied::Looked(Box::new(outcome));
        if self.failures.is_empty() {
            Ok(applied)
        } else {
            Err(Error::Files { failures: self.failures, applied: Box::new(applied) })
        }
    }
}

fn failure(error: &write::Error) -> Failure {
    let causes =
        std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let mut message = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    if let Some(remedy) = error.remedy() {
        message.push_str("; ");
        message.push_str(&remedy);
    }
    Failure { cause: Cause::Secret(error.class()), message }
}

fn is_of_a_tool(known: &Known) -> bool {
    TOOLS.iter().any(|key| known.labels.contains_key(*key) || known.annotations.contains_key(*key))
}
