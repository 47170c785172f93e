//! Repositories made and asked with the `git` program: the oracle.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

/// A bare repository, and a clone in which a colleague works.
pub(crate) struct Origin {
    dir: TempDir,
}

impl Origin {
    /// An empty repository whose default branch is `main`.
    pub(crate) fn empty() -> Self {
        let origin = Self { dir: tempfile::tempdir().unwrap() };
        git(origin.dir.path(), &["init", "-q", "--bare", "-b", "main", "app.git"]);
        for setting in ["http.receivepack", "receive.advertisePushOptions"] {
            origin.git(&["config", setting, "true"]);
        }
        origin
    }

    /// A repository with one commit of `files`.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let origin = Self::empty();
        origin.commit("main", "first", files);
        origin
    }

    /// The directory that holds `app.git`.
    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("app.git")
    }

    /// Runs `git` in the bare repository.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(&self.path(), args)
    }

    /// What `git rev-parse` answers.
    pub(crate) fn id(&self, name: &str) -> gix::ObjectId {
        self.git(&["rev-parse", name]).trim().parse().unwrap()
    }

    /// How many commits `main` has.
    pub(crate) fn commits(&self) -> usize {
        self.git(&["rev-list", "--count", "main"]).trim().parse().unwrap()
    }

    /// The content of a file of `main`.
    pub(crate) fn show(&self, path: &str) -> String {
        self.git(&["show", &format!("main:{path}")])
    }

    /// A colleague commits `files` to `branch` and pushes.
    pub(crate) fn commit(
        &self,
        branch: &str,
        message: &str,
        files: &[(&str, &str)],
    ) -> gix::ObjectId {
        let work = self.work(branch);
        for (path, content) in files {
            let path = work.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        git(&work, &["add", "-A"]);
        git(&work, &["commit", "-q", "--allow-empty", "-m", message]);
        git(&work, &["push", "-q", "-f", "origin", &format!("HEAD:refs/heads/{branch}")]);
        self.id(branch)
    }

    /// The colleague's clone, at the head of `branch`.
    pub(crate) fn work(&self, branch: &str) -> PathBuf {
        let work = self.dir.path().join("work");
        if !work.exists() {
            git(self.dir.path(), &["clone", "-q", "app.git", "work"]);
        }
        git(&work, &["fetch", "-q", "origin"]);
        let tracked = format!("refs/remotes/origin/{branch}");
        if run(&work, &["rev-parse", "-q", "--verify", &tracked]).status.success() {
            git(&work, &["checkout", "-q", "-B", branch, &tracked]);
        }
        work
    }

    /// Installs a hook.
    pub(crate) fn hook(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path().join("hooks").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Git finds nothing to complain about.
    #[track_caller]
    pub(crate) fn is_sound(&self) {
        let output = run(&self.path(), &["fsck", "--strict", "--full", "--no-dangling"]);
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let complaints: Vec<&str> = said
            .lines()
            .filter(|line| {
                !line.starts_with("Checking")
                    && !line.contains("unborn branch")
                    && !line.contains("No default references")
            })
            .collect();
        assert!(output.status.success() && complaints.is_empty(), "{complaints:?}");
    }
}

/// Runs `git`, which must succeed.
#[track_caller]
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let output = run(dir, args);
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn run(dir: &Path, args: &[&str]) -> Output {
    let identity = [("GIT_AUTHOR_NAME", "Ann"), ("GIT_AUTHOR_EMAIL", "ann@t.example")];
    Command::new("git")
        .current_dir(dir)
        .args(args)
        .env("HOME", dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_COMMITTER_NAME", "Ann")
        .env("GIT_COMMITTER_EMAIL", "ann@t.example")
        .envs(identity)
        .output()
        .unwrap()
}
