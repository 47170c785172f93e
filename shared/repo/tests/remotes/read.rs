//! Fetching and reading.

use repo::{Error, Memory, Range, Reference, Tree};

use crate::{Bed, git::Origin, head, main_branch, server::Mood};

const FILES: [(&str, &str); 4] = [
    ("a.yaml", "a: 1\n"),
    ("apps/b.yaml", "b: 1\n"),
    ("apps/deep/c.yaml", "c: 1\n"),
    ("docs/readme.md", "hello\n"),
];

fn paths(tree: &Tree, below: &str) -> Vec<String> {
    tree.list(below).unwrap().into_iter().map(|file| file.path).collect()
}

#[test]
fn a_commit_shows_its_files_author_and_message() {
    let bed = Bed::of(Origin::with(&FILES));
    for (way, mirror) in bed.both() {
        let fetched = mirror.fetch(&main_branch()).unwrap();
        let commit = &fetched.commit;
        assert_eq!(commit.id, bed.origin.id("main"), "{way}");
        assert_eq!(
            (commit.author.name.as_str(), commit.message.as_str()),
            ("Ann", "first\n"),
            "{way}"
        );
        assert_eq!(fetched.name.as_deref(), Some("refs/heads/main"), "{way}");
        let tree = commit.files();
        assert_eq!(
            paths(&tree, ""),
            ["a.yaml", "apps/b.yaml", "apps/deep/c.yaml", "docs/readme.md"],
            "{way}"
        );
        assert_eq!(paths(&tree, "./apps"), ["apps/b.yaml", "apps/deep/c.yaml"], "{way}");
        assert!(paths(&tree, "absent").is_empty(), "{way}");
        let file = tree.file("apps/b.yaml").unwrap().unwrap();
        assert_eq!(tree.read(file.id).unwrap(), b"b: 1\n", "{way}");
        assert_eq!(tree.file("apps").unwrap(), None, "{way}");
    }
}

#[test]
fn a_fetch_receives_what_is_new_and_nothing_else() {
    let many: Vec<(String, String)> =
        (0..200).map(|n| (format!("apps/{n}.yaml"), format!("n: {n}\n"))).collect();
    let many: Vec<(&str, &str)> =
        many.iter().map(|(path, content)| (&**path, &**content)).collect();
    let bed = Bed::of(Origin::with(&many));
    let mirror = bed.http();
    assert_eq!(mirror.fetch(&main_branch()).unwrap().received, 203);
    assert_eq!(mirror.fetch(&main_branch()).unwrap().received, 0);

    bed.origin.commit("main", "second", &[("apps/7.yaml", "n: 70\n")]);
    bed.origin.commit("main", "third", &[("apps/8.yaml", "n: 80\n")]);
    let fetched = mirror.fetch(&main_branch()).unwrap();
    assert_eq!(fetched.commit.id, bed.origin.id("main"));
    assert!(
        (4..=5).contains(&fetched.received),
        "a commit, two trees, two blobs: {}",
        fetched.received
    );
    assert_eq!(fetched.commit.files().list("").unwrap().len(), 200);
    drop(mirror);

    let bed = bed.restart();
    assert_eq!(
        bed.http().fetch(&main_branch()).unwrap().received,
        0,
        "the mirror outlives the process"
    );
}

#[test]
fn servers_that_speak_the_old_protocol_are_understood() {
    let bed = Bed::of(Origin::with(&FILES));
    bed.server.be(Mood::Old);
    let mirror = bed.http();
    let first = mirror.fetch(&Reference::Default).unwrap();
    assert_eq!(
        (first.commit.id, first.name.as_deref()),
        (bed.origin.id("main"), Some("refs/heads/main"))
    );
    for round in 0..3 {
        bed.origin.commit("main", "next", &[("a.yaml", &format!("a: {round}\n"))]);
        let fetched = mirror.fetch(&main_branch()).unwrap();
        assert_eq!(
            (fetched.commit.id, fetched.received, fetched.rebuilt),
            (bed.origin.id("main"), 3, None)
        );
        assert_eq!(fetched.commit.files().list("").unwrap().len(), 4);
    }
    let absent = mirror.fetch(&Reference::Branch("nope".into())).unwrap_err();
    assert!(matches!(absent, Error::NoSuchReference { empty: false, .. }), "{absent:?}");
    let again = bed.http().fetch(&Reference::Commit(first.commit.id)).unwrap();
    assert_eq!(again.commit.id, first.commit.id);
    let unknown = "0123456789012345678901234567890123456789".parse().unwrap();
    let absent = mirror.fetch(&Reference::Commit(unknown)).unwrap_err();
    assert!(matches!(absent, Error::NoSuchReference { .. }), "{absent:?}");
    assert_eq!(mirror.fetch(&main_branch()).unwrap().rebuilt, None);
}

#[test]
fn history_may_be_rewritten() {
    let bed = Bed::of(Origin::with(&FILES));
    let mirror = bed.http();
    head(&mirror);
    let work = bed.origin.work("main");
    crate::git::git(&work, &["commit", "-q", "--amend", "-m", "rewritten"]);
    crate::git::git(&work, &["push", "-q", "-f", "origin", "main"]);
    let commit = head(&mirror);
    assert_eq!((commit.id, commit.message.as_str()), (bed.origin.id("main"), "rewritten\n"));
}

#[test]
fn every_kind_of_reference_is_found() {
    let bed = Bed::of(Origin::with(&FILES));
    let first = bed.origin.id("main");
    let work = bed.origin.work("main");
    crate::git::git(&work, &["tag", "light"]);
    crate::git::git(&work, &["tag", "-a", "v1.0.0", "-m", "release"]);
    crate::git::git(
        &work,
        &["push", "-q", "origin", "--tags", "HEAD:refs/pull/1/head", "HEAD:refs/heads/main2"],
    );
    let second = bed.origin.commit("main", "second", &[("a.yaml", "a: 2\n")]);
    for (way, mirror) in bed.both() {
        #[rustfmt::skip]
        let cases = [
            // wanted                                            commit   name
            (Reference::Default,                                 second,  Some("refs/heads/main")),
            (Reference::Branch("main".into()),                   second,  Some("refs/heads/main")),
            (Reference::Branch("main2".into()),                  first,   Some("refs/heads/main2")),
            (Reference::Tag("light".into()),                     first,   Some("refs/tags/light")),
            (Reference::Tag("v1.0.0".into()),                    first,   Some("refs/tags/v1.0.0")),
            (Reference::Name("refs/pull/1/head".into()),         first,   Some("refs/pull/1/head")),
            (Reference::Commit(first),                           first,   None),
        ];
        for (wanted, commit, name) in cases {
            let fetched = mirror.fetch(&wanted).unwrap();
            assert_eq!(
                (fetched.commit.id, fetched.name.as_deref()),
                (commit, name),
                "{way}: {wanted}"
            );
            assert_eq!(fetched.commit.files().list("").unwrap().len(), 4, "{way}: {wanted}");
        }
        let tags = mirror.refs("refs/tags/").unwrap();
        let names: Vec<&str> = tags.iter().map(|tag| &*tag.name).collect();
        assert_eq!(names, ["refs/tags/light", "refs/tags/v1.0.0"], "{way}");
        assert_eq!((tags[1].peeled, tags[1].id == first), (Some(first), false), "{way}");
    }
}

#[test]
fn what_is_not_there_says_so() {
    let bed = Bed::of(Origin::with(&FILES));
    let unknown = "0123456789012345678901234567890123456789".parse().unwrap();
    for (way, mirror) in bed.both() {
        for wanted in [
            Reference::Branch("nope".into()),
            Reference::Tag("nope".into()),
            Reference::Commit(unknown),
        ] {
            let error = mirror.fetch(&wanted).unwrap_err();
            assert!(
                matches!(error, Error::NoSuchReference { empty: false, .. }),
                "{way}: {wanted}: {error:?}"
            );
            assert!(error.to_string().contains(&wanted.to_string()), "{way}: {error}");
        }
        let error = mirror.fetch(&Reference::Branch("a..b".into())).unwrap_err();
        assert!(matches!(error, Error::Name { .. }), "{way}: {error:?}");
    }
}

#[test]
fn a_scan_reads_only_content_it_has_not_seen() {
    let bed = Bed::of(Origin::with(&FILES));
    for (way, mirror) in bed.both() {
        let scan = |memory: &mut Memory| {
            let mut seen = Vec::new();
            let yaml = |path: &str| path.contains(".yaml");
            let scan = head(&mirror).files().scan("", memory, yaml, |file, content| {
                seen.push(file.path.clone());
                content.starts_with(b"b:")
            });
            (seen, scan.unwrap().read)
        };
        let mut memory = mirror.memory("markers-1").unwrap();
        assert_eq!(
            scan(&mut memory),
            (vec!["a.yaml".into(), "apps/b.yaml".into(), "apps/deep/c.yaml".into()], 3),
            "{way}"
        );
        memory.save().unwrap();
        let mut memory = mirror.memory("markers-1").unwrap();
        assert_eq!(scan(&mut memory), (vec!["apps/b.yaml".into()], 1), "{way}");
    }
    bed.origin.commit(
        "main",
        "second",
        &[("apps/deep/d.yaml", "d: 1\n"), ("apps/deep/e.yaml", "a: 1\n")],
    );
    let mirror = bed.http();
    let mut memory = mirror.memory("markers-1").unwrap();
    let mut seen = Vec::new();
    let scan = head(&mirror).files().scan(
        "apps/deep",
        &mut memory,
        |_| true,
        |file, _| {
            seen.push(file.path.clone());
            false
        },
    );
    assert_eq!(seen, ["apps/deep/d.yaml"], "the content of e.yaml was seen as a.yaml");
    assert_eq!(scan.unwrap().skipped, 2);
}

#[test]
fn an_empty_repository_has_no_branch_and_says_so() {
    let bed = Bed::of(Origin::empty());
    for (way, mirror) in bed.both() {
        for wanted in [main_branch(), Reference::Default] {
            let error = mirror.fetch(&wanted).unwrap_err();
            assert!(
                matches!(error, Error::NoSuchReference { empty: true, .. }),
                "{way}: {error:?}"
            );
        }
        assert!(mirror.refs("refs/").unwrap().is_empty(), "{way}");
    }
}

#[test]
fn a_range_finds_the_highest_tag_that_it_holds() {
    let bed = Bed::of(Origin::with(&[("a.yaml", "a: 1\n")]));
    for tag in ["v1.2.0", "1.10.0", "v1.3.0-rc.1", "2.0.0", "latest", "v1.10.0"] {
        bed.origin.commit("main", tag, &[("a.yaml", &format!("a: {tag}\n"))]);
        let args = if tag == "v1.10.0" { vec!["tag", "-m", tag, tag] } else { vec!["tag", tag] };
        let args: Vec<&str> = args.into_iter().chain(["main"]).collect();
        bed.origin.git(&[&["-c", "user.name=A", "-c", "user.email=a@t"], &args[..]].concat());
    }
    #[rustfmt::skip]
    let cases = [
        // range         tag
        ("1.x",          Some("v1.10.0")), // of equal versions, the last by name
        ("*",            Some("2.0.0")),
        ("<1.5",         Some("v1.2.0")),
        ("~1.3.0-0",     Some("v1.3.0-rc.1")),
        (">2",           None),
    ];
    for (name, mirror) in bed.both() {
        for (range, tag) in cases {
            let wanted = Reference::SemVer(Range::parse(range).unwrap());
            let found = mirror.fetch(&wanted);
            let found = found.as_ref().map(|fetched| (fetched.name.as_deref(), fetched.commit.id));
            if let Some(tag) = tag {
                let full = format!("refs/tags/{tag}");
                let id = bed.origin.id(&format!("{full}^{{commit}}"));
                assert_eq!(found.unwrap(), (Some(&*full), id), "{name} {range}");
            } else {
                let error = found.unwrap_err();
                assert!(matches!(error, Error::NoSuchReference { empty: false, .. }), "{error}");
                assert!(error.to_string().contains("a tag in `>2`"), "{error}");
            }
        }
    }
    assert!(matches!(Range::parse("one"), Err(Error::Range { .. })));
}
