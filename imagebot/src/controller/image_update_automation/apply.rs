//! Commits and pushes the edits, again when somebody was faster.

use std::sync::Arc;

use imagebot_api::ImageUpdateAutomation;
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
    target::{self, Target},
};

/// How often a race is run again before it is left to the next try.
const TRIES: usize = 5;

/// What became of a push.
enum Sent {
    /// The branch has it now.
    Commit(ObjectId),
    /// Somebody was faster: nothing was sent.
    Stale,
    /// The server refused.
    Refused { reference: String, reason: String, words: String },
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
            let draft = self.draft(valid, &found, &edits).await?;
            let (push, decision) = match plan(object, valid, &found, &edits, draft.as_ref()) {
                Plan::Nothing => (None, Decision::Leave(Left::Unwanted)),
                Plan::Push(push) => (Some(push), Decision::Leave(Left::Unwanted)),
                Plan::Propose { push, decision } => (push, decision),
            };
            let sent = match (push, draft) {
                (Some(push), Some(draft)) => Some(send(&found, draft, push).await?),
                _ => None,
            };
            match sent {
                None => return self.finish(valid, &found, edits, (decision, None)).await,
                Some(Sent::Commit(commit)) => {
                    self.telemetry.pushed("pushed");
                    let pushed = Pushed { commit: commit.to_string(), at: self.core.clock.now() };
                    self.memos.push(object, pushed);
                    let end = (decision, Some(commit));
                    return self.finish(valid, &found, edits, end).await;
                }
                Some(Sent::Stale) => {
                    self.telemetry.pushed("stale");
                    found = look_again(found).await?;
                    edits = edits::of(object, valid, &found)?;
                }
                Some(Sent::Refused { reference, reason, words }) => {
                    self.telemetry.pushed("rejected");
                    let words = if words.is_empty() { words } else { format!(": {words}") };
                    return Err(Error::Rejected { reference, reason, words });
                }
            }
        }
        Err(Error::Raced { branch: found.target.branch.clone(), times: TRIES })
    }

    /// The commit of the edits, in memory, unless they change nothing.
    async fn draft(
        &self,
        valid: &Valid,
        found: &Found,
        edits: &Edits,
    ) -> Result<Option<Draft>, Error> {
        if edits.files.is_empty() {
            return Ok(None);
        }
        let author = &valid.git.commit.author;
        let author = Signature {
            name: author.name.clone().unwrap_or_default(),
            email: author.email.clone(),
            seconds: self.core.clock.now().as_second(),
            offset_seconds: 0,
        };
        let committer = author.clone();
        let new = NewCommit { author, committer, message: edits.message.clone() };
        let (look, files) = (Arc::clone(&found.look), edits.files.clone());
        let drafted = spawn_blocking(move || {
            let mut edit = Edit::on(look.on());
            for (path, content) in files {
                edit.put(&path, content)?;
            }
            edit.commit(&new)
        });
        drafted.await.map_err(Error::Interrupted)?.map_err(Error::Push)
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
            picks: found.picks.clone(),
            revision: target::revision(&target.wanted.checkout, head),
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
    let email = &valid.git.commit.author.email;
    let ours = |commit: &Commit| {
        commit.author.email == *email
            && commit.committer.email == *email
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

async fn send(found: &Found, draft: Draft, push: Planned<ObjectId>) -> Result<Sent, Error> {
    let (mirror, target) = (Arc::clone(&found.mirror), found.target.clone());
    let sent = spawn_blocking(move || send_now(&mirror, &target, &draft, push.expected));
    sent.await.map_err(Error::Interrupted)?
}

/// Pushes `draft` to the branch, and then to what is pushed besides. Blocking.
fn send_now(
    mirror: &Mirror,
    target: &Target,
    draft: &Draft,
    expected: Option<ObjectId>,
) -> Result<Sent, Error> {
    let push = |target_ref: String, expect| Push {
        target: target_ref,
        expect,
        options: target.options.clone(),
    };
    let expect = expected.map_or(Expect::Absent, Expect::Is);
    let branch = push(format!("refs/heads/{}", target.branch), expect);
    let further = target.refspec.iter().map(|name| push(name.clone(), Expect::Any));
    for push in std::iter::once(branch).chain(further) {
        match mirror.push(draft, &push).map_err(Error::Push)? {
            Outcome::Pushed { .. } | Outcome::UpToDate => {}
            Outcome::Stale { .. } => return Ok(Sent::Stale),
            Outcome::Rejected { reference, reason, server_words: words } => {
                return Ok(Sent::Refused { reference, reason, words });
            }
        }
    }
    Ok(Sent::Commit(draft.id))
}

async fn look_again(mut found: Box<Found>) -> Result<Box<Found>, Error> {
    let (mirror, wanted) = (Arc::clone(&found.mirror), found.target.wanted.clone());
    let again: Result<Look, _> =
        spawn_blocking(move || look(&mirror, &wanted)).await.map_err(Error::Interrupted)?;
    found.look = Arc::new(again.map_err(Error::Look)?);
    Ok(found)
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
    let refspecs = refspec.map(|it| format!(" and refspecs '{it}'")).unwrap_or_default();
    let short = commit.to_hex_with_len(7);
    format!("pushed commit '{short}' to branch '{}'{refspecs}\n{message}", target.branch)
}
