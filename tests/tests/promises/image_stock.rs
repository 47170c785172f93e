//! A cluster with Flux's own definition of ImagePolicy, which drops fields that are not Flux's.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::kubernetes::Kubernetes;
use tests::trial::trial_within;
use tests::{Bed, Daemon, Need, Outcome, eventually};

use crate::image_choice::manifests;
use crate::image_stage::{SOON, image_with};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Registry];

/// It starts an API server of its own, because definitions are everyone's.
const LONG: std::time::Duration = std::time::Duration::from_secs(180);

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial_within(LONG, bed, "image_stock::annotations_hold_what_the_definition_drops", NEEDS, annotated),
    ];
    trials
}

/// The fields that Flux's definition has.
const SPEC: [&str; 6] =
    ["imageRepositoryRef", "policy", "filterTags", "digestReflectionPolicy", "interval", "suspend"];
const STATUS: [&str; 5] = [
    "latestRef",
    "observedPreviousRef",
    "observedGeneration",
    "conditions",
    "lastHandledReconcileAt",
];

/// The definitions, with ImagePolicy's as Flux has it.
fn definitions() -> Outcome<Vec<Value>> {
    let mut all = Vec::new();
    for mut crd in imagebot_api::crds() {
        if crd.spec.names.kind == "ImagePolicy" {
            for version in &mut crd.spec.versions {
                let schema = version.schema.as_mut().and_then(|it| it.open_api_v3_schema.as_mut());
                strip(schema.ok_or("a definition has a schema")?);
            }
        }
        all.push(serde_json::to_value(crd)?);
    }
    all.push(serde_json::to_value(imagebot_api::git_repository_crd())?);
    Ok(all)
}

fn strip(root: &mut JSONSchemaProps) {
    let Some(parts) = root.properties.as_mut() else { return };
    for (part, kept) in [("spec", &SPEC[..]), ("status", &STATUS[..])] {
        let Some(schema) = parts.get_mut(part) else { continue };
        // Rules about fields that are not there would be refused.
        if let Some(rules) = schema.x_kubernetes_validations.as_mut() {
            rules.truncate(2);
        }
        if let Some(fields) = schema.properties.as_mut() {
            fields.retain(|field, _| kept.contains(&field.as_str()));
            if let Some(choice) = fields.get_mut("policy").and_then(|it| it.properties.as_mut()) {
                choice.remove("newest");
            }
        }
    }
}

fn objects(
    kubernetes: &Kubernetes,
    namespace: &str,
    kind: &str,
    plural: &str,
) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("image.toolkit.fluxcd.io", "v1", kind);
    let kind = ApiResource::from_gvk_with_plural(&kind, plural);
    Api::namespaced_with(kubernetes.client(), namespace, &kind)
}

/// What the annotation holds, once it has seen the youngest tag.
async fn kept(api: &Api<DynamicObject>) -> Outcome<Value> {
    eventually(SOON, "the annotation says what the status cannot", async || {
        let object = api.get("web").await?;
        let annotations = object.metadata.annotations.clone().unwrap_or_default();
        let kept = annotations.get("signet.dev/status").cloned().unwrap_or_default();
        let kept: Value = serde_json::from_str(&kept).unwrap_or_default();
        let seen = kept["firstSeen"]["1.3.0"].is_string();
        if seen { Ok(kept) } else { Err(format!("{annotations:?}").into()) }
    })
    .await
}

async fn annotated(bed: Bed) -> Outcome {
    let kubernetes = Kubernetes::start(&bed).await?;
    let namespace = kubernetes.namespace("stock").await?;
    for definition in definitions()? {
        kubernetes.apply(&namespace, &definition.to_string()).await?;
    }
    let (image, name) = image_with(&bed, &["1.0.0", "1.1.0", "1.2.0"]).await?;
    let cache = bed.folder("imagebot-cache")?.display().to_string();
    let flags = [
        "--watch-namespace",
        &namespace,
        "--leader-election-namespace",
        &namespace,
        "--cache-dir",
        &cache,
    ];
    let imagebot = Daemon::start(&bed, "imagebot", Some(kubernetes.kubeconfig()), &flags).await?;
    kubernetes.apply(&namespace, &manifests(&image, "policy: {semver: {range: 1.x}}")).await?;
    let api = objects(&kubernetes, &namespace, "ImagePolicy", "imagepolicies");
    let note = async |name: &str, value: Value| {
        let name = format!("signet.dev/{name}");
        let patch = Patch::Merge(json!({"metadata": {"annotations": {name: value}}}));
        api.patch("web", &PatchParams::default(), &patch).await
    };
    let picked = async |tag: &str| {
        eventually(SOON, &format!("{tag} is picked"), async || {
            let object = api.get("web").await?;
            let latest = &object.data["status"]["latestRef"]["tag"];
            if latest == tag { Ok(object) } else { Err(format!("{:?}", object.data).into()) }
        })
        .await
    };
    picked("1.2.0").await?;
    note("exclude", json!("1.2.0")).await?;
    picked("1.1.0").await?;
    note("pin", json!("1.0.0")).await?;
    let object = picked("1.0.0").await?;
    assert_eq!(
        object.data["status"]["candidates"],
        Value::Null,
        "the definition has no such field"
    );
    note("pin", Value::Null).await?;
    picked("1.1.0").await?;
    // What must outlive a restart is in an annotation.
    note("minAge", json!("10s")).await?;
    bed.registry().await?.push(&name, "1.3.0").await?;
    let now = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}});
    let images = objects(&kubernetes, &namespace, "ImageRepository", "imagerepositories");
    images.patch("web", &PatchParams::default(), &Patch::Merge(now)).await?;
    let kept = kept(&api).await?;
    assert!(kept["candidates"].to_string().contains("is younger than `minAge`"), "{kept}");
    drop(imagebot);
    let _imagebot = Daemon::start(&bed, "imagebot", Some(kubernetes.kubeconfig()), &flags).await?;
    picked("1.3.0").await?;
    Ok(())
}
