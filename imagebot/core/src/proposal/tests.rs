//! Tests of `proposal`.

use proptest::prelude::*;

use super::*;
use crate::setter::{
    Image,
    change::{Change, ObjectIdentifier},
};

fn changes(old: &str, tag: &str, files: &[&str]) -> Changes {
    let mut changes = Changes::new("flux-system");
    for file in files {
        let image = Image { name: "acme/web".into(), tag: tag.into(), digest: None };
        let change = Change {
            old: old.into(),
            new: image.to_string(),
            setter: "flux-system:web".into(),
            policy: "web".into(),
            image,
        };
        changes.add(file, vec![(ObjectIdentifier::default(), change)]);
    }
    changes
}

fn proposal(title: &str, text: &str, changes: &Changes) -> Proposal {
    Proposal::new(&Content { namespace: "flux-system", name: "app", title, text, changes })
}

fn pull(number: i64, state: State, proposal: &Proposal) -> Pull {
    // As forges do to it.
    let body = proposal.body.replace('\n', "\r\n").trim_end().to_owned();
    Pull { number, state, body, mergeable: None }
}

#[test]
fn a_proposal_says_what_changes() {
    let made = proposal(
        "Update web\n\nmore",
        "Why.\n",
        &changes("acme/web:1", "2", &["a.yaml", "b.yaml"]),
    );
    assert_eq!(made.title, "Update web");
    let (text, marker) = made.body.split_once("<!-- imagebot:").unwrap();
    assert_eq!(
        text,
        "Why.\n\n\
         | Image | Policy | Change | Files |\n\
         |---|---|---|---|\n\
         | `acme/web` | `flux-system/web` | `acme/web:1` → `acme/web:2` | `a.yaml`, `b.yaml` |\n\n"
    );
    assert!(marker.starts_with('{') && marker.ends_with("} -->\n"), "{marker}");
    assert!(marker.contains(r#""automation":"flux-system/app""#));
}

#[test]
fn values_cannot_break_the_table_or_pose_as_a_marker() {
    let forged = "x | `@all`\n<!-- imagebot:{} -->";
    let made = proposal("t", forged, &changes(forged, "2", &["a|b.yaml"]));
    let row = made.body.lines().find(|line| line.contains("acme/web")).unwrap();
    assert_eq!(row.matches('|').count(), 5, "{row}");
    assert_eq!(row.matches('`').count() % 2, 0, "{row}");
    assert_eq!(Marker::find(&made.body), Some(made.marker.clone()));
}

#[test]
fn a_large_proposal_is_cut() {
    let files: Vec<String> = (0..5_000).map(|index| format!("apps/{index}.yaml")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut all = changes("1", "2", &files);
    for index in 0..2_000 {
        all.add(
            "b.yaml",
            changes(&format!("{index}"), "2", &["b.yaml"])
                .files
                .remove("b.yaml")
                .unwrap()
                .into_iter()
                .flat_map(|(object, changes)| {
                    changes.into_iter().map(move |change| (object.clone(), change))
                })
                .collect(),
        );
    }
    let made = proposal(&"t".repeat(999), &"é".repeat(99_999), &all);
    assert!(made.body.len() < 65_000 && made.body.contains(" more"), "{}", made.body.len());
    assert!(made.title.len() <= 255);
    assert_eq!(Marker::find(&made.body), Some(made.marker.clone()));
}

#[test]
fn what_is_done_follows_from_what_is_there() {
    let old = proposal("t", "x", &changes("1", "2", &["a.yaml"]));
    let new = proposal("t", "x", &changes("1", "3", &["a.yaml"]));
    let reworded = proposal("t2", "x", &changes("1", "2", &["a.yaml"]));
    let content = Content {
        namespace: "other",
        name: "app",
        title: "t",
        text: "x",
        changes: &Changes::default(),
    };
    let others = pull(9, State::Open, &Proposal::new(&content));
    let people = Pull { number: 8, state: State::Open, body: "by hand".into(), mergeable: None };
    let open = |proposal| pull(1, State::Open, proposal);
    let closed = |proposal| pull(2, State::Closed, proposal);
    let merged = |proposal| pull(3, State::Merged, proposal);
    let withdrawn = Pull { body: withdrawn(&old.body), ..closed(&old) };
    assert!(withdrawn.body.starts_with("x\n"), "{}", withdrawn.body);
    #[rustfmt::skip]
    let cases = [
        // wanted         pulls                              modified  decision
        (Some(&old),      vec![],                            false,    Decision::Create),
        (Some(&old),      vec![open(&old)],                  false,    Decision::Leave(Left::Unchanged(1))),
        (Some(&new),      vec![open(&old)],                  false,    Decision::Update(1)),
        (Some(&reworded), vec![open(&old)],                  false,    Decision::Update(1)),
        (None,            vec![open(&old)],                  false,    Decision::Close(1)),
        (None,            vec![],                            false,    Decision::Leave(Left::Unwanted)),
        (None,            vec![merged(&old)],                false,    Decision::Leave(Left::Unwanted)),
        (Some(&old),      vec![closed(&old)],                false,    Decision::Leave(Left::Declined(2))),
        (Some(&reworded), vec![closed(&old)],                false,    Decision::Leave(Left::Declined(2))),
        (Some(&new),      vec![closed(&old)],                false,    Decision::Create),
        (Some(&old),      vec![withdrawn],                   false,    Decision::Create),
        (Some(&new),      vec![open(&new), closed(&old)],    false,    Decision::Leave(Left::Unchanged(1))),
        (Some(&old),      vec![merged(&old)],                false,    Decision::Create),
        (Some(&old),      vec![merged(&old), closed(&old)],  false,    Decision::Create),
        (Some(&old),      vec![others.clone()],              false,    Decision::Leave(Left::Foreign(9))),
        (None,            vec![others.clone()],              false,    Decision::Leave(Left::Foreign(9))),
        (Some(&old),      vec![people.clone()],              false,    Decision::Leave(Left::Foreign(8))),
        (Some(&new),      vec![open(&old)],                  true,     Decision::Leave(Left::BranchModified)),
        (None,            vec![open(&old)],                  true,     Decision::Leave(Left::BranchModified)),
        (Some(&old),      vec![],                            true,     Decision::Leave(Left::BranchModified)),
    ];
    for (index, (wanted, pulls, modified, decision)) in cases.into_iter().enumerate() {
        assert_eq!(decide(wanted, "flux-system/app", &pulls, modified), decision, "row {index}");
    }
}

#[test]
fn branches_are_always_the_same_and_never_too_long() {
    assert_eq!(branch("apps", "web"), "imagebot/apps-web");
    let (ns, name) = ("n".repeat(63), "a".repeat(63));
    let long = branch(&ns, &name);
    assert!(long.len() <= 100 && long == branch(&ns, &name), "{long}");
    assert_ne!(long, branch(&ns, &format!("{name}b")));
}

proptest! {
    #[test]
    fn what_was_written_is_found_again(title in "\\PC{0,40}", text in "[ -~\n]{0,80}|\\PC{0,40}", old in "\\PC{0,20}") {
        let made = proposal(&title, &text, &changes(&old, "2", &["a.yaml"]));
        let pulls = [pull(1, State::Open, &made)];
        prop_assert_eq!(
            decide(Some(&made), "flux-system/app", &pulls, false),
            Decision::Leave(Left::Unchanged(1))
        );
    }

    #[test]
    fn no_body_panics(body in "(<!-- imagebot:|-->|[{}\":v1a])*|\\PC{0,40}") {
        let _ = Marker::find(&body);
    }
}
