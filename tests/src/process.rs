//! Child processes that end with the test run, whatever ends it.
//!
//! Each is the head of a process group, which is killed when its [`Process`] is dropped. `setpriv`
//! asks the kernel to kill it also when the *thread* that started it ends; so all are started by one
//! thread that lives as long as the run.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, WaitOptions, kill_process_group, waitpid};

use crate::Outcome;

/// The groups that are still to be killed at the end; none once the run is over.
static GROUPS: Mutex<Option<BTreeSet<i32>>> = Mutex::new(Some(BTreeSet::new()));

type Order = (Command, Sender<io::Result<Child>>);

/// The thread that starts every process of the run.
static STARTER: LazyLock<Sender<Order>> = LazyLock::new(|| {
    let (orders, inbox) = channel::<Order>();
    std::thread::spawn(move || {
        for (mut command, answer) in inbox {
            // An asker that has gone away has no use for the answer.
            let _ = answer.send(command.spawn());
        }
    });
    orders
});

/// A command that the kernel kills with the run, with an environment of its own.
pub fn command(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command.env_clear().env("HOME", home).env("TMPDIR", home).env("LC_ALL", "C.UTF-8");
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// Runs a command to its end, feeds it `input`, and returns what it printed.
///
/// A failure carries everything that the command said on stderr.
pub fn run(mut command: Command, input: &[u8]) -> Outcome<Vec<u8>> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|err| format!("{command:?}: {err}"))?;
    let group = enter(&child)?;
    let mut stdin = child.stdin.take().expect("it is piped");
    let output = std::thread::scope(|scope| {
        // A program that does not read its input closes it; that is no failure.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output()
    });
    leave(group);
    let output = output?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {}", output.status, said.trim()).into())
}

/// A running server or daemon. Dropping it kills its whole group.
#[derive(Debug)]
pub struct Process {
    name: String,
    group: Pid,
    child: Mutex<Child>,
    log: PathBuf,
}

/// What a process has used since it began.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Processor time, user and system.
    pub cpu: Duration,
    /// The most resident memory it ever had, in KiB.
    pub peak_kib: u64,
    /// The resident memory it has now, in KiB.
    pub resident_kib: u64,
}

impl Process {
    /// Starts `command` in a group of its own, with its output in the file `log`.
    pub fn start(name: &str, mut command: Command, log: PathBuf) -> Outcome<Self> {
        let file = File::options().create(true).append(true).open(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).process_group(0);
        let (answer, started) = channel();
        STARTER.send((command, answer)).map_err(|_| "the starting thread has ended")?;
        let child = started.recv()?.map_err(|err| format!("could not start {name}: {err}"))?;
        let group = enter(&child)?;
        Ok(Self { name: name.to_owned(), group, child: Mutex::new(child), log })
    }

    /// Waits until `probe` says yes, and fails at once when the process ends before.
    pub async fn ready(&self, within: Duration, probe: impl AsyncFn() -> bool) -> Outcome {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.ended()? {
                let tail = self.tail();
                return Err(format!("{} ended at its start: {status}\n{tail}", self.name).into());
            }
            if let Ok(true) = tokio::time::timeout(Duration::from_secs(2), probe()).await {
                return Ok(());
            }
            if Instant::now() > deadline {
                let tail = self.tail();
                return Err(format!("{} not ready in {within:?}\n{tail}", self.name).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends a signal to the whole group.
    pub fn signal(&self, signal: Signal) -> Outcome {
        Ok(kill_process_group(self.group, signal)?)
    }

    /// Waits for the end of the process.
    pub async fn end(&self, within: Duration) -> Outcome<ExitStatus> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                let tail = self.tail();
                return Err(format!("{} runs on after {within:?}\n{tail}", self.name).into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Kills the group and waits for its head.
    pub fn kill(&self) {
        // It may have ended already.
        let _ = kill_process_group(self.group, Signal::KILL);
        let _ = self.child.lock().expect("no holder of this lock panics").wait();
        leave(self.group);
    }

    /// How the process ended, if it has.
    pub fn ended(&self) -> Outcome<Option<ExitStatus>> {
        Ok(self.child.lock().expect("no holder of this lock panics").try_wait()?)
    }

    /// Everything that it has printed.
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.group.as_raw_nonzero().get().unsigned_abs()
    }

    /// What it has used since it began.
    pub fn usage(&self) -> Outcome<Usage> {
        usage(self.id())
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().rev().take(30).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Kills every group that still runs, waits for their heads, and lets none begin.
pub(crate) fn kill_all() {
    let running = groups().take().unwrap_or_default();
    for group in running.into_iter().filter_map(Pid::from_raw) {
        // It may have ended already.
        let _ = kill_process_group(group, Signal::KILL);
        let _ = waitpid(Some(group), WaitOptions::empty());
    }
}

/// Notes a new group, or kills it when the run is over.
fn enter(child: &Child) -> Outcome<Pid> {
    let group = Pid::from_child(child);
    if let Some(running) = groups().as_mut() {
        running.insert(group.as_raw_nonzero().get());
        return Ok(group);
    }
    let _ = kill_process_group(group, Signal::KILL);
    Err("the run is over".into())
}

fn leave(group: Pid) {
    groups().as_mut().map(|running| running.remove(&group.as_raw_nonzero().get()));
}

fn groups() -> MutexGuard<'static, Option<BTreeSet<i32>>> {
    GROUPS.lock().expect("no holder of this lock panics")
}

fn usage(id: u32) -> Outcome<Usage> {
    /// What `getconf CLK_TCK` says on every Linux.
    const TICKS_PER_SECOND: u64 = 100;
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The fields after the command, which is in parentheses: state is the first, utime the twelfth.
    let fields = stat.rsplit_once(')').ok_or("`stat` has no command")?.1;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).flat_map(str::parse::<u64>).sum();
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let kib = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.and_then(|rest| rest.trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
    };
    Ok(Usage {
        cpu: Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND),
        peak_kib: kib("VmHWM:"),
        resident_kib: kib("VmRSS:"),
    })
}
