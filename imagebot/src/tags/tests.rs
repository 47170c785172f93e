//! What the tag database promises.

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

#[test]
fn a_scan_outlives_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let tags = Tags::open(directory.path()).unwrap();
    assert_eq!(tags.list("apps/web").unwrap(), None);
    tags.store("apps/web", &scan(5), Some(&list())).unwrap();
    drop(tags);
    let tags = Tags::open(directory.path()).unwrap();
    assert_eq!(tags.aside(), None);
    assert_eq!(tags.list("apps/web").unwrap(), Some((scan(5), list())));
}

#[test]
fn a_scan_that_found_the_same_keeps_the_list() {
    let directory = tempfile::tempdir().unwrap();
    let tags = Tags::open(directory.path()).unwrap();
    tags.store("apps/web", &scan(5), Some(&list())).unwrap();
    tags.store("apps/web", &scan(6), None).unwrap();
    assert_eq!(tags.list("apps/web").unwrap(), Some((scan(6), list())));
    tags.forget("apps/web").unwrap();
    assert_eq!(tags.list("apps/web").unwrap(), None);
}

#[test]
fn a_damaged_file_is_moved_aside() {
    let whole = {
        let directory = tempfile::tempdir().unwrap();
        let tags = Tags::open(directory.path()).unwrap();
        tags.store("apps/web", &scan(5), Some(&list())).unwrap();
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
        tags.store("apps/web", &scan(6), Some(&list())).unwrap();
    }
}

#[test]
fn two_processes_cannot_share_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let _first = Tags::open(directory.path()).unwrap();
    assert!(matches!(Tags::open(directory.path()), Err(Error::Locked(_))));
}
