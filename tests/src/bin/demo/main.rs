//! Both daemons at work on a directory, a registry and a bare repository, without a cluster.
//!
//! Every line that the demo prints is checked before it is printed; the first that is not true ends
//! it with exit code 1. Everything lives below one temporary directory, which is removed at the end,
//! also on Ctrl-C.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what a demo is for")]

use std::{process::ExitCode, time::Duration};

use tests::{Bed, Outcome, eventually};
use tokio::signal::unix::{SignalKind, signal};

mod difference;
mod registry;
mod stage;

use registry::Registry;
use stage::{SHOP, Stage, no_value_is_told, notification};

/// How long any one step may take before the demo calls it broken.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let bed = match Bed::open() {
        Ok(bed) => bed,
        Err(error) => return broken(&*error),
    };
    let outcome = bed.runtime().block_on(async {
        tokio::select! {
            outcome = play(&bed) => outcome.map(|()| ExitCode::SUCCESS),
            code = interrupted() => code,
        }
    });
    let code = outcome.unwrap_or_else(|error| broken(&*error));
    bed.close();
    code
}

fn broken(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("demo: error: {error}");
    ExitCode::FAILURE
}

async fn interrupted() -> Outcome<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => Ok(ExitCode::from(130)),
        _ = terminate.recv() => Ok(ExitCode::from(143)),
    }
}

async fn play(bed: &Bed) -> Outcome {
    let stage = Stage::set(bed)?;
    println!("Signet, without a cluster: everything below {} and on loopback.\n", stage.root());
    secrets(bed, &stage).await?;
    images(bed, &stage).await?;
    println!(
        "Every line above was checked. Next: README.md says how to run it on your own directory or\n\
         cluster, docs/architecture.md how it is built; `make test` tries it on real servers."
    );
    Ok(())
}

async fn secrets(bed: &Bed, stage: &Stage) -> Outcome {
    println!("sealer --local {}", stage.manifests());
    let sealer = stage.daemon(bed, "sealer", &[]).await?;

    stage.seal(bed, &sealer).await?;
    let made = eventually(PATIENCE, "the Secret of the SealedSecret", async || stage.secret("db"));
    println!("  SealedSecret db (sealed by sealctl)       → Secret db   keys: {}", made.await?);

    let synced = eventually(PATIENCE, "the Secret of the SOPS file", async || stage.secret("api"));
    println!("  SOPS/age file secrets/api.yaml in Git     → Secret api  keys: {}\n", synced.await?);
    no_value_is_told(&[&sealer])?;
    sealer.terminate().await?;
    Ok(())
}

async fn images(bed: &Bed, stage: &Stage) -> Outcome {
    println!("imagebot --local {}", stage.manifests());
    let imagebot = stage.daemon(bed, "imagebot", &["--cache-dir", &stage.cache()]).await?;
    let registry = Registry::start(bed, notification(&imagebot)).await?;
    registry.push(SHOP, "1.4.0").await?;
    let before = stage.head()?;
    stage.write_image_manifests(&registry.host())?;
    let settled = eventually(PATIENCE, "the first commit", async || stage.moved_from(&before));
    let first = settled.await?;
    println!("  registry {} ({})", registry.host(), registry.kind());
    println!("  policy 1.x chose {SHOP}:1.4.0, committed as {}", &first[..10]);

    let pushed = std::time::Instant::now();
    registry.push(SHOP, "1.5.0").await?;
    let moved =
        eventually(PATIENCE, "the commit after the push", async || stage.moved_from(&first));
    let second = moved.await?;
    let took = pushed.elapsed();
    println!("  pushed {SHOP}:1.5.0; the registry's notification brought commit {}", &second[..10]);
    println!("  {:.1} s after the push (the interval is an hour):\n", took.as_secs_f64());
    println!("{}", difference::only_the_tag(stage, &first, &second, ("1.4.0", "1.5.0"))?);
    no_value_is_told(&[&imagebot])?;
    imagebot.terminate().await?;
    Ok(())
}
