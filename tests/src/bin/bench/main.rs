//! What the daemons cost on real servers, as one table.
//!
//! `make bench` runs everything; `make bench ROWS='seal commit'` only what begins with one of these.
//! Wall clock is the time until the last object is as it should be; processor time and memory are
//! those of the daemon alone.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is the product")]

use std::{process::ExitCode, time::Duration};

use tests::{Bed, Outcome, crds, kubernetes::Kubernetes};

mod image;
mod seal;

/// How long any row may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// One line of the table.
struct Row {
    name: &'static str,
    work: String,
    wall: Duration,
    cpu: Duration,
    peak_kib: u64,
    /// How many objects share the processor time, and what one of them is.
    per: (u32, &'static str),
}

impl Row {
    fn print(&self) {
        let each = self.cpu.as_secs_f64() * 1000.0 / f64::from(self.per.0);
        let rate = f64::from(self.per.0) / self.wall.as_secs_f64();
        println!(
            "| {} | {} | {:.2} s | {rate:.1} /s | {:.2} s | {each:.3} ms a {} | {:.1} MB |",
            self.name,
            self.work,
            self.wall.as_secs_f64(),
            self.cpu.as_secs_f64(),
            self.per.1,
            f64::from(u32::try_from(self.peak_kib).unwrap_or(u32::MAX)) / 1024.0,
        );
    }
}

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let outcome = Bed::open().and_then(|bed| {
        let outcome = bed.runtime().block_on(run(&bed, &wanted));
        bed.close();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(bed: &Bed, wanted: &[String]) -> Outcome {
    println!("| row | work | wall | rate | CPU | CPU each | peak memory |");
    println!("|---|---|---|---|---|---|---|");
    let asked = |name: &str| wanted.is_empty() || wanted.iter().any(|want| name.starts_with(want));
    if asked("seal-rate") {
        seal::rate(bed, 200, 1, seal::Spread::OneKey).await?.print();
    }
    if asked("seal-keys") {
        seal::rate(bed, 200, 12, seal::Spread::EveryValue).await?.print();
        seal::rate(bed, 200, 12, seal::Spread::EveryObject).await?.print();
    }
    if asked("seal-restart") {
        seal::restart(bed, 1000).await?.print();
    }
    if asked("image-scan") {
        image::scan(bed, 10_000).await?.print();
    }
    if asked("image-commit") {
        image::commit(bed, 200, 200, 1_000, "image-commit-s").await?.print();
        image::commit(bed, 20_000, 200, 10_000, "image-commit-l").await?.print();
    }
    Ok(())
}

/// An API server of its own that serves every kind.
async fn cluster(bed: &Bed) -> Outcome<Kubernetes> {
    let kubernetes = Kubernetes::start(bed).await?;
    for (_, text) in crds::files()? {
        kubernetes.apply("default", &text).await?;
    }
    let sources = serde_json::to_string(&imagebot_api::git_repository_crd())?;
    kubernetes.apply("default", &sources).await?;
    Ok(kubernetes)
}
