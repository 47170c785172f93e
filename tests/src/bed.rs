//! The shared servers of one run, each started when first asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::try_join_all;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::authority::Authority;
use crate::git::{GitHttp, GitSsh, Repository, SshOptions};
use crate::gitea::Gitea;
use crate::http::Http;
use crate::kubernetes::Kubernetes;
use crate::openbao::OpenBao;
use crate::registry::{self, Registry};
use crate::{Outcome, process};

/// A handle on the bed; clones share it.
#[derive(Clone)]
pub struct Bed(Arc<Inner>);

struct Inner {
    // Servers come first: they are dropped, and so killed, before their files.
    kubernetes: Shared<Kubernetes>,
    registry: Shared<Registry>,
    git_http: Shared<GitHttp>,
    git_ssh: Shared<GitSsh>,
    gitea: Shared<Gitea>,
    openbao: Shared<OpenBao>,
    authority: Authority,
    http: Http,
    folder: PathBuf,
    daemons: PathBuf,
    strict: bool,
    skipped: Mutex<Vec<String>>,
    names: AtomicU32,
    closing: Mutex<()>,
    runtime: Runtime,
    dir: TempDir,
}

/// A server that is started once; a failure to start is remembered, too.
type Shared<T> = OnceCell<Result<T, String>>;

/// Something that a test cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// kube-apiserver, etcd and kube-controller-manager.
    Kubernetes,
    /// docker-registry, anonymous, without TLS.
    Registry,
    /// Debian's docker-registry for a test that starts its own.
    OwnRegistry,
    /// The `htpasswd` program, for a registry with authentication.
    Htpasswd,
    /// The `git` program, for repositories that are only read and written as files.
    Git,
    /// Git over http and https with basic authentication.
    GitHttp,
    /// Git over ssh.
    GitSsh,
    /// Gitea with an administrator.
    Gitea,
    /// OpenBao in development mode.
    OpenBao,
    /// The `kubeseal` program.
    Kubeseal,
    /// The `sops` program.
    Sops,
    /// The `age` and `age-keygen` programs.
    Age,
    /// The `helm` program.
    Helm,
    /// The `flux` program.
    Flux,
    /// Moto, which plays Amazon's services; from the system, for it is many packages of Python.
    Moto,
}

impl Need {
    /// The programs that this takes.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Kubernetes => &["etcd", "kube-apiserver", "kube-controller-manager"],
            Self::Registry | Self::OwnRegistry => &["docker-registry"],
            Self::Htpasswd => &["htpasswd"],
            Self::Git => &["git"],
            Self::GitHttp => &["git", "nginx", "fcgiwrap", "htpasswd"],
            Self::GitSsh => &["git", "sshd", "ssh", "ssh-keygen", "ssh-keyscan"],
            Self::Gitea => &["gitea", "git"],
            Self::OpenBao => &["bao"],
            Self::Kubeseal => &["kubeseal"],
            Self::Sops => &["sops"],
            Self::Age => &["age", "age-keygen"],
            Self::Helm => &["helm"],
            Self::Flux => &["flux"],
            Self::Moto => &["moto_server"],
        }
    }
}

impl Bed {
    /// Opens a bed with no server running yet.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the harness reads its environment"
    )]
    pub fn open() -> Outcome<Self> {
        // A second bed in one process finds the provider installed.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        sweep();
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let dir = tempfile::Builder::new().prefix(&prefix).tempdir()?;
        for folder in ["home", "log", "git"] {
            fs::create_dir(dir.path().join(folder))?;
        }
        let authority = Authority::create(&dir.path().join("tls"))?;
        let daemons = match std::env::var("SIGNET_BIN_DIR") {
            Ok(dir) => PathBuf::from(dir),
            Err(_) => beside_the_test()?,
        };
        Ok(Self(Arc::new(Inner {
            kubernetes: Shared::new(),
            registry: Shared::new(),
            git_http: Shared::new(),
            git_ssh: Shared::new(),
            gitea: Shared::new(),
            openbao: Shared::new(),
            http: Http::new(&authority)?,
            authority,
            folder: where_tools_are()?,
            daemons,
            strict: std::env::var("CI").is_ok_and(|ci| ci == "true"),
            skipped: Mutex::new(Vec::new()),
            names: AtomicU32::new(0),
            closing: Mutex::new(()),
            runtime: tokio::runtime::Builder::new_multi_thread().enable_all().build()?,
            dir,
        })))
    }

    /// The shared API server.
    pub async fn kubernetes(&self) -> Outcome<&Kubernetes> {
        shared(&self.0.kubernetes, || Kubernetes::start(self)).await
    }

    /// The shared registry: anonymous, plain http, no notifications.
    pub async fn registry(&self) -> Outcome<&Registry> {
        shared(&self.0.registry, || Registry::start(self, registry::Options::default())).await
    }

    /// The shared Git server over http and https.
    pub async fn git_http(&self) -> Outcome<&GitHttp> {
        shared(&self.0.git_http, || GitHttp::start(self)).await
    }

    /// The shared Git server over ssh.
    pub async fn git_ssh(&self) -> Outcome<&GitSsh> {
        shared(&self.0.git_ssh, || GitSsh::start(self, SshOptions::default())).await
    }

    /// The shared Gitea, plain http.
    pub async fn gitea(&self) -> Outcome<&Gitea> {
        shared(&self.0.gitea, || Gitea::start(self, false)).await
    }

    /// The shared OpenBao.
    pub async fn openbao(&self) -> Outcome<&OpenBao> {
        shared(&self.0.openbao, || OpenBao::start(self)).await
    }

    /// Starts what is needed, all at once.
    pub async fn start(&self, needs: &[Need]) -> Outcome {
        try_join_all(needs.iter().map(|need| self.start_one(*need))).await.map(drop)
    }

    async fn start_one(&self, need: Need) -> Outcome {
        match need {
            Need::Kubernetes => self.kubernetes().await.map(drop),
            Need::Registry => self.registry().await.map(drop),
            Need::GitHttp => self.git_http().await.map(drop),
            Need::GitSsh => self.git_ssh().await.map(drop),
            Need::Gitea => self.gitea().await.map(drop),
            Need::OpenBao => self.openbao().await.map(drop),
            Need::OwnRegistry
            | Need::Htpasswd
            | Need::Git
            | Need::Kubeseal
            | Need::Sops
            | Need::Age
            | Need::Helm
            | Need::Flux
            | Need::Moto => Ok(()),
        }
    }

    /// The programs of these needs that this machine does not have.
    pub fn missing(&self, needs: &[Need]) -> Vec<&'static str> {
        let programs = needs.iter().flat_map(|need| need.programs()).copied();
        programs.filter(|program| self.find(program).is_none()).collect()
    }

    fn find(&self, program: &str) -> Option<PathBuf> {
        let system =
            ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"].map(PathBuf::from);
        let folders = [self.0.folder.join("bin")].into_iter().chain(system);
        folders.map(|folder| folder.join(program)).find(|path| path.is_file())
    }

    /// The folder of the bed's own programs.
    pub fn programs(&self) -> PathBuf {
        self.0.folder.join("bin")
    }

    /// Files that a program of the bed reads at run time.
    pub(crate) fn share(&self, program: &str) -> PathBuf {
        self.0.folder.join("share").join(program)
    }

    /// A command for a program of the bed or the system, with a home folder of the bed.
    pub fn command(&self, program: &str) -> Command {
        let path = self.find(program).unwrap_or_else(|| PathBuf::from(program));
        let mut command = process::command(path, &self.path("home"));
        command.env("SSL_CERT_FILE", &self.0.authority.certificate).current_dir(self.0.dir.path());
        command
    }

    /// Runs a program of the bed or the system, and returns what it printed.
    pub fn run(&self, program: &str, args: &[&str], input: &[u8]) -> Outcome<Vec<u8>> {
        let mut command = self.command(program);
        command.args(args);
        process::run(command, input)
    }

    /// One of our own programs: `sealer`, `imagebot` or `sealctl`.
    pub fn daemon(&self, program: &str) -> Outcome<PathBuf> {
        let path = self.0.daemons.join(program);
        if path.is_file() {
            return Ok(path);
        }
        Err(format!("no {}: run `cargo build -p {program}`, or set SIGNET_BIN_DIR", path.display())
            .into())
    }

    /// A new bare repository whose branch `main` has these files.
    pub fn repository(&self, name: &str, files: &[(&str, &str)]) -> Outcome<Repository> {
        Repository::create(self, name, files)
    }

    /// A name that nothing else in this run has.
    pub fn unique(&self, prefix: &str) -> String {
        format!("{prefix}-{}", self.0.names.fetch_add(1, Ordering::Relaxed))
    }

    /// An empty folder that goes with the run.
    pub fn folder(&self, prefix: &str) -> Outcome<PathBuf> {
        let path = self.path(&self.unique(prefix));
        fs::create_dir(&path)?;
        Ok(path)
    }

    /// A path inside the run's temporary folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.dir.path().join(name)
    }

    /// The authority that signs for every TLS server here.
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// A client that trusts that authority.
    pub fn http(&self) -> &Http {
        &self.0.http
    }

    /// What the environment says about skips: with `CI=true` each is a failure.
    pub fn strict(&self) -> bool {
        self.0.strict
    }

    /// The runtime on which tests and the harness's own tasks run.
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    /// The folder of logs, for the file of a new process.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.path("log").join(self.unique(name))
    }

    /// Notes that a test was skipped.
    pub fn skip(&self, test: String) {
        self.0.skipped.lock().expect("no holder of this lock panics").push(test);
    }

    /// The tests that were skipped so far.
    pub fn skipped(&self) -> Vec<String> {
        self.0.skipped.lock().expect("no holder of this lock panics").clone()
    }

    /// Kills what runs and removes the files: the end of a run, however it comes.
    ///
    /// Servers hold the bed as the bed holds them, so dropping it would end neither.
    pub fn close(&self) {
        // The end of the tests and a signal may come at once; the second finds nothing to do.
        let _closing = self.0.closing.lock().expect("no holder of this lock panics");
        process::kill_all();
        // A test that is interrupted may still write; what it leaves is swept by the next run.
        for _ in 0..20 {
            // An error means that something was added meanwhile, which the next look will see.
            let _ = fs::remove_dir_all(self.0.dir.path());
            std::thread::sleep(Duration::from_millis(25));
            if !self.0.dir.path().exists() {
                return;
            }
        }
    }
}

async fn shared<T>(cell: &Shared<T>, start: impl AsyncFnOnce() -> Outcome<T>) -> Outcome<&T> {
    let started = cell.get_or_init(async || start().await.map_err(|err| err.to_string())).await;
    started.as_ref().map_err(|err| err.clone().into())
}

const PREFIX: &str = "signet-tests-";

/// Removes the folders of runs that were killed.
fn sweep() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let run = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        if run.is_some_and(|run| !Path::new("/proc").join(run).exists()) {
            // Somebody else's, or gone already.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Asks the script, which alone knows how the folder is named.
fn where_tools_are() -> Outcome<PathBuf> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/bed/provide");
    let output = Command::new(script).arg("--where").output()?;
    if !output.status.success() {
        return Err(format!("{script}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}

/// `target/debug` of `target/debug/deps/promises-0123`.
fn beside_the_test() -> Outcome<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().ok_or("the test executable has no folder")?;
    let deps = folder.file_name().is_some_and(|name| name == "deps");
    Ok(if deps { folder.parent().unwrap_or(folder) } else { folder }.to_owned())
}
