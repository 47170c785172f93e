//! A repository on this machine, read and written in place.
//!
//! A `file` remote needs no copy and no conversation: its object database is the mirror, and a push
//! writes loose objects and swaps the reference under Git's own lock. The checks that
//! `git receive-pack` would make are made here, hooks included.

mod hook;

use std::{path::PathBuf, sync::Arc, time::Duration};

use gix::{
    ObjectId,
    refs::{
        Target,
        transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog},
    },
};

use crate::{
    Commit, Draft, Error, Expect, Fetched, Outcome, Push, Reference, RemoteRef, SafeUrl,
    error::Source, objects::Objects, report,
};
use hook::{Hooks, Verdict};

/// A repository on this machine.
pub(crate) struct Local {
    pub(crate) path: PathBuf,
    pub(crate) timeout: Duration,
}

impl Local {
    /// The repository as it is now.
    pub(crate) fn open(&self) -> Result<Arc<Objects>, Error> {
        Objects::open(&self.path).map(Arc::new).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: impl Into<Source>) -> Error {
        Error::Local { path: self.path.clone(), source: source.into() }
    }

    pub(crate) fn refs(&self, prefix: &str) -> Result<Vec<RemoteRef>, Error> {
        let repo = self.open()?.handle();
        let mut refs = Vec::new();
        let platform = repo.references().map_err(|source| self.failed(source))?;
        for found in platform.all().map_err(|source| self.failed(source))? {
            let mut found = found.map_err(|source| self.failed(source.to_string()))?;
            let Ok(name) = String::from_utf8(found.name().as_bstr().to_vec()) else { continue };
            if !name.starts_with(prefix) {
                continue;
            }
            let target = found.target().try_name().map(|name| name.as_bstr().to_string());
            let Ok(peeled) = found.peel_to_id() else { continue };
            let peeled = peeled.detach();
            let id = repo
                .find_reference(&*name)
                .ok()
                .and_then(|found| found.target().try_id().map(ToOwned::to_owned));
            let id = id.unwrap_or(peeled);
            refs.push(RemoteRef { name, id, peeled: (id != peeled).then_some(peeled), target });
        }
        refs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(refs)
    }

    pub(crate) fn fetch(&self, url: &SafeUrl, wanted: &Reference) -> Result<Fetched, Error> {
        let objects = self.open()?;
        let repo = objects.handle();
        let absent = || {
            let empty = self.refs("refs/").is_ok_and(|refs| refs.is_empty());
            Error::NoSuchReference { url: url.clone(), reference: wanted.to_string(), empty }
        };
        let name = match (wanted, wanted.full_name()) {
            (Reference::Commit(_), _) => None,
            (Reference::SemVer(range), _) => {
                let tags = self.refs(crate::reference::TAGS)?;
                Some(range.highest(tags).ok_or_else(absent)?.name)
            }
            (_, Some(name)) => Some(name),
            (_, None) => {
                let head = repo.head_name().map_err(|source| self.failed(source))?;
                Some(head.map_or_else(|| "HEAD".to_owned(), |name| name.as_bstr().to_string()))
            }
        };
        let id = match (wanted, &name) {
            (Reference::Commit(id), _) if repo.has_object(id) => *id,
            (_, Some(name)) => self.target(&repo, name)?.ok_or_else(absent)?,
            (_, None) => return Err(absent()),
        };
        let object = repo.find_object(id).map_err(|source| objects.corrupt(id, source))?;
        let not_a_commit =
            |_| Error::NotACommit { url: url.clone(), reference: wanted.to_string() };
        let peeled = object.peel_to_kind(gix::objs::Kind::Commit).map_err(not_a_commit)?.id;
        Ok(Fetched { commit: Commit::read(&objects, peeled)?, name, received: 0, rebuilt: None })
    }

    /// What the reference `name` points at.
    fn target(&self, repo: &gix::Repository, name: &str) -> Result<Option<ObjectId>, Error> {
        let found = repo.try_find_reference(name).map_err(|source| self.failed(source))?;
        let Some(mut found) = found else { return Ok(None) };
        match found.target().try_id() {
            Some(id) => Ok(Some(id.to_owned())),
            None => Ok(found.peel_to_id().ok().map(gix::Id::detach)),
        }
    }

    /// Does what `git receive-pack` would do.
    pub(crate) fn update(
        &self,
        url: &SafeUrl,
        draft: Option<&Draft>,
        push: &Push,
    ) -> Result<Outcome, Error> {
        let objects = self.open()?;
        let repo = objects.handle();
        let old = self.target(&repo, &push.target)?;
        let new = draft.map(|draft| draft.id);
        if old == new {
            return Ok(Outcome::UpToDate);
        }
        match push.expect {
            Expect::Is(id) if old != Some(id) => return Ok(Outcome::Stale { actual: old }),
            Expect::Absent if old.is_some() => return Ok(Outcome::Stale { actual: old }),
            Expect::Is(_) | Expect::Absent | Expect::Any => {}
        }
        let takes = repo.config_snapshot().boolean("receive.advertisePushOptions").unwrap_or(false);
        if !push.options.is_empty() && !takes {
            return Err(Error::PushOptions { url: url.clone() });
        }
        if let Some(draft) = draft {
            draft.write(&objects)?;
        }
        let rejected = |reason: &str, words: &[u8]| Outcome::Rejected {
            reference: push.target.clone(),
            reason: reason.to_owned(),
            server_words: report::tidy(words, &[]),
        };
        if let Some(reason) = self.denied(&repo, &push.target, old, new)? {
            return Ok(rejected(reason, b""));
        }
        let hooks = Hooks::of(&repo, push, old, new, self.timeout);
        let mut words = Vec::new();
        match hooks.before().map_err(|source| self.failed(source))? {
            Verdict::Accepted(said) => words.extend(said),
            Verdict::Declined { reason, words } => return Ok(rejected(&reason, &words)),
        }
        if let Err(source) = swap(&repo, draft, &push.target, old) {
            let now = self.target(&repo, &push.target)?;
            return if now == old {
                Err(self.failed(source))
            } else {
                Ok(Outcome::Stale { actual: now })
            };
        }
        words.extend(hooks.after().map_err(|source| self.failed(source))?);
        Ok(Outcome::Pushed { old, new, server_words: report::tidy(&words, &[]) })
    }

    /// Why the repository's configuration refuses the update, if it does.
    fn denied(
        &self,
        repo: &gix::Repository,
        name: &str,
        old: Option<ObjectId>,
        new: Option<ObjectId>,
    ) -> Result<Option<&'static str>, Error> {
        let config = repo.config_snapshot();
        let is = |key: &str| config.boolean(key).unwrap_or(false);
        let head = repo.head_name().map_err(|source| self.failed(source))?;
        let checked_out = !repo.is_bare() && head.is_some_and(|head| head.as_bstr() == name);
        let allowed = config.string("receive.denyCurrentBranch").is_some_and(|value| {
            matches!(
                value.to_string().to_ascii_lowercase().as_str(),
                "ignore" | "warn" | "false" | "no" | "off" | "0"
            )
        });
        if checked_out && !allowed {
            return Ok(Some("branch is currently checked out"));
        }
        match (old, new) {
            (Some(_), None) if is("receive.denyDeletes") => Ok(Some("deletion prohibited")),
            (Some(old), Some(new)) if is("receive.denyNonFastForwards") => {
                let forward = descends(repo, new, old).map_err(|source| self.failed(source))?;
                Ok((!forward).then_some("non-fast-forward"))
            }
            _ => Ok(None),
        }
    }
}

/// Moves the reference, if it still points at `old`.
fn swap(
    repo: &gix::Repository,
    draft: Option<&Draft>,
    name: &str,
    old: Option<ObjectId>,
) -> Result<(), Source> {
    let expected = match old {
        Some(old) => PreviousValue::MustExistAndMatch(Target::Object(old)),
        None => PreviousValue::MustNotExist,
    };
    let change = match draft {
        Some(draft) => Change::Update {
            log: LogChange {
                mode: RefLog::AndReference,
                force_create_reflog: false,
                message: "push".into(),
            },
            expected,
            new: Target::Object(draft.id),
        },
        None => Change::Delete { expected, log: RefLog::AndReference },
    };
    let edit = RefEdit { change, name: name.try_into()?, deref: false };
    let mut time = gix::date::parse::TimeBuf::default();
    let committer = draft.map(|draft| draft.committer.to_ref(&mut time));
    repo.edit_references_as([edit], committer)?;
    Ok(())
}

/// Whether `ancestor` is in the history of `commit`, as far as that is here.
fn descends(repo: &gix::Repository, commit: ObjectId, ancestor: ObjectId) -> Result<bool, Source> {
    let mut seen = std::collections::HashSet::from([commit]);
    let mut waiting = std::collections::VecDeque::from([commit]);
    while let Some(id) = waiting.pop_front() {
        if id == ancestor {
            return Ok(true);
        }
        let Some(object) = repo.try_find_object(id)? else { continue };
        let parents: Vec<ObjectId> =
            object.try_into_commit()?.parent_ids().map(gix::Id::detach).collect();
        waiting.extend(parents.into_iter().filter(|parent| seen.insert(*parent)));
    }
    Ok(false)
}
