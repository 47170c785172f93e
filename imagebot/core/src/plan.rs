//! What to do with a repository, given what is there and what the edits make of it.
//!
//! | where the result goes | edits are made on | pushed when |
//! |---|---|---|
//! | the branch that was read | it | they change something |
//! | a branch of its own | its tip, or what was read when there is none | they change something |
//! | a pull request | what was read, always | the branch holds something else, and nobody else's work |
//!
//! Every push names the commit that it replaces, so that a race is lost and never won by force.

use crate::proposal::{self, Decision, Left, Proposal, Pull};

pub mod batch;
pub mod cron;

/// A commit, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit<I> {
    /// Its id.
    pub id: I,
    /// The id of its tree.
    pub tree: I,
    /// Whether we made it, and every commit between it and what was read.
    pub ours: bool,
}

/// What is there. `I` is the type of object ids.
#[derive(Debug, Clone)]
pub struct Observed<I> {
    /// What was read.
    pub base: Commit<I>,
    /// The tip of the branch that is pushed to: what was read, or another one, or none yet.
    pub tip: Option<Commit<I>>,
    /// The tree after the edits. When they change nothing it is the tree they were made on.
    pub edited: I,
}

/// Where the result goes.
#[derive(Debug, Clone, Copy)]
pub enum Target<'t> {
    /// The branch that was read.
    Same,
    /// A branch of its own, on top of whatever it has.
    Branch {
        /// Whether the edits were made on its tip. If they were not, the branch is begun anew.
        on_tip: bool,
    },
    /// A pull request.
    Proposal {
        /// What it should say.
        wanted: &'t Proposal,
        /// The automation: `namespace/name`.
        automation: &'t str,
        /// The pull requests of the branch, newest first.
        pulls: &'t [Pull],
    },
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan<I> {
    /// Nothing: the repository is as it should be.
    Nothing,
    /// Commit and push.
    Push(Push<I>),
    /// See to the pull request, after the push if there is one.
    Propose {
        /// What to commit and push first.
        push: Option<Push<I>>,
        /// What to do with the pull request.
        decision: Decision,
    },
}

/// A commit to make and a branch to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push<I> {
    /// The commit's parent.
    pub parent: I,
    /// The commit's tree.
    pub tree: I,
    /// The commit that the branch must be at for the push to succeed, or none for a new branch.
    pub expected: Option<I>,
    /// Whether the branch is begun anew, so that the push is no fast-forward.
    pub anew: bool,
}

/// What to do about `observed`.
pub fn plan<I: Clone + PartialEq>(observed: &Observed<I>, target: Target<'_>) -> Plan<I> {
    match target {
        Target::Same => push_when_changed(observed, true),
        Target::Branch { on_tip } => push_when_changed(observed, on_tip),
        Target::Proposal { wanted, automation, pulls } => {
            propose(observed, wanted, automation, pulls)
        }
    }
}

fn push_when_changed<I: Clone + PartialEq>(observed: &Observed<I>, on_tip: bool) -> Plan<I> {
    let Observed { base, tip, edited } = observed;
    let on = tip.as_ref().filter(|_| on_tip).unwrap_or(base);
    // A branch that is to be begun anew may already hold just that.
    if *edited == on.tree || tip.as_ref().is_some_and(|tip| *edited == tip.tree) {
        return Plan::Nothing;
    }
    let anew = tip.as_ref().is_some_and(|tip| tip.id != on.id);
    Plan::Push(Push {
        parent: on.id.clone(),
        tree: edited.clone(),
        expected: tip.as_ref().map(|tip| tip.id.clone()),
        anew,
    })
}

fn propose<I: Clone + PartialEq>(
    observed: &Observed<I>,
    wanted: &Proposal,
    automation: &str,
    pulls: &[Pull],
) -> Plan<I> {
    let Observed { base, tip, edited } = observed;
    let changes = *edited != base.tree;
    let modified = tip.as_ref().is_some_and(|tip| !tip.ours && tip.id != base.id);
    let decision = proposal::decide(changes.then_some(wanted), automation, pulls, modified);
    let declined = matches!(
        decision,
        Decision::Leave(Left::Declined(_) | Left::BranchModified | Left::Foreign(_))
    );
    let held = tip.as_ref().is_some_and(|tip| tip.tree == *edited)
        || pulls.iter().any(|pull| {
            // The base moved on under the same change. Only a conflict makes that our business:
            // every push costs a run of everybody's checks.
            let open = pull.state == proposal::State::Open;
            open && pull.mergeable == Some(true) && tip.is_some() && wanted.is_in(pull)
        });
    let push = (changes && !declined && !held).then(|| Push {
        parent: base.id.clone(),
        tree: edited.clone(),
        expected: tip.as_ref().map(|tip| tip.id.clone()),
        anew: tip.as_ref().is_some_and(|tip| tip.id != base.id),
    });
    match (push, decision) {
        (None, Decision::Leave(Left::Unwanted)) => Plan::Nothing,
        (push, decision) => Plan::Propose { push, decision },
    }
}

#[cfg(test)]
mod tests;
