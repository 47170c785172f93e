//! A Gitea with an administrator and a token.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::bed::Bed;
use crate::http::Request;
use crate::process::{Process, run};
use crate::{Outcome, eventually, port};

/// A running Gitea.
pub struct Gitea {
    bed: Bed,
    url: String,
    token: String,
    ssh: u16,
    folder: PathBuf,
    process: Process,
}

/// The types of the ssh server's keys.
pub const HOST_KEYS: [&str; 2] = ["ed25519", "rsa"];

impl Gitea {
    /// The administrator, who owns every repository that the harness makes.
    pub const USER: &str = "bot";
    /// The administrator's password.
    pub const PASSWORD: &str = "Passw0rd!x";

    /// Starts a Gitea of its own, with TLS or without.
    pub async fn start(bed: &Bed, tls: bool) -> Outcome<Self> {
        let (folder, port, ssh) = (bed.folder("gitea")?, port::free(), port::free());
        for kind in HOST_KEYS {
            let file = folder.join(kind).display().to_string();
            let args = ["-q", "-t", kind, "-m", "PEM", "-N", "", "-C", "bed", "-f", &file];
            bed.run("ssh-keygen", &args, b"")?;
        }
        let config = folder.join("app.ini");
        fs::write(&config, configuration(bed, &folder, [port, ssh], tls)?)?;
        let gitea = |args: &[&str]| {
            let mut command = bed.command("gitea");
            command.arg("--config").arg(&config).args(args);
            command
        };
        run(gitea(&["migrate"]), b"")?;
        run(
            gitea(&[
                "admin",
                "user",
                "create",
                "--admin",
                "--must-change-password=false",
                "--username",
                Self::USER,
                "--password",
                Self::PASSWORD,
                "--email",
                "bot@test.example",
            ]),
            b"",
        )?;
        let grant = ["admin", "user", "generate-access-token", "--scopes", "all", "--raw", "-u"];
        let granted = String::from_utf8(run(gitea(&[&grant[..], &[Self::USER]].concat()), b"")?)?;
        // Lines of its log may precede the token.
        let token = granted.lines().last().ok_or("Gitea printed no token")?.trim().to_owned();
        let process = Process::start("gitea", gitea(&["web"]), bed.log("gitea"))?;
        let url = format!("{}://127.0.0.1:{port}", if tls { "https" } else { "http" });
        let health = format!("{url}/api/healthz");
        process
            .ready(Duration::from_secs(60), async || bed.http().answers(&health, 200).await)
            .await?;
        Ok(Self { bed: bed.clone(), url, token, ssh, folder, process })
    }

    /// `http://127.0.0.1:PORT`, or https.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A token with every right.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The clone URL of a repository of [`Gitea::USER`], without credentials.
    pub fn clone_url(&self, repository: &str) -> String {
        format!("{}/{}/{repository}.git", self.url, Self::USER)
    }

    /// The ssh URL of a repository of [`Gitea::USER`]; its server is one of Go's.
    pub fn ssh_url(&self, repository: &str) -> String {
        format!("ssh://git@127.0.0.1:{}/{}/{repository}.git", self.ssh, Self::USER)
    }

    /// The line of `known_hosts` for one of its [`HOST_KEYS`].
    pub fn known_by(&self, kind: &str) -> Outcome<String> {
        let key = fs::read_to_string(self.folder.join(kind).with_extension("pub"))?;
        Ok(format!("[127.0.0.1]:{} {key}", self.ssh))
    }

    /// Makes a repository whose branch `main` has these files; returns its name.
    pub async fn repository(&self, prefix: &str, files: &[(&str, &str)]) -> Outcome<String> {
        let name = self.bed.unique(prefix);
        let body = json!({"name": name, "default_branch": "main", "auto_init": false});
        self.api("POST", "user/repos", Some(&body), 201).await?;
        // Prepared outside and pushed, as a person would.
        let local = self.bed.repository(&name, files)?;
        let credentials = format!("://{}:{}@", Self::USER, self.token);
        let url = self.clone_url(&name).replacen("://", &credentials, 1);
        local.git(&["push", "-q", &url, "main"])?;
        // It takes note of a push after it has answered.
        let path = format!("repos/{}/{name}", Self::USER);
        eventually(Duration::from_secs(20), "Gitea sees the first push", async || {
            let repository = self.api("GET", &path, None, 200).await?;
            (repository["empty"] == false).then_some(()).ok_or_else(|| "it is empty".into())
        })
        .await?;
        Ok(name)
    }

    /// Calls `/api/v1/PATH` with the token, and fails unless the status is `expected`.
    pub async fn api(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        expected: u16,
    ) -> Outcome<Value> {
        let request = self.bed.http().request(method, &format!("{}/api/v1/{path}", self.url));
        let request = request.header("Authorization", &format!("token {}", self.token));
        let request = body.into_iter().fold(request, Request::json);
        let answer = request.expect(expected).await;
        answer.map_err(|err| format!("{method} {path}: {err}"))?.json()
    }

    /// The pull requests of a repository in a state: `open`, `closed` or `all`.
    pub async fn pulls(&self, repository: &str, state: &str) -> Outcome<Vec<Value>> {
        let path = format!("repos/{}/{repository}/pulls?state={state}", Self::USER);
        Ok(self.api("GET", &path, None, 200).await?.as_array().cloned().unwrap_or_default())
    }

    /// The process, to stop it or to look at its log.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

fn configuration(bed: &Bed, folder: &Path, [port, ssh]: [u16; 2], tls: bool) -> Outcome<String> {
    let user = String::from_utf8(bed.run("id", &["-un"], b"")?)?;
    let (dir, authority, files) = (folder.display(), bed.authority(), bed.share("gitea"));
    let (protocol, files) = (if tls { "https" } else { "http" }, files.display());
    let (certificate, key) =
        (authority.server_certificate.display(), authority.server_key.display());
    Ok(format!(
        "RUN_USER = {user}
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = {dir}
[server]
PROTOCOL = {protocol}
CERT_FILE = {certificate}
KEY_FILE = {key}
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = {protocol}://127.0.0.1:{port}/
OFFLINE_MODE = true
STATIC_ROOT_PATH = {files}
START_SSH_SERVER = true
BUILTIN_SSH_SERVER_USER = git
SSH_LISTEN_HOST = 127.0.0.1
SSH_LISTEN_PORT = {ssh}
SSH_PORT = {ssh}
SSH_ROOT_PATH = {dir}/ssh
SSH_SERVER_HOST_KEYS = {dir}/ed25519, {dir}/rsa
[database]
DB_TYPE = sqlite3
PATH = {dir}/gitea.db
[repository]
ROOT = {dir}/repositories
[security]
INSTALL_LOCK = true
[service]
DISABLE_REGISTRATION = true
[actions]
ENABLED = false
[webhook]
ALLOWED_HOST_LIST = loopback
[log]
MODE = console
LEVEL = warn
"
    ))
}
