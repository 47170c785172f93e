//! Values that an automation sets without markers: by field, and by annotation where the fields are
//! not known.

use libtest_mimic::Trial;
use serde_json::json;
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

use crate::image_stage::{App, Stage, image_with, says};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry, Need::GitHttp];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_markerless::kustomize_helm_and_charts_are_set_as_the_spec_says", NEEDS, by_field),
        trial(bed, "image_markerless::the_annotation_stands_for_the_fields", NEEDS, by_annotation),
    ];
    trials
}

/// The files, with this tag where it should be set.
fn files(image: &str, tag: &str) -> Vec<(String, String)> {
    let files = [
        (
            "apps/a/kustomization.yaml",
            format!(
                "images:\n- name:   {image}\n  newTag: {tag}   # by rule\n- name: other\n  newTag: 1.0.0\n"
            ),
        ),
        (
            "apps/a/values.yaml",
            format!("web: {{image: {{repository: {image}, tag: {tag}}}}}\nother: {{tag: 1.0.0}}\n"),
        ),
        (
            "apps/oci.yaml",
            format!("kind: OCIRepository\nspec:\n  url: oci://{image}\n  ref: {{tag: {tag}}}\n"),
        ),
    ];
    let mut files: Vec<_> = files.map(|(path, text)| (path.to_owned(), text)).into();
    let aside = format!("images:\n- name: {image}\n  newTag: 1.0.0\n");
    files.push(("elsewhere/kustomization.yaml".to_owned(), aside));
    files
}

const RULES: &str = "{kustomize: [{policy: web}], helm: [{policy: web, files: '**/values.yaml', tag: web.image.tag}], charts: [{policy: web}]}";

async fn sets_without_markers(bed: &Bed, adapt: impl Fn(String) -> String) -> Outcome {
    let stage = Stage::open(bed).await?;
    let (image, name) = image_with(bed, &["1.0.0"]).await?;
    let before = files(&image, "1.0.0");
    let borrowed: Vec<_> =
        before.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let repository = bed.repository("bare", &borrowed)?;
    let first = repository.head("main");
    let url = bed.git_http().await?.http_url(&repository);
    stage.apply(&adapt(App::new(&image, &url).yaml())).await?;
    let _imagebot = stage.imagebot().await?;
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    assert_eq!(repository.head("main"), first, "everything is as it should be");
    bed.registry().await?.push(&name, "1.1.0").await?;
    stage.request("ImageRepository", "web").await?;
    says(&repository, "main", "apps/oci.yaml", "1.1.0").await?;
    for (path, text) in files(&image, "1.1.0") {
        assert_eq!(repository.show("main", &path)?, text, "{path}");
    }
    // A rule that makes no sense is the author's to mend.
    let broken = json!({"metadata": {"annotations": {"signet.dev/update": "kustomise: []"}}});
    stage.patch("ImageUpdateAutomation", "web", &broken).await?;
    stage.patch("ImageUpdateAutomation", "web", &json!({"spec": {"interval": "9h"}})).await?;
    stage
        .event("Warning InvalidUpdateStrategy ImageUpdateAutomation/web", "signet.dev/update")
        .await
}

async fn by_field(bed: Bed) -> Outcome {
    let fields = &RULES[1..RULES.len() - 1];
    sets_without_markers(&bed, |yaml| {
        yaml.replace("strategy: Setters}", &format!("strategy: Setters, {fields}}}"))
    })
    .await
}

async fn by_annotation(bed: Bed) -> Outcome {
    sets_without_markers(&bed, |yaml| {
        let head = "kind: ImageUpdateAutomation\nmetadata: {name: web}";
        let annotations = format!("{{signet.dev/update: \"{RULES}\"}}");
        yaml.replace(
            head,
            &format!(
                "kind: ImageUpdateAutomation\nmetadata: {{name: web, annotations: {annotations}}}"
            ),
        )
    })
    .await
}
