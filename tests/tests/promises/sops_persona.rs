//! The binary called as `sops` takes what sops takes: the same words give the same exit code, the same
//! standard output and, where it says so, the same messages.
//!
//! A case is a file of the folder `sops_persona`: files behind `-- NAME` lines, and last a script.
//! Each line of the script runs twice, in two folders with the same files: by sops in
//! one and by sealctl in the other. Then code and output must be equal. A line that begins with
//!
//! - `!` is run by sops in both folders: it makes what sealctl must read, or reads what it wrote;
//! - `=` must give the same messages too;
//! - `~N` is a defect of sops: sealctl exits with N, and sops does not.
//!
//! Behind the mark may stand variables, `NAME=value`, and `<FILE` for standard input.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use tests::process;
use tests::trial::trial;
use tests::wait::eventually;
use tests::{Bed, Need, Outcome};

use crate::image_commits::Gnupg;

const NEEDS: &[Need] = &[Need::Sops, Need::Age];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promises/sops_persona");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the cases are there")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    cases.sort();
    let case = |path: PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        trial(bed, &format!("sops_persona::{name}"), NEEDS, move |bed| async move {
            play(&bed, &Case::parse(&fs::read_to_string(path)?))
        })
    };
    let served = "sops_persona::a_key_of_gpg_is_served_to_both_by_both";
    let served = trial(bed, served, NEEDS, |bed| async move { served_key(&bed).await });
    cases.into_iter().map(case).chain([served]).collect()
}

/// Files, and what is done to them.
struct Case {
    files: Vec<(String, String)>,
    script: String,
}

impl Case {
    fn parse(text: &str) -> Self {
        let mut files: Vec<(String, String)> = Vec::new();
        for line in text.split_inclusive('\n') {
            match (line.strip_prefix("-- "), files.last_mut()) {
                (Some(name), _) => files.push((name.trim().to_owned(), String::new())),
                (None, Some((_, content))) => content.push_str(line),
                (None, None) => {}
            }
        }
        let script = files.pop().map(|(_, script)| script).unwrap_or_default();
        Self { files, script }
    }
}

/// What one line came to.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    code: Option<i32>,
    output: String,
    messages: String,
}

/// A folder with the case's files, and a program that is called `sops` there.
struct Side {
    home: PathBuf,
    /// The program under test here.
    program: PathBuf,
    /// The real one.
    real: PathBuf,
}

fn play(bed: &Bed, case: &Case) -> Outcome {
    let keys = bed.folder("keys")?;
    let mut recipients = Vec::new();
    for name in ["one", "two", "three"] {
        let file = keys.join(name).display().to_string();
        bed.run("age-keygen", &["-o", &file], b"")?;
        let recipient = String::from_utf8(bed.run("age-keygen", &["-y", &file], b"")?)?;
        recipients.push(recipient.trim().to_owned());
    }
    let real = PathBuf::from(bed.command("sops").get_args().last().ok_or("a program")?);
    let theirs = Side::new(bed, &real, &real)?;
    let ours = Side::new(bed, &bed.daemon("sealctl")?, &real)?;
    let filled = |text: &str| {
        let names = ["ONE", "TWO", "THREE"];
        names.iter().zip(&recipients).fold(text.to_owned(), |text, (name, recipient)| {
            text.replace(&format!("${name}"), recipient)
        })
    };
    for side in [&theirs, &ours] {
        for (name, text) in &case.files {
            let path = side.home.join(name);
            fs::create_dir_all(path.parent().ok_or("a folder")?)?;
            fs::write(path, filled(text))?;
        }
        for name in ["one", "two", "three"] {
            fs::copy(keys.join(name), side.home.join(format!("{name}.key")))?;
        }
    }
    for line in
        case.script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        compare(&theirs, &ours, &filled(line)).map_err(|err| format!("`{line}`: {err}"))?;
    }
    Ok(())
}

fn compare(theirs: &Side, ours: &Side, line: &str) -> Outcome {
    let (mark, rest) = line.split_once(' ').unwrap_or(("", line));
    let (mark, words) = match mark {
        "!" | "=" => (mark, rest),
        mark if mark.starts_with('~') => (mark, rest),
        _ => ("", line),
    };
    let (expected, shown) = (theirs.run(words, mark == "!")?, ours.run(words, mark == "!")?);
    if let Some(code) = mark.strip_prefix('~') {
        assert_eq!(shown.code, Some(code.parse()?), "{line}: {shown:?}");
        assert_ne!(expected.code, shown.code, "sops does the right thing now: {line}");
        return Ok(());
    }
    assert_eq!(shown.code, expected.code, "{line}\nsops: {expected:?}\nsealctl: {shown:?}");
    // What was encrypted twice differs; then lines behind this one look at it.
    if !expected.output.contains("ENC[") {
        assert_eq!(shown.output, expected.output, "{line}");
    }
    if mark == "=" {
        assert_eq!(shown.messages, expected.messages, "{line}");
    }
    let silent = |shown: &Shown| shown.messages.is_empty();
    assert_eq!(silent(&shown), silent(&expected), "{line}\n{expected:?}\n{shown:?}");
    Ok(())
}

impl Side {
    fn new(bed: &Bed, program: &Path, real: &Path) -> Outcome<Self> {
        let home = bed.folder("side")?;
        let link = bed.folder("bin")?.join("sops");
        std::os::unix::fs::symlink(program, &link)?;
        Ok(Self { home, program: link, real: real.to_owned() })
    }

    fn run(&self, line: &str, real: bool) -> Outcome<Shown> {
        let program = if real { &self.real } else { &self.program };
        let mut command = process::command(program, &self.home);
        command.current_dir(&self.home).stdin(Stdio::null());
        command.env("SOPS_AGE_KEY_FILE", self.home.join("one.key"));
        command.env("SOPS_DISABLE_VERSION_CHECK", "1");
        let words = shlex::split(line).ok_or("a quote is not closed")?;
        let mut words = words.iter().peekable();
        while let Some((name, value)) = words.peek().and_then(|word| variable(word)) {
            if value == "-" {
                command.env_remove(name)
            } else {
                command.env(name, value)
            };
            words.next();
        }
        for word in words {
            match word.strip_prefix('<') {
                Some(file) => command.stdin(fs::File::open(self.home.join(file))?),
                None => command.arg(word),
            };
        }
        self.shown(command)
    }

    fn shown(&self, mut command: Command) -> Outcome<Shown> {
        let output = command.output()?;
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes).replace(&self.home.display().to_string(), "HOME")
        };
        Ok(Shown {
            code: output.status.code(),
            output: text(&output.stdout),
            messages: text(&output.stderr).lines().map(timeless).collect(),
        })
    }
}

/// `NAME=value` in front of a line.
fn variable(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let sound = |c: char| c.is_ascii_uppercase() || c == '_';
    (!name.is_empty() && name.chars().all(sound)).then_some((name, value))
}

/// A line of the log without its time.
fn timeless(line: &str) -> String {
    let line = match (line.find("time=\""), line.find("\" level=")) {
        (Some(from), Some(to)) => format!("{}{}", &line[..from], &line[to + 2..]),
        _ => line.to_owned(),
    };
    let is_time = |c: char| c.is_ascii_digit() || "/: ".contains(c);
    format!("{}\n", line.trim_start_matches(is_time))
}

/// A key that only gpg has opens files for a process that may not ask gpg, through a key service of
/// sops and one of sealctl.
async fn served_key(bed: &Bed) -> Outcome {
    let gpg = Gnupg::new(bed)?;
    let none = ["--passphrase", ""];
    let key = ["--quick-generate-key", "one@bed.example", "rsa2048", "sign", "never"];
    gpg.gpg(&[&none[..], &key].concat())?;
    let listed = gpg.gpg(&["--list-keys", "--with-colons"])?;
    let line = listed.lines().find(|line| line.starts_with("fpr:")).ok_or("a fingerprint")?;
    let fingerprint = line.split(':').nth(9).ok_or("a fingerprint")?.to_owned();
    let subkey = ["--quick-add-key", &fingerprint, "rsa2048", "encr", "never"];
    gpg.gpg(&[&none[..], &subkey].concat())?;

    let real = PathBuf::from(bed.command("sops").get_args().last().ok_or("a program")?);
    let ours = Side::new(bed, &bed.daemon("sealctl")?, &real)?;
    let theirs = Side::new(bed, &real, &real)?;
    let gnupg = format!("GNUPGHOME={}", gpg.1.display());
    for (index, side) in [&theirs, &ours].into_iter().enumerate() {
        let file = ours.home.join(format!("{index}.yaml")).display().to_string();
        fs::write(&file, "a: hunter2\n")?;
        let made = side.run(&format!("{gnupg} encrypt --pgp {fingerprint} -i {file}"), false)?;
        assert_eq!(made.code, Some(0), "{made:?}");
        let socket = side.home.join("keys.sock").display().to_string();
        let mut command = process::command(&side.program, &side.home);
        command.env("GNUPGHOME", &gpg.1);
        command.args(["keyservice", "--network", "unix", "--address", &socket]);
        let _service = process::Process::start("keyservice", command, side.home.join("log"))?;
        eventually(Duration::from_secs(10), "a socket", async || {
            Ok(fs::metadata(&socket).map(drop)?)
        })
        .await?;
        for reader in [&theirs, &ours] {
            let flags = format!("--enable-local-keyservice=false --keyservice unix://{socket}");
            let read = reader.run(&format!("decrypt {flags} {file}"), false)?;
            assert_eq!((read.code, read.output.as_str()), (Some(0), "a: hunter2\n"), "{read:?}");
            let alone = reader.run(&format!("decrypt {file}"), false)?;
            assert_eq!(alone.code, Some(128), "{alone:?}");
        }
    }
    Ok(())
}
