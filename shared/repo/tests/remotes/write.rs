//! Editing, committing and pushing.

use std::fs;

use repo::{Edit, Error, Expect, Outcome, Reference};

use crate::{
    Bed, draft,
    git::{Origin, git},
    head, is_pushed, main_branch, new_commit, to, to_main,
};

fn origin() -> Origin {
    Origin::with(&[("a.yaml", "a: 1\n"), ("apps/b.yaml", "b: 1\n"), ("apps/run.sh", "#!/bin/sh\n")])
}

#[test]
fn a_push_changes_the_named_file_and_nothing_else() {
    for way in ["http", "file"] {
        let bed = Bed::of(origin());
        let mirror = if way == "http" { bed.http() } else { bed.file() };
        let base = head(&mirror);
        let draft = draft(&base, "apps/b.yaml", "b: 2\n");
        is_pushed(&mirror.push(&draft, &to_main(Expect::Is(base.id))).unwrap());

        bed.origin.is_sound();
        assert_eq!(bed.origin.id("main"), draft.id, "{way}");
        assert_eq!(bed.origin.show("apps/b.yaml"), "b: 2\n", "{way}");
        assert_eq!(
            bed.origin.git(&["diff", "--name-only", "main~1", "main"]),
            "apps/b.yaml\n",
            "{way}"
        );
        let log =
            bed.origin.git(&["log", "-1", "--format=%an <%ae>|%cn|%ad|%B", "--date=raw", "main"]);
        assert_eq!(
            log.trim_end(),
            "Bot <bot@t.example>|Robot|1700000000 +0100|update image",
            "{way}"
        );

        let fetched = mirror.fetch(&main_branch()).unwrap();
        assert_eq!(
            (fetched.commit.id, fetched.received),
            (draft.id, 0),
            "{way}: known without a fetch"
        );
    }
}

#[test]
fn pushes_and_a_colleagues_commits_alternate() {
    let bed = Bed::of(origin());
    for (way, mirror) in bed.both() {
        for round in 0..4 {
            let content = format!("{way}: {round}\n");
            let base = head(&mirror);
            is_pushed(
                &mirror
                    .push(&draft(&base, "apps/b.yaml", &content), &to_main(Expect::Is(base.id)))
                    .unwrap(),
            );
            let theirs = bed.origin.commit("main", "theirs", &[("a.yaml", &content)]);
            let commit = head(&mirror);
            assert_eq!(commit.id, theirs, "{way} {round}");
            let b = commit.files().file("apps/b.yaml").unwrap().unwrap();
            assert_eq!(commit.files().read(b.id).unwrap(), content.as_bytes(), "{way} {round}");
        }
    }
    bed.origin.is_sound();
}

#[test]
fn the_mirror_is_a_repository_that_git_can_read() {
    let bed = Bed::of(origin());
    let mirror = bed.http();
    let base = head(&mirror);
    is_pushed(
        &mirror.push(&draft(&base, "a.yaml", "a: 2\n"), &to_main(Expect::Is(base.id))).unwrap(),
    );
    let generation = crate::faults::generation(&bed);
    assert_eq!(git(&generation, &["log", "--format=%s", "main"]), "update image\nfirst\n");
    git(&generation, &["fsck", "--strict", "--full"]);
}

#[test]
fn a_branch_is_made_replaced_and_deleted() {
    for way in ["http", "file"] {
        let bed = Bed::of(origin());
        let mirror = if way == "http" { bed.http() } else { bed.file() };
        let base = head(&mirror);
        let (one, two) = (draft(&base, "a.yaml", "a: 2\n"), draft(&base, "a.yaml", "a: 3\n"));
        let branch = "refs/heads/imagebot/apps";
        is_pushed(&mirror.push(&one, &to(branch, Expect::Absent)).unwrap());
        let stale = mirror.push(&two, &to(branch, Expect::Absent)).unwrap();
        assert_eq!(stale, Outcome::Stale { actual: Some(one.id) }, "{way}");
        is_pushed(&mirror.push(&two, &to(branch, Expect::Is(one.id))).unwrap());
        assert_eq!(
            mirror.push(&two, &to(branch, Expect::Is(one.id))).unwrap(),
            Outcome::UpToDate,
            "{way}"
        );
        assert_eq!(bed.origin.id("imagebot/apps"), two.id, "{way}");
        bed.origin.is_sound();

        let early = mirror.delete(&to(branch, Expect::Is(one.id))).unwrap();
        assert_eq!(early, Outcome::Stale { actual: Some(two.id) }, "{way}");
        is_pushed(&mirror.delete(&to(branch, Expect::Is(two.id))).unwrap());
        assert!(mirror.refs("refs/heads/imagebot").unwrap().is_empty(), "{way}");
        assert_eq!(mirror.delete(&to(branch, Expect::Any)).unwrap(), Outcome::UpToDate, "{way}");
    }
}

#[test]
fn a_raced_push_is_stale_and_the_next_attempt_succeeds() {
    for way in ["http", "file"] {
        let bed = Bed::of(origin());
        let mirror = if way == "http" { bed.http() } else { bed.file() };
        let base = head(&mirror);
        let mine = draft(&base, "apps/b.yaml", "b: 2\n");
        let theirs = bed.origin.commit("main", "theirs", &[("a.yaml", "a: 9\n")]);
        let outcome = mirror.push(&mine, &to_main(Expect::Is(base.id))).unwrap();
        assert_eq!(outcome, Outcome::Stale { actual: Some(theirs) }, "{way}");

        let base = head(&mirror);
        is_pushed(
            &mirror
                .push(&draft(&base, "apps/b.yaml", "b: 2\n"), &to_main(Expect::Is(base.id)))
                .unwrap(),
        );
        assert_eq!(
            (bed.origin.show("a.yaml"), bed.origin.show("apps/b.yaml")),
            ("a: 9\n".into(), "b: 2\n".into())
        );
        bed.origin.is_sound();
    }
}

#[test]
fn a_race_that_the_server_loses_is_stale_too() {
    let bed = Bed::of(origin());
    // The colleague's commit arrives after our push was announced and before it is made.
    bed.origin.commit("other", "theirs", &[("a.yaml", "a: 9\n")]);
    bed.origin.hook(
        "pre-receive",
        "env -u GIT_QUARANTINE_PATH git update-ref refs/heads/main refs/heads/other",
    );
    let first = bed.origin.id("main").to_string();
    for (way, mirror) in bed.both() {
        bed.origin.git(&["update-ref", "refs/heads/main", &first]);
        let base = head(&mirror);
        let outcome =
            mirror.push(&draft(&base, "a.yaml", way), &to_main(Expect::Is(base.id))).unwrap();
        assert_eq!(outcome, Outcome::Stale { actual: Some(bed.origin.id("other")) }, "{way}");
    }
}

#[test]
fn a_protected_branch_answers_with_the_servers_words() {
    for way in ["http", "file"] {
        let bed = Bed::of(origin());
        bed.origin.hook("pre-receive", "echo 'GH006: Protected branch update failed.' >&2; exit 1");
        let mirror = if way == "http" { bed.http() } else { bed.file() };
        let base = head(&mirror);
        let outcome =
            mirror.push(&draft(&base, "a.yaml", "a: 2\n"), &to_main(Expect::Is(base.id))).unwrap();
        let Outcome::Rejected { reference, reason, server_words } = &outcome else {
            panic!("{way}: {outcome:?}")
        };
        assert_eq!(
            (&**reference, &**reason),
            ("refs/heads/main", "pre-receive hook declined"),
            "{way}"
        );
        assert_eq!(server_words, "GH006: Protected branch update failed.", "{way}");
        assert_eq!(bed.origin.id("main"), base.id, "{way}");
        let fetched = mirror.fetch(&main_branch()).unwrap();
        assert_eq!(fetched.commit.id, base.id, "{way}: the good state stays");
    }
}

#[test]
fn the_servers_configuration_is_heeded() {
    for way in ["http", "file"] {
        let bed = Bed::of(origin());
        let first = bed.origin.id("main");
        bed.origin.commit("main", "second", &[("a.yaml", "a: 2\n")]);
        bed.origin.git(&["config", "receive.denyNonFastForwards", "true"]);
        bed.origin.git(&["config", "receive.denyDeletes", "true"]);
        let mirror = if way == "http" { bed.http() } else { bed.file() };
        let base = mirror.fetch(&Reference::Commit(first)).unwrap().commit;
        let now = head(&mirror).id;
        let outcome =
            mirror.push(&draft(&base, "a.yaml", "a: 3\n"), &to_main(Expect::Is(now))).unwrap();
        assert!(
            matches!(&outcome, Outcome::Rejected { reason, .. } if reason == "non-fast-forward"),
            "{way}: {outcome:?}"
        );
        let outcome = mirror.delete(&to_main(Expect::Is(now))).unwrap();
        assert!(
            matches!(&outcome, Outcome::Rejected { reason, .. } if reason == "deletion prohibited"),
            "{way}: {outcome:?}"
        );
    }
}

#[test]
fn hooks_of_another_user_are_not_run() {
    let bed = Bed::of(origin());
    bed.origin.hook("pre-receive", "touch ran");
    let chowned = std::os::unix::fs::chown(bed.origin.path(), Some(12345), None);
    if chowned.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied) {
        // Only root can make the situation, and without it there is nothing to hold.
        return;
    }
    let mirror = bed.file();
    let base = head(&mirror);
    let outcome =
        mirror.push(&draft(&base, "a.yaml", "a: 2\n"), &to_main(Expect::Is(base.id))).unwrap();
    assert!(
        matches!(&outcome, Outcome::Rejected { reason, .. } if reason.contains("another user")),
        "{outcome:?}"
    );
    assert!(!bed.origin.path().join("ran").exists());
}

#[test]
fn a_checked_out_branch_is_not_pushed_to() {
    let bed = Bed::of(origin());
    let work = bed.origin.work("main");
    let mirror = bed.at(work.to_str().unwrap());
    let base = head(&mirror);
    let draft = draft(&base, "a.yaml", "a: 2\n");
    let outcome = mirror.push(&draft, &to_main(Expect::Is(base.id))).unwrap();
    assert!(
        matches!(&outcome, Outcome::Rejected { reason, .. } if reason == "branch is currently checked out"),
        "{outcome:?}"
    );
    is_pushed(&mirror.push(&draft, &to("refs/heads/other", Expect::Absent)).unwrap());
    assert_eq!(git(&work, &["show", "other:a.yaml"]), "a: 2\n");
}

#[test]
fn push_options_reach_the_hook() {
    for way in ["http", "file"] {
        let bed = Bed::of(origin());
        bed.origin.hook(
            "pre-receive",
            "echo \"$GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0 $GIT_PUSH_OPTION_1\" > options",
        );
        let mirror = if way == "http" { bed.http() } else { bed.file() };
        let base = head(&mirror);
        let mut push = to("refs/heads/topic", Expect::Absent);
        push.options = vec!["merge_request.create".into(), "ci.skip".into()];
        is_pushed(&mirror.push(&draft(&base, "a.yaml", "a: 2\n"), &push).unwrap());
        let options = fs::read_to_string(bed.origin.path().join("options")).unwrap();
        assert_eq!(options, "2 merge_request.create ci.skip\n", "{way}");
    }
}

#[test]
fn the_first_commit_of_an_empty_repository_can_be_pushed() {
    for way in ["http", "file"] {
        let bed = Bed::of(Origin::empty());
        let mirror = if way == "http" { bed.http() } else { bed.file() };
        let mut edit = mirror.unborn().unwrap();
        edit.put("apps/a.yaml", b"a: 1\n".to_vec()).unwrap();
        let draft = edit.commit(&new_commit("first")).unwrap().unwrap();
        is_pushed(&mirror.push(&draft, &to_main(Expect::Absent)).unwrap());
        bed.origin.is_sound();
        assert_eq!(bed.origin.show("apps/a.yaml"), "a: 1\n", "{way}");
        assert_eq!(head(&mirror).files().list("").unwrap().len(), 1, "{way}");
    }
}

#[test]
fn edits_keep_modes_add_files_and_remove_them() {
    let bed = Bed::of(origin());
    let work = bed.origin.work("main");
    git(&work, &["update-index", "--chmod=+x", "apps/run.sh"]);
    git(&work, &["commit", "-q", "-m", "mode"]);
    git(&work, &["push", "-q", "origin", "main"]);
    let mirror = bed.http();
    let base = head(&mirror);
    let mut edit = Edit::on(&base);
    edit.put("apps/run.sh", b"#!/bin/sh\nexit\n".to_vec()).unwrap();
    edit.put("new/deep/c.yaml", b"c: 1\n".to_vec()).unwrap();
    edit.remove("a.yaml").unwrap();
    let draft = edit.commit(&new_commit("three changes")).unwrap().unwrap();
    is_pushed(&mirror.push(&draft, &to_main(Expect::Is(base.id))).unwrap());
    bed.origin.is_sound();
    let tree = bed.origin.git(&["ls-tree", "-r", "--format=%(objectmode) %(path)", "main"]);
    assert_eq!(tree, "100644 apps/b.yaml\n100755 apps/run.sh\n100644 new/deep/c.yaml\n");
}

#[test]
fn an_edit_that_changes_nothing_is_no_commit() {
    let bed = Bed::of(origin());
    let base = head(&bed.http());
    let mut edit = Edit::on(&base);
    edit.put("a.yaml", b"a: 1\n".to_vec()).unwrap();
    assert!(edit.commit(&new_commit("nothing")).unwrap().is_none());
}

#[test]
fn paths_that_are_no_files_are_refused() {
    let origin = origin();
    let work = origin.work("main");
    std::os::unix::fs::symlink("/etc/passwd", work.join("link")).unwrap();
    git(&work, &["add", "-A"]);
    git(&work, &["commit", "-q", "-m", "link"]);
    git(&work, &["push", "-q", "origin", "main"]);
    let bed = Bed::of(origin);
    let base = head(&bed.http());
    for path in [
        "",
        "/etc/passwd",
        "../x",
        "a//b",
        ".git/config",
        "apps/.GIT/x",
        "apps",
        "link",
        "link/x",
        "a.yaml/x",
    ] {
        let mut edit = Edit::on(&base);
        let refused =
            edit.put(path, b"x".to_vec()).and_then(|()| edit.commit(&new_commit("x")).map(drop));
        assert!(
            matches!(&refused, Err(Error::Path { path: named, .. }) if named == path),
            "{path}: {refused:?}"
        );
    }
}

#[test]
fn a_signed_commit_carries_the_signature_of_its_bytes() {
    let bed = Bed::of(origin());
    let mirror = bed.http();
    let base = head(&mirror);
    let mut edit = Edit::on(&base);
    edit.put("a.yaml", b"a: 2\n".to_vec()).unwrap();
    let sign =
        |bytes: &[u8]| Ok(format!("-----BEGIN TEST-----\n{}\n-----END TEST-----\n", bytes.len()));
    let draft = edit.commit_signed(&new_commit("signed"), Some(&sign)).unwrap().unwrap();
    is_pushed(&mirror.push(&draft, &to_main(Expect::Is(base.id))).unwrap());
    bed.origin.is_sound();
    let commit = bed.origin.git(&["cat-file", "commit", "main"]);
    let unsigned: String =
        commit.split("gpgsig -----BEGIN TEST-----").next().unwrap().to_owned() + "\nsigned\n";
    assert!(
        commit.contains(&format!(
            "gpgsig -----BEGIN TEST-----\n {}\n -----END TEST-----\n",
            unsigned.len()
        )),
        "{commit}"
    );
}

#[test]
fn a_server_that_takes_no_push_options_is_not_sent_any() {
    let bed = Bed::of(Origin::with(&[("a.yaml", "a: 1\n")]));
    bed.origin.git(&["config", "receive.advertisePushOptions", "false"]);
    for (way, mirror) in bed.both() {
        let base = head(&mirror);
        let draft = draft(&base, "a.yaml", &format!("a: {way}\n"));
        let mut push = to_main(Expect::Is(base.id));
        push.options = vec!["ci.skip=true".to_owned()];
        let error = mirror.push(&draft, &push).unwrap_err();
        assert!(matches!(error, Error::PushOptions { .. }), "{way}: {error:?}");
        assert_eq!(bed.origin.id("main"), base.id, "{way}: nothing was pushed without them");
        push.options.clear();
        is_pushed(&mirror.push(&draft, &push).unwrap());
    }
}
