//! A control plane: etcd, kube-apiserver with RBAC, and the controllers that tests rely on.
//!
//! Nothing runs pods: there is no kubelet and no scheduler.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use rcgen::KeyPair;

use crate::bed::Bed;
use crate::process::Process;
use crate::{Outcome, port, wait};

mod apply;
mod audit;

pub use audit::Asked;

const ADMIN: &str = "admin-token-of-the-test-bed";

/// A running control plane.
pub struct Kubernetes {
    client: Client,
    kubeconfig: PathBuf,
    ports: Ports,
    folder: PathBuf,
    bed: Bed,
    controllers: Process,
    api_server: Option<Process>,
    etcd: Process,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    etcd: u16,
    peer: u16,
    api: u16,
    controllers: u16,
}

impl Kubernetes {
    /// Starts a control plane of its own; ready when it answers and its controllers are healthy.
    /// The kinds of the daemons and of the conformance checks are defined.
    pub async fn start(bed: &Bed) -> Outcome<Self> {
        let folder = bed.folder("kubernetes")?;
        let ports = Ports {
            etcd: port::free(),
            peer: port::free(),
            api: port::free(),
            controllers: port::free(),
        };
        fs::write(folder.join("tokens.csv"), format!("{ADMIN},admin,admin,system:masters\n"))?;
        let signing = KeyPair::generate()?;
        fs::write(folder.join("sa.key"), signing.serialize_pem())?;
        fs::write(folder.join("sa.pub"), signing.public_key_pem())?;
        fs::write(folder.join("audit.yaml"), audit::POLICY)?;
        let kubeconfig = folder.join("admin.kubeconfig");
        fs::write(&kubeconfig, kubeconfig_text(bed, ports.api, ADMIN))?;

        let etcd = etcd(bed, &folder, ports)?;
        let api_server = api_server(bed, &folder, ports).await?;
        let client = client_of(&kubeconfig).await?;
        define(&client).await?;
        let controllers = controllers(bed, &folder, ports).await?;
        Ok(Self {
            client,
            kubeconfig,
            ports,
            folder,
            bed: bed.clone(),
            controllers,
            api_server: Some(api_server),
            etcd,
        })
    }

    /// A client with every right.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The kubeconfig file of that client.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The URL of the API server.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.api)
    }

    /// A new namespace with a name of its own.
    pub async fn namespace(&self, prefix: &str) -> Outcome<String> {
        let name = self.bed.unique(prefix);
        let namespace = Namespace {
            metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() },
            ..Namespace::default()
        };
        Api::all(self.client()).create(&PostParams::default(), &namespace).await?;
        Ok(name)
    }

    /// A new ServiceAccount, without any right until a binding gives it one.
    pub async fn service_account(&self, namespace: &str, name: &str) -> Outcome {
        let account = ServiceAccount {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            ..ServiceAccount::default()
        };
        let api = Api::namespaced(self.client(), namespace);
        api.create(&PostParams::default(), &account).await?;
        Ok(())
    }

    /// A token of a ServiceAccount, valid for an hour.
    pub async fn token(&self, namespace: &str, account: &str) -> Outcome<String> {
        let api = Api::<ServiceAccount>::namespaced(self.client(), namespace);
        let spec =
            TokenRequestSpec { expiration_seconds: Some(3600), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let granted = api.create_token_request(account, &PostParams::default(), &request).await?;
        Ok(granted.status.ok_or("a TokenRequest without a token")?.token)
    }

    /// A kubeconfig file whose only right is what RBAC gives this ServiceAccount.
    pub async fn token_for(&self, namespace: &str, account: &str) -> Outcome<PathBuf> {
        let token = self.token(namespace, account).await?;
        let path = self.folder.join(self.bed.unique(account));
        fs::write(&path, kubeconfig_text(&self.bed, self.ports.api, &token))?;
        Ok(path)
    }

    /// A client of a kubeconfig file.
    pub async fn client_for(&self, kubeconfig: &Path) -> Outcome<Client> {
        client_of(kubeconfig).await
    }

    /// Applies every document of a YAML text, as the administrator, and waits until what it defines
    /// is served. Objects without a namespace go to `namespace` where their kind has one.
    pub async fn apply(&self, namespace: &str, yaml: &str) -> Outcome {
        apply::apply(&self.client, namespace, yaml).await
    }

    /// Asks whether every document of a YAML text would be accepted; nothing is kept of it.
    pub async fn would_accept(&self, namespace: &str, yaml: &str) -> Outcome {
        apply::dry_run(&self.client, namespace, yaml).await
    }

    /// What a ServiceAccount has asked so far, oldest first.
    pub fn asked(&self, namespace: &str, account: &str) -> Outcome<Vec<Asked>> {
        audit::asked(&self.folder.join("audit.log"), namespace, account)
    }

    /// Kills the API server, as a crash would; etcd keeps its state.
    pub fn crash(&mut self) {
        self.api_server = None;
    }

    /// Starts the API server again on the state that etcd kept.
    pub async fn recover(&mut self) -> Outcome {
        self.api_server = Some(api_server(&self.bed, &self.folder, self.ports).await?);
        Ok(())
    }

    /// The running API server, for signals and figures.
    pub fn api_server(&self) -> Option<&Process> {
        self.api_server.as_ref()
    }

    /// The running etcd.
    pub fn etcd(&self) -> &Process {
        &self.etcd
    }

    /// The running controllers.
    pub fn controllers(&self) -> &Process {
        &self.controllers
    }
}

/// Defines what tests own objects with: the garbage collector knows a kind that was defined before
/// it began, and looks for new ones only twice a minute.
async fn define(client: &Client) -> Outcome {
    let ours = sealer_api::crds().into_iter().chain(imagebot_api::crds());
    for kind in ours.chain(embedded::conformance::definitions()) {
        apply::apply(client, "", &serde_json::to_string(&kind)?).await?;
    }
    Ok(())
}

fn etcd(bed: &Bed, folder: &Path, ports: Ports) -> Outcome<Process> {
    let (clients, peers) = (loopback(ports.etcd), loopback(ports.peer));
    let mut command = bed.command("etcd");
    command.arg("--data-dir").arg(folder.join("etcd")).args([
        &format!("--listen-client-urls={clients}"),
        &format!("--advertise-client-urls={clients}"),
        &format!("--listen-peer-urls={peers}"),
        &format!("--initial-advertise-peer-urls={peers}"),
        &format!("--initial-cluster=default={peers}"),
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]);
    Process::start("etcd", command, bed.log("etcd"))
}

async fn api_server(bed: &Bed, folder: &Path, ports: Ports) -> Outcome<Process> {
    let (authority, file) = (bed.authority(), |name| folder.join(name).display().to_string());
    let mut command = bed.command("kube-apiserver");
    command.args([
        format!("--etcd-servers={}", loopback(ports.etcd)),
        format!("--secure-port={}", ports.api),
        "--bind-address=127.0.0.1".into(),
        format!("--tls-cert-file={}", authority.server_certificate.display()),
        format!("--tls-private-key-file={}", authority.server_key.display()),
        format!("--cert-dir={}", file("certs")),
        "--service-account-issuer=https://kubernetes.default.svc".into(),
        format!("--service-account-key-file={}", file("sa.pub")),
        format!("--service-account-signing-key-file={}", file("sa.key")),
        format!("--token-auth-file={}", file("tokens.csv")),
        "--authorization-mode=RBAC".into(),
        format!("--audit-policy-file={}", file("audit.yaml")),
        format!("--audit-log-path={}", file("audit.log")),
        "--service-cluster-ip-range=10.96.0.0/16".into(),
        "--allow-privileged=true".into(),
        "--shutdown-watch-termination-grace-period=1s".into(),
    ]);
    let process = Process::start("kube-apiserver", command, bed.log("kube-apiserver"))?;
    let url = format!("https://127.0.0.1:{}/readyz", ports.api);
    let ready = async || {
        let request = bed.http().request("GET", &url).header("Authorization", &bearer(ADMIN));
        request.expect(200).await.is_ok()
    };
    process.ready(Duration::from_secs(60), ready).await?;
    Ok(process)
}

async fn controllers(bed: &Bed, folder: &Path, ports: Ports) -> Outcome<Process> {
    let authority = bed.authority();
    let mut command = bed.command("kube-controller-manager");
    command.args([
        format!("--kubeconfig={}", folder.join("admin.kubeconfig").display()),
        "--leader-elect=false".into(),
        format!("--secure-port={}", ports.controllers),
        "--bind-address=127.0.0.1".into(),
        format!("--tls-cert-file={}", authority.server_certificate.display()),
        format!("--tls-private-key-file={}", authority.server_key.display()),
        "--controllers=namespace-controller,garbage-collector-controller,\
         serviceaccount-controller,clusterrole-aggregation-controller"
            .into(),
    ]);
    let process = Process::start("kube-controller-manager", command, bed.log("controllers"))?;
    let url = format!("https://127.0.0.1:{}/healthz", ports.controllers);
    process.ready(Duration::from_secs(30), async || bed.http().answers(&url, 200).await).await?;
    Ok(process)
}

async fn client_of(kubeconfig: &Path) -> Outcome<Client> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    wait::eventually(Duration::from_secs(10), "the API server answers a client", async || {
        client.apiserver_version().await.map(drop).map_err(Into::into)
    })
    .await?;
    Ok(client)
}

fn kubeconfig_text(bed: &Bed, port: u16, token: &str) -> String {
    let authority = bed.authority().certificate.display();
    format!(
        "apiVersion: v1\nkind: Config\n\
         clusters: [{{name: bed, cluster: {{server: \"https://127.0.0.1:{port}\", certificate-authority: \"{authority}\"}}}}]\n\
         users: [{{name: user, user: {{token: \"{token}\"}}}}]\n\
         contexts: [{{name: bed, context: {{cluster: bed, user: user}}}}]\n\
         current-context: bed\n"
    )
}

fn loopback(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}
