//! What the daemon promises, on an embedded API, a registry on loopback and a bare repository.

mod bad_input;
mod hook;
mod lost_tags;
mod proposal;
mod world;

use std::time::Duration;

use serde_json::json;

use world::{Repository, World};

/// Polls until the expression is true.
macro_rules! until {
    ($what:expr, $holds:expr) => {{
        let mut left = 1000;
        while !$holds {
            left -= 1;
            assert!(left > 0, "not within ten seconds: {}", $what);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }};
}
use until;

const DEPLOYMENT: &str = "\
# The web server.\r
apiVersion: apps/v1\r
kind: Deployment\r
metadata: {name: web,   namespace: apps}\r
spec:\r
    template:\r
        spec:\r
            containers:\r
              -   name:  web\r
                  image:   'REGISTRY/team/web:1.0.0'   # {\"$imagepolicy\": \"apps:web\"}\r
                  args: [ \"--flag\" ,'x' ]";

/// The objects of one image and one automation.
fn manifest(world: &World, repository: &Repository, automation: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Namespace
metadata: {{name: apps}}
---
apiVersion: image.toolkit.fluxcd.io/v1beta2
kind: ImageRepository
metadata: {{name: web, namespace: apps}}
spec: {{image: {image}, interval: 1h}}
---
apiVersion: image.toolkit.fluxcd.io/v1beta2
kind: ImagePolicy
metadata: {{name: web, namespace: apps}}
spec:
  imageRepositoryRef: {{name: web}}
  policy: {{semver: {{range: 1.x}}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: app, namespace: apps}}
spec: {{url: '{url}', interval: 1h, ref: {{branch: main}}}}
---
apiVersion: image.toolkit.fluxcd.io/v1beta1
kind: ImageUpdateAutomation
metadata: {{name: web, namespace: apps}}
spec:
  interval: 1h
  sourceRef: {{kind: GitRepository, name: app}}
  git:
    commit:
      author: {{name: bot, email: bot@example.com}}
      messageTemplate: 'Update to {{{{range .Updated.Images}}}}{{{{println .}}}}{{{{end}}}}'
    {automation}
  update: {{path: ./apps, strategy: Setters}}
",
        image = world.registry.image("team/web"),
        url = repository.url(),
    )
}

/// A world with the web server at 1.0.0, and a registry that has 1.1.0 too.
async fn web(automation: &str) -> (World, Repository) {
    let world = World::new().await;
    world.registry.set("team/web", &["1.0.0", "1.1.0", "2.0.0", "latest"]);
    let deployment = DEPLOYMENT.replace("REGISTRY", world.registry.address());
    let files = [("apps/web.yaml", deployment.as_str()), ("README.md", "untouched\n")];
    let repository = world.repository(&files);
    let manifest = manifest(&world, &repository, automation);
    world.apply(&manifest).await;
    (world, repository)
}

fn succeeded(ready: Option<(String, String)>) -> bool {
    ready.is_some_and(|(ready, _)| ready == "True/Succeeded")
}

async fn is_pushed(world: &World) -> bool {
    let object = world.get("ImageUpdateAutomation", "web").await;
    object["status"]["lastPushCommit"].is_string()
}

#[tokio::test]
async fn a_new_tag_becomes_a_commit_of_the_marked_bytes() {
    let (world, repository) = web("").await;
    let _run = world.run();
    until!("the push", is_pushed(&world).await);
    let now = repository.git(&["show", "main:apps/web.yaml"]);
    let before = DEPLOYMENT.replace("REGISTRY", world.registry.address());
    assert_eq!(now, before.replace("web:1.0.0'", "web:1.1.0'"));
    let log = repository.git(&["log", "-1", "--format=%an <%ae>|%cn|%B", "main"]);
    let image = world.registry.image("team/web:1.1.0");
    assert_eq!(log.trim_end(), format!("bot <bot@example.com>|bot|Update to {image}"));
    assert_eq!(repository.git(&["rev-list", "--count", "main"]).trim(), "2");
}

#[tokio::test]
async fn the_status_tells_what_was_done() {
    let (world, repository) = web("").await;
    let _run = world.run();
    until!("the push", is_pushed(&world).await);
    let head = repository.git(&["rev-parse", "main"]).trim().to_owned();
    let status = &world.get("ImageUpdateAutomation", "web").await["status"];
    assert_eq!(status["lastPushCommit"], head);
    assert_eq!(status["observedSourceRevision"], format!("main@sha1:{head}"));
    assert_eq!(status["observedPolicies"]["web"]["tag"], "1.1.0");
    assert!(status["lastPushTime"].is_string() && status["lastAutomationRunTime"].is_string());
    let policy = &world.get("ImagePolicy", "web").await["status"];
    assert_eq!(policy["latestRef"]["tag"], "1.1.0");
    assert_eq!(policy["latestImage"], world.registry.image("team/web:1.1.0"));
    let image = &world.get("ImageRepository", "web").await["status"];
    assert_eq!(image["lastScanResult"]["tagCount"], 4);
    assert_eq!(image["lastScanResult"]["latestTags"], json!(["latest", "2.0.0", "1.1.0", "1.0.0"]));
    assert_eq!(image["canonicalImageName"], world.registry.image("team/web"));
    let pushed = format!("Succeeded: pushed commit '{}' to branch 'main'", &head[..7]);
    until!("the event", world.events().await.iter().any(|event| event.starts_with(&pushed)));
}

#[tokio::test]
async fn a_restart_of_settled_objects_asks_and_writes_nothing() {
    let (world, repository) = web("").await;
    let run = world.run();
    until!("the push", is_pushed(&world).await);
    until!("ready", succeeded(world.ready("ImageUpdateAutomation", "web").await));
    run.end().await;
    let lists = world.registry.lists();
    let run = world.run();
    // A marker object that is handled last shows that the others were looked at.
    world.request("ImagePolicy", "web", "again").await;
    until!("the look", {
        let policy = world.get("ImagePolicy", "web").await;
        policy["status"]["lastHandledReconcileAt"] == "again"
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.registry.lists(), lists, "nothing was due");
    assert_eq!(run.writes(), 1, "the answer to the request alone");
    assert_eq!(repository.git(&["rev-list", "--count", "main"]).trim(), "2");
}

#[tokio::test]
async fn a_request_scans_at_once_and_wakes_everything_behind() {
    let (world, repository) = web("").await;
    let _run = world.run();
    until!("the push", is_pushed(&world).await);
    world.registry.set("team/web", &["1.0.0", "1.1.0", "1.2.0"]);
    world.request("ImageRepository", "web", "now").await;
    until!("the second commit", repository.git(&["rev-list", "--count", "main"]).trim() == "3");
    assert!(repository.git(&["show", "main:apps/web.yaml"]).contains("web:1.2.0'"));
    let image = world.get("ImageRepository", "web").await;
    assert_eq!(image["status"]["lastHandledReconcileAt"], "now");
    let policy = world.get("ImagePolicy", "web").await;
    assert_eq!(policy["status"]["observedPreviousRef"]["tag"], "1.1.0");
}

#[tokio::test]
async fn a_commit_of_somebody_else_is_built_upon() {
    let (world, repository) = web("").await;
    let _run = world.run();
    until!("the push", is_pushed(&world).await);
    repository.commit("main", &[("apps/notes.txt", "by a person\n")]);
    world.registry.set("team/web", &["1.0.0", "1.3.0"]);
    world.request("ImageRepository", "web", "now").await;
    until!("the commit", repository.git(&["rev-list", "--count", "main"]).trim() == "4");
    assert_eq!(repository.git(&["show", "main:apps/notes.txt"]), "by a person\n");
}

#[tokio::test]
async fn a_push_branch_leaves_the_branch_that_was_read_alone() {
    let (world, repository) = web("push: {branch: image-updates}").await;
    let _run = world.run();
    until!("the push", is_pushed(&world).await);
    assert_eq!(repository.git(&["rev-list", "--count", "main"]).trim(), "1");
    assert_eq!(repository.git(&["rev-list", "--count", "image-updates"]).trim(), "2");
    world.registry.set("team/web", &["1.0.0", "1.4.0"]);
    world.request("ImageRepository", "web", "now").await;
    until!("more", repository.git(&["rev-list", "--count", "image-updates"]).trim() == "3");
    let base = repository.git(&["rev-parse", "main"]);
    let status = &world.get("ImageUpdateAutomation", "web").await["status"];
    assert_eq!(status["observedSourceRevision"], format!("main@sha1:{}", base.trim()));
}

#[tokio::test]
async fn two_automations_of_one_branch_take_turns() {
    let (world, repository) = web("").await;
    let marker = "image: x:1 # {\"$imagepolicy\": \"apps:web\"}\n";
    repository.commit("main", &[("infra/web.yaml", marker)]);
    world
        .apply(
            "
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: infra, namespace: apps}
spec:
  interval: 1h
  sourceRef: {name: app}
  git: {commit: {author: {email: infra@example.com}}}
  update: {path: infra}
",
        )
        .await;
    let _run = world.run();
    until!("both commits", repository.git(&["rev-list", "--count", "main"]).trim() == "4");
    let image = world.registry.image("team/web:1.1.0");
    for path in ["main:apps/web.yaml", "main:infra/web.yaml"] {
        assert!(repository.git(&["show", path]).contains(&image), "{path}");
    }
}

#[tokio::test]
async fn a_push_that_is_overtaken_is_made_anew_on_what_is_there() {
    let (world, repository) = web("").await;
    repository.overtake();
    let run = world.run();
    until!("the push", is_pushed(&world).await);
    assert_eq!(repository.git(&["log", "--format=%s", "main"]).lines().count(), 3);
    assert!(repository.git(&["log", "--format=%s", "main"]).contains("faster\n"));
    assert!(repository.git(&["show", "main:apps/web.yaml"]).contains("web:1.1.0'"));
    assert!(run.metrics().contains(r#"imagebot_pushes_total{result="stale"} 1"#));
}

#[tokio::test]
async fn a_policy_of_another_namespace_is_let_in_by_labels_only() {
    let (world, _repository) = web("").await;
    world
        .apply(
            "
apiVersion: v1
kind: Namespace
metadata: {name: team, labels: {tier: web}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: far, namespace: team}
spec:
  imageRepositoryRef: {name: web, namespace: apps}
  policy: {alphabetical: {}}
",
        )
        .await;
    let _run = world.run();
    let api: kube::Api<imagebot_api::ImagePolicy> = kube::Api::namespaced(world.client(), "team");
    let reason = || async {
        let status = api.get("far").await.unwrap().status.unwrap_or_default();
        let ready = status.conditions.into_iter().find(|it| it.type_ == "Ready");
        ready.map(|ready| ready.reason).unwrap_or_default()
    };
    until!("the refusal", reason().await == "AccessDenied");
    let open = |labels: serde_json::Value| json!({"spec": {"accessFrom": {"namespaceSelectors": [{"matchLabels": labels}]}}});
    world.patch("ImageRepository", "web", open(json!({"tier": "web"}))).await;
    until!("the pick", reason().await == "Succeeded");
    world.patch("ImageRepository", "web", open(json!({"tier": "db"}))).await;
    until!("the refusal again", reason().await == "AccessDenied");
    let status = api.get("far").await.unwrap().status.unwrap_or_default();
    assert_eq!(status.latest_ref.unwrap().tag, "latest", "what was picked stays");
}

#[tokio::test]
async fn a_digest_is_read_where_the_policy_reflects_it() {
    let (world, repository) = web("").await;
    let _run = world.run();
    until!("the push", is_pushed(&world).await);
    let patch = json!({"spec": {"digestReflectionPolicy": "IfNotPresent"}});
    world.patch("ImagePolicy", "web", patch).await;
    until!("the commit", repository.git(&["rev-list", "--count", "main"]).trim() == "3");
    let digest = format!("sha256:{}", "ab".repeat(32));
    let file = repository.git(&["show", "main:apps/web.yaml"]);
    assert!(file.contains(&format!("web:1.1.0@{digest}'")), "{file}");
    assert_eq!(world.get("ImagePolicy", "web").await["status"]["latestRef"]["digest"], digest);
}

#[tokio::test]
async fn what_flux_held_can_be_deleted() {
    let (world, _repository) = web("").await;
    for kind in ["ImageRepository", "ImagePolicy", "ImageUpdateAutomation"] {
        let held = json!({"metadata": {"finalizers": ["finalizers.fluxcd.io"]}});
        world.patch(kind, "web", held).await;
    }
    let _run = world.run();
    until!("the push", is_pushed(&world).await);
    for kind in ["ImageUpdateAutomation", "ImagePolicy", "ImageRepository"] {
        world.delete(kind, "web").await;
        until!(format!("the end of {kind}"), !world.exists(kind, "web").await);
    }
}

#[tokio::test]
async fn a_hundred_thousand_tags_are_no_trouble() {
    let (world, _repository) = web("").await;
    let mut tags: Vec<_> = (0..100_000).map(|n| format!("build-{n}")).collect();
    tags.push("1.7.0".to_owned());
    let tags: Vec<_> = tags.iter().map(String::as_str).collect();
    world.registry.set("team/web", &tags);
    let _run = world.run();
    until!("the push", is_pushed(&world).await);
    assert_eq!(world.get("ImagePolicy", "web").await["status"]["latestRef"]["tag"], "1.7.0");
    let image = world.get("ImageRepository", "web").await;
    assert_eq!(image["status"]["lastScanResult"]["tagCount"], 100_001);
}

#[tokio::test]
async fn the_documented_manifests_are_accepted_and_reconciled() {
    let world = World::new().await;
    world.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: flux-system}\n").await;
    world.apply(include_str!("../../api/fixtures/documented.yaml")).await;
    let _run = world.run();
    let api: kube::Api<imagebot_api::ImageUpdateAutomation> =
        kube::Api::namespaced(world.client(), "flux-system");
    for name in ["my-app", "my-app-branch", "myapp"] {
        until!(format!("a word about {name}"), {
            let status = api.get(name).await.unwrap().status.unwrap_or_default();
            let ready = status.conditions.iter().find(|it| it.type_ == "Ready");
            // The documents leave the GitRepository to the reader.
            ready.is_some_and(|ready| ready.reason == "SourceManagerFailed")
        });
    }
}
