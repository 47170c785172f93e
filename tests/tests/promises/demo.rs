//! The demo shows what it says, and leaves nothing behind.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::Trial;
use tests::process::{self, Process, Signal};
use tests::trial::trial;
use tests::{Bed, Need, Outcome, eventually};

const NEEDS: &[Need] = &[Need::OwnRegistry, Need::Git];
/// The lines of a usual terminal.
const SCREEN: usize = 40;

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "demo::it_shows_both_daemons_on_one_screen", NEEDS, whole),
        trial(bed, "demo::an_interrupted_demo_leaves_nothing_behind", NEEDS, interrupted),
    ]
}

fn demo(bed: &Bed) -> Outcome<Command> {
    let mut command = process::command(env!("CARGO_BIN_EXE_demo"), &bed.folder("demo-home")?);
    let programs = bed.daemon("sealer")?;
    command.env("SIGNET_BIN_DIR", programs.parent().ok_or("the programs lie in a folder")?);
    Ok(command)
}

/// The folder that the first line names.
fn folder(shown: &str) -> Outcome<&str> {
    let named = shown.split_once("everything below ").and_then(|(_, rest)| rest.split_once(' '));
    Ok(named.ok_or("the first line names no folder")?.0)
}

async fn whole(bed: Bed) -> Outcome {
    let shown = String::from_utf8(process::run(demo(&bed)?, b"")?)?;
    for line in [
        "→ Secret db   keys: password, user",
        "→ Secret api  keys: token",
        "Debian's docker-registry",
        "notification brought commit",
        "Every line above was checked",
    ] {
        assert!(shown.contains(line), "no `{line}` in\n{shown}");
    }
    assert!(shown.lines().count() <= SCREEN, "more than a screen:\n{shown}");
    assert!(!Path::new(folder(&shown)?).exists(), "its folder is still there");
    Ok(())
}

async fn interrupted(bed: Bed) -> Outcome {
    let log = bed.folder("demo-log")?.join("demo");
    let running = Process::start("demo", demo(&bed)?, log)?;
    eventually(Duration::from_secs(30), "its second part", async || {
        running.log().contains("imagebot --local").then_some(()).ok_or_else(|| "not yet".into())
    })
    .await?;
    running.signal(Signal::INT)?;
    let status = running.end(Duration::from_secs(10)).await?;
    assert_eq!(status.code(), Some(130));
    let shown = running.log();
    assert!(!Path::new(folder(&shown)?).exists(), "its folder is still there");
    Ok(())
}
