//! SOPS files of a Git repository become Secrets.
//!
//! | verb | here |
//! |---|---|
//! | validate | globs, durations, where Secrets may go |
//! | observe | keys and credentials; the commit; the files whose blobs are new, decrypted |
//! | decide | say which Secrets should exist |
//! | apply | write what `claim` allows, as the ServiceAccount if one is named; prune |
//! | report | kstatus, revision, inventory |
//!
//! A file that cannot be used keeps what it gave before, and stops nothing but pruning.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{Stream, stream};
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use reconcile::phase::{is_due, until_due};
use reconcile::{Classify, Object, Reconciler, Report, Tasks, Watched, drive, event::Event};
use repo::Cache;
use sealer_api::git_secret_sync::InventoryEntry;
use sealer_api::{GitRepository, GitSecretSync, duration};
use source::Sources;

use super::batch::{is_entry, place};
use super::object::Destination;
use super::{Context, again, names, owner};
use crate::accounts::Accounts;
use crate::decryption::Own;
use crate::secrets::{Kind, Owner};

mod apply;
mod clear;
mod error;
mod files;
mod flavor;
mod glob;
mod kustomize;
mod look;
mod origin;
mod status;
#[cfg(test)]
mod tests;

use self::clear::Opener;
use self::error::Error;
use self::files::{File, Maker, Memory, Yield};
pub(super) use self::flavor::Flavor;
use self::flavor::{SYNC, Salt, salt};
use self::glob::Glob;
pub(super) use self::kustomize::Dress;
use self::look::Look;
pub(super) use self::look::Selection;
use self::origin::{Refers, Said};

/// What the controller needs besides the [`Context`].
pub struct Git {
    /// Where repositories are mirrored.
    pub cache: Cache,
    /// Who can write elsewhere.
    pub accounts: Accounts,
    /// Where repositories are, and how to log in.
    pub sources: Sources,
    /// The keys of those who name none.
    pub keys: Own,
}

/// Adds the controller to `tasks`.
pub fn start(context: &Context, git: Git, tasks: &mut Tasks) {
    let objects: Watched<GitSecretSync> = context.core.watch(tasks);
    let (syncer, moved) = Syncer::new(
        context,
        git,
        SYNC,
        (&objects, |object| object.spec.source_ref.as_ref()),
        tasks,
    );
    let wakes = stream::select(context.secrets.wakes(Kind::GitSecretSync), moved);
    let (core, secrets) = (context.core.clone(), context.secrets.clone());
    tasks.add("gitsecretsync", async move {
        secrets.ready().await;
        drive(core, Arc::new(syncer), objects, wakes).await;
    });
}

/// Makes Secrets of the files that a GitSecretSync names, or another kind that is read as one.
pub(super) struct Syncer {
    context: Context,
    git: Git,
    flavor: Flavor,
    /// Every GitRepository, watched once somebody refers to one.
    repositories: Watched<GitRepository>,
    memories: Mutex<HashMap<(String, String), Seen>>,
}

impl Syncer {
    /// A syncer of `objects`, and the wakes of those whose GitRepository says something else.
    pub(super) fn new<K: Object>(
        context: &Context,
        git: Git,
        flavor: Flavor,
        (objects, refers): (&Watched<K>, Refers<K>),
        tasks: &mut Tasks,
    ) -> (Self, impl Stream<Item = ObjectRef<K>> + Send + 'static + use<K>) {
        let referring = origin::is_referred_to(objects.clone(), refers);
        let repositories = context.core.watch_referents_once(referring, tasks);
        let moved = origin::wakes(objects.clone(), &repositories, refers);
        let (context, memories) = (context.clone(), Mutex::default());
        (Self { context, git, flavor, repositories, memories }, moved)
    }
}

/// What a valid GitSecretSync means.
pub(super) struct Valid {
    pub(super) selection: Selection,
    destination: Destination,
}

/// What the world looks like.
pub(super) enum Observed {
    /// As it was left; it is not time to look.
    Settled,
    /// A commit.
    Commit(Box<Looked>),
}

/// A commit, and what opens its files.
pub(super) struct Looked {
    revision: String,
    files: Vec<File>,
    memory: Arc<Memory>,
}

/// What should be done.
pub(super) enum Plan {
    /// Nothing.
    Settled,
    /// These Secrets should exist.
    Apply {
        /// The revision they are of.
        revision: String,
        /// The Secrets, and what is wrong.
        result: Box<Yield>,
    },
}

/// What was done.
#[derive(Debug)]
pub(super) enum Applied {
    /// Nothing.
    Settled,
    /// What a commit says.
    Looked(Box<Outcome>),
}

/// What became of a commit.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    revision: String,
    entries: Vec<InventoryEntry>,
    created: usize,
    updated: usize,
    deleted: usize,
    warnings: Vec<String>,
}

/// What this process knows of an object.
struct Seen {
    memory: Arc<Memory>,
    /// When its repository was last looked at, or else when the object was first seen.
    looked: Timestamp,
    /// What its GitRepository said then.
    said: Option<Said>,
}

impl Reconciler for Syncer {
    type Object = GitSecretSync;
    type Valid = Valid;
    type Observed = Observed;
    type Plan = Plan;
    type Applied = Applied;
    type Error = Error;

    const NAME: &'static str = "gitsecretsync";

    fn suspended(&self, object: &GitSecretSync) -> bool {
        object.spec.suspend
    }

    fn validate(&self, object: &GitSecretSync) -> Result<Valid, Error> {
        let (namespace, _) = names(object);
        let spec = &object.spec;
        let mut broken = spec.violations(&namespace);
        broken.retain(|rule| !(self.flavor.anywhere && rule.field == "spec.targetNamespace"));
        if !broken.is_empty() {
            return Err(Error::Invalid(broken));
        }
        if !self.git.accounts.exist() && spec.service_account_name.is_some() {
            return Err(Error::NoAccounts);
        }
        let globs = |texts: &[String]| texts.iter().map(|text| Glob::new(text)).collect::<Vec<_>>();
        let include = if spec.include.is_empty() {
            vec![Glob::new("**/*.yaml"), Glob::new("**/*.yml")]
        } else {
            globs(&spec.include)
        };
        let destination = Destination {
            kind: self.flavor.name,
            own: namespace,
            target: spec.target_namespace.clone(),
            anywhere: self.flavor.anywhere || spec.service_account_name.is_some(),
        };
        let selection = Selection::Globs { include, exclude: globs(&spec.exclude) };
        Ok(Valid { selection, destination })
    }

    async fn observe(&self, object: &GitSecretSync, valid: &Valid) -> Result<Observed, Error> {
        let repository = self.referred(object).await;
        let read = origin::secret_names(object, repository.as_deref());
        self.context.secrets.refer(&owner(self.flavor.kind, object), read);
        let said = repository.as_deref().map(Said::of);
        let Some(memory) = self.memory(object, said) else { return Ok(Observed::Settled) };
        let keys = origin::keys(&self.context, &self.git.keys, object).await?;
        let problem = self.repositories.problem();
        let source = origin::of(&self.git.sources, object, repository.as_deref(), problem).await?;
        let Some(source) = source else { return Ok(Observed::Settled) };
        let look = Look {
            cache: self.git.cache.clone(),
            source,
            path: object.spec.path.clone(),
            selection: valid.selection.clone(),
            salt: salt(object),
            settled: self.settled(object, &memory),
            memory: Arc::clone(&memory),
            opener: Opener {
                keys: Arc::new(keys),
                secret: object.spec.decryption.secret_ref.as_ref().map(|it| it.name.clone()),
                mac: object.spec.mac_check,
                nested: matches!(valid.selection, Selection::Kustomizations(_)),
            },
        };
        let (revision, files) = look.run().await?;
        Ok(Observed::Commit(Box::new(Looked { revision, files, memory })))
    }

    fn decide(
        &self,
        object: &GitSecretSync,
        valid: &Valid,
        observed: Observed,
    ) -> Result<Plan, Error> {
        let Observed::Commit(looked) = observed else { return Ok(Plan::Settled) };
        let Looked { revision, files, memory } = *looked;
        let (destination, salt) = (&valid.destination, salt(object));
        let maker = Maker { destination, salt: &salt, memory: &memory };
        let result = maker.make(files, status::inventory(object));
        self.context.metrics.files_decrypted.inc_by(result.decrypted);
        Ok(Plan::Apply { revision, result: Box::new(result) })
    }

    async fn apply(&self, object: &GitSecretSync, _: &Valid, plan: Plan) -> Result<Applied, Error> {
        match plan {
            Plan::Settled => Ok(Applied::Settled),
            Plan::Apply { revision, result } => {
                let (accounts, author) = (&self.git.accounts, self.flavor.author(object));
                let result = (revision, *result);
                let done = apply::apply(&self.context, accounts, &author, object, result).await;
                self.note_afar(object, &done);
                done
            }
        }
    }

    fn report(
        &self,
        object: &GitSecretSync,
        outcome: Result<&Applied, &Error>,
        now: Timestamp,
    ) -> Report {
        let mut report = Report::status(&status::of(object, outcome, now));
        let applied = outcome.ok().or_else(|| outcome.err().and_then(Error::applied));
        if let Some(Applied::Looked(done)) = applied {
            if done.created + done.updated + done.deleted > 0 {
                report = report.telling(Event::normal("ReconciliationSucceeded", done.to_string()));
            }
            for warning in &done.warnings {
                report = report.telling(Event::warning("MacMismatch", warning));
            }
        }
        let interval = duration::parse(&object.spec.interval);
        let due =
            interval.map(|interval| until_due(&object.uid().unwrap_or_default(), interval, now));
        again(report, outcome.err().map(Classify::class), due)
    }

    fn forget(&self, namespace: Option<&str>, name: &str) {
        let namespace = namespace.unwrap_or_default();
        let owner = Owner {
            kind: self.flavor.kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        self.context.secrets.refer(&owner, None::<&str>);
        self.memories().remove(&(namespace.to_owned(), name.to_owned()));
    }
}

impl Syncer {
    /// What is remembered of the object, or nothing when it is not due and everything is as its
    /// status and its GitRepository say: then there is nothing to look at, whoever woke it.
    fn memory(&self, object: &GitSecretSync, said: Option<Said>) -> Option<Arc<Memory>> {
        let now = self.context.core.clock.now();
        let mut memories = self.memories();
        let seen = memories.entry(names(object)).or_insert_with(|| Seen {
            memory: Arc::default(),
            looked: now,
            // After a restart there is news when another commit was fetched meanwhile.
            said: said.clone().filter(|said| said.is_known_to(object)),
        });
        let moved = seen.said != said;
        let interval = duration::parse(&object.spec.interval);
        let uid = object.uid().unwrap_or_default();
        let due = interval.is_none_or(|interval| is_due(&uid, interval, Some(seen.looked), now));
        let settled =
            !due && !moved && status::is_current(object) && self.is_intact(object, &seen.memory);
        if settled {
            return None;
        }
        (seen.looked, seen.said) = (now, said);
        Some(Arc::clone(&seen.memory))
    }

    /// The GitRepository that `object` refers to, once it is known which there are.
    async fn referred(&self, object: &GitSecretSync) -> Option<Arc<GitRepository>> {
        let source = object.spec.source_ref.as_ref()?;
        self.repositories.told().await;
        self.repositories.get(object.namespace().as_deref(), &source.name)
    }

    /// Whether every Secret of the inventory is as it was written.
    fn is_intact(&self, object: &GitSecretSync, memory: &Memory) -> bool {
        status::inventory(object).iter().all(|entry| self.is_recorded(entry, memory))
    }

    fn is_recorded(&self, entry: &InventoryEntry, memory: &Memory) -> bool {
        let (namespace, name) = place(entry);
        let known = self.context.secrets.known(namespace, name);
        let seen = known.is_some_and(|known| is_entry(entry, &known));
        seen || (self.is_afar(entry) && memory.has_afar(entry))
    }

    /// Whether no watch of ours sees the Secret of `entry`.
    fn is_afar(&self, entry: &InventoryEntry) -> bool {
        let watched = self.context.core.scope.namespace.as_deref();
        watched.is_some_and(|watched| watched != place(entry).0)
    }

    /// What nobody watches is remembered, or each look would have to decrypt it again.
    fn note_afar(&self, object: &GitSecretSync, done: &Result<Applied, Error>) {
        let applied = done.as_ref().ok().or_else(|| done.as_ref().err().and_then(Error::applied));
        let memory = self.memories().get(&names(object)).map(|seen| Arc::clone(&seen.memory));
        if let (Some(Applied::Looked(looked)), Some(memory)) = (applied, memory) {
            memory.wrote_afar(looked.entries.iter().filter(|entry| self.is_afar(entry)));
        }
    }

    /// The files, with the hash of their source, all of whose Secrets are as they were written.
    fn settled(&self, object: &GitSecretSync, memory: &Memory) -> BTreeSet<(String, String)> {
        let mut files: BTreeMap<&str, (bool, &str)> = BTreeMap::new();
        for entry in status::inventory(object) {
            let state = files.entry(&entry.file).or_insert((true, &entry.source));
            state.0 &= state.1 == entry.source && self.is_recorded(entry, memory);
        }
        let settled = files.into_iter().filter(|(_, (settled, _))| *settled);
        settled.map(|(file, (_, source))| (file.to_owned(), source.to_owned())).collect()
    }

    fn memories(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Seen>> {
        // Every change is one call, so a panic elsewhere leaves it sound.
        self.memories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { revision, created, updated, deleted, .. } = self;
        write!(
            f,
            "Applied revision: {revision}: {created} Secrets created, {updated} changed, {deleted} deleted"
        )
    }
}
