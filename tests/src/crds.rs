//! The CRD manifests of the charts, made from the Rust types.

use std::path::{Path, PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::Outcome;

const HEAD: &str = "# Made from the Rust types by `make generate`; changes here are lost.\n";

/// Every manifest that the charts should have: its path and its text.
pub fn files() -> Outcome<Vec<(PathBuf, String)>> {
    let charts = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("charts");
    let of = |chart: &str, crds: Vec<CustomResourceDefinition>| {
        let folder = charts.join(chart).join("files/crds");
        crds.into_iter().map(move |crd| file(&folder, crd)).collect::<Outcome<Vec<_>>>()
    };
    let mut files = of("sealer", sealer_api::crds())?;
    files.extend(of("imagebot", imagebot_api::crds())?);
    Ok(files)
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
