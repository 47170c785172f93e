//! SOPS files on the command line: sealctl called as `sops`, and the real one.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tests::{Bed, Outcome, process};
use wait4::Wait4 as _;

use crate::{Cost, Row};

/// The word that makes of this program the one that measures another.
pub(crate) const MEASURE: &str = "--measure";

/// Of so many runs the quickest counts, for the first one reads the program from the disk.
const RUNS: u32 = 3;

/// The two programs, a key, and the files of a row.
struct Desk {
    folder: PathBuf,
    theirs: PathBuf,
    identity: String,
    recipient: String,
}

/// One command of a row.
struct Step<'a> {
    row: &'static str,
    work: String,
    words: &'a [&'a str],
}

/// Prints the rows whose name `asked` for, ours and upstream's of each.
pub(crate) fn print(bed: &Bed, asked: impl Fn(&str) -> bool) -> Outcome {
    let desk = Desk::open(bed)?;
    if asked("sops-yaml") {
        desk.write("big.yaml", &yaml(10_000))?;
        desk.whole_file("sops-yaml", "10,000 values of YAML", "big.yaml")?;
        let some = r#"["group-50"]["key-50"]"#;
        desk.compare(&Step {
            row: "sops-yaml",
            work: "10,000 values of YAML: set one".to_owned(),
            words: &["set", "sealed.yaml", some, "\"another\""],
        })?;
        desk.compare(&Step {
            row: "sops-yaml",
            work: "10,000 values of YAML: extract one".to_owned(),
            words: &["decrypt", "--extract", some, "sealed.yaml"],
        })?;
    }
    if asked("sops-json") {
        desk.write("big.json", &json(8_000))?;
        desk.whole_file("sops-json", "8,000 values of JSON", "big.json")?;
    }
    if asked("sops-binary") {
        desk.write("big.bin", &"0123456789abcdef".repeat(50 * 1024 * 64))?;
        desk.whole_file("sops-binary", "50 MiB of bytes", "big.bin")?;
    }
    if asked("sops-start") {
        desk.write("small.yaml", &yaml(10))?;
        desk.whole_file("sops-start", "10 values of YAML", "small.yaml")?;
        let work = "version".to_owned();
        desk.compare(&Step { row: "sops-start", work, words: &["--version"] })?;
    }
    Ok(())
}

impl Desk {
    fn open(bed: &Bed) -> Outcome<Self> {
        let folder = bed.folder("sops")?;
        std::os::unix::fs::symlink(bed.daemon("sealctl")?, folder.join("sops"))?;
        let printed = String::from_utf8(bed.run("age-keygen", &[], b"")?)?;
        let line = |begin: &str| {
            let line = printed.lines().find_map(|line| line.strip_prefix(begin));
            line.map(str::to_owned).ok_or("age-keygen printed no key")
        };
        let (recipient, key) = (line("# public key: ")?, line("AGE-SECRET-KEY-")?);
        let (identity, theirs) = (format!("AGE-SECRET-KEY-{key}"), bed.programs().join("sops"));
        Ok(Self { folder, theirs, identity, recipient })
    }

    fn write(&self, name: &str, text: &str) -> Outcome {
        Ok(fs::write(self.folder.join(name), text)?)
    }

    /// Encrypts the file, and decrypts what upstream made of it.
    fn whole_file(&self, row: &'static str, what: &str, plain: &str) -> Outcome {
        let extension = Path::new(plain).extension().and_then(|it| it.to_str()).unwrap_or_default();
        let sealed = format!("sealed.{extension}");
        let encrypt = ["encrypt", "--output", sealed.as_str(), plain];
        self.compare(&Step { row, work: format!("{what}: encrypt"), words: &encrypt })?;
        let decrypt = ["decrypt", "--output", "opened", sealed.as_str()];
        self.compare(&Step { row, work: format!("{what}: decrypt"), words: &decrypt })
    }

    fn compare(&self, step: &Step<'_>) -> Outcome {
        let row = |program: &'static str, cost: Cost| Row {
            name: step.row,
            program,
            work: step.work.clone(),
            cost,
            per: (1, "run"),
        };
        let ours = row("signet", self.quickest(step, &self.folder.join("sops"))?);
        ours.print();
        let theirs = row("sops", self.quickest(step, &self.theirs)?);
        theirs.print();
        ours.print_ratio(&theirs);
        Ok(())
    }

    fn quickest(&self, step: &Step<'_>, program: &Path) -> Outcome<Cost> {
        let mut best: Option<Cost> = None;
        for _ in 0..RUNS {
            let cost = self.run(step, program)?;
            if best.is_none_or(|best| cost.wall < best.wall) {
                best = Some(cost);
            }
        }
        best.ok_or_else(|| "no run".into())
    }

    fn run(&self, step: &Step<'_>, program: &Path) -> Outcome<Cost> {
        let mut command = process::command(std::env::current_exe()?, &self.folder);
        command.arg(MEASURE).arg(program).args(step.words);
        command.current_dir(&self.folder);
        command.env("SOPS_AGE_KEY", &self.identity).env("SOPS_AGE_RECIPIENTS", &self.recipient);
        command.env("SOPS_DISABLE_VERSION_CHECK", "1");
        let told = String::from_utf8(process::run(command, b"")?)?;
        let figures: Vec<u64> = told.split_whitespace().flat_map(str::parse).collect();
        let [wall, cpu, kib] = figures[..] else {
            return Err(format!("no figures: {told}").into());
        };
        let [wall, cpu] = [wall, cpu].map(Duration::from_micros);
        Ok(Cost { wall, cpu, peak_kib: kib, rest_kib: kib })
    }
}

/// Runs a program, and prints the microseconds it took, those of processors, and its peak in KiB.
///
/// A process of its own, for the kernel counts what was resident before `exec` for what came after,
/// and this one is as good as empty.
pub(crate) fn measure(program: &[String]) -> Outcome {
    let [program, words @ ..] = program else { return Err("no program".into()) };
    let begin = Instant::now();
    let ended = Command::new(program).args(words).stdout(Stdio::null()).spawn()?.wait4()?;
    let wall = begin.elapsed();
    if !ended.status.success() {
        return Err(format!("{words:?} ended with {}", ended.status).into());
    }
    let cpu = ended.rusage.utime + ended.rusage.stime;
    println!("{} {} {}", wall.as_micros(), cpu.as_micros(), ended.rusage.maxrss / 1024);
    Ok(())
}

/// `count` values in groups of a hundred.
fn yaml(count: u32) -> String {
    let mut text = String::new();
    for value in 0..count {
        if value % 100 == 0 {
            let _ = writeln!(text, "group-{}:", value / 100);
        }
        let _ = writeln!(text, "  key-{}: a value of some length, number {value}", value % 100);
    }
    text
}

fn json(count: u32) -> String {
    let values: Vec<_> =
        (0..count).map(|value| format!("  \"key-{value}\": \"a value of some length\"")).collect();
    format!("{{\n{}\n}}\n", values.join(",\n"))
}
