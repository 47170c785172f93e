//! What the daemons cost on real servers, as one table.
//!
//! `make bench` runs everything; `make bench ROWS='seal-rate image'` only what begins with one of
//! these. `docs/benchmarks.md` says what each row is. Wall clock is the time until the last object is
//! as it should be; processor time is the daemon's own until it is quiet, and memory its peak.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is the product")]

use std::{process::ExitCode, time::Duration};

use tests::{Bed, Outcome, crds, kubernetes::Kubernetes};

mod image;
mod many;
mod native;
mod program;
mod seal;
mod sops;

use program::Program;

/// How long any row may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// One line of the table.
struct Row {
    name: &'static str,
    program: &'static str,
    work: String,
    cost: Cost,
    /// How many objects share the cost, and what one of them is.
    per: (u32, &'static str),
}

/// What some work took.
#[derive(Clone, Copy, Debug)]
struct Cost {
    wall: Duration,
    cpu: Duration,
    /// The most memory that was ever resident.
    peak_kib: u64,
    /// What is resident when nothing is left to do.
    rest_kib: u64,
}

fn mib(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}

impl Row {
    fn print(&self) {
        let count = f64::from(self.per.0);
        println!(
            "| {} | {} | {} | {:.2} s | {:.1} /s | {:.2} s | {:.2} ms a {} | {:.1} MiB | {:.1} MiB |",
            self.name,
            self.program,
            self.work,
            self.cost.wall.as_secs_f64(),
            count / self.cost.wall.as_secs_f64(),
            self.cost.cpu.as_secs_f64(),
            self.cost.cpu.as_secs_f64() * 1000.0 / count,
            self.per.1,
            mib(self.cost.peak_kib),
            mib(self.cost.rest_kib),
        );
    }

    /// How many times as much as this `other` took.
    fn print_ratio(&self, other: &Self) {
        let times = |theirs: Duration, ours: Duration| theirs.as_secs_f64() / ours.as_secs_f64();
        println!(
            "| {} | ratio | | {:.1} × | | {:.1} × | | {:.1} × | {:.1} × |",
            self.name,
            times(other.cost.wall, self.cost.wall),
            times(other.cost.cpu, self.cost.cpu),
            mib(other.cost.peak_kib) / mib(self.cost.peak_kib),
            mib(other.cost.rest_kib) / mib(self.cost.rest_kib),
        );
    }
}

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match wanted.split_first() {
        Some((word, program)) if word == sops::MEASURE => sops::measure(program),
        _ => bench(&wanted),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(wanted: &[String]) -> Outcome {
    let bed = Bed::open()?;
    let outcome = bed.runtime().block_on(run(&bed, wanted));
    bed.close();
    outcome
}

async fn run(bed: &Bed, wanted: &[String]) -> Outcome {
    use seal::Spread;

    let upstream = program::upstream_sealed_secrets()?;
    let programs: Vec<_> = [Program::Ours].into_iter().chain(upstream).collect();
    println!("| row | program | work | wall | rate | CPU | CPU each | peak memory | at rest |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let asked = |name: &str| wanted.is_empty() || wanted.iter().any(|want| name.starts_with(want));
    for (name, keys, spread) in [
        ("seal-rate", 1, Spread::OneKey),
        ("seal-keys", 12, Spread::EveryValue),
        ("seal-keys", 12, Spread::EveryObject),
    ] {
        if asked(name) {
            compare(&programs, async |program| {
                seal::rate(bed, program, name, 200, (keys, spread)).await
            })
            .await?;
        }
    }
    if asked("seal-native") {
        native::print();
    }
    if asked("seal-restart") {
        compare(&programs, async |program| seal::restart(bed, program, 1000).await).await?;
        seal::restart(bed, &Program::Ours, 4000).await?.print();
    }
    if asked("seal-idle") {
        compare(&programs, async |program| seal::idle(bed, program, false).await).await?;
        seal::idle(bed, &Program::Ours, true).await?.print();
    }
    sops::print(bed, asked)?;
    if asked("image-scan") {
        image::scan(bed, 10_000).await?.print();
    }
    if asked("image-commit-s") {
        image::commit(bed, 200, 200, 1_000, "image-commit-s").await?.print();
    }
    if asked("image-commit-l") {
        image::commit(bed, 20_000, 200, 10_000, "image-commit-l").await?.print();
    }
    if asked("image-idle") {
        image::idle(bed).await?.print();
    }
    if asked("image-memory") {
        many::memory(bed, 1_000, 10_000).await?.print();
    }
    if asked("image-update") {
        many::update(bed, 20_000, 200).await?.print();
    }
    Ok(())
}

/// Prints what each program took, and how the first compares with each other.
async fn compare(programs: &[Program], measure: impl AsyncFn(&Program) -> Outcome<Row>) -> Outcome {
    let mut ours: Option<Row> = None;
    for program in programs {
        let row = measure(program).await?;
        row.print();
        match &ours {
            Some(ours) => ours.print_ratio(&row),
            None => ours = Some(row),
        }
    }
    Ok(())
}

/// An API server of its own that serves every kind.
async fn cluster(bed: &Bed) -> Outcome<Kubernetes> {
    let kubernetes = Kubernetes::start(bed).await?;
    for (path, text) in crds::files()? {
        // The lists of fields beside them are not manifests.
        if path.extension().is_some_and(|extension| extension == "yaml") {
            kubernetes.apply("default", &text).await?;
        }
    }
    let sources = serde_json::to_string(&imagebot_api::git_repository_crd())?;
    kubernetes.apply("default", &sources).await?;
    Ok(kubernetes)
}
