//! An OpenBao in development mode: unsealed, in memory, KV v2 mounted at `secret/`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bed::Bed;
use crate::http::Request;
use crate::process::Process;
use crate::{Outcome, port};

/// A running OpenBao.
pub struct OpenBao {
    bed: Bed,
    url: String,
    process: Process,
}

impl OpenBao {
    /// The root token.
    pub const TOKEN: &str = "root";

    /// Starts an OpenBao of its own.
    pub async fn start(bed: &Bed) -> Outcome<Self> {
        // It takes the port after its own, too.
        let port = port::consecutive(2);
        let mut command = bed.command("bao");
        command.args([
            "server",
            "-dev",
            "-dev-no-store-token",
            &format!("-dev-root-token-id={}", Self::TOKEN),
            &format!("-dev-listen-address=127.0.0.1:{port}"),
        ]);
        let process = Process::start("bao", command, bed.log("bao"))?;
        let bao = Self { bed: bed.clone(), url: format!("http://127.0.0.1:{port}"), process };
        // Healthy comes before the KV mount.
        let mounted = async || bao.api("GET", "sys/mounts/secret", None).await.is_ok();
        bao.process.ready(Duration::from_secs(20), mounted).await?;
        Ok(bao)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Calls `/v1/PATH` with the root token, and fails unless the answer is a success.
    pub async fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Outcome<Value> {
        let request = self.bed.http().request(method, &format!("{}/v1/{path}", self.url));
        let request = request.header("X-Vault-Token", Self::TOKEN);
        let request = body.into_iter().fold(request, Request::json);
        let answer = request.send().await?;
        if !answer.status.is_success() {
            return Err(format!("{method} {path}: {}: {}", answer.status, answer.text()).into());
        }
        answer.json()
    }

    /// Writes a new version of a secret in `secret/`.
    pub async fn write(&self, path: &str, data: &Value) -> Outcome {
        let body = json!({"data": data});
        self.api("POST", &format!("secret/data/{path}"), Some(&body)).await.map(drop)
    }

    /// Reads the newest version of a secret in `secret/`.
    pub async fn read(&self, path: &str) -> Outcome<Value> {
        let answer = self.api("GET", &format!("secret/data/{path}"), None).await?;
        Ok(answer["data"]["data"].clone())
    }

    /// Removes a secret with all its versions.
    pub async fn remove(&self, path: &str) -> Outcome {
        self.api("DELETE", &format!("secret/metadata/{path}"), None).await.map(drop)
    }

    /// A token that may only do what the policy (HCL) allows.
    pub async fn token(&self, policy: &str) -> Outcome<String> {
        let name = self.bed.unique("policy");
        let body = json!({"policy": policy});
        self.api("PUT", &format!("sys/policies/acl/{name}"), Some(&body)).await?;
        let body = json!({"policies": [name], "no_default_policy": true, "ttl": "1h"});
        let granted = self.api("POST", "auth/token/create", Some(&body)).await?;
        let token = granted["auth"]["client_token"].as_str().ok_or("OpenBao granted no token")?;
        Ok(token.to_owned())
    }

    /// The process, to stop it or to look at its log.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
