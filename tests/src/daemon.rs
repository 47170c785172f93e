//! Our own daemons, run as a user would: the built program, its flags, its signals.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::Outcome;
use crate::bed::Bed;
use crate::http::Answer;
use crate::process::{Process, Signal, Usage};

/// A running `sealer` or `imagebot`. Dropping it kills it.
pub struct Daemon {
    bed: Bed,
    address: String,
    process: Process,
}

impl Daemon {
    /// Starts a daemon, with a kubeconfig unless it runs with `--local`, and waits until it is ready.
    pub async fn start(
        bed: &Bed,
        program: &str,
        kubeconfig: Option<&Path>,
        args: &[&str],
    ) -> Outcome<Self> {
        Self::start_in(&[], bed, program, kubeconfig, args).await
    }

    /// Starts a daemon as [`Daemon::start`] does, with these variables in its environment.
    pub async fn start_in(
        environment: &[(&str, &str)],
        bed: &Bed,
        program: &str,
        kubeconfig: Option<&Path>,
        args: &[&str],
    ) -> Outcome<Self> {
        let daemon = Self::launch_in(environment, bed, program, kubeconfig, args).await?;
        let ready = format!("{}/readyz", daemon.url());
        let answers = async || daemon.bed.http().answers(&ready, 200).await;
        daemon.process.ready(Duration::from_secs(60), answers).await?;
        Ok(daemon)
    }

    /// Starts a daemon and waits only until it listens: for what happens before it is ready.
    pub async fn launch(
        bed: &Bed,
        program: &str,
        kubeconfig: Option<&Path>,
        args: &[&str],
    ) -> Outcome<Self> {
        Self::launch_in(&[], bed, program, kubeconfig, args).await
    }

    async fn launch_in(
        environment: &[(&str, &str)],
        bed: &Bed,
        program: &str,
        kubeconfig: Option<&Path>,
        args: &[&str],
    ) -> Outcome<Self> {
        let folder = bed.folder(program)?;
        let file = folder.join("address");
        let mut command = crate::process::command(bed.daemon(program)?, &folder);
        command.env("SSL_CERT_FILE", &bed.authority().certificate).current_dir(&folder);
        command.envs(environment.iter().copied());
        command.args(["--http-addr", "127.0.0.1:0", "--http-addr-file"]).arg(&file);
        if let Some(kubeconfig) = kubeconfig {
            command.arg("--kubeconfig").arg(kubeconfig);
        }
        command.args(args);
        let process = Process::start(program, command, bed.log(program))?;
        process.ready(Duration::from_secs(30), async || address(&file).is_some()).await?;
        let address = address(&file).ok_or("the address file is gone")?;
        Ok(Self { bed: bed.clone(), address, process })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// GETs a path of the daemon.
    pub async fn get(&self, path: &str) -> Outcome<Answer> {
        self.bed.http().get(&format!("{}{path}", self.url())).await
    }

    /// The value of one series of `/metrics`, given as `name` or `name{label="value"}`.
    pub async fn metric(&self, series: &str) -> Outcome<f64> {
        let metrics = self.get("/metrics").await?.text();
        let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let value = value.ok_or_else(|| format!("no series `{series}` in /metrics"))?;
        Ok(value.split(' ').next().unwrap_or_default().parse()?)
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(&self) -> Outcome<ExitStatus> {
        self.process.signal(Signal::TERM)?;
        self.process.end(Duration::from_secs(20)).await
    }

    /// Kills it, as a crash would.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// What it has used since it began.
    pub fn usage(&self) -> Outcome<Usage> {
        self.process.usage()
    }

    /// The process, for other signals.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// The address in the file, once the whole of it is there.
fn address(file: &PathBuf) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let port = text.trim().rsplit_once(':')?.1;
    port.parse::<u16>().ok().map(|_| text.trim().to_owned())
}
