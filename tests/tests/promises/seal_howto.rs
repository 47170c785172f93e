//! The how-to pages of sealed secrets, run from the first command to the last.

use std::path::PathBuf;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually, process};

use crate::seal_interop::{Pod, expose, own_address};
use crate::seal_stage::{Key, SOON, Stage};

const RECOVERY: &str = include_str!("../../../docs/how-to/disaster-recovery.md");
const MOVING: &str = include_str!("../../../docs/how-to/from-sealed-secrets.md");
const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Kubeseal, Need::Age];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "seal_howto::a_cluster_is_lost_and_its_secrets_are_not", NEEDS, recovery),
        trial(bed, "seal_howto::sealed_secrets_are_moved_from", NEEDS, moving),
    ]
}

/// A cluster with a controller and a key, and a checkout with what the real kubeseal sealed.
struct Scene {
    stage: Stage,
    folder: PathBuf,
    _daemon: Daemon,
    _pod: Pod,
}

/// A scene, or nothing where an API server could not reach a controller.
async fn scene(bed: &Bed, test: &str) -> Outcome<Option<Scene>> {
    const WHY: &str = "no address besides loopback, to which an API server passes nothing on";
    let Some(address) = own_address() else {
        bed.skip(format!("seal_howto::{test} ({WHY})"));
        return if bed.strict() { Err(WHY.into()) } else { Ok(None) };
    };
    let stage = Stage::open(bed, "howto").await?;
    let key = Key::number(0);
    stage.keep("key", key).await?;
    let daemon = stage.sealer(&[]).await?;
    let pod = expose(&stage, &daemon, &address).await?;
    let folder = bed.folder("howto")?;
    std::fs::create_dir_all(folder.join("clusters/shop"))?;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": stage.namespace()},
        "stringData": {"password": "hunter2", "user": "app"},
    });
    std::fs::write(folder.join("secret.yaml"), secret.to_string().replace("\"db\"", "\"api\""))?;
    let seal = ["--cert", &key.file(bed)?, "-o", "yaml"];
    let sealed = bed.run("kubeseal", &seal, secret.to_string().as_bytes())?;
    std::fs::write(folder.join("clusters/shop/db.yaml"), sealed)?;
    std::fs::copy(bed.kubernetes().await?.kubeconfig(), folder.join("kubeconfig"))?;
    let scene = Scene { stage, folder, _daemon: daemon, _pod: pod };
    // The API server learns of an endpoint a moment after it was made.
    eventually(SOON, "the certificate", async || scene.run("sealctl cert")).await?;
    Ok(Some(scene))
}

impl Scene {
    /// Runs a script where the pages are read, with the rights of an administrator.
    fn run(&self, script: &str) -> Outcome<String> {
        let bed = self.stage.bed();
        let mut command: Command = process::command("bash", &self.folder);
        let ours = bed.daemon("sealctl")?;
        let ours = ours.parent().ok_or("the programs lie in a folder")?.to_path_buf();
        let path = [ours, bed.programs(), "/usr/bin".into(), "/bin".into()];
        command
            .env("PATH", std::env::join_paths(path)?)
            .env("KUBECONFIG", self.path("kubeconfig"))
            .env("SSL_CERT_FILE", &bed.authority().certificate)
            .env("SEALED_SECRETS_CONTROLLER_NAMESPACE", self.stage.home())
            .env("NEW_PASSWORD", "correct horse")
            .current_dir(&self.folder)
            .args(["-euo", "pipefail", "-c", script]);
        Ok(String::from_utf8(process::run(command, b"")?)?)
    }

    /// Runs the commands of a page below a heading.
    fn section(&self, page: &str, heading: &str) -> Outcome<String> {
        let heading = format!("\n## {heading}");
        let (_, rest) = page.split_once(&heading).ok_or(format!("no heading `{heading}`"))?;
        let section = rest.split("\n## ").next().unwrap_or_default();
        let blocks = section.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
        let script: String = blocks.map(|(block, _)| block).collect();
        assert!(!script.is_empty(), "there is nothing to run below `{heading}`");
        self.run(&script)
    }

    fn manifest(&self, name: &str) -> Outcome<Value> {
        let text = std::fs::read_to_string(self.folder.join(name))?;
        Ok(serde_saphyr::from_str(&text)?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

async fn recovery(bed: Bed) -> Outcome {
    let Some(scene) = scene(&bed, "a_cluster_is_lost_and_its_secrets_are_not").await? else {
        return Ok(());
    };
    let listed = scene.section(RECOVERY, "Before")?;
    assert!(listed.contains("key  rsa  SHA256:") && listed.contains("  active\n"), "{listed}");
    let backup = std::fs::read_to_string(scene.path("keys.age"))?;
    assert!(backup.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"), "{backup}");
    // age itself opens it.
    let opened = scene.run("age -d -i me.txt keys.age")?;
    assert!(opened.contains("tls.key: "), "a key Secret");

    // The cluster is gone: its keys at least.
    scene.stage.lose("key").await?;
    let seen = scene.section(RECOVERY, "The day: ")?;
    assert!(seen.contains("(newest)"), "{seen}");
    assert_eq!(scene.manifest("db-secret.yaml")?["data"]["password"], "aHVudGVyMg==");

    let imported = scene.section(RECOVERY, "The day after")?;
    assert_eq!(imported, "key  created\n");
    let sealed = std::fs::read_to_string(scene.path("clusters/shop/db.yaml"))?;
    scene.stage.apply(&sealed).await?;
    scene.stage.holds("db", &[("password", "hunter2"), ("user", "app")]).await?;

    let resealed = scene.section(RECOVERY, "When a key was stolen")?;
    assert!(resealed.contains("2 of 2 values sealed again\n"), "{resealed}");
    let sealed = std::fs::read_to_string(scene.path("clusters/shop/db.yaml"))?;
    scene.stage.apply(&sealed).await?;
    scene.stage.holds("db", &[("password", "correct horse"), ("user", "app")]).await?;
    Ok(())
}

async fn moving(bed: Bed) -> Outcome {
    let Some(scene) = scene(&bed, "sealed_secrets_are_moved_from").await? else { return Ok(()) };
    let before = scene.section(MOVING, "Before")?;
    assert!(before.contains("strict") && before.contains("rsa-"), "{before}");
    scene.section(MOVING, "Change kubeseal")?;
    let resealed = scene.section(MOVING, "Seal everything again")?;
    assert!(resealed.ends_with("4 of 4 values sealed again\n"), "{resealed}");
    // The newer key has to reach the daemon before the page goes on.
    let native = MOVING.split_once("sealctl cert --fingerprint").ok_or("the page has it")?;
    let rotate = native.0.rsplit_once("```sh\n").ok_or("in a block")?.1;
    scene.run(rotate)?;
    eventually(SOON, "the native key", async || {
        let shown = scene.run("sealctl cert --fingerprint")?;
        if shown.contains(" x25519 ") { Ok(()) } else { Err(shown.into()) }
    })
    .await?;
    let rest = native.1.split_once("```").ok_or("a block ends")?.0;
    let shown = scene.run(&format!("sealctl cert --fingerprint{rest}"))?;
    assert!(shown.contains("x25519"), "{shown}");
    for name in ["db", "api", "native"] {
        let sealed = std::fs::read_to_string(scene.path(&format!("clusters/shop/{name}.yaml")))?;
        scene.stage.apply(&sealed).await?;
        let object = if name == "native" { "api" } else { name };
        scene.stage.synced(object).await?;
        scene.stage.holds(object, &[("password", "hunter2"), ("user", "app")]).await?;
    }
    Ok(())
}
