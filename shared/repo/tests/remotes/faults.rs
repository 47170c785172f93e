//! Servers that refuse, lie or die, and disks that forget.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use repo::{Cache, Class, Credentials, Error, Expect, Rebuilt, Reference, Remote, Secret};

use crate::{
    Bed, draft,
    git::Origin,
    head, is_pushed, main_branch,
    server::{Mood, Server},
    to_main,
};

fn origin() -> Origin {
    Origin::with(&[("a.yaml", "a: 1\n"), ("apps/b.yaml", "b: 1\n")])
}

/// The newest generation of the only mirror.
pub(crate) fn generation(bed: &Bed) -> PathBuf {
    let cache = bed.dir.path().join("cache");
    let stores = fs::read_dir(cache)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir());
    let mut found: Vec<PathBuf> = stores
        .flat_map(|store| fs::read_dir(store).unwrap().flatten().map(|entry| entry.path()))
        .filter(|path| {
            path.join("objects").is_dir()
                && path.file_name().unwrap().to_str().unwrap().starts_with('g')
        })
        .collect();
    found.sort();
    found.pop().unwrap()
}

#[test]
fn errors_say_who_can_mend_them_and_never_the_password() {
    let bed = Bed::of(origin());
    #[rustfmt::skip]
    let cases = [
        // mood                                   userinfo        who can mend it    words
        (Mood::Private,                           "bot:hunter2@", Class::Waiting,    "answered 401"),
        (Mood::Private,                           "",             Class::Waiting,    "answered 401"),
        (Mood::Status("403 Forbidden"),           "bot:hunter2@", Class::Waiting,    "answered 403"),
        (Mood::Status("404 Not Found"),           "bot:hunter2@", Class::Waiting,    "there is no repository"),
        (Mood::Status("500 Oops"),                "bot:hunter2@", Class::Transient,  "answered 500"),
        (Mood::Status("429 Slow Down"),           "bot:hunter2@", Class::Transient,  "answered 429"),
        (Mood::Html,                              "bot:hunter2@", Class::Waiting,    "is not a Git repository: it answered `text/html`"),
    ];
    for (mood, userinfo, class, words) in cases {
        bed.server.be(mood);
        let mirror = bed.at(&bed.server.url(userinfo, "app.git"));
        let error = mirror.fetch(&main_branch()).unwrap_err();
        assert_eq!(error.class(), class, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
        let patient = matches!(error, Error::Unavailable { .. });
        assert_eq!(error.retry_after(), patient.then_some(Duration::from_secs(7)), "{error}");
    }
}

#[test]
fn a_wrong_password_pushes_nothing() {
    let bed = Bed::of(origin());
    let base = head(&bed.http());
    let intruder = bed.at(&bed.server.url("bot:wrong@", "app.git"));
    let pushed = intruder.push(&draft(&base, "a.yaml", "a: 2\n"), &to_main(Expect::Is(base.id)));
    assert!(matches!(pushed, Err(Error::Denied { status: 401, .. })), "{pushed:?}");
    assert_eq!(bed.origin.id("main"), base.id);
}

#[test]
fn who_has_no_access_reads_nothing_from_anothers_mirror() {
    let bed = Bed::of(origin());
    let first = head(&bed.http()).id;
    // The same directory on the disk: only the password differs.
    let intruder = bed.at(&bed.server.url("bot:wrong@", "app.git"));
    for wanted in [main_branch(), Reference::Commit(first)] {
        assert!(matches!(intruder.fetch(&wanted), Err(Error::Denied { .. })), "{wanted}");
    }
    let mut renewed = Remote::parse(&bed.server.url("", "app.git")).unwrap();
    renewed.credentials =
        Credentials::Basic { username: "bot".into(), password: Secret::new("sesame") };
    assert_eq!(bed.cache.mirror(renewed).unwrap().fetch(&main_branch()).unwrap().received, 0);
}

#[test]
fn a_commit_outside_of_every_reference_must_be_had_from_the_server() {
    let bed = Bed::of(origin());
    let mirror = bed.http();
    let first = head(&mirror).id;
    // Another identity of the same directory, for which nobody vouched for this commit yet.
    let other = bed.http();
    assert_eq!(other.fetch(&Reference::Commit(first)).unwrap().commit.id, first);
    bed.server.be(Mood::Status("403 Forbidden"));
    assert!(matches!(bed.http().fetch(&Reference::Commit(first)), Err(Error::Denied { .. })));
}

#[test]
fn a_bearer_token_is_sent_as_such() {
    let bed = Bed::of(origin());
    let mut remote = Remote::parse(&bed.server.url("", "app.git")).unwrap();
    remote.credentials = Credentials::Bearer(Secret::new("sesame"));
    let commit = head(&bed.cache.mirror(remote).unwrap());
    assert_eq!(commit.id, bed.origin.id("main"));
}

#[test]
fn credentials_stay_home_when_another_host_answers() {
    let bed = Bed::of(origin());
    let elsewhere = Server::of(bed.origin.root(), Mood::Public);
    bed.server.moved_to(elsewhere.url("", "").trim_end_matches('/'));
    let mirror = bed.at(&bed.server.url("bot:sesame@", "moved/app.git"));
    let base = head(&mirror);
    is_pushed(
        &mirror.push(&draft(&base, "a.yaml", "a: 2\n"), &to_main(Expect::Is(base.id))).unwrap(),
    );
    assert!(elsewhere.authorizations().is_empty());
    assert!(!bed.server.authorizations().is_empty());
    bed.origin.is_sound();
}

#[test]
fn credentials_follow_a_redirect_within_a_host() {
    let bed = Bed::of(origin());
    bed.server.moved_to(bed.server.url("", "").trim_end_matches('/'));
    let mirror = bed.at(&bed.server.url("bot:sesame@", "moved/app.git"));
    assert_eq!(head(&mirror).id, bed.origin.id("main"));
}

#[test]
fn a_redirect_in_circles_or_to_another_service_ends() {
    let bed = Bed::of(origin());
    for (to, why) in
        [("/moved", "too many redirects"), ("ftp://elsewhere.example", "give up encryption")]
    {
        bed.server.moved_to(to);
        let error = bed
            .at(&bed.server.url("bot:sesame@", "moved/app.git"))
            .fetch(&main_branch())
            .unwrap_err();
        assert_eq!(
            (error.class(), error.to_string().contains(why)),
            (Class::Stalled, true),
            "{error}"
        );
    }
}

#[test]
fn a_silent_server_costs_no_more_than_the_timeout() {
    let bed = Bed::of(origin());
    bed.server.be(Mood::Silent);
    let mut remote = Remote::parse(&bed.server.url("bot:sesame@", "app.git")).unwrap();
    remote.timeouts.operation = Duration::from_millis(200);
    let began = Instant::now();
    let error = bed.cache.mirror(remote).unwrap().fetch(&main_branch()).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn nobody_listening_is_unreachable() {
    let bed = Bed::of(origin());
    let url = bed.server.url("bot:sesame@", "app.git");
    drop(Server::of(bed.origin.root(), Mood::Public));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = url.rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    let error = bed.at(&url.replace(&port, &free.to_string())).fetch(&main_branch()).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!(error.class(), Class::Transient);
}

#[test]
fn a_push_whose_answer_is_lost_is_looked_up() {
    let bed = Bed::of(origin());
    let mirror = bed.http();
    let base = head(&mirror);
    bed.server.be(Mood::DropsPushAnswers);
    let draft = draft(&base, "a.yaml", "a: 2\n");
    is_pushed(&mirror.push(&draft, &to_main(Expect::Is(base.id))).unwrap());
    assert_eq!(bed.origin.id("main"), draft.id);
}

#[test]
fn credentials_do_not_travel_in_clear_text_to_other_machines() {
    let bed = Bed::of(origin());
    let error = bed.at("http://bot:sesame@git.invalid/app.git").fetch(&main_branch()).unwrap_err();
    assert!(matches!(error, Error::ClearText { .. }), "{error:?}");
    assert_eq!(error.class(), Class::Stalled);
}

#[test]
fn a_damaged_mirror_is_put_aside_and_made_anew() {
    type Damage = fn(&std::path::Path);
    let damages: [(&str, Damage); 5] = [
        ("no HEAD", |generation| fs::remove_file(generation.join("HEAD")).unwrap()),
        ("torn packed-refs", |generation| {
            fs::write(generation.join("packed-refs"), "0123").unwrap();
        }),
        ("empty index", |generation| {
            each_pack(generation, "idx", |path| fs::write(path, "").unwrap());
        }),
        ("no packs", |generation| {
            each_pack(generation, "pack", |path| fs::remove_file(path).unwrap());
        }),
        ("zeroed pack", |generation| {
            each_pack(generation, "pack", |path| {
                let length = fs::metadata(path).unwrap().len();
                fs::write(path, vec![0; usize::try_from(length).unwrap()]).unwrap();
            });
        }),
    ];
    for (name, damage) in damages {
        let bed = Bed::of(origin());
        let id = head(&bed.http()).id;
        damage(&generation(&bed));
        fs::write(generation(&bed).join("damaged"), "").unwrap();
        let bed = bed.restart();
        let fetched = bed.http().fetch(&main_branch()).unwrap();
        assert_eq!(
            (fetched.commit.id, fetched.commit.files().list("").unwrap().len()),
            (id, 2),
            "{name}"
        );
        let Some(Rebuilt::Corrupt { aside, .. }) = &fetched.rebuilt else {
            panic!("{name}: {:?}", fetched.rebuilt)
        };
        assert!(aside.join("damaged").is_file(), "{name}: it can be looked at");
        let again = bed.http().fetch(&main_branch()).unwrap();
        assert_eq!((again.received, again.rebuilt), (0, None), "{name}");
    }
}

fn each_pack(generation: &std::path::Path, extension: &str, damage: fn(&std::path::Path)) {
    for entry in fs::read_dir(generation.join("objects/pack")).unwrap().flatten() {
        if entry.path().extension().is_some_and(|found| found == extension) {
            // gix writes packs read-only.
            let mut permissions = entry.metadata().unwrap().permissions();
            #[expect(
                clippy::permissions_set_readonly_false,
                reason = "a temporary file of this test"
            )]
            permissions.set_readonly(false);
            fs::set_permissions(entry.path(), permissions).unwrap();
            damage(&entry.path());
        }
    }
}

#[test]
fn a_blob_that_cannot_be_read_heals_with_the_next_fetch() {
    let bed = Bed::of(origin());
    let mirror = bed.http();
    let base = head(&mirror);
    is_pushed(
        &mirror.push(&draft(&base, "a.yaml", "a: 2\n"), &to_main(Expect::Is(base.id))).unwrap(),
    );
    let blob = head(&mirror).files().file("a.yaml").unwrap().unwrap().id.to_string();
    fs::remove_file(generation(&bed).join("objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let commit = head(&mirror);
    let lost = commit.files().read(blob.parse().unwrap());
    assert!(matches!(lost, Err(Error::Corrupt { .. })), "{lost:?}");
    bed.origin.commit("main", "third", &[("c.yaml", "c: 1\n")]);
    let fetched = mirror.fetch(&main_branch()).unwrap();
    assert!(matches!(fetched.rebuilt, Some(Rebuilt::Corrupt { .. })), "{:?}", fetched.rebuilt);
    assert_eq!(fetched.commit.files().read(blob.parse().unwrap()).unwrap(), b"a: 2\n");
}

#[test]
fn leftovers_of_a_killed_process_do_not_block() {
    let bed = Bed::of(origin());
    head(&bed.http());
    let generation = generation(&bed);
    for path in [
        "shallow.lock",
        "packed-refs.lock",
        "packed-refs.new",
        "objects/pack/.tmp123",
        "objects/pack/pack-1.pack",
    ] {
        fs::write(generation.join(path), "left over").unwrap();
    }
    fs::create_dir(generation.with_file_name("g2")).unwrap();
    let second = bed.origin.commit("main", "second", &[("a.yaml", "a: 2\n")]);
    let bed = bed.restart();
    let fetched = bed.http().fetch(&main_branch()).unwrap();
    assert_eq!((fetched.commit.id, fetched.rebuilt), (second, None));
}

#[test]
fn a_mirror_of_many_packs_is_made_anew() {
    let bed = Bed::of(origin());
    let mirror = bed.http();
    let mut rebuilt = None;
    for round in 0..60 {
        bed.origin.commit("main", "next", &[("a.yaml", &format!("a: {round}\n"))]);
        let fetched = mirror.fetch(&main_branch()).unwrap();
        assert_eq!(fetched.commit.files().list("").unwrap().len(), 2);
        rebuilt = rebuilt.or(fetched.rebuilt);
    }
    assert_eq!(rebuilt, Some(Rebuilt::Packs { packs: 51 }));
    assert_eq!(generation(&bed).file_name().unwrap(), "g2");
    assert!(!generation(&bed).with_file_name("g1").exists(), "nobody reads the old one");
}

#[test]
fn mirrors_used_longest_ago_make_room() {
    let dir = tempfile::tempdir().unwrap();
    let origins: Vec<(Origin, Server)> = (0..3)
        .map(|_| {
            let origin = origin();
            let server = Server::of(origin.root(), Mood::Public);
            (origin, server)
        })
        .collect();
    let cache = Cache::open(dir.path(), 1).unwrap();
    for (_, server) in &origins {
        let mirror = cache.mirror(Remote::parse(&server.url("", "app.git")).unwrap()).unwrap();
        let error = mirror.fetch(&main_branch()).unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: 1, .. }), "{error:?}");
    }
    drop(cache);
    Cache::open(dir.path(), 1).unwrap();
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().flatten().filter(|entry| entry.path().is_dir()).count(),
        0
    );
}

/// What the next tests start: a process that fetches, commits and pushes until it cannot.
#[test]
#[ignore = "a part of the tests below, which start it"]
#[expect(clippy::disallowed_methods, reason = "the test that starts this one says where to work")]
fn a_victim() {
    let (cache, url) =
        (std::env::var("VICTIM_CACHE").unwrap(), std::env::var("VICTIM_URL").unwrap());
    let cache = Cache::open(std::path::Path::new(&cache), 1 << 30).unwrap();
    let mirror = cache.mirror(Remote::parse(&url).unwrap()).unwrap();
    let words = std::env::var("VICTIM_WORDS").map_or(0, |words| words.parse().unwrap());
    for round in 0.. {
        let base = match mirror.fetch(&main_branch()) {
            Ok(fetched) => fetched.commit,
            Err(error) => panic!("{:?}: {error}: {error:?}", error.class()),
        };
        let content = format!("b: {} {round} {}\n", std::process::id(), noise(round, words));
        let draft = draft(&base, "apps/b.yaml", &content);
        mirror.push(&draft, &to_main(Expect::Is(base.id))).unwrap();
    }
}

/// The command that becomes the victim, below a shell that may say what it lacks.
fn victim(cache: &std::path::Path, url: &str, limits: &str) -> std::process::Command {
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &format!("{limits} exec \"$@\""), "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "faults::a_victim", "--ignored", "--nocapture"])
        .env("VICTIM_CACHE", cache)
        .env("VICTIM_URL", url)
        .stdout(std::process::Stdio::null());
    command
}

/// How often a process is killed; `SIGNET_KILLS` says otherwise.
#[expect(clippy::disallowed_methods, reason = "whoever runs the tests says how long they may take")]
fn kills() -> u64 {
    std::env::var("SIGNET_KILLS").map_or(20, |kills| kills.parse().expect("a number"))
}

#[test]
fn a_process_killed_at_any_point_harms_nothing() {
    let bed = Bed::of(origin());
    let cache = bed.dir.path().join("victim");
    let url = bed.server.url("bot:sesame@", "app.git");
    let (rounds, mut rebuilt) = (kills(), 0);
    // How long a fetch and two pushes take from the start, here and now.
    let (began, before) = (Instant::now(), bed.origin.commits());
    let mut pace = victim(&cache, &url, "").spawn().unwrap();
    while bed.origin.commits() < before + 2 {
        std::thread::yield_now();
    }
    let span = began.elapsed();
    pace.kill().unwrap();
    pace.wait().unwrap();
    bed.server.settle();
    for round in 0..rounds {
        let mut victim = victim(&cache, &url, "").spawn().unwrap();
        // Spread over the start, the first fetch and some fetches and pushes.
        let share = u32::try_from(round * 7919 % 1500).unwrap();
        std::thread::park_timeout(span * share / 1000);
        victim.kill().unwrap();
        victim.wait().unwrap();
        // What it has asked for is done without it.
        bed.server.settle();
        let cache = Cache::open(&cache, 1 << 30).unwrap();
        let mirror = cache.mirror(Remote::parse(&url).unwrap()).unwrap();
        bed.origin.commit("main", "theirs", &[("a.yaml", &format!("a: {round}\n"))]);
        let fetched = mirror.fetch(&main_branch()).unwrap();
        assert_eq!(fetched.commit.id, bed.origin.id("main"), "{round}");
        // It may have had its day, but never a damage.
        let due = matches!(fetched.rebuilt, None | Some(Rebuilt::Packs { .. }));
        assert!(due, "{round}: {:?}", fetched.rebuilt);
        rebuilt += u64::from(fetched.rebuilt.is_some());
        let base = fetched.commit;
        is_pushed(
            &mirror
                .push(&draft(&base, "a.yaml", "a: ok\n"), &to_main(Expect::Is(base.id)))
                .unwrap(),
        );
    }
    bed.origin.is_sound();
    // Each round has one of theirs and one of ours; the rest is the victims'.
    let commits = bed.origin.commits() as u64;
    assert!(commits > 3 + 2 * rounds, "the victims did some work: {commits}");
    assert!(rebuilt <= rounds / 20, "{rebuilt} mirrors were made anew in {rounds} rounds");
}

#[test]
fn a_full_disk_is_named_and_harms_nothing() {
    let bed = Bed::of(origin());
    let (cache, url) = (bed.dir.path().join("victim"), bed.server.url("bot:sesame@", "app.git"));
    drop(Cache::open(&cache, 1 << 30).unwrap().mirror(Remote::parse(&url).unwrap()).unwrap());
    bed.origin.commit("main", "large", &[("large.txt", &noise(0, 20_000))]);
    // No file may have more than 16 KiB; the signal that says so is ignored, as a disk sends none.
    let output = victim(&cache, &url, "trap '' XFSZ; ulimit -f 32;").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "the disk was not full");
    assert!(said.contains("Transient: could not use `objects/pack` in the Git cache"), "{said}");
    assert!(!said.contains("sesame"), "{said}");

    let cache = Cache::open(&cache, 1 << 30).unwrap();
    let mirror = cache.mirror(Remote::parse(&url).unwrap()).unwrap();
    let fetched = mirror.fetch(&main_branch()).unwrap();
    assert_eq!((fetched.commit.id, fetched.rebuilt), (bed.origin.id("main"), None));
    assert_eq!(fetched.commit.files().list("").unwrap().len(), 3);
}

#[test]
fn a_push_that_a_full_disk_cannot_keep_is_a_push() {
    let bed = Bed::of(origin());
    let (cache, url) = (bed.dir.path().join("victim"), bed.server.url("bot:sesame@", "app.git"));
    // What is pushed is larger than any file may be here; what is fetched first is not.
    let mut victim = victim(&cache, &url, "trap '' XFSZ; ulimit -f 32;");
    let output = victim.env("VICTIM_WORDS", "20000").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Transient: could not use `objects/pack` in the Git cache"), "{said}");
    assert_eq!(bed.origin.commits(), 2, "the first push was made, the second fetch was not");

    let cache = Cache::open(&cache, 1 << 30).unwrap();
    let mirror = cache.mirror(Remote::parse(&url).unwrap()).unwrap();
    let fetched = mirror.fetch(&main_branch()).unwrap();
    assert_eq!((fetched.commit.id, fetched.rebuilt), (bed.origin.id("main"), None));
}

#[test]
fn a_cache_belongs_to_one_process_at_a_time() {
    let bed = Bed::of(origin());
    let path = bed.dir.path().join("cache");
    assert!(matches!(Cache::open(&path, 1), Err(Error::Busy { .. })));
    drop(bed.cache);
    assert!(Cache::open(&path, 1).is_ok());
}

#[test]
fn the_mirror_used_longest_ago_makes_room_and_the_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let served: Vec<(Origin, Server)> = (0..3)
        .map(|number| {
            let origin = origin();
            origin.commit("main", "large", &[("large.txt", &noise(number, 40_000))]);
            let server = Server::of(origin.root(), Mood::Public);
            (origin, server)
        })
        .collect();
    let fetch = |cache: &Cache, number: usize| {
        let url = served[number].1.url("", "app.git");
        let mirror = cache.mirror(Remote::parse(&url).unwrap()).unwrap();
        mirror.fetch(&main_branch()).unwrap().received
    };
    let cache = Cache::open(dir.path(), 1 << 30).unwrap();
    for number in [0, 1, 2, 0] {
        fetch(&cache, number);
    }
    drop(cache);
    let mut total = 0;
    let mut folders = vec![dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() { folders.push(entry.path()) } else { total += metadata.len() }
        }
    }
    let cache = Cache::open(dir.path(), total - 10_000).unwrap();
    assert_eq!((fetch(&cache, 0), fetch(&cache, 2)), (0, 0), "they were used last");
    assert!(fetch(&cache, 1) > 0, "it was removed, and is had anew");
}

#[test]
fn a_mirror_that_outgrows_a_new_one_twice_is_made_anew() {
    let bed = Bed::of(origin());
    let mirror = bed.http();
    let mut rebuilt = None;
    for round in 0..6 {
        bed.origin.commit("main", "large", &[("large.txt", &noise(round, 300_000))]);
        let fetched = mirror.fetch(&main_branch()).unwrap();
        assert_eq!(fetched.commit.files().list("").unwrap().len(), 3);
        rebuilt = rebuilt.or(fetched.rebuilt);
    }
    let Some(Rebuilt::Size { bytes, fresh }) = rebuilt else { panic!("{rebuilt:?}") };
    assert!(bytes > 2 * fresh, "{bytes} of {fresh}");
    assert!(!generation(&bed).with_file_name("g1").exists(), "nobody reads the old one");
}

/// Text that does not compress well.
fn noise(seed: u64, words: u64) -> String {
    let mut state = seed + 1;
    (0..words).fold(String::new(), |text, _| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        text + &format!("{:08x}", state >> 32)
    })
}
