//! The hooks of a local repository, run as `git receive-pack` runs them.
//!
//! One difference: Git keeps pushed objects in quarantine until `pre-receive` has agreed, while here
//! they are written before. An object that nothing refers to does no harm and is collected by
//! `git gc`.

use std::{
    fs,
    io::{Read, Seek, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use gix::ObjectId;

use crate::{Push, error::Source};

/// The hooks around one update.
pub(super) struct Hooks<'p> {
    dir: PathBuf,
    git_dir: PathBuf,
    push: &'p Push,
    old: ObjectId,
    new: ObjectId,
    timeout: Duration,
    ours: bool,
}

/// What the hooks think of an update.
pub(super) enum Verdict {
    Accepted(Vec<u8>),
    Declined { reason: String, words: Vec<u8> },
}

impl<'p> Hooks<'p> {
    pub(super) fn of(
        repo: &gix::Repository,
        push: &'p Push,
        old: Option<ObjectId>,
        new: Option<ObjectId>,
        timeout: Duration,
    ) -> Self {
        let git_dir = repo.common_dir().to_owned();
        let configured =
            repo.config_snapshot().string("core.hooksPath").map(|path| path.to_string());
        let dir = git_dir.join(configured.as_deref().unwrap_or("hooks"));
        let zero = ObjectId::null(gix::hash::Kind::Sha1);
        let ours = repo.git_dir_trust() == gix::sec::Trust::Full;
        let (old, new) = (old.unwrap_or(zero), new.unwrap_or(zero));
        Self { dir, git_dir, push, old, new, timeout, ours }
    }

    /// Asks the hooks that may say no.
    pub(super) fn before(&self) -> Result<Verdict, Source> {
        for name in ["reference-transaction", "proc-receive"] {
            if self.enabled(name).is_some() {
                let reason = format!(
                    "the repository has a `{name}` hook, which `file://` cannot run; push over http(s)"
                );
                return Ok(Verdict::Declined { reason, words: Vec::new() });
            }
        }
        let any = || HOOKS.iter().any(|name| self.enabled(name).is_some());
        if !self.ours && any() {
            // Whoever owns the repository would run programs as us.
            let reason = "the repository belongs to another user, so its hooks are not run; push over http(s)";
            return Ok(Verdict::Declined { reason: reason.to_owned(), words: Vec::new() });
        }
        let mut words = Vec::new();
        let (old, new) = (self.old.to_string(), self.new.to_string());
        for (name, arguments) in
            [("pre-receive", vec![]), ("update", vec![&*self.push.target, &*old, &*new])]
        {
            let Some((accepted, said)) = self.run(name, &arguments)? else { continue };
            words.extend(said);
            if !accepted {
                let reason =
                    if name == "update" { "hook declined" } else { "pre-receive hook declined" };
                return Ok(Verdict::Declined { reason: reason.to_owned(), words });
            }
        }
        Ok(Verdict::Accepted(words))
    }

    /// Tells the hooks that may only listen, and returns what they said.
    pub(super) fn after(&self) -> Result<Vec<u8>, Source> {
        let mut words = Vec::new();
        for (name, arguments) in
            [("post-receive", vec![]), ("post-update", vec![&*self.push.target])]
        {
            if let Some((_, said)) = self.run(name, &arguments)? {
                words.extend(said);
            }
        }
        Ok(words)
    }

    /// The hook `name`, if it is there and may be run.
    fn enabled(&self, name: &str) -> Option<PathBuf> {
        let path = self.dir.join(name);
        let metadata = fs::metadata(&path).ok()?;
        (metadata.is_file() && metadata.permissions().mode() & 0o111 != 0).then_some(path)
    }

    /// Runs the hook `name`, if there is one: whether it succeeded, and what it said.
    fn run(&self, name: &str, arguments: &[&str]) -> Result<Option<(bool, Vec<u8>)>, Source> {
        let Some(path) = self.enabled(name) else { return Ok(None) };
        // A file takes any amount; a pipe that nobody reads would block the hook.
        let mut said = tempfile::tempfile()?;
        let mut child = command(&path, &self.git_dir, &self.push.options)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(said.try_clone()?)
            .stderr(said.try_clone()?)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A hook need not read its input.
            let _ = writeln!(stdin, "{} {} {}", self.old, self.new, self.push.target);
        }
        let deadline = Instant::now() + self.timeout;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if Instant::now() >= deadline {
                child.kill()?;
                child.wait()?;
                return Err(format!("the `{name}` hook took too long").into());
            }
            thread::sleep(Duration::from_millis(2));
        };
        let mut words = Vec::new();
        said.rewind()?;
        said.take(LONGEST).read_to_end(&mut words)?;
        Ok(Some((status.success(), words)))
    }
}

/// A hook's process. It gets nothing of our environment: that may hold credentials.
fn command(path: &Path, git_dir: &Path, options: &[String]) -> Command {
    let mut command = Command::new(path);
    command.current_dir(git_dir).env_clear();
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("GIT_DIR", ".");
    if !options.is_empty() {
        command.env("GIT_PUSH_OPTION_COUNT", options.len().to_string());
        for (number, option) in options.iter().enumerate() {
            command.env(format!("GIT_PUSH_OPTION_{number}"), option);
        }
    }
    command
}

const HOOKS: [&str; 4] = ["pre-receive", "update", "post-receive", "post-update"];
const LONGEST: u64 = 16 << 10;
