//! Crashes, dead servers and full disks lose no update, make none twice, and hold nobody else up.
//!
//! The daemons here run without a cluster, on a directory: nothing but them decides when they are back.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use tests::git::Repository;
use tests::trial::{trial, trial_within};
use tests::{Bed, Daemon, Need, Outcome, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::image_stage::{App, SOON, Stage, commits, image_with, marked, says};

const NEEDS: &[Need] = &[Need::Registry, Need::GitHttp];
const STAGED: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry, Need::GitHttp];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    let long = Duration::from_secs(1800);
    #[rustfmt::skip]
    let trials = vec![
        trial_within(long, bed, "image_outages::kills_at_random_lose_nothing_and_repeat_nothing", NEEDS, kills),
        trial(bed, "image_outages::a_server_that_dies_in_a_push_is_asked_again", NEEDS, mid_push),
        trial(bed, "image_outages::two_imagebots_share_a_branch", STAGED, two),
        trial(bed, "image_outages::two_hundred_dead_remotes_hold_nobody_up", NEEDS, dead),
        trial(bed, "image_outages::a_full_disk_is_told_and_survived", NEEDS, full),
    ];
    trials
}

/// A directory of manifests for a daemon of its own.
struct Desk {
    bed: Bed,
    home: PathBuf,
}

impl Desk {
    fn new(bed: &Bed, manifests: &str) -> Outcome<Self> {
        let home = bed.folder("desk")?;
        fs::create_dir(home.join("manifests"))?;
        let desk = Self { bed: bed.clone(), home };
        desk.write("all.yaml", manifests)?;
        Ok(desk)
    }

    fn write(&self, name: &str, manifests: &str) -> Outcome {
        Ok(fs::write(self.home.join("manifests").join(name), manifests)?)
    }

    fn path(&self, name: &str) -> String {
        self.home.join(name).display().to_string()
    }

    /// Starts imagebot, and waits only until it listens.
    async fn imagebot(&self) -> Outcome<Daemon> {
        let (manifests, state, cache) =
            (self.path("manifests"), self.path("state"), self.path("cache"));
        let flags = ["--local", &manifests, "--state-dir", &state, "--cache-dir", &cache];
        Daemon::launch(&self.bed, "imagebot", None, &flags).await
    }
}

/// An application of the namespace `default` at `1.0.0`, whose intervals are a second.
async fn application(bed: &Bed, name: &str) -> Outcome<(Repository, String, String)> {
    let (image, pushed) = image_with(bed, &["1.0.0"]).await?;
    let file = marked(&image, "1.0.0", "default", "web");
    let repository = bed.repository(name, &[("apps/web.yaml", &file)])?;
    Ok((repository, image, pushed))
}

/// The versions that the branch has had, oldest first.
fn versions(repository: &Repository) -> Outcome<Vec<u64>> {
    let log = repository.git(&["log", "--reverse", "--format=%H", "main"])?;
    let minor = |commit: &str| -> Outcome<u64> {
        let content = repository.show(commit, "apps/web.yaml")?;
        let tag = content.split(":1.").nth(1).and_then(|rest| rest.split('.').next());
        Ok(tag.ok_or("a tag")?.parse()?)
    };
    log.lines().map(minor).collect()
}

/// How often it is killed: a few times, or as often as `SIGNET_KILLS` says.
#[expect(clippy::disallowed_methods, reason = "a test has no flags of its own")]
fn rounds() -> u64 {
    std::env::var("SIGNET_KILLS").ok().and_then(|times| times.parse().ok()).unwrap_or(20)
}

async fn kills(bed: Bed) -> Outcome {
    let (repository, image, name) = application(&bed, "kills").await?;
    let url = bed.git_http().await?.http_url(&repository);
    let desk = Desk::new(&bed, &App { interval: "1s", ..App::new(&image, &url) }.yaml())?;
    let registry = bed.registry().await?;
    let mut seed = u64::from(std::process::id());
    for round in 1..=rounds() {
        registry.push(&name, &format!("1.{round}.0")).await?;
        let imagebot = desk.imagebot().await?;
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The moment is what is tried here, so it is a time and no state.
        tokio::time::sleep(Duration::from_millis((seed >> 33) % 1500)).await;
        imagebot.kill();
        let log = imagebot.log();
        assert!(!log.contains("damaged") && !log.contains("moved aside"), "{log}");
    }
    let _imagebot = desk.imagebot().await?;
    says(&repository, "main", "apps/web.yaml", &format!(":1.{}.0 #", rounds())).await?;
    let versions = versions(&repository)?;
    assert!(versions.is_sorted_by(|one, other| one < other), "back or twice: {versions:?}");
    repository.git(&["fsck", "--strict"])?;
    let lines = repository.show("main", "apps/web.yaml")?.lines().count();
    assert_eq!(lines, marked("a", "b", "c", "d").lines().count());
    Ok(())
}

/// What a [`Cutter`] does with the next push.
const PASS: u8 = 0;
const CUT_REQUEST: u8 = 1;
const CUT_ANSWER: u8 = 2;

/// A wire to a server, which is cut in the middle of a push.
struct Cutter {
    url: String,
    mood: Arc<AtomicU8>,
    server: tokio::task::AbortHandle,
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Cutter {
    async fn open(target: &str) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let mood = Arc::new(AtomicU8::new(PASS));
        let (seen, target) = (Arc::clone(&mood), target.replace("http://", ""));
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (seen, target) = (Arc::clone(&seen), target.clone());
                tokio::spawn(async move { wire(client, &target, &seen).await });
            }
        });
        Ok(Self { url, mood, server: server.abort_handle() })
    }
}

async fn wire(client: TcpStream, target: &str, mood: &AtomicU8) -> io::Result<()> {
    let server = TcpStream::connect(target).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let pushing = AtomicU8::new(PASS);
    let ask = async {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let count = from_client.read(&mut buffer).await?;
            let head = String::from_utf8_lossy(&buffer[..count.min(200)]).into_owned();
            if head.starts_with("POST") && head.contains("git-receive-pack") {
                pushing.store(mood.swap(PASS, Ordering::SeqCst), Ordering::SeqCst);
            }
            if count == 0 || pushing.load(Ordering::SeqCst) == CUT_REQUEST {
                return Ok::<_, io::Error>(());
            }
            to_server.write_all(&buffer[..count]).await?;
        }
    };
    let answer = async {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let count = from_server.read(&mut buffer).await?;
            if count == 0 || pushing.load(Ordering::SeqCst) != PASS {
                return Ok::<_, io::Error>(());
            }
            to_client.write_all(&buffer[..count]).await?;
        }
    };
    tokio::select! { done = ask => done, done = answer => done }
}

async fn mid_push(bed: Bed) -> Outcome {
    let (repository, image, name) = application(&bed, "mid-push").await?;
    let url = bed.git_http().await?.http_url(&repository);
    let (server, path) = url.rsplit_once('/').ok_or("a URL has a path")?;
    let cutter = Cutter::open(server).await?;
    let through = format!("{}/{path}", cutter.url);
    let desk = Desk::new(&bed, &App { interval: "1s", ..App::new(&image, &through) }.yaml())?;
    let _imagebot = desk.imagebot().await?;
    let registry = bed.registry().await?;
    for (round, mood) in [(1, CUT_REQUEST), (2, CUT_ANSWER), (3, PASS)] {
        cutter.mood.store(mood, Ordering::SeqCst);
        registry.push(&name, &format!("1.{round}.0")).await?;
        says(&repository, "main", "apps/web.yaml", &format!(":1.{round}.0 #")).await?;
        assert_eq!(cutter.mood.load(Ordering::SeqCst), PASS, "it has been through");
    }
    assert_eq!(versions(&repository)?, [0, 1, 2, 3]);
    Ok(())
}

async fn two(bed: Bed) -> Outcome {
    let (one, other) = (Stage::open(&bed).await?, Stage::open(&bed).await?);
    let (image, name) = image_with(&bed, &["1.0.0"]).await?;
    let file = |stage: &Stage| marked(&image, "1.0.0", stage.namespace(), "web");
    let files = [("apps/one.yaml", file(&one)), ("apps/other.yaml", file(&other))];
    let repository = bed.repository("two", &files.each_ref().map(|it| (it.0, it.1.as_str())))?;
    let url = bed.git_http().await?.http_url(&repository);
    for stage in [&one, &other] {
        stage.apply(&App { interval: "1s", ..App::new(&image, &url) }.yaml()).await?;
    }
    let _daemons = (one.imagebot().await?, other.imagebot().await?);
    for round in 1..=5 {
        bed.registry().await?.push(&name, &format!("1.{round}.0")).await?;
        for (path, _) in &files {
            says(&repository, "main", path, &format!(":1.{round}.0 #")).await?;
        }
    }
    assert_eq!(commits(&repository, "main")?, 11, "each has made its own five");
    let parents = repository.git(&["log", "--format=%P", "main"])?;
    assert!(parents.lines().all(|line| !line.contains(' ')), "nothing was merged or forced");
    Ok(())
}

async fn dead(bed: Bed) -> Outcome {
    let (repository, image, name) = application(&bed, "dead").await?;
    let url = bed.git_http().await?.http_url(&repository);
    let desk = Desk::new(&bed, &App { interval: "1s", ..App::new(&image, &url) }.yaml())?;
    let imagebot = desk.imagebot().await?;
    let registry = bed.registry().await?;
    let update = async |version: &str| {
        let begin = Instant::now();
        registry.push(&name, version).await?;
        says(&repository, "main", "apps/web.yaml", &format!(":{version} #")).await?;
        Outcome::Ok(begin.elapsed())
    };
    update("1.1.0").await?;
    let before = update("1.2.0").await?.max(update("1.3.0").await?);
    // They take a connection, and then nothing more is heard of them.
    let silent = TcpListener::bind("0.0.0.0:0").await?;
    let port = silent.local_addr()?.port();
    let mut manifests = String::new();
    for number in 0..200 {
        let (name, host) = (format!("dead-{number}"), format!("127.0.1.{}", number + 1));
        let url = format!("http://{host}:{port}/a.git");
        let image = format!("{host}:{port}/a");
        let yaml = App { name: &name, interval: "1s", ..App::new(&image, &url) }.yaml();
        // Without their image they have nothing to scan: it is the Git servers that are tried here.
        let parts = yaml.split("---").enumerate().filter(|(at, _)| !matches!(at, 2 | 3));
        for (_, part) in parts {
            manifests.extend(["---", part]);
        }
    }
    desk.write("dead.yaml", &manifests)?;
    let failing = r#"imagebot_git_lane_busy{lane="slow"}"#;
    eventually(SOON, "all of them wait", async || {
        let waiting = imagebot.metric(failing).await?;
        if waiting >= 200.0 { Ok(()) } else { Err(format!("{waiting} wait").into()) }
    })
    .await?;
    for minor in 4..8 {
        let took = update(&format!("1.{minor}.0")).await?;
        let most = before * 2 + Duration::from_secs(2);
        assert!(took < most, "{took:?} beside the dead, {before:?} without them");
    }
    Ok(())
}

/// A file system of a few megabytes.
struct Small(Bed, PathBuf);

impl Small {
    fn mount(bed: &Bed, at: PathBuf, size: &str) -> Outcome<Self> {
        fs::create_dir_all(&at)?;
        let place = at.display().to_string();
        bed.run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", &place], b"")?;
        Ok(Self(bed.clone(), at))
    }

    fn resize(&self, size: &str) -> Outcome {
        let place = self.1.display().to_string();
        self.0.run("mount", &["-o", &format!("remount,size={size}"), &place], b"").map(drop)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // What cannot be unmounted is a few megabytes until the machine ends.
        let _ = self.0.run("umount", &["-l", &self.1.display().to_string()], b"");
    }
}

async fn full(bed: Bed) -> Outcome {
    let (repository, image, name) = application(&bed, "full").await?;
    let url = bed.git_http().await?.http_url(&repository);
    let desk = Desk::new(&bed, &App { interval: "1s", ..App::new(&image, &url) }.yaml())?;
    let small = Small::mount(&bed, desk.home.join("cache"), "8m")?;
    let imagebot = desk.imagebot().await?;
    let registry = bed.registry().await?;
    registry.push(&name, "1.1.0").await?;
    says(&repository, "main", "apps/web.yaml", ":1.1.0 #").await?;
    // Somebody commits what does not fit, and what does not compress.
    let mut noise = 1_u64;
    let noise = (0..16 << 20).map(|_| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.to_be_bytes()[0]
    });
    let noise = noise.collect::<Vec<u8>>();
    repository.commit_all("main", "big", [("apps/big.bin".to_owned(), noise)])?;
    registry.push(&name, "1.2.0").await?;
    eventually(SOON, "the log says that the disk is full", async || {
        let log = imagebot.log();
        if log.contains("Git cache: no storage space") { Ok(()) } else { Err("not yet".into()) }
    })
    .await?;
    small.resize("128m")?;
    says(&repository, "main", "apps/web.yaml", ":1.2.0 #").await?;
    assert_eq!(commits(&repository, "main")?, 4);
    assert!(!imagebot.log().contains("panicked"), "{}", imagebot.log());
    Ok(())
}
