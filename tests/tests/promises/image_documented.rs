//! The manifests of the documents reconcile as they are written there.

use libtest_mimic::Trial;
use serde_json::json;
use tests::git::Repository;
use tests::registry::{Options, PASSWORD, Registry};
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

use crate::image_stage::{App, Stage, marked, says};

const NEEDS: &[Need] = &[
    Need::Kubernetes,
    Need::Helm,
    Need::Registry,
    Need::GitHttp,
    Need::OwnRegistry,
    Need::Htpasswd,
];

const DOCUMENTED: &str = include_str!("fixtures/image-automation.yaml");

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![trial(bed, "image_documented::the_manifests_reconcile_as_written", NEEDS, documented)]
}

/// Two registries with the same image, of which one asks for a login.
async fn registries(bed: &Bed) -> Outcome<(String, Registry)> {
    let open = bed.registry().await?;
    let closed = Registry::start(bed, Options { auth: true, ..Options::default() }).await?;
    let versions = ["1.0.0", "1.0.7", "1.1.0"];
    let others = ["develop-ab12-100", "develop-00ff-200", "build-9", "build-10"];
    for tag in versions.into_iter().chain(others) {
        open.push("org/my-app", tag).await?;
        closed.push("org/my-app", tag).await?;
    }
    Ok((open.host(), closed))
}

/// A marked manifest whose object is called after the policy.
fn manifest(image: &str, tag: &str, policy: &str) -> String {
    let name = format!("name: {}", policy.replace("my-app", "app"));
    marked(image, tag, "flux-system", policy).replace("name: web", &name)
}

/// What the documents take for granted: the repositories, and the Secrets that are named.
async fn surroundings(
    stage: &Stage,
    closed: &Registry,
    repositories: &[(&str, &Repository)],
) -> Outcome {
    let git = stage.bed().git_http().await?;
    for (name, repository) in repositories {
        let yaml = App { name, ..App::new("unused", &git.http_url(repository)) }.yaml();
        let sources = yaml.split("---").take(2).collect::<Vec<_>>().join("---");
        stage.apply(&sources).await?;
    }
    let login = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry-credentials"},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": closed.docker_config()},
    });
    stage.apply(&login.to_string()).await
}

async fn documented(bed: Bed) -> Outcome {
    let namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: flux-system}}";
    bed.kubernetes().await?.apply("", namespace).await?;
    let stage = Stage::open_in(&bed, "flux-system").await?;
    let (open, closed) = registries(&bed).await?;
    let image = format!("{open}/org/my-app");
    let files = [
        ("apps/production/app.yaml", manifest(&image, "1.0.0", "my-app")),
        ("apps/production/develop.yaml", manifest(&image, "develop-ab12-100", "my-app-develop")),
        ("apps/staging/app.yaml", manifest(&image, "1.0.0", "my-app")),
    ];
    let fleet =
        bed.repository("fleet", &files.each_ref().map(|(path, text)| (*path, text.as_str())))?;
    let overlay = manifest(&image, "build-9", "my-app-build");
    let overlays = bed.repository("overlays", &[("overlays/production/app.yaml", &overlay)])?;
    surroundings(&stage, &closed, &[("flux-system", &fleet), ("myapp", &overlays)]).await?;
    let manifests = DOCUMENTED
        .replace("ghcr.io/org", &format!("{open}/org"))
        .replace("registry.example.com", &closed.host());
    stage.apply(&manifests).await?;
    let imagebot = stage.imagebot().await?;
    for (policy, tag) in
        [("my-app", "1.0.7"), ("my-app-develop", "develop-00ff-200"), ("my-app-build", "build-10")]
    {
        stage.picked(policy, tag).await?;
    }
    for name in ["my-app", "my-app-private"] {
        stage.succeeded("ImageRepository", name).await?;
    }
    for name in ["my-app", "my-app-branch", "myapp"] {
        stage.succeeded("ImageUpdateAutomation", name).await?;
    }
    committed(&image, &fleet, &overlays).await?;
    stage.is_silent_about(&[&imagebot], &[PASSWORD]).await
}

/// The commits are what the documents promise.
async fn committed(image: &str, fleet: &Repository, overlays: &Repository) -> Outcome {
    says(fleet, "main", "apps/production/app.yaml", ":1.0.7 #").await?;
    says(fleet, "main", "apps/production/develop.yaml", ":develop-00ff-200 #").await?;
    says(overlays, "main", "overlays/production/app.yaml", ":build-10 #").await?;
    let staging = fleet.show("main", "apps/staging/app.yaml")?;
    assert!(staging.contains(":1.0.0 #"), "it is outside of the path");
    let expected = format!(
        "自动镜像更新\n\n自动化名称: flux-system/my-app\n\n文件:\n- app.yaml\n- develop.yaml\n\
         对象:\n- Deployment app\n- Deployment app-develop\n\
         镜像:\n- {image}:1.0.7\n- {image}:develop-00ff-200"
    );
    assert_eq!(fleet.messages("main")?[0], expected);
    assert_eq!(overlays.messages("main")?[0], format!("Update image to {image}:build-10"));
    let author =
        |repository: &Repository| repository.git(&["log", "-1", "--format=%an <%ae>", "main"]);
    assert_eq!(author(fleet)?, "fluxcdbot <fluxcdbot@users.noreply.github.com>\n");
    assert_eq!(author(overlays)?, "Flux CD <fluxcd@example.com>\n");
    Ok(())
}
