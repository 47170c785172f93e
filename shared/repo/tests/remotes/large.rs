//! A repository of 20,000 files, of which 200 matter.

use std::{
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
    time::Instant,
};

use repo::{Edit, Expect, Mirror};

use crate::{Bed, git::Origin, head, is_pushed, new_commit, to_main};

/// `directories` of 100 files each, one of which has a marker.
fn origin(directories: usize) -> Origin {
    let origin = Origin::empty();
    let mut stream =
        "commit refs/heads/main\ncommitter Ann <ann@t.example> 1700000000 +0000\ndata 5\nfirst\n"
            .to_owned();
    for directory in 0..directories {
        for file in 0..100 {
            let marker = if file == 50 { " # {\"$imagepolicy\": \"ns:app\"}" } else { "" };
            let padding = format!("# team {directory} file {file}\n").repeat(12);
            let content = format!("image: app:1.0.0{marker}\n{padding}");
            let length = content.len();
            writeln!(stream, "M 100644 inline apps/team{directory:03}/app{file:03}.yaml\ndata {length}\n{content}").unwrap();
        }
    }
    let mut import = Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(origin.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
    origin
}

/// Scans, edits every marked file, commits and pushes; returns what each step took.
fn update(mirror: &Mirror, version: &str) -> String {
    let mut times = String::new();
    let mut began = Instant::now();
    let mut lap = |step: &str| {
        write!(times, "{step} {:?}  ", began.elapsed()).unwrap();
        began = Instant::now();
    };
    let base = head(mirror);
    lap("fetch");
    let mut memory = mirror.memory("markers").unwrap();
    let mut marked = Vec::new();
    let scan = base
        .files()
        .scan(
            "",
            &mut memory,
            |path| path.contains(".yaml"),
            |file, content| {
                let has = content.windows(12).any(|window| window == b"$imagepolicy");
                if has {
                    marked.push((file.path.clone(), String::from_utf8(content.to_vec()).unwrap()));
                }
                has
            },
        )
        .unwrap();
    memory.save().unwrap();
    lap(&format!("scan of {}", scan.read));
    let mut edit = Edit::on(&base);
    for (path, content) in marked {
        let (_, rest) = content.split_once(" #").unwrap();
        edit.put(&path, format!("image: app:{version} #{rest}").into_bytes()).unwrap();
    }
    let draft = edit.commit(&new_commit("update")).unwrap().unwrap();
    lap("commit");
    is_pushed(&mirror.push(&draft, &to_main(Expect::Is(base.id))).unwrap());
    lap("push");
    times
}

#[track_caller]
fn check(directories: usize) {
    let bed = Bed::of(origin(directories));
    for (way, mirror) in bed.both() {
        for round in ["first", "second", "third"] {
            let began = Instant::now();
            let times = update(&mirror, &format!("{way}-{round}"));
            let mut out = std::io::stderr();
            writeln!(out, "{way} {round}: {:?} = {times}", began.elapsed()).unwrap();
            let changed = bed.origin.git(&["diff", "--numstat", "main~1", "main"]);
            assert_eq!(changed.lines().count(), directories);
            assert!(changed.lines().all(|line| line.starts_with("1\t1\t")), "one line a file");
        }
    }
    bed.origin.is_sound();
}

#[test]
fn a_thousand_files_are_updated_where_they_are_marked() {
    check(10);
}

#[test]
#[ignore = "a measurement: cargo test -p repo --release -- --ignored --nocapture twenty_thousand"]
fn twenty_thousand_files_are_updated_in_half_a_second() {
    check(200);
}
