//! A remote as seen by one identity: fetch, and push with compare-and-swap.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use gix::ObjectId;

use crate::guard::lock;
use crate::{
    Commit, Draft, Edit, Error, Expect, Identity, Memory, Outcome, Push, Reference, Remote,
    RemoteRef, SafeUrl,
    cache::Inner,
    local::Local,
    reference,
    store::{State, Store},
    wire::{Fetch, Session, Want, push},
};

/// A remote as seen by one identity.
///
/// Operations on one repository are made one after the other, whoever asks. All of them block.
pub struct Mirror {
    remote: Arc<Remote>,
    dir: PathBuf,
    home: Home,
    /// Commits that the remote showed to these credentials.
    proved: Mutex<HashSet<ObjectId>>,
}

enum Home {
    /// A local repository is its own mirror.
    Local(Local),
    Stored {
        store: Arc<Store>,
        cache: Arc<Inner>,
    },
}

/// What a fetch found.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The commit.
    pub commit: Commit,
    /// The full name of the reference that led to it; `None` for a commit given by its id.
    pub name: Option<String>,
    /// How many objects were received: 0 when everything was there.
    pub received: u32,
    /// Whether and why the mirror was made anew on the way. Report it.
    pub rebuilt: Option<Rebuilt>,
}

/// Why a mirror was made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rebuilt {
    /// Something in it could not be read.
    Corrupt {
        /// Where it was put.
        aside: PathBuf,
        /// What could not be read.
        why: String,
    },
    /// It had collected too many packs.
    Packs {
        /// How many.
        packs: usize,
    },
    /// It had outgrown what a new one needs.
    Size {
        /// Its size.
        bytes: u64,
        /// Its size when it was new.
        fresh: u64,
    },
}

impl Mirror {
    pub(crate) fn local(remote: Remote, dir: PathBuf) -> Result<Self, Error> {
        let path = remote.url.directory().ok_or(Error::Scheme { scheme: "file".to_owned() })?;
        let home = Home::Local(Local { path, timeout: remote.timeouts.operation });
        Ok(Self { remote: Arc::new(remote), dir, home, proved: Mutex::default() })
    }

    pub(crate) fn stored(remote: Remote, store: Arc<Store>, cache: Arc<Inner>) -> Self {
        let dir = store.dir().to_owned();
        Self {
            remote: Arc::new(remote),
            dir,
            home: Home::Stored { store, cache },
            proved: Mutex::default(),
        }
    }

    /// The remote's address.
    pub fn url(&self) -> &SafeUrl {
        &self.remote.url
    }

    /// The remote's identity; see [`Remote::identity`].
    pub fn identity(&self) -> Identity {
        self.remote.identity()
    }

    /// The memory called `name`, kept beside this mirror.
    ///
    /// Put a version of what is looked for into the name. One memory is used by one scan at a time.
    pub fn memory(&self, name: &str) -> Result<Memory, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        if !name.chars().all(plain) {
            return Err(Error::Path {
                path: name.to_owned(),
                why: "a memory's name is letters, digits, `-` and `.`",
            });
        }
        Memory::open(self.dir.join(format!("memory-{name}")))
    }

    /// The references whose full names begin with `prefix`, such as `refs/tags/`; sorted by name.
    pub fn refs(&self, prefix: &str) -> Result<Vec<RemoteRef>, Error> {
        match &self.home {
            Home::Local(local) => local.refs(prefix),
            Home::Stored { .. } => Session::read(&self.remote)?.refs(&[prefix]),
        }
    }

    /// The commit that `wanted` leads to, and everything it holds.
    ///
    /// The remote is asked first, always, and with this mirror's credentials; objects are received
    /// only when they are not there. Fails with [`Error::NoSuchReference`] for an unborn branch.
    pub fn fetch(&self, wanted: &Reference) -> Result<Fetched, Error> {
        if let Some(name) = wanted.full_name().filter(|name| !reference::is_valid(name)) {
            return Err(Error::Name { name });
        }
        match &self.home {
            Home::Local(local) => local.fetch(&self.remote.url, wanted),
            Home::Stored { store, cache } => {
                let mut state = store.lock();
                let fetched = self.fetch_stored(&mut state, cache.budget(), wanted)?;
                state.touch()?;
                drop(state);
                self.prove(fetched.commit.id);
                if fetched.received > 0 {
                    cache.trim();
                }
                Ok(fetched)
            }
        }
    }

    fn fetch_stored(
        &self,
        state: &mut State,
        limit: u64,
        wanted: &Reference,
    ) -> Result<Fetched, Error> {
        let mut session = Session::read(&self.remote)?;
        let (name, id) = match self.resolve(&mut session, wanted) {
            Err(Error::NoSuchReference { url, reference, empty }) => {
                if let Some(name) = wanted.full_name() {
                    state.record(&name, None)?;
                }
                return Err(Error::NoSuchReference { url, reference, empty });
            }
            resolved => resolved?,
        };
        let tip = name.clone().unwrap_or_else(|| format!("refs/signet/{id}"));
        let trusted = name.is_some() || lock(&self.proved).contains(&id);
        let had = trusted && state.tips.values().any(|tip| *tip == id);
        let mut fetched = match had.then(|| state.commit(id)) {
            Some(Ok(commit)) => Fetched { commit, name: None, received: 0, rebuilt: None },
            Some(Err(_)) | None => self.receive(state, session, id, limit)?,
        };
        state.record(&tip, Some(id))?;
        fetched.name = name;
        Ok(fetched)
    }

    /// Which object `wanted` is, and under which name.
    fn resolve(
        &self,
        session: &mut Session,
        wanted: &Reference,
    ) -> Result<(Option<String>, ObjectId), Error> {
        let name = match (wanted, wanted.full_name()) {
            (Reference::Commit(id), _) => return Ok((None, *id)),
            (Reference::SemVer(range), _) => {
                let tags = session.refs(&[reference::TAGS])?;
                let empty = tags.is_empty() && session.refs(&["refs/"])?.is_empty();
                let (url, reference) = (self.remote.url.clone(), wanted.to_string());
                let absent = Error::NoSuchReference { url, reference, empty };
                return range.highest(tags).map(|tag| (Some(tag.name), tag.id)).ok_or(absent);
            }
            (_, Some(name)) => name,
            (_, None) => "HEAD".to_owned(),
        };
        let found = session.refs(&[&name])?.into_iter().find(|found| found.name == name);
        let Some(found) = found else {
            let empty = session.refs(&["refs/"])?.is_empty();
            let (url, reference) = (self.remote.url.clone(), wanted.to_string());
            return Err(Error::NoSuchReference { url, reference, empty });
        };
        Ok((Some(found.target.unwrap_or(found.name)), found.id))
    }

    /// Receives `id`, into a new generation when the present one is due.
    fn receive(
        &self,
        state: &mut State,
        session: Session,
        id: ObjectId,
        limit: u64,
    ) -> Result<Fetched, Error> {
        if let Some(why) = state.due()? {
            return renew(state, session, id, limit, why);
        }
        let error = match receive_into(state, session, id, limit) {
            Ok((commit, received)) => {
                state.grown()?;
                return Ok(Fetched { commit, name: None, received, rebuilt: None });
            }
            Err(error) => error,
        };
        if state.tips.is_empty() || !matches!(error, Error::Protocol { .. } | Error::Corrupt { .. })
        {
            return Err(error);
        }
        // What we have may not be what it seemed. If it comes whole from nothing, that was it; if
        // not, it was the server, and what we have stays.
        let why = Rebuilt::Corrupt { aside: state.aside(), why: error.to_string() };
        renew(state, Session::read(&self.remote)?, id, limit, why)
    }

    /// Starts a history: for a repository without commits, or a branch without parents.
    pub fn unborn(&self) -> Result<Edit, Error> {
        Ok(Edit::unborn(match &self.home {
            Home::Local(local) => local.open()?,
            Home::Stored { store, .. } => Arc::clone(&store.lock().objects),
        }))
    }

    /// Makes `push.target` point at `draft`, if it points where `push` expects.
    ///
    /// A push is not forced: it is compare-and-swap, so a target that is not an ancestor may be
    /// replaced, but only by those who know what they replace. The server may have its own mind.
    /// After [`Outcome::Pushed`], a fetch of the target receives nothing.
    pub fn push(&self, draft: &Draft, push: &Push) -> Result<Outcome, Error> {
        self.update(Some(draft), push)
    }

    /// Deletes the reference `push.target`, if it points where `push` expects.
    pub fn delete(&self, push: &Push) -> Result<Outcome, Error> {
        self.update(None, push)
    }

    fn update(&self, draft: Option<&Draft>, push: &Push) -> Result<Outcome, Error> {
        let target = &push.target;
        let broken = push.options.iter().any(|option| option.contains(['\n', '\0']));
        if !reference::is_valid(target) || broken {
            return Err(Error::Name { name: target.clone() });
        }
        match &self.home {
            Home::Local(local) => local.update(&self.remote.url, draft, push),
            Home::Stored { store, .. } => {
                let mut state = store.lock();
                let outcome = self.send(draft, push)?;
                match self.learn(&mut state, draft, target, &outcome) {
                    // What was pushed stays pushed; a full disk makes the next fetch receive it.
                    Ok(()) | Err(Error::Local { .. } | Error::Disk { .. }) => Ok(outcome),
                    Err(error) => Err(error),
                }
            }
        }
    }

    fn send(&self, draft: Option<&Draft>, push: &Push) -> Result<Outcome, Error> {
        let mut session = Session::write(&self.remote)?;
        let old = session.current(&push.target)?;
        let new = draft.map(|draft| draft.id);
        if old == new {
            return Ok(Outcome::UpToDate);
        }
        match push.expect {
            Expect::Is(id) if old != Some(id) => return Ok(Outcome::Stale { actual: old }),
            Expect::Absent if old.is_some() => return Ok(Outcome::Stale { actual: old }),
            Expect::Is(_) | Expect::Absent | Expect::Any => {}
        }
        let pack = draft.map(Draft::pack).transpose()?.unwrap_or_default();
        let command = push::Command { name: &push.target, old, new, pack, options: &push.options };
        let report = match session.push(&command) {
            Ok(report) => report,
            Err(error) => return self.settle(&push.target, old, new, error),
        };
        let Some(reason) = report.refused else {
            return Ok(Outcome::Pushed { old, new, server_words: report.words });
        };
        // The server compares too. Whether it lost a race or said no shows in where the ref is now.
        let now = Session::write(&self.remote)?.current(&push.target)?;
        if now != old {
            return Ok(Outcome::Stale { actual: now });
        }
        Ok(Outcome::Rejected { reference: push.target.clone(), reason, server_words: report.words })
    }

    /// What became of a push whose answer was lost.
    fn settle(
        &self,
        name: &str,
        old: Option<ObjectId>,
        new: Option<ObjectId>,
        error: Error,
    ) -> Result<Outcome, Error> {
        let lost = matches!(
            error,
            Error::Protocol { .. } | Error::Unreachable { .. } | Error::Timeout { .. }
        );
        if !lost {
            return Err(error);
        }
        match Session::write(&self.remote).and_then(|mut session| session.current(name)) {
            Ok(now) if now == new => Ok(Outcome::Pushed { old, new, server_words: String::new() }),
            Ok(_) | Err(_) => Err(error),
        }
    }

    /// Keeps what was pushed, so that the next fetch receives nothing.
    fn learn(
        &self,
        state: &mut State,
        draft: Option<&Draft>,
        target: &str,
        outcome: &Outcome,
    ) -> Result<(), Error> {
        match (outcome, draft) {
            // A mirror made anew meanwhile may lack what the draft builds on.
            (Outcome::Pushed { .. }, Some(draft)) if Arc::ptr_eq(&draft.base, &state.objects) => {
                draft.write(&state.objects)?;
                state.record(target, Some(draft.id))?;
                self.prove(draft.id);
            }
            (Outcome::Pushed { .. }, None) => state.record(target, None)?,
            (Outcome::Rejected { reason, .. }, _)
                if reason.contains("missing necessary objects") =>
            {
                state.objects.suspect(reason.clone());
            }
            _ => {}
        }
        Ok(())
    }

    fn prove(&self, id: ObjectId) {
        lock(&self.proved).insert(id);
    }
}

/// Receives `id` into a new generation, which then replaces the present one.
fn renew(
    state: &mut State,
    session: Session,
    id: ObjectId,
    limit: u64,
    why: Rebuilt,
) -> Result<Fetched, Error> {
    let mut successor = state.successor()?;
    match receive_into(&mut successor, session, id, limit) {
        Ok((commit, received)) => {
            state.replace(successor, &why)?;
            Ok(Fetched { commit, name: None, received, rebuilt: Some(why) })
        }
        Err(error) => {
            successor.objects.doom();
            Err(error)
        }
    }
}

/// Receives `id` into `state`.
fn receive_into(
    state: &mut State,
    session: Session,
    id: ObjectId,
    limit: u64,
) -> Result<(Commit, u32), Error> {
    let haves = state.haves();
    let repo = state.objects.handle();
    let want = Want { id, haves: &haves, shallow: &state.shallow, limit };
    let Fetch { received, shallow, unshallow } = session.fetch(&repo, &want)?;
    state.deepen(&shallow, &unshallow)?;
    Ok((state.commit(id)?, received.objects))
}
