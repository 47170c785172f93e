//! What kubeseal and sealctl seal opens in the cluster, in its scope, and in each other.

use std::net::UdpSocket;
use std::process::Command;

use base64::{Engine as _, prelude::BASE64_STANDARD as STANDARD};
use http::Request;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::process::{self, run};
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::seal_stage::{Key, SOON, Stage};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Kubeseal];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "seal_interop::every_scope_of_kubeseal_opens_in_the_cluster", NEEDS, |bed| {
            scopes(bed, Tool::Kubeseal)
        }),
        trial(bed, "seal_interop::every_scope_of_sealctl_opens_in_the_cluster", NEEDS, |bed| {
            scopes(bed, Tool::Sealctl)
        }),
        trial(bed, "seal_interop::kubeseal_opens_what_sealctl_seals", NEEDS, recovery),
        trial(bed, "seal_interop::every_byte_arrives", NEEDS, bytes),
        trial(
            bed,
            "seal_interop::the_certificate_comes_through_the_api_server_without_rights",
            NEEDS,
            proxied,
        ),
    ]
}

#[derive(Clone, Copy)]
enum Tool {
    Kubeseal,
    Sealctl,
}

impl Tool {
    /// The command that seals standard input, as JSON.
    fn command(self, bed: &Bed, args: &[&str]) -> Outcome<Command> {
        let mut command = match self {
            Self::Kubeseal => bed.command("kubeseal"),
            Self::Sealctl => {
                let mut command = process::command(bed.daemon("sealctl")?, &bed.folder("sealctl")?);
                command.env("SSL_CERT_FILE", &bed.authority().certificate).arg("seal");
                command
            }
        };
        command.args(["--format", "json"]).args(args);
        Ok(command)
    }

    fn seal(self, bed: &Bed, args: &[&str], secret: &Value) -> Outcome<Value> {
        let sealed = run(self.command(bed, args)?, secret.to_string().as_bytes())?;
        Ok(serde_json::from_slice(&sealed)?)
    }
}

/// A Secret with everything that a template keeps.
fn plain(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/basic-auth", "immutable": true,
        "metadata": {
            "name": "db", "namespace": namespace, "labels": {"app": "db"},
            "annotations": {"note": "kept", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
        },
        "data": {"username": "YXBw"},
        "stringData": {"password": "hunter2\n", "empty": ""},
    })
}

async fn scopes(bed: Bed, tool: Tool) -> Outcome {
    let stage = Stage::open(&bed, "scopes").await?;
    let key = Key::number(0);
    stage.keep("key", key).await?;
    let daemon = stage.sealer(&[]).await?;
    let certificate = key.file(&bed)?;
    let here = stage.namespace();
    #[rustfmt::skip]
    let cases = [
        // scope             sealed in    opened as
        ("strict",          here,        "db"),
        ("namespace-wide",  here,        "renamed"),
        ("cluster-wide",    "elsewhere", "moved"),
    ];
    for (scope, namespace, name) in cases {
        let args = ["--cert", &certificate, "--scope", scope];
        let mut sealed = tool.seal(&bed, &args, &plain(namespace))?;
        assert!(!sealed.to_string().contains("hunter2"), "{sealed}");
        sealed["metadata"]["name"] = name.into();
        sealed["metadata"]["namespace"] = here.into();
        // As people add it by hand, for no tool makes it.
        let url = "{{ .username }}:{{ .password | trim }}@{{ .username | upper | quote }}";
        sealed["spec"]["template"]["data"] = json!({"url": url});
        stage.put(&sealed).await?;

        let url = ("url", "app:hunter2@\"APP\"");
        let values = [("username", "app"), ("password", "hunter2\n"), ("empty", ""), url];
        let secret = stage.holds(name, &values).await?;
        assert_eq!(secret["type"], "kubernetes.io/basic-auth", "{scope}");
        assert_eq!(secret["immutable"], true, "{scope}");
        assert_eq!(secret["metadata"]["labels"], json!({"app": "db"}), "{scope}");
        assert_eq!(secret["metadata"]["annotations"]["note"], "kept", "{scope}");
        let told = stage.synced(name).await?;
        let owner = &secret["metadata"]["ownerReferences"];
        assert_eq!(owner[0]["uid"], told["metadata"]["uid"], "{scope}");
        assert_eq!(owner[0]["controller"], true, "{scope}");
        assert_eq!(told["status"]["observedGeneration"], 1, "{scope}");
        let event = format!("Normal Unsealed SealedSecret/{name}: ");
        stage.event(&event, &["SealedSecret unsealed successfully"]).await?;
    }
    stage.is_silent_about(&daemon, &["hunter2"]).await
}

async fn bytes(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "bytes").await?;
    let key = Key::number(0);
    stage.keep("key", key).await?;
    let _daemon = stage.sealer(&[]).await?;
    let certificate = key.file(&bed)?;
    let all: Vec<u8> = (0..=255).collect();
    let data = json!({
        "all": STANDARD.encode(&all), "large": STANDARD.encode(all.repeat(1200)),
        "lines": STANDARD.encode("a\r\n\tb\n\n"), "zero": STANDARD.encode([0]),
    });
    for (tool, name) in [(Tool::Kubeseal, "by-kubeseal"), (Tool::Sealctl, "by-sealctl")] {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "data": data,
            "metadata": {"name": name, "namespace": stage.namespace()},
        });
        stage.put(&tool.seal(&bed, &["--cert", &certificate], &secret)?).await?;
        stage.synced(name).await?;
        assert_eq!(stage.get("Secret", name).await?["data"], data, "{name}");
    }
    Ok(())
}

async fn recovery(bed: Bed) -> Outcome {
    let key = Key::number(0);
    let (certificate, private) = (key.file(&bed)?, bed.folder("private")?.join("tls.key"));
    std::fs::write(&private, key.private())?;
    let private = private.display().to_string();
    for scope in ["strict", "namespace-wide", "cluster-wide"] {
        let args = ["--cert", &certificate, "--scope", scope];
        let sealed = Tool::Sealctl.seal(&bed, &args, &plain("apps"))?;
        let args = ["--recovery-unseal", "--recovery-private-key", &private, "-o", "json"];
        let opened = bed.run("kubeseal", &args, sealed.to_string().as_bytes())?;
        let opened: Value = serde_json::from_slice(&opened)?;
        // It writes an empty value as null.
        let expected = json!({"username": "YXBw", "password": "aHVudGVyMgo=", "empty": null});
        assert_eq!(opened["data"], expected, "{scope}");
        assert_eq!(opened["metadata"]["labels"], json!({"app": "db"}), "{scope}");
        assert_eq!(opened["type"], "kubernetes.io/basic-auth", "{scope}");
    }
    Ok(())
}

async fn proxied(bed: Bed) -> Outcome {
    const WHY: &str = "no address besides loopback, to which an API server passes nothing on";
    let Some(address) = own_address() else {
        let test = "seal_interop::the_certificate_comes_through_the_api_server_without_rights";
        bed.skip(format!("{test} ({WHY})"));
        return if bed.strict() { Err(WHY.into()) } else { Ok(()) };
    };
    let stage = Stage::open(&bed, "proxied").await?;
    stage.keep("key", Key::number(0)).await?;
    let daemon = stage.sealer(&[]).await?;
    let _pod = expose(&stage, &daemon, &address).await?;
    let kubernetes = bed.kubernetes().await?;
    kubernetes.service_account(stage.home(), "person").await?;
    let kubeconfig = kubernetes.token_for(stage.home(), "person").await?.display().to_string();
    let cluster = ["--kubeconfig", &kubeconfig, "--controller-namespace", stage.home()];

    // The API server learns of an endpoint a moment after it was made.
    let fetch = [&cluster[..], &["--fetch-cert"]].concat();
    let fetched =
        eventually(SOON, "the certificate", async || bed.run("kubeseal", &fetch, b"")).await?;
    assert_eq!(String::from_utf8(fetched)?, Key::number(0).certificate);
    let mut command = process::command(bed.daemon("sealctl")?, &bed.folder("sealctl")?);
    command.env("SSL_CERT_FILE", &bed.authority().certificate).arg("cert").args(cluster);
    assert_eq!(String::from_utf8(run(command, b"")?)?, Key::number(0).certificate);

    for tool in [Tool::Kubeseal, Tool::Sealctl] {
        let sealed = tool.seal(&bed, &cluster, &plain(stage.namespace()))?.to_string();
        let ask = |what: &str| {
            bed.run("kubeseal", &[&cluster[..], &[what, "-o", "json"]].concat(), sealed.as_bytes())
        };
        ask("--validate")?;
        let again: Value = serde_json::from_slice(&ask("--re-encrypt")?)?;
        assert!(again["spec"]["encryptedData"]["password"].is_string(), "{again}");
        stage.put(&again).await?;
        stage.synced("db").await?;
        stage.holds("db", &[("username", "app"), ("password", "hunter2\n"), ("empty", "")]).await?;
        stage.delete("SealedSecret", "db").await?;
        stage.gone("Secret", "db").await?;
    }
    Ok(())
}

/// The address from which this machine would speak to others. Nothing is sent.
pub(crate) fn own_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string())
}

/// A listener that stands for the daemon's pod.
pub(crate) struct Pod(AbortHandle);

impl Drop for Pod {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Makes the daemon an endpoint of its chart's Service; nothing here runs pods.
pub(crate) async fn expose(stage: &Stage, daemon: &Daemon, address: &str) -> Outcome<Pod> {
    let listener = TcpListener::bind((address, 0)).await?;
    let port = listener.local_addr()?.port();
    let target = daemon.url().replace("http://", "");
    let server = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let target = target.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(target).await?;
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    let home = stage.home();
    let objects = format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: sealer, namespace: {home}}}
spec: {{serviceAccountName: robot, containers: [{{name: sealer, image: sealer}}]}}
---
apiVersion: v1
kind: Endpoints
metadata: {{name: sealed-secrets-controller, namespace: {home}}}
subsets:
- addresses: [{{ip: {address}, targetRef: {{kind: Pod, name: sealer, namespace: {home}}}}}]
  ports: [{{name: http, port: {port}}}]
"
    );
    stage.apply(&objects).await?;
    // An API server passes on only to the address of a pod.
    let status = json!({"status": {"podIP": address, "podIPs": [{"ip": address}]}});
    let request = Request::patch(format!("/api/v1/namespaces/{home}/pods/sealer/status"))
        .header("Content-Type", "application/merge-patch+json")
        .body(status.to_string().into_bytes())?;
    stage.client().request::<Value>(request).await?;
    Ok(Pod(server.abort_handle()))
}
