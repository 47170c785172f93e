//! Tests of `plan`. Ids are words; a tree is named after what it holds.

use super::*;
use crate::{
    proposal::{Content, State},
    setter::{
        Image,
        change::{Change, Changes, ObjectIdentifier},
    },
};

type Id = &'static str;

fn commit(id: Id, tree: Id) -> Commit<Id> {
    Commit { id, tree, ours: true }
}

fn observed(tip: Option<Commit<Id>>, edited: Id) -> Observed<Id> {
    Observed { base: commit("main", "old"), tip, edited }
}

fn push(parent: Id, expected: Option<Id>, anew: bool) -> Plan<Id> {
    Plan::Push(Push { parent, tree: "new", expected, anew })
}

#[test]
fn a_branch_is_pushed_only_when_something_changes() {
    let main = || Some(commit("main", "old"));
    #[rustfmt::skip]
    let cases = [
        // tip                          edited  target                            plan
        (main(),                        "new",  Target::Same,                     push("main", Some("main"), false)),
        (main(),                        "old",  Target::Same,                     Plan::Nothing),
        (None,                          "new",  Target::Branch { on_tip: false }, push("main", None, false)),
        (None,                          "old",  Target::Branch { on_tip: false }, Plan::Nothing),
        (Some(commit("bot", "bots")),   "new",  Target::Branch { on_tip: true },  push("bot", Some("bot"), false)),
        (Some(commit("bot", "new")),    "new",  Target::Branch { on_tip: true },  Plan::Nothing),
        (Some(commit("bot", "merged")), "new",  Target::Branch { on_tip: false }, push("main", Some("bot"), true)),
        (Some(commit("bot", "new")),    "new",  Target::Branch { on_tip: false }, Plan::Nothing),
        (Some(commit("bot", "merged")), "old",  Target::Branch { on_tip: false }, Plan::Nothing),
    ];
    for (index, (tip, edited, target, expected)) in cases.into_iter().enumerate() {
        assert_eq!(plan(&observed(tip, edited), target), expected, "row {index}");
    }
}

fn wanted(tag: &str) -> Proposal {
    let image = Image { name: "web".into(), tag: tag.into(), digest: None };
    let change = Change {
        old: "web:1".into(),
        new: image.to_string(),
        setter: "ns:web".into(),
        policy: "web".into(),
        image,
    };
    let mut changes = Changes::new("ns");
    changes.add("a.yaml", vec![(ObjectIdentifier::default(), change)]);
    Proposal::new(&Content {
        namespace: "ns",
        name: "app",
        title: "t",
        text: "",
        changes: &changes,
    })
}

fn pull(state: State, proposal: &Proposal, mergeable: Option<bool>) -> Pull {
    Pull { number: 1, state, body: proposal.body.clone(), mergeable }
}

#[test]
fn a_proposal_is_pushed_only_when_its_branch_holds_something_else() {
    let (now, before) = (wanted("2"), wanted("1.9"));
    let anew =
        |expected| Some(Push { parent: "main", tree: "new", expected, anew: expected.is_some() });
    let propose = |push, decision| Plan::Propose { push, decision };
    let bot = |tree| Some(commit("bot", tree));
    let theirs = Some(Commit { id: "bot", tree: "theirs", ours: false });
    let (open, closed) = (State::Open, State::Closed);
    let unchanged = Decision::Leave(Left::Unchanged(1));
    #[rustfmt::skip]
    let cases = [
        // tip         edited  pulls                                 plan
        (None,         "new",  vec![],                               propose(anew(None), Decision::Create)),
        // A crash came between push and request.
        (bot("new"),   "new",  vec![],                               propose(None, Decision::Create)),
        (bot("new"),   "new",  vec![pull(open, &now, None)],         propose(None, unchanged)),
        (bot("prev"),  "new",  vec![pull(open, &before, None)],      propose(anew(Some("bot")), Decision::Update(1))),
        // The base moved on under the same change.
        (bot("stale"), "new",  vec![pull(open, &now, Some(true))],   propose(None, unchanged)),
        (bot("stale"), "new",  vec![pull(open, &now, Some(false))],  propose(anew(Some("bot")), unchanged)),
        (bot("stale"), "new",  vec![pull(open, &now, None)],         propose(anew(Some("bot")), unchanged)),
        // Nothing is left to change.
        (bot("prev"),  "old",  vec![pull(open, &before, None)],      propose(None, Decision::Close(1))),
        (None,         "old",  vec![],                               Plan::Nothing),
        // People said no, or work on the branch.
        (None,         "new",  vec![pull(closed, &now, None)],       propose(None, Decision::Leave(Left::Declined(1)))),
        (None,         "new",  vec![pull(closed, &before, None)],    propose(anew(None), Decision::Create)),
        (theirs,       "new",  vec![pull(open, &before, None)],      propose(None, Decision::Leave(Left::BranchModified))),
    ];
    for (index, (tip, edited, pulls, expected)) in cases.into_iter().enumerate() {
        let target = Target::Proposal { wanted: &now, automation: "ns/app", pulls: &pulls };
        assert_eq!(plan(&observed(tip, edited), target), expected, "row {index}");
    }
}
