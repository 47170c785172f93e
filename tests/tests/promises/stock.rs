//! Clusters whose CRDs are not ours: older ones, those of the upstream projects, or none.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::DeleteParams;
use libtest_mimic::Trial;
use serde_json::Value;
use tests::kubernetes::Kubernetes;
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually};

use crate::charts::render;

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm];
const SOON: Duration = Duration::from_secs(60);
const POLICIES: &str = "imagepolicies.image.toolkit.fluxcd.io";
const SOURCES: &str = "gitrepositories.source.toolkit.fluxcd.io";

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![trial(bed, "stock::what_the_installed_crds_lack_is_told_once", NEEDS, lacks)]
}

/// The CRD of ImagePolicy as somebody else would define it: with a field fewer. Of versions that go, a
/// running API server still publishes the schema, so they are not tried here.
fn older() -> Outcome<String> {
    let crd = imagebot_api::crds().into_iter().find(|crd| crd.spec.names.kind == "ImagePolicy");
    let mut crd = serde_json::to_value(crd.ok_or("there is no ImagePolicy")?)?;
    let versions = crd["spec"]["versions"].as_array_mut().ok_or("no versions")?;
    for version in versions {
        let spec = &mut version["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let tags = &mut spec["properties"]["filterTags"]["properties"];
        tags.as_object_mut().ok_or("no filterTags")?.remove("extract");
    }
    Ok(crd.to_string())
}

async fn lacks(bed: Bed) -> Outcome {
    let kubernetes = &Kubernetes::start(&bed).await?;
    let home = kubernetes.namespace("imagebot").await?;
    kubernetes.apply("", &older()?).await?;
    let crds: Api<CustomResourceDefinition> = Api::all(kubernetes.client());
    if crds.get_opt(SOURCES).await?.is_some() {
        crds.delete(SOURCES, &DeleteParams::default()).await?;
    }
    kubernetes.apply(&home, &render(&bed, "imagebot", &home, &["crds=keep-stock"])?).await?;
    let kubeconfig = kubernetes.token_for(&home, "robot").await?;
    let cache = bed.folder("cache")?.display().to_string();
    let args = ["--leader-election-namespace", &home, "--cache-dir", &cache, "--log-format=json"];
    let imagebot = Daemon::start(&bed, "imagebot", Some(&kubeconfig), &args).await?;
    let told = eventually(SOON, "what the CRDs lack", async || {
        let told = said(&imagebot);
        if told.len() >= 2 { Ok(told) } else { Err(imagebot.log().into()) }
    })
    .await?;
    let of = |crd: &str| told.iter().find(|line| line["crd"] == *crd).map(ToString::to_string);
    let (policies, sources) = (of(POLICIES).ok_or("no word")?, of(SOURCES).ok_or("no word")?);
    for words in ["drops spec.filterTags.extract", "crds: install"] {
        assert!(policies.contains(words), "{policies}");
    }
    assert!(
        sources.contains("not served") && sources.contains("gitRepositoryCrd: true"),
        "{sources}"
    );
    assert_eq!(told.len(), 2, "{told:?}");
    for (crd, missing) in [(POLICIES, "fields"), (SOURCES, "kind")] {
        let series = format!("signet_crd_missing{{crd=\"{crd}\",missing=\"{missing}\"}}");
        assert!(imagebot.metric(&series).await? > 0.5, "{series}");
    }

    // The remedy helps.
    kubernetes.apply(&home, &render(&bed, "imagebot", &home, &["gitRepositoryCrd=true"])?).await?;
    drop(imagebot);
    let args = [&args[..], &["--log-level=debug"]].concat();
    let imagebot = Daemon::start(&bed, "imagebot", Some(&kubeconfig), &args).await?;
    eventually(SOON, "that nothing is missing", async || {
        let whole = imagebot.log().contains("the installed CRDs have all that this release knows");
        if whole { Ok(()) } else { Err(imagebot.log().into()) }
    })
    .await?;
    assert_eq!(said(&imagebot), Vec::<Value>::new());
    Ok(())
}

/// What the log says about CRDs.
fn said(daemon: &Daemon) -> Vec<Value> {
    let lines = daemon.log();
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line.get("crd").is_some()).collect()
}
