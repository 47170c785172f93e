//! SOPS files whose keys are no age identities are opened in the cluster by what a key Secret has.

use std::fs;

use libtest_mimic::Trial;
use serde_json::json;
use tests::openbao::OpenBao;
use tests::process;
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

use crate::how_to::login;
use crate::seal_stage::Stage;

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::GitHttp, Need::Sops, Need::OpenBao];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "sops_services::a_token_in_the_key_secret_opens_files_of_vault", NEEDS, vault),
        trial(bed, "sops_services::an_openpgp_key_in_the_key_secret_opens_files", NEEDS, openpgp),
    ]
}

/// The Secret `db`, encrypted by the real sops for a transit key.
fn encrypted(bed: &Bed, bao: &OpenBao, value: &str) -> Outcome<String> {
    let folder = bed.folder("plain")?;
    let file = folder.join("db.yaml");
    let plain = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: db}}\nstringData: {{key: {value}}}\n"
    );
    fs::write(&file, plain)?;
    let mut command = bed.command("sops");
    command.env("VAULT_TOKEN", OpenBao::TOKEN).env("HOME", &folder);
    command.args(["encrypt", "--encrypted-regex", "^(data|stringData)$", "--hc-vault-transit"]);
    command.arg(format!("{}/v1/transit/keys/sops", bao.url())).arg(&file);
    Ok(String::from_utf8(process::run(command, b"")?)?)
}

async fn vault(bed: Bed) -> Outcome {
    let bao = OpenBao::start(&bed).await?;
    bao.api("POST", "sys/mounts/transit", Some(&json!({"type": "transit"}))).await.ok();
    bao.api("POST", "transit/keys/sops", Some(&json!({}))).await.ok();
    let file = encrypted(&bed, &bao, "hunter2")?;
    let repository = bed.repository("fleet", &[("secrets/db.yaml", file.as_str())])?;
    let url = bed.git_http().await?.https_url(&repository);

    let stage = Stage::open(&bed, "services").await?;
    let key = |token: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
            "stringData": {"sops.vault-token": token},
        })
    };
    login(&bed, &stage).await?;
    stage.put(&key("nobody")).await?;
    let daemon = stage.sealer(&[]).await?;
    let sync = json!({
        "apiVersion": "signet.dev/v1alpha1", "kind": "GitSecretSync", "metadata": {"name": "sync"},
        "spec": {
            "git": {"url": url, "secretRef": {"name": "login"}}, "path": "secrets", "interval": "1h",
            "decryption": {"provider": "sops", "secretRef": {"name": "keys"}},
        },
    });
    stage.put(&sync).await?;
    let refused = ["`secrets/db.yaml`: a key did not open it", "transit/keys/sops"];
    stage.told(("GitSecretSync", "sync"), ("Ready", "False"), &refused).await?;
    assert!(!stage.has("Secret", "db").await?);

    // A token that may decrypt with this key and nothing else is enough, and wakes the sync.
    let policy = r#"path "transit/decrypt/sops" { capabilities = ["update"] }"#;
    let token = bao.token(policy).await?;
    stage.patch("Secret", "keys", &json!({"stringData": {"sops.vault-token": token}})).await?;
    stage.holds("db", &[("key", "hunter2")]).await?;
    stage.told(("GitSecretSync", "sync"), ("Ready", "True"), &["Applied revision"]).await?;
    stage.is_silent_about(&daemon, &["hunter2", &token]).await
}

async fn openpgp(bed: Bed) -> Outcome {
    // The agent's socket must have a short name.
    let home = tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp")?;
    let gpg = |args: &[&str]| {
        let mut command = bed.command("gpg");
        command.env("GNUPGHOME", home.path()).args(["--batch", "--passphrase", ""]).args(args);
        process::run(command, b"")
    };
    gpg(&["--quick-generate-key", "team@bed.example", "rsa3072", "sign", "never"])?;
    let listed = String::from_utf8(gpg(&["--with-colons", "--list-keys"])?)?;
    let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::"));
    let fingerprint = fingerprint.ok_or("no fingerprint")?.trim_end_matches(':').to_owned();
    gpg(&["--quick-add-key", &fingerprint, "rsa3072", "encr", "never"])?;
    let key = String::from_utf8(gpg(&["--armor", "--export-secret-keys", &fingerprint])?)?;

    let file = bed.folder("plain")?.join("db.yaml");
    let plain = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {key: hunter2}\n";
    fs::write(&file, plain)?;
    let mut command = bed.command("sops");
    command.env("GNUPGHOME", home.path());
    command.args(["encrypt", "--encrypted-regex", "^(data|stringData)$", "--pgp", &fingerprint]);
    command.arg(&file);
    let encrypted = String::from_utf8(process::run(command, b"")?)?;
    let mut stop = bed.command("gpgconf");
    stop.env("GNUPGHOME", home.path()).args(["--kill", "gpg-agent"]);
    process::run(stop, b"")?;

    let repository = bed.repository("fleet", &[("secrets/db.yaml", encrypted.as_str())])?;
    let url = bed.git_http().await?.https_url(&repository);
    let stage = Stage::open(&bed, "openpgp").await?;
    login(&bed, &stage).await?;
    stage
        .put(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
            "stringData": {"team.asc": key},
        }))
        .await?;
    let daemon = stage.sealer(&[]).await?;
    stage
        .put(&json!({
            "apiVersion": "signet.dev/v1alpha1", "kind": "GitSecretSync", "metadata": {"name": "sync"},
            "spec": {
                "git": {"url": url, "secretRef": {"name": "login"}}, "path": "secrets", "interval": "1h",
                "decryption": {"provider": "sops", "secretRef": {"name": "keys"}},
            },
        }))
        .await?;
    stage.holds("db", &[("key", "hunter2")]).await?;
    stage.is_silent_about(&daemon, &["hunter2"]).await
}
