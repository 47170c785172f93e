//! The programs that are measured: our daemons, and upstream's where one is given by path.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use tests::{
    Bed, Daemon, Outcome,
    kubernetes::Kubernetes,
    port,
    process::{self, Process, Usage},
};

use crate::Cost;

/// How long a program is left alone before its memory at rest is read.
const REST: Duration = Duration::from_secs(3);

/// Where a pod finds its ServiceAccount, which is the only client that upstream's controller knows.
const IN_POD: &str = "/run/secrets/kubernetes.io/serviceaccount";

/// Gives the process a `/run` of its own with the files of a pod, and becomes the controller.
const LIKE_A_POD: &str = r#"
set -eu
files=$1 place=$2; shift 2
mount -t tmpfs tmpfs /run
mkdir -p "$place"
cp "$files"/* "$place"
exec "$@"
"#;

/// Whose program does the work.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    /// Ours.
    Ours,
    /// The controller of Sealed Secrets at this path.
    SealedSecrets(PathBuf),
}

impl Program {
    /// Its name in the table.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Ours => "signet",
            Self::SealedSecrets(_) => "sealed-secrets",
        }
    }
}

/// The controller that `SIGNET_UPSTREAM_SEALED_SECRETS` names.
pub(crate) fn upstream_sealed_secrets() -> Outcome<Option<Program>> {
    const NAME: &str = "SIGNET_UPSTREAM_SEALED_SECRETS";
    let Some(path) = std::env::var_os(NAME) else { return Ok(None) };
    let path = fs::canonicalize(&path)
        .map_err(|error| format!("{NAME} names {}: {error}", PathBuf::from(path).display()))?;
    Ok(Some(Program::SealedSecrets(path)))
}

/// A program at work.
pub(crate) enum Running {
    /// One of our daemons.
    Ours(Daemon),
    /// Somebody else's.
    Theirs(Process),
}

impl Running {
    /// Starts Sealed Secrets' controller with its keys in `namespace` and without its client limits,
    /// and waits until it is ready.
    pub(crate) async fn sealed_secrets(
        bed: &Bed,
        path: &PathBuf,
        kubernetes: &Kubernetes,
        namespace: &str,
    ) -> Outcome<Self> {
        const ACCOUNT: &str = "sealed-secrets-controller";
        if kubernetes.token(namespace, ACCOUNT).await.is_err() {
            kubernetes.service_account(namespace, ACCOUNT).await?;
            kubernetes.apply(namespace, &administrator(namespace, ACCOUNT)).await?;
        }
        let folder = bed.folder("pod")?;
        fs::write(folder.join("token"), kubernetes.token(namespace, ACCOUNT).await?)?;
        fs::write(folder.join("namespace"), namespace)?;
        fs::copy(&bed.authority().certificate, folder.join("ca.crt"))?;
        let (host, api_port) = kubernetes
            .url()
            .strip_prefix("https://")
            .and_then(|address| address.split_once(':'))
            .map(|(host, port)| (host.to_owned(), port.to_owned()))
            .ok_or("the API server has no port")?;
        let (http, metrics) = (port::free(), port::free());
        let mut command = process::command("unshare", &folder);
        command.args(["--mount", "--map-root-user", "--", "sh", "-c", LIKE_A_POD, "pod"]);
        command.arg(&folder).arg(IN_POD).arg(path);
        command.args(["--key-renew-period=0", "--kubeclient-qps=-1", "--log-level=ERROR"]);
        command.arg(format!("--listen-addr=127.0.0.1:{http}"));
        command.arg(format!("--listen-metrics-addr=127.0.0.1:{metrics}"));
        command.env("KUBERNETES_SERVICE_HOST", host).env("KUBERNETES_SERVICE_PORT", api_port);
        command.env("POD_NAMESPACE", namespace);
        let process = Process::start("sealed-secrets", command, bed.path("log/sealed-secrets"))?;
        let health = format!("http://127.0.0.1:{http}/healthz");
        let answers = async || bed.http().answers(&health, 200).await;
        process.ready(Duration::from_secs(60), answers).await?;
        Ok(Self::Theirs(process))
    }

    /// What it has used since it began.
    pub(crate) fn usage(&self) -> Outcome<Usage> {
        match self {
            Self::Ours(daemon) => daemon.usage(),
            Self::Theirs(process) => process.usage(),
        }
    }

    /// Lets it come to rest, and says how many KiB are resident then.
    pub(crate) async fn rest(&self) -> Outcome<u64> {
        tokio::time::sleep(REST).await;
        Ok(self.usage()?.resident_kib)
    }

    /// Ends it, and waits for that.
    pub(crate) async fn terminate(&self) -> Outcome {
        match self {
            Self::Ours(daemon) => daemon.terminate().await.map(drop),
            Self::Theirs(process) => {
                process.signal(process::Signal::TERM)?;
                process.end(Duration::from_secs(20)).await.map(drop)
            }
        }
    }

    /// What it took since `begin`, when it had used `before`, up to the moment from which it used next
    /// to no processor for a second; the wall clock is that moment's, unless the work was `done` before.
    pub(crate) async fn cost(
        &self,
        begin: Instant,
        before: Duration,
        done: Option<Instant>,
    ) -> Outcome<Cost> {
        loop {
            let (moment, usage) = (Instant::now(), self.usage()?);
            tokio::time::sleep(Duration::from_secs(1)).await;
            let after = self.usage()?;
            if after.cpu.saturating_sub(usage.cpu) <= Duration::from_millis(10) {
                return Ok(Cost {
                    wall: done.unwrap_or(moment).duration_since(begin),
                    cpu: usage.cpu.saturating_sub(before),
                    peak_kib: after.peak_kib,
                    rest_kib: self.rest().await?,
                });
            }
        }
    }
}

/// Every right, as upstream's manifests give more than this bench needs.
fn administrator(namespace: &str, account: &str) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: {namespace}-{account}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}}
subjects: [{{kind: ServiceAccount, name: {account}, namespace: {namespace}}}]
"
    )
}
