//! What the tag database promises.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use imagebot_core::tags::revision;

use super::*;

fn scan(at: i64) -> Scan {
    Scan {
        uid: "u1".into(),
        image: "index.docker.io/library/alpine".into(),
        exclusion_list: vec![r"^.*\.sig$".into()],
        at,
        revision: "sha256:00".into(),
        count: 2,
    }
}

fn list() -> Vec<String> {
    vec!["2".to_owned(), "1".to_owned()]
}

/// Only tags.
fn tags_alone(tags: &[String]) -> Found<'_> {
    Found { tags: Some(tags), memo: None }
}

#[test]
fn a_scan_outlives_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let tags = Tags::open(directory.path()).unwrap();
    assert_eq!(tags.list("apps/web").unwrap(), None);
    tags.store("apps/web", &scan(5), tags_alone(&list())).unwrap();
    drop(tags);
    let tags = Tags::open(directory.path()).unwrap();
    assert_eq!(tags.aside(), None);
    assert_eq!(tags.list("apps/web").unwrap(), Some((scan(5), list())));
}

#[test]
fn a_scan_that_found_the_same_keeps_the_list() {
    let directory = tempfile::tempdir().unwrap();
    let tags = Tags::open(directory.path()).unwrap();
    tags.store("apps/web", &scan(5), tags_alone(&list())).unwrap();
    tags.store("apps/web", &scan(6), Found::default()).unwrap();
    assert_eq!(tags.list("apps/web").unwrap(), Some((scan(6), list())));
    tags.forget("apps/web").unwrap();
    assert_eq!(tags.list("apps/web").unwrap(), None);
}

#[test]
fn a_damaged_file_is_moved_aside() {
    let whole = {
        let directory = tempfile::tempdir().unwrap();
        let tags = Tags::open(directory.path()).unwrap();
        tags.store("apps/web", &scan(5), tags_alone(&list())).unwrap();
        drop(tags);
        fs::read(directory.path().join(FILE)).unwrap()
    };
    let mut flipped = whole.clone();
    let at = whole.windows(8).position(|it| it == b"apps/web").expect("the key is in the file");
    flipped[at] ^= 0xff;
    for (what, bytes) in [("garbage", b"not a database".to_vec()), ("a flipped bit", flipped)] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), &bytes).unwrap();
        let tags = Tags::open(directory.path()).unwrap();
        let aside = tags.aside().unwrap_or_else(|| panic!("{what} is noticed"));
        assert_eq!(fs::read(aside).unwrap().len(), bytes.len(), "{what} is kept");
        assert_eq!(tags.list("apps/web").unwrap(), None);
        tags.store("apps/web", &scan(6), tags_alone(&list())).unwrap();
    }
}

#[test]
fn two_processes_cannot_share_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let _first = Tags::open(directory.path()).unwrap();
    assert!(matches!(Tags::open(directory.path()), Err(Error::Locked(_))));
}

#[test]
fn what_spares_the_next_scan_is_kept_beside_the_list() {
    let directory = tempfile::tempdir().unwrap();
    let tags = Tags::open(directory.path()).unwrap();
    let found = Found { tags: Some(&list()), memo: Some(b"pages") };
    tags.store("apps/web", &scan(5), found).unwrap();
    tags.store("apps/web", &scan(6), Found::default()).unwrap();
    assert_eq!(tags.memo("apps/web").unwrap(), b"pages");
    tags.store("apps/web", &scan(7), Found { tags: None, memo: Some(b"") }).unwrap();
    assert!(tags.memo("apps/web").unwrap().is_empty());
    assert_eq!(tags.list("apps/web").unwrap(), Some((scan(7), list())));
}

#[test]
fn a_list_that_is_not_the_scanned_one_is_read_anew() {
    let directory = tempfile::tempdir().unwrap();
    let tags = Tags::open(directory.path()).unwrap();
    let short = Scan { count: 3, ..scan(5) };
    tags.store("apps/web", &short, tags_alone(&list())).unwrap();
    assert_eq!(tags.list("apps/web").unwrap(), None);
    assert_eq!(tags.scan("apps/web").unwrap(), None, "so that it is due");
}

/// The program of this test, in one of its roles.
fn child(role: &str, directory: &Path) -> Command {
    let mut command = Command::new("sh");
    let exe = std::env::current_exe().unwrap();
    command.args(["-c", "trap '' XFSZ; ulimit -S -f \"$LIMIT\"; exec \"$0\" \"$@\""]).arg(exe);
    command.args(["--exact", "--ignored", "--nocapture"]).arg(format!("tags::tests::{role}"));
    command.env("SIGNET_TEST_DIR", directory).env("LIMIT", "unlimited");
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Where a child works.
fn place() -> PathBuf {
    std::env::var_os("SIGNET_TEST_DIR").expect("another test starts this one").into()
}

/// The tags of the object `key` at its scan number `at`.
fn numbered(key: usize, at: i64) -> Vec<String> {
    let mut tags: Vec<_> = (0..300).map(|number| format!("{key}.{at}.{number}")).collect();
    imagebot_core::tags::sort(&mut tags);
    tags
}

fn numbered_scan(tags: &[String], at: i64) -> Scan {
    Scan { revision: revision(tags.iter().map(String::as_str)), count: tags.len(), ..scan(at) }
}

const KEYS: usize = 6;

#[test]
#[ignore = "a child of `a_kill_at_any_moment_loses_nothing_that_was_stored`"]
fn stores_until_it_is_killed() {
    let tags = Tags::open(&place()).unwrap();
    for at in 0.. {
        for key in 0..KEYS {
            let before = tags.scan(&format!("apps/{key}")).unwrap().map_or(0, |scan| scan.at);
            let list = numbered(key, before + 1);
            let found = Found { tags: Some(&list), memo: Some(&[7; 5000]) };
            tags.store(&format!("apps/{key}"), &numbered_scan(&list, before + 1), found).unwrap();
            // Not with `print`: the harness would collect it.
            writeln!(io::stdout(), "\nstored {key} {}", before + 1).unwrap();
        }
        if at % 7 == 6 {
            tags.forget("apps/0").unwrap();
        }
    }
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_stored() {
    let directory = tempfile::tempdir().unwrap();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..40 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut child = child("stores_until_it_is_killed", directory.path()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut stored = [0_i64; KEYS];
        let enough = usize::try_from(random >> 60).unwrap();
        for line in lines.filter(|line| line.starts_with("stored ")).take(enough + 1) {
            let mut words = line.split(' ').skip(1);
            let key: usize = words.next().unwrap().parse().unwrap();
            stored[key] = words.next().unwrap().parse().unwrap();
        }
        // Somewhere in the next write.
        std::thread::sleep(std::time::Duration::from_micros((random >> 40) % 3000));
        child.kill().unwrap();
        child.wait().unwrap();
        let tags = Tags::open(directory.path()).unwrap();
        assert_eq!(tags.aside(), None, "round {round}: a kill damages nothing");
        for (key, at) in stored.into_iter().enumerate() {
            match tags.list(&format!("apps/{key}")).unwrap() {
                Some((scan, list)) => {
                    assert!(scan.at >= at || key == 0, "round {round}: {key} at {}", scan.at);
                    assert_eq!(scan, numbered_scan(&list, scan.at), "round {round}: {key}");
                    assert_eq!(list, numbered(key, scan.at), "round {round}: {key}");
                }
                None => assert!(at == 0 || key == 0, "round {round}: {key} is lost"),
            }
        }
    }
}

#[test]
#[ignore = "a child of `a_full_disk_is_told_and_what_was_there_stays`"]
fn fills_the_disk() {
    let tags = Tags::open(&place()).unwrap();
    let kept = numbered(0, 1);
    tags.store("apps/0", &numbered_scan(&kept, 1), tags_alone(&kept)).unwrap();
    let large: Vec<_> = (0..40_000).map(|number| format!("{number:032x}")).collect();
    let mut full = None;
    for key in 1..1000 {
        let stored = tags.store(&format!("apps/{key}"), &scan(1), tags_alone(&large));
        if let Err(error) = stored {
            full = Some((key, error));
            break;
        }
    }
    let (key, error) = full.expect("the file may not grow for ever");
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(error.to_string(), "could not write to the tag database");
    assert!(why.contains("File too large") || why.contains("No space"), "{why}");
    // What was there is there, for as long as the disk is full.
    for _ in 0..3 {
        assert_eq!(tags.list("apps/0").unwrap(), Some((numbered_scan(&kept, 1), kept.clone())));
        assert!(tags.store("apps/again", &scan(1), tags_alone(&large)).is_err());
    }
    assert_eq!(tags.aside(), None, "a full disk is no damage");
    // Where there is room again, everything goes on without a restart.
    for key in 1..key {
        tags.forget(&format!("apps/{key}")).unwrap();
    }
    tags.store("apps/0", &scan(9), tags_alone(&list())).unwrap();
    assert_eq!(tags.list("apps/0").unwrap(), Some((scan(9), list())));
}

#[test]
fn a_full_disk_is_told_and_what_was_there_stays() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = child("fills_the_disk", directory.path());
    // Of 512 or of 1024 bytes, as the shell likes.
    let output = child.env("LIMIT", "12000").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
