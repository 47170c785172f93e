//! Commits and pushes the edits, again when somebody was faster.

use std::sync::Arc;

use imagebot_api::{ImageUpdateAutomation, image_update_automation::Author};
use imagebot_core::{
    plan::{self, Observed, Plan, Push as Planned, Target as Goal},
    proposal::{Decision, Left},
};
use kube::ResourceExt as _;
use repo::{
    Commit, Draft, Edit, Expect, Mirror, NewCommit, ObjectId, Outcome, Push, Rebuilt, Signature,
};
use tokio::task::spawn_blocking;

use super::{
    Error, Found, ImageUpdateAutomations, Valid,
    edits::{self, Edits},
    look::{Look, look},
    memo::Pushed,
    report::Done,
    target::{Further, Target},
};

/// How often a race is run again before it is left to the next try.
const TRIES: usize = 5;

/// What became of a push.
enum Sent {
    /// The branch has it now, and what is pushed besides too, unless it was refused.
    Commit(ObjectId, Option<Refusal>),
    /// Somebody was faster: nothing was sent.
    Stale,
    /// The server refused.
    Refused(Refusal),
}

/// What was refused, by the server or by ourselves.
struct Refusal {
    reference: String,
    reason: String,
    words: String,
}

impl ImageUpdateAutomations {
    /// Makes the branch have `edits`, and the pull request say so where there should be one.
    pub(super) async fn carry_out(
        &self,
        object: &ImageUpdateAutomation,
        valid: &Valid,
        mut found: Box<Found>,
        mut edits: Edits,
    ) -> Result<Done, Error> {
        for _ in 0..TRIES {
            self.telemetry.undone(object, edits.notes.len());
            let draft = self.draft(object, valid, &found, &edits).await?;
            let (push, decision) = match plan(object, valid, &found, &edits, draft.as_ref()) {
                Plan::Nothing => (None, Decision::Leave(Left::Unwanted)),
                Plan::Push(push) => (Some(push), Decision::Leave(Left::Unwanted)),
                Plan::Propose { push, decision } => (push, decision),
            };
            let sent = match (push, draft) {
                (Some(push), Some(draft)) => Some(self.send(&found, draft, push).await?),
                _ => None,
            };
            match sent {
                None => return self.finish(valid, &found, edits, (decision, None)).await,
                Some(Sent::Commit(commit, refused)) => {
                    self.telemetry.pushed("pushed");
                    self.remember(object, &edits, commit);
                    self.announce(object).await;
                    if let Some(refusal) = refused {
                        return Err(refusal.into());
                    }
                    let end = (decision, Some(commit));
                    return self.finish(valid, &found, edits, end).await;
                }
                Some(Sent::Stale) => {
                    self.telemetry.pushed("stale");
                    found = self.look_again(found).await?;
                    edits = edits::of(object, valid, &found)?;
                }
                Some(Sent::Refused(refusal)) => {
                    self.telemetry.pushed("rejected");
                    return Err(refusal.into());
                }
            }
        }
        Err(Error::Raced { branch: found.target.branch.clone(), times: TRIES })
    }

    /// The commit of the edits, in memory, unless they change nothing.
    async fn draft(
        &self,
        object: &ImageUpdateAutomation,
        valid: &Valid,
        found: &Found,
        edits: &Edits,
    ) -> Result<Option<Draft>, Error> {
        if edits.files.is_empty() {
            return Ok(None);
        }
        let key = self.key(object, valid).await?;
        let seconds = self.core.clock.now().as_second();
        let signature = |author: &Author| Signature {
            name: author.name.clone().unwrap_or_default(),
            email: author.email.clone(),
            seconds,
            offset_seconds: 0,
        };
        let spec = &valid.git.commit;
        let author = signature(&spec.author);
        let committer = signature(spec.committer.as_ref().unwrap_or(&spec.author));
        let new = NewCommit { author, committer, message: edits.message.clone() };
        let (look, files) = (Arc::clone(&found.look), edits.files.clone());
        let drafted = spawn_blocking(move || {
            let mut edit = Edit::on(look.on());
            for (path, content) in files {
                edit.put(&path, content)?;
            }
            let sign = |bytes: &[u8]| match &key {
                Some(key) => key.sign(bytes, seconds).map_err(Into::into),
                None => Ok(String::new()),
            };
            edit.commit_signed(&new, key.is_some().then_some(&sign))
        });
        drafted.await.map_err(Error::Interrupted)?.map_err(Error::Push)
    }

    async fn send(
        &self,
        found: &Found,
        draft: Draft,
        push: Planned<ObjectId>,
    ) -> Result<Sent, Error> {
        let (mirror, target) = (Arc::clone(&found.mirror), found.target.clone());
        let look = Arc::clone(&found.look);
        let work = move || send_now(&mirror, (&target, &look), &draft, push.expected);
        self.blocking(found.mirror.url(), work).await?.map_err(Error::Push)
    }

    async fn look_again(&self, mut found: Box<Found>) -> Result<Box<Found>, Error> {
        let (mirror, wanted) = (Arc::clone(&found.mirror), found.target.wanted.clone());
        let again = self.blocking(found.mirror.url(), move || look(&mirror, &wanted)).await?;
        found.look = Arc::new(again.map_err(Error::Look)?);
        Ok(found)
    }

    /// Remembers a push for every automation that has a part in it.
    fn remember(&self, object: &ImageUpdateAutomation, edits: &Edits, commit: ObjectId) {
        let namespace = object.namespace().unwrap_or_default();
        let pushed = Pushed { commit: commit.to_string(), at: self.core.clock.now() };
        for name in &edits.by {
            self.memos.push(&namespace, name, pushed.clone());
        }
    }

    /// Sees to the pull request, and says what was done in all.
    async fn finish(
        &self,
        valid: &Valid,
        found: &Found,
        mut edits: Edits,
        (decision, sent): (Decision, Option<ObjectId>),
    ) -> Result<Done, Error> {
        let proposed = self.propose(valid, found, &edits, decision).await?;
        edits.notes.extend(proposed.note);
        let target = &found.target;
        // What was read is what there is now, where that is the branch that was written.
        let head = sent.filter(|_| target.wanted.branch.is_none()).unwrap_or(found.look.base.id);
        Ok(Done {
            picks: found.members[0].picks.clone(),
            revision: found.look.revision(head),
            told: sent.map(|commit| tell(commit, target, &edits.message)),
            pull_request: proposed.request,
            proposed: proposed.told,
            rebuilt: found.look.rebuilt.as_ref().and_then(damage),
            notes: edits.notes,
        })
    }
}

/// What there is to do, in the words of the core.
fn plan(
    object: &ImageUpdateAutomation,
    valid: &Valid,
    found: &Found,
    edits: &Edits,
    draft: Option<&Draft>,
) -> Plan<ObjectId> {
    let look = &found.look;
    let spec = &valid.git.commit;
    let (author, committer) = (&spec.author, spec.committer.as_ref().unwrap_or(&spec.author));
    let ours = |commit: &Commit| {
        commit.author.email == author.email
            && commit.committer.email == committer.email
            && commit.parents.len() < 2
    };
    let seen = |commit: &Commit, ours| plan::Commit { id: commit.id, tree: commit.tree, ours };
    let tip = match &found.target.wanted.branch {
        Some(_) => look.tip.as_ref().map(|tip| seen(tip, ours(tip))),
        None => Some(seen(&look.base, true)),
    };
    let edited = draft.map_or(look.on().tree, |draft| draft.tree);
    let observed = Observed { base: seen(&look.base, true), tip, edited };
    let automation = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
    let goal = match (&found.desk, &edits.proposal, &found.target.wanted.branch) {
        (Some(desk), Some(wanted), _) => {
            Goal::Proposal { wanted, automation: &automation, pulls: &desk.pulls }
        }
        (_, _, Some(_)) => Goal::Branch { on_tip: look.on_tip },
        (_, _, None) => Goal::Same,
    };
    plan::plan(&observed, goal)
}

/// Pushes `draft` to the branch, and then to what is pushed besides. Blocking.
fn send_now(
    mirror: &Mirror,
    (target, look): (&Target, &Look),
    draft: &Draft,
    expected: Option<ObjectId>,
) -> Result<Sent, repo::Error> {
    let expect = expected.map_or(Expect::Absent, Expect::Is);
    let options = target.options.clone();
    let push = Push { target: format!("refs/heads/{}", target.branch), expect, options };
    match mirror.push(draft, &push)? {
        Outcome::Pushed { .. } | Outcome::UpToDate => {}
        Outcome::Stale { .. } => return Ok(Sent::Stale),
        Outcome::Rejected { reference, reason, server_words: words } => {
            return Ok(Sent::Refused(Refusal { reference, reason, words }));
        }
    }
    let refused = match &target.refspec {
        Some(further) => send_further(mirror, (further, look), draft, &push.options)?,
        None => None,
    };
    Ok(Sent::Commit(draft.id, refused))
}

/// Pushes `draft` to the reference `further`, which no force is used on unless it was asked for.
fn send_further(
    mirror: &Mirror,
    (further, look): (&Further, &Look),
    draft: &Draft,
    options: &[String],
) -> Result<Option<Refusal>, repo::Error> {
    let name = &further.name;
    let refused = |reason: &str, words: String| {
        Ok(Some(Refusal { reference: name.clone(), reason: reason.to_owned(), words }))
    };
    let current = mirror.refs(name)?.into_iter().find(|found| found.name == *name);
    let current = current.map(|found| found.id);
    if !further.forced && current.is_some_and(|current| !look.knows(current)) {
        return refused(
            "non-fast-forward",
            "begin the refspec with `+` to overwrite it".to_owned(),
        );
    }
    let expect = current.map_or(Expect::Absent, Expect::Is);
    let push = Push { target: name.clone(), expect, options: options.to_vec() };
    match mirror.push(draft, &push)? {
        Outcome::Pushed { .. } | Outcome::UpToDate => Ok(None),
        Outcome::Stale { .. } => refused("somebody else moved it meanwhile", String::new()),
        Outcome::Rejected { reason, server_words, .. } => refused(&reason, server_words),
    }
}

impl From<Refusal> for Error {
    fn from(Refusal { reference, reason, words }: Refusal) -> Self {
        let words = if words.is_empty() { words } else { format!(": {words}") };
        Self::Rejected { reference, reason, words }
    }
}

/// What is told of a mirror that was made anew. Growth is no news.
fn damage(rebuilt: &Rebuilt) -> Option<String> {
    match rebuilt {
        Rebuilt::Corrupt { aside, why } => Some(format!(
            "the local copy of the repository was damaged ({why}), moved to `{}` and fetched again",
            aside.display()
        )),
        Rebuilt::Packs { .. } | Rebuilt::Size { .. } => None,
    }
}

/// The event of a push, in upstream's words.
fn tell(commit: ObjectId, target: &Target, message: &str) -> String {
    let refspec = target.refspec.as_ref();
    let refspecs = refspec.map(|it| format!(" and refspecs '{}'", it.name)).unwrap_or_default();
    let short = commit.to_hex_with_len(7);
    format!("pushed commit '{short}' to branch '{}'{refspecs}\n{message}", target.branch)
}
