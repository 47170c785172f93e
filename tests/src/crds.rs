//! The CRD manifests of the charts, and lists of their fields, made from the Rust types.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use crate::Outcome;

const HEAD: &str = "# Made from the Rust types by `make generate`; changes here are lost.\n";

/// Every manifest that the charts should have: its path and its text.
pub fn files() -> Outcome<Vec<(PathBuf, String)>> {
    let charts = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("charts");
    let of = |chart: &str, crds: Vec<CustomResourceDefinition>| {
        let folder = charts.join(chart).join("files/crds");
        crds.into_iter().map(move |crd| file(&folder, crd)).collect::<Outcome<Vec<_>>>()
    };
    // Flux's own, for clusters without Flux; either chart can install it.
    let git_repository = || vec![imagebot_api::git_repository_crd()];
    let kustomization = vec![sealer_api::kustomization_crd()];
    let mut files = of("sealer", [sealer_api::crds(), git_repository(), kustomization].concat())?;
    files.extend(of("imagebot", [imagebot_api::crds(), git_repository()].concat())?);
    files.push(fields("sealer", &sealer_api::crds())?);
    files.push(fields("imagebot", &[imagebot_api::crds(), git_repository()].concat())?);
    Ok(files)
}

/// What a daemon expects of a cluster, as `reconcile::installed` reads it.
fn fields(daemon: &str, crds: &[CustomResourceDefinition]) -> Outcome<(PathBuf, String)> {
    let mut text = HEAD.to_owned();
    for CustomResourceDefinition { spec, .. } in crds {
        let (spoken, others): (Vec<_>, Vec<_>) =
            spec.versions.iter().partition(|version| version.storage);
        let names = spoken.iter().chain(&others).map(|version| version.name.as_str());
        let names = names.collect::<Vec<_>>().join(" ");
        writeln!(text, "crd {} {} {} {names}", spec.names.plural, spec.group, spec.names.kind)?;
        let schema = spoken.first().and_then(|version| version.schema.as_ref());
        let schema = serde_json::to_value(schema.ok_or("a CRD without a schema")?)?;
        let parts = &schema["openAPIV3Schema"]["properties"];
        for part in ["spec", "status"] {
            paths(&parts[part], part, &mut text)?;
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(daemon);
    Ok((root.join("api/src/fields.txt"), text))
}

fn paths(schema: &Value, path: &str, text: &mut String) -> Outcome {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        writeln!(text, "{path}")?;
        paths(field, &path, text)?;
        paths(&field["items"], &format!("{path}[]"), text)?;
        paths(&field["additionalProperties"], &format!("{path}.*"), text)?;
    }
    Ok(())
}

fn file(folder: &Path, mut crd: CustomResourceDefinition) -> Outcome<(PathBuf, String)> {
    let name = format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural);
    // A release that is deleted must not take everyone's objects with it.
    let annotations = crd.metadata.annotations.get_or_insert_default();
    annotations.insert("helm.sh/resource-policy".to_owned(), "keep".to_owned());
    // Through JSON, whose maps are sorted: the text is then the same everywhere.
    let value = serde_json::to_value(crd)?;
    Ok((folder.join(name), format!("{HEAD}{}", serde_saphyr::to_string(&value)?)))
}
