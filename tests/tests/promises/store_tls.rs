//! A store behind TLS is trusted only by the authority that it is given.

use std::fs;
use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::process::Process;
use tests::trial::trial;
use tests::{Bed, Need, Outcome, port};

use crate::seal_stage::Stage;

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::OpenBao];
const STORE: (&str, &str) = ("SecretStore", "vault");
const TOKEN: &str = "root-of-the-tls-store";

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![trial(bed, "store_tls::only_the_given_authority_is_trusted", NEEDS, trusted)]
}

/// An OpenBao whose certificate an authority of its own has signed.
struct Bao {
    url: String,
    authority: String,
    _process: Process,
}

async fn start(bed: &Bed) -> Outcome<Bao> {
    let (folder, port) = (bed.folder("bao-tls")?, port::consecutive(2));
    let mut command = bed.command("bao");
    command.args(["server", "-dev", "-dev-tls", "-dev-no-store-token"]);
    command.arg(format!("-dev-tls-cert-dir={}", folder.display()));
    command.arg(format!("-dev-root-token-id={TOKEN}"));
    command.arg(format!("-dev-listen-address=127.0.0.1:{port}"));
    let process = Process::start("bao", command, folder.join("log"))?;
    let listens = async || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    process.ready(Duration::from_secs(20), listens).await?;
    let authority = fs::read_to_string(folder.join("vault-ca.pem"))?;
    Ok(Bao { url: format!("https://127.0.0.1:{port}"), authority, _process: process })
}

fn store(server: &str, trust: &Value) -> Value {
    let mut store = json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "vault"},
        "spec": {"refreshInterval": "1h", "provider": {"vault": {
            "server": server, "path": "secret",
            "auth": {"tokenSecretRef": {"name": "token", "key": "token"}},
        }}},
    });
    for (field, value) in trust.as_object().into_iter().flatten() {
        store["spec"]["provider"]["vault"][field] = value.clone();
    }
    store
}

async fn trusted(bed: Bed) -> Outcome {
    // Its only feature, so that a right that another one lends is missed.
    let stage = Stage::with(&bed, "tls", &["features.gitSecretSync=false"]).await?;
    let bao = start(&bed).await?;
    let daemon = stage.sealer(&["--controllers=externalsecret"]).await?;
    let holds = |kind: &str, name: &str, data: Value| {
        let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
        object[if kind == "Secret" { "stringData" } else { "data" }] = data;
        object
    };
    let other = &fs::read_to_string(&bed.authority().certificate)?;
    stage.put(&holds("Secret", "token", json!({"token": TOKEN}))).await?;
    stage.put(&holds("Secret", "authority", json!({"ca.crt": bao.authority}))).await?;
    stage.put(&holds("ConfigMap", "authority", json!({"pem": bao.authority}))).await?;
    let encoded = |pem: &str| json!({"caBundle": BASE64_STANDARD.encode(pem)});
    let by = |kind: &str, key: &str| json!({"caProvider": {"type": kind, "name": "authority", "key": key}});
    #[rustfmt::skip]
    let cases = [
        // what it is given                   ready    what is told
        (json!({}),                           "False", vec!["cannot be reached", "certificate authority"]),
        (encoded(&bao.authority),             "True",  vec!["store validated"]),
        (encoded(other),                      "False", vec!["cannot be reached", "certificate authority"]),
        (by("ConfigMap", "pem"),              "True",  vec!["store validated"]),
        (by("ConfigMap", "none"),             "False", vec!["ConfigMap `authority` of `spec.provider.vault.caProvider` has no `none`"]),
        (by("Secret", "ca.crt"),              "True",  vec!["store validated"]),
        (json!({"caBundle": "bm8gUEVN"}),     "False", vec!["certificate authority of `spec.provider.vault` holds no PEM certificate"]),
        (json!({"caBundle": "*"}),            "False", vec!["`spec.provider.vault.caBundle` is not base64"]),
    ];
    for (trust, ready, words) in &cases {
        // Fields of another case would stay: applied fields are replaced one by one.
        stage.put(&store(&bao.url, trust)).await?;
        let words = words.iter().map(|word| &**word).collect::<Vec<_>>();
        stage.told(STORE, ("Ready", ready), &words).await?;
    }
    stage.is_silent_about(&daemon, &[TOKEN]).await
}
