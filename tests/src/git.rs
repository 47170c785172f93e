//! Bare repositories, and the servers through which they are reached.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::bed::Bed;
use crate::process::run;

mod http;
mod ssh;

pub use http::GitHttp;
pub use ssh::{GitSsh, HOST_KEYS, Options as SshOptions};

/// A bare repository, reachable as a file and through every Git server of the bed.
#[derive(Clone)]
pub struct Repository {
    bed: Bed,
    path: PathBuf,
}

impl Repository {
    /// Makes a repository whose branch `main` has one commit with these files.
    pub(crate) fn create(bed: &Bed, name: &str, files: &[(&str, &str)]) -> Outcome<Self> {
        let path = bed.path("git").join(format!("{}.git", bed.unique(name)));
        let repository = Self { bed: bed.clone(), path };
        let place = repository.path.display().to_string();
        bed.run("git", &["init", "-q", "--bare", "-b", "main", &place], b"")?;
        for (key, value) in [
            ("http.receivepack", "true"),
            ("receive.advertisePushOptions", "true"),
            ("receive.denyNonFastForwards", "true"),
            ("uploadpack.allowAnySHA1InWant", "true"),
            ("gc.auto", "0"),
        ] {
            repository.git(&["config", key, value])?;
        }
        repository.commit("main", "first", files)?;
        Ok(repository)
    }

    /// Commits files onto a branch, which begins at `main` when it is new; returns the commit's id.
    pub fn commit(&self, branch: &str, message: &str, files: &[(&str, &str)]) -> Outcome<String> {
        let files = files.iter().map(|(path, content)| ((*path).to_owned(), content.as_bytes()));
        self.commit_all(branch, message, files)
    }

    /// The same for any number of files of any content.
    pub fn commit_all<C: AsRef<[u8]>>(
        &self,
        branch: &str,
        message: &str,
        files: impl IntoIterator<Item = (String, C)>,
    ) -> Outcome<String> {
        let mut stream = Vec::new();
        let mut head = format!("commit refs/heads/{branch}\n");
        head.push_str("committer Bed <bed@test.example> 1767225600 +0000\n");
        let _ = write!(head, "data {}\n{message}\n", message.len());
        if let Some(parent) = self.head(branch).or_else(|| self.head("main")) {
            let _ = writeln!(head, "from {parent}");
        }
        stream.extend(head.bytes());
        for (path, content) in files {
            let content = content.as_ref();
            stream.extend(format!("M 100644 inline {path}\ndata {}\n", content.len()).bytes());
            stream.extend(content);
            stream.push(b'\n');
        }
        let mut command = self.bed.command("git");
        command.arg("-C").arg(&self.path).args(["fast-import", "--quiet", "--force"]);
        run(command, &stream)?;
        self.head(branch).ok_or_else(|| "the commit did not make the branch".into())
    }

    /// The id of a branch's commit, when the branch exists.
    pub fn head(&self, branch: &str) -> Option<String> {
        let name = format!("refs/heads/{branch}");
        self.git(&["rev-parse", "--verify", "--quiet", &name]).ok().map(|id| id.trim().to_owned())
    }

    /// The content of a file at a revision.
    pub fn show(&self, revision: &str, path: &str) -> Outcome<String> {
        self.git(&["show", &format!("{revision}:{path}")])
    }

    /// The messages of a branch, newest first.
    pub fn messages(&self, branch: &str) -> Outcome<Vec<String>> {
        let log = self.git(&["log", "-z", "--format=%B", branch, "--"])?;
        Ok(log.split('\0').map(|message| message.trim_end().to_owned()).collect())
    }

    /// Runs `git` in the repository, and returns what it printed.
    pub fn git(&self, args: &[&str]) -> Outcome<String> {
        let mut command = self.bed.command("git");
        command.arg("-C").arg(&self.path).args(args);
        Ok(String::from_utf8(run(command, b"")?)?)
    }

    /// Installs a server-side hook, for instance `pre-receive`.
    pub fn hook(&self, name: &str, script: &str) -> Outcome {
        let path = self.path.join("hooks").join(name);
        fs::create_dir_all(self.path.join("hooks"))?;
        fs::write(&path, script)?;
        Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its `file://` URL.
    pub fn file_url(&self) -> String {
        format!("file://{}", self.path.display())
    }

    /// Its folder's name, which is its path on the http servers.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}
