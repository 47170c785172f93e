//! The Secrets of one object, written together: what is new is made, what is gone is pruned.
//!
//! A Secret that cannot be written keeps its entry and stops nothing but pruning: while it is open
//! what should be there, nothing is known to be gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt as _};
use reconcile::{Class, Object};
use sealer_api::git_secret_sync::{Conflict, InventoryEntry};
use sealer_core::claim::Rules;

use super::{Context, names, owner_reference};
use crate::secrets::write::{self, Intent};
use crate::secrets::{Desired, Kind, Known, Owner, Secrets};

/// Labels and annotations by which other tools say that a Secret is theirs.
const TOOLS: [&str; 4] = [
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/name",
    "meta.helm.sh/release-name",
    "argocd.argoproj.io/tracking-id",
];

/// Marks the source of an entry whose file could not be applied as a whole.
const PARTIAL: &str = "partial:";

/// Whose Secrets they are, and what may be done for them.
#[derive(Clone, Debug)]
pub(super) struct Author {
    /// The object, as the watch of Secrets knows it.
    pub(super) owner: Owner,
    /// Its uid.
    pub(super) uid: String,
    /// What makes it the controller of Secrets in its own namespace.
    pub(super) reference: OwnerReference,
    /// Whose invitations count.
    pub(super) rules: Rules,
    /// What to do about a Secret that exists and is not its own.
    pub(super) conflict: Conflict,
    /// Whether a Secret is deleted when it is no longer wanted.
    pub(super) prune: bool,
}

/// What is to blame for a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The file.
    File,
    /// The keys: others may help.
    Keys,
    /// The Secret that is there, or whoever guards it; and who can help.
    Secret(Class),
}

/// Why a file or an object of it could not be used, on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What is to blame.
    pub(super) cause: Cause,
    /// The story, with the remedy.
    pub(super) message: String,
}

/// A Secret that should be there.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The Secret.
    pub(super) desired: Desired,
    /// Where it comes from: the path of its file.
    pub(super) file: String,
    /// The hash of what it is made of, as it is stored.
    pub(super) source: String,
}

/// What should be there.
#[derive(Debug, Default)]
pub(super) struct Planned {
    /// Entries of the inventory that stay as they are.
    pub(super) kept: Vec<InventoryEntry>,
    /// Secrets to write, by namespace and name.
    pub(super) wanted: BTreeMap<(String, String), Wanted>,
    /// Files that cannot be used, by path.
    pub(super) failures: BTreeMap<String, Failure>,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The inventory as it is now.
    pub(super) entries: Vec<InventoryEntry>,
    /// How many Secrets were made.
    pub(super) created: usize,
    /// How many were changed.
    pub(super) updated: usize,
    /// How many were deleted.
    pub(super) deleted: usize,
    /// What failed, by file.
    pub(super) failures: BTreeMap<String, Failure>,
    /// Secrets of the author's namespace that could not be written; a change of one may help.
    pub(super) refused: Vec<String>,
}

/// The id of a Secret in an inventory, as Flux writes it.
pub(super) fn id(namespace: &str, name: &str) -> String {
    format!("{namespace}_{name}__Secret")
}

/// Namespace and name of an entry. Neither can hold an underscore.
pub(super) fn place(entry: &InventoryEntry) -> (&str, &str) {
    let mut parts = entry.id.split('_');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// Whether `known` is the Secret of `entry`, unchanged since.
pub(super) fn is_entry(entry: &InventoryEntry, known: &Known) -> bool {
    entry.uid == known.uid && entry.resource_version == known.resource_version
}

/// The source of an entry, whether or not all of its file was applied.
fn full(source: &str) -> &str {
    source.strip_prefix(PARTIAL).unwrap_or(source)
}

impl Author {
    /// The author `object`, who adopts nothing and prunes.
    pub(super) fn of<K: Object + Resource<DynamicType = ()>>(kind: Kind, object: &K) -> Self {
        let (namespace, name) = names(object);
        Self {
            owner: Owner { kind, namespace, name },
            uid: object.uid().unwrap_or_default(),
            reference: owner_reference(object),
            rules: Rules::Owner,
            conflict: Conflict::Fail,
            prune: true,
        }
    }
}

/// Secrets that are about to be written.
pub(super) struct Batch<'b> {
    context: &'b Context,
    secrets: Secrets,
    author: &'b Author,
    before: BTreeMap<&'b str, &'b InventoryEntry>,
    wanted: BTreeMap<(String, String), Wanted>,
    gone: Vec<InventoryEntry>,
    done: Done,
}

impl<'b> Batch<'b> {
    /// What has to be done so that `planned` is there, after what `before` says was there.
    pub(super) fn new(
        context: &'b Context,
        author: &'b Author,
        before: &'b [InventoryEntry],
        planned: Planned,
    ) -> Self {
        let Planned { kept, wanted, failures } = planned;
        let is_kept = |id: &str| kept.iter().any(|entry| entry.id == id);
        let is_wanted =
            |id: &str| wanted.keys().any(|(namespace, name)| self::id(namespace, name) == id);
        let missing = before.iter().filter(|entry| !is_kept(&entry.id) && !is_wanted(&entry.id));
        Self {
            context,
            secrets: context.secrets.clone(),
            author,
            before: before.iter().map(|entry| (entry.id.as_str(), entry)).collect(),
            gone: missing.cloned().collect(),
            wanted,
            done: Done { entries: kept, failures, ..Done::default() },
        }
    }

    /// Whether there is nothing to write.
    pub(super) fn is_idle(&self) -> bool {
        self.wanted.is_empty() && self.gone.is_empty()
    }

    /// The same, written as whoever `secrets` acts as.
    #[must_use]
    pub(super) fn acting(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// Writes and prunes. What was refused wakes the author from now on when it changes.
    pub(super) async fn run(mut self) -> Done {
        for ((namespace, name), wanted) in std::mem::take(&mut self.wanted) {
            self.write(&namespace, &name, wanted).await;
        }
        self.context.secrets.refer_also(&self.author.owner, &self.done.refused);
        self.prune().await;
        self.finish()
    }

    /// Writes one Secret. A failure keeps the entry of what was written before.
    async fn write(&mut self, namespace: &str, name: &str, wanted: Wanted) {
        let id = id(namespace, name);
        let before = self.before.get(id.as_str()).copied();
        let Wanted { desired, file, source } = wanted;
        match self.put((namespace, name), desired, before, &source).await {
            Ok((outcome, known)) => {
                match outcome {
                    write::Outcome::Created => self.done.created += 1,
                    write::Outcome::Updated => self.done.updated += 1,
                    write::Outcome::Unchanged => {}
                }
                if outcome != write::Outcome::Unchanged {
                    self.context.metrics.secret_writes.inc();
                }
                self.done.entries.push(InventoryEntry {
                    id,
                    v: "v1".to_owned(),
                    uid: known.uid.clone(),
                    resource_version: known.resource_version.clone(),
                    file,
                    source,
                });
            }
            Err(error) => {
                if namespace == self.author.owner.namespace {
                    self.done.refused.push(name.to_owned());
                }
                self.fail(file, &error);
                self.done.entries.extend(before.cloned());
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
        let author = self.author;
        if namespace == author.owner.namespace {
            desired.metadata.owner_references = Some(vec![author.reference.clone()]);
        } else {
            // No owner reference reaches across namespaces; the inventory says what is ours.
            let ours = desired.metadata.labels.get_or_insert_default();
            ours.extend(author.owner.labels());
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
        let adopts = match author.conflict {
            Conflict::Fail => false,
            Conflict::Adopt => !seen.as_ref().is_some_and(is_of_a_tool),
            Conflict::Force => true,
        };
        let intent = Intent {
            rules: author.rules,
            us: &author.uid,
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
            None if before.is_some() || self.author.conflict != Conflict::Fail => {
                self.secrets.look_up(namespace, name).await
            }
            None => Ok(None),
        }
    }

    /// Deletes what is gone, unless a failure leaves it open whether it is.
    async fn prune(&mut self) {
        let gone = std::mem::take(&mut self.gone);
        if !self.done.failures.is_empty() {
            self.done.entries.extend(gone);
            return;
        }
        if !self.author.prune {
            return;
        }
        for entry in gone {
            match self.delete(&entry).await {
                Ok(true) => {
                    self.context.metrics.secret_writes.inc();
                    self.done.deleted += 1;
                }
                Ok(false) => {}
                Err(error) => {
                    self.fail(entry.file.clone(), &error);
                    self.done.entries.push(entry);
                }
            }
        }
    }

    async fn delete(&self, entry: &InventoryEntry) -> Result<bool, write::Error> {
        let (namespace, name) = place(entry);
        let seen = self.secrets.look_up(namespace, name).await;
        let seen =
            seen.map_err(|source| write::Error::Request { name: name.to_owned(), source })?;
        self.secrets.delete(&self.author.uid, &entry.uid, (namespace, name), seen.as_ref()).await
    }

    fn fail(&mut self, file: String, error: &write::Error) {
        let new = failure(error);
        match self.done.failures.get_mut(&file) {
            Some(failure) => failure.message = format!("{}; {}", failure.message, new.message),
            None => drop(self.done.failures.insert(file, new)),
        }
    }

    fn finish(self) -> Done {
        let mut done = self.done;
        for entry in &mut done.entries {
            // A file of which something is missing must be opened again.
            if done.failures.contains_key(&entry.file) && !entry.source.starts_with(PARTIAL) {
                entry.source.insert_str(0, PARTIAL);
            }
        }
        done.entries.sort_by(|a, b| a.id.cmp(&b.id));
        done.entries.dedup_by(|a, b| a.id == b.id);
        done
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
