//! The commands of the README, run as they are written.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use libtest_mimic::Trial;
use tests::kubernetes::Kubernetes;
use tests::process::{self, Process};
use tests::trial::trial;
use tests::{Bed, Need, Outcome, eventually};

const README: &str = include_str!("../../../README.md");
const PATIENCE: Duration = Duration::from_secs(30);
const CLUSTER: &[Need] = &[Need::Kubernetes, Need::Helm];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "readme::a_directory_is_looked_after", &[], a_directory_is_looked_after),
        trial(bed, "readme::the_charts_are_installed", CLUSTER, the_charts_are_installed),
    ]
}

/// The block of commands that has these words.
fn block(words: &str) -> Outcome<&'static str> {
    let blocks = README.split("```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0));
    let found: Vec<_> = blocks.filter(|block| block.contains(words)).collect();
    match found[..] {
        [block] => Ok(block),
        _ => Err(format!("{} blocks of the README have `{words}`", found.len()).into()),
    }
}

/// A shell that runs `script` in `folder`, with our programs installed.
fn shell(bed: &Bed, folder: &Path, script: &str) -> Outcome<Command> {
    let home = folder.join("home");
    std::fs::create_dir_all(&home)?;
    let mut command = process::command("bash", &home);
    let ours = bed.daemon("sealctl")?;
    let ours = ours.parent().ok_or("the programs lie in a folder")?;
    let path = [ours.to_path_buf(), bed.programs(), PathBuf::from("/usr/bin"), "/bin".into()];
    command.env("PATH", std::env::join_paths(path)?).current_dir(folder);
    command.args(["-euo", "pipefail", "-c", script]);
    Ok(command)
}

async fn a_directory_is_looked_after(bed: Bed) -> Outcome {
    let folder = bed.folder("readme")?;
    let start = |name: &str, words: &str| -> Outcome<Process> {
        let script = block(words)?.replace(&format!("\n{name} "), &format!("\nexec {name} "));
        Process::start(name, shell(&bed, &folder, &script)?, folder.join(name))
    };
    let sealer = start("sealer", "\nsealer --local")?;
    eventually(PATIENCE, "a key to seal with", async || {
        let ready = sealer.log().contains("a sealing key is in use");
        ready.then_some(()).ok_or_else(|| sealer.log().into())
    })
    .await?;
    let _imagebot = start("imagebot", "imagebot --local")?;
    process::run(shell(&bed, &folder, block("sealctl seal --local")?)?, b"")?;
    eventually(PATIENCE, "the opened Secret", async || {
        let shown = process::run(shell(&bed, &folder, block("secrets/default/db.yaml")?)?, b"")?;
        let shown = String::from_utf8(shown)?;
        // `hunter2`, as a Secret has it.
        shown.contains("aHVudGVyMg==").then_some(()).ok_or_else(|| shown.into())
    })
    .await
}

async fn the_charts_are_installed(bed: Bed) -> Outcome {
    // helm wants to own the definitions that it installs, so the shared server is not for it.
    let kubernetes = Kubernetes::start(&bed).await?;
    without_definitions(&kubernetes).await?;
    let folder = bed.folder("readme")?;
    std::os::unix::fs::symlink(charts(), folder.join("charts"))?;
    let mut install = shell(&bed, &folder, block("helm install")?)?;
    install.env("KUBECONFIG", kubernetes.kubeconfig());
    process::run(install, b"")?;
    for name in ["sealer", "imagebot"] {
        let deployments: Api<Deployment> = Api::namespaced(kubernetes.client(), "signet");
        let deployment = deployments.get(name).await?;
        let spec = deployment.spec.and_then(|spec| spec.template.spec).unwrap_or_default();
        let image = spec.containers[0].image.clone().unwrap_or_default();
        assert!(image.starts_with(&format!("registry.example.com/signet/{name}:")), "{image}");
    }
    Ok(())
}

/// Removes the definitions that every server of the bed begins with.
async fn without_definitions(kubernetes: &Kubernetes) -> Outcome {
    let api: Api<CustomResourceDefinition> = Api::all(kubernetes.client());
    api.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    eventually(PATIENCE, "a cluster without definitions", async || {
        let left = api.list(&ListParams::default()).await?.items.len();
        if left == 0 { Ok(()) } else { Err(format!("{left} are left").into()) }
    })
    .await
}

fn charts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts")
}
