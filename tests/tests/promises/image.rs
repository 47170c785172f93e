//! A new tag becomes a commit: from the registry to the branch, and nothing else is touched.

use libtest_mimic::Trial;
use serde_json::json;
use tests::git::GitHttp;
use tests::registry::{Options, PASSWORD, Registry, USER};
use tests::trial::trial;
use tests::{Bed, Need, Outcome, eventually, process};

use crate::charts::render;
use crate::image_stage::{App, SOON, Stage, commits, image_with, marked, says};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry, Need::GitHttp];
const CLOSED: &[Need] = &[
    Need::Kubernetes,
    Need::Helm,
    Need::Registry,
    Need::GitHttp,
    Need::OwnRegistry,
    Need::Htpasswd,
];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image::a_new_tag_becomes_a_commit_of_the_marked_bytes_alone", NEEDS, marked_bytes),
        trial(bed, "image::a_push_branch_collects_commits_and_leaves_main_alone", NEEDS, push_branch),
        trial(bed, "image::a_login_and_a_ca_from_secrets_open_a_closed_registry", CLOSED, closed),
        trial(bed, "image::a_chart_without_receivers_does_the_rest", NEEDS, deaf),
        trial(bed, "image::every_version_of_a_kind_is_served_alike", NEEDS, versions),
    ];
    trials
}

/// Manifests as people write them. `@image@`, `@tag@` and `@name@` stand where a marker is; NS and
/// IMG are the namespace and the image, and `IMG:1.0.0` without a marker must stay.
const FILES: [(&str, &str); 11] = [
    (
        "apps/odd.yaml",
        "# Keep   this	tab, IMG:1.0.0 and the spaces at the end   \n\
         apiVersion:   apps/v1\nkind: \"Deployment\"\nmetadata: {name: odd,   namespace: prod,}\n\
         spec:\n    template:\n            spec:\n                containers:\n                \
         -   image:     @image@     # {\"$imagepolicy\": \"NS:web\"}   \n                    \
         name:   'odd'\n                    env: [ {name: A,value: \"1\" } ,  {name: B, value: !!str 2} ]\n\n\n                \
         -   {\"image\": \"IMG:1.0.0\", \"name\": \"json\"}\n                \
         -   { image: '@image@', # {\"$imagepolicy\":\"NS:web\"}\n                       name: flow }\n",
    ),
    (
        "apps/anchors.yaml",
        "kind: Anchors\nmetadata:\n  name: anchors\nbase: &base\n  image: &img \"@image@\" # {\"$imagepolicy\": \"NS:web\"}\n  \
         again: *img\nmore:\n  <<: *base\n  tag: !!str @tag@ ## { \"$imagepolicy\" : \"NS:web:tag\" }\n",
    ),
    (
        "apps/documents.yaml",
        "%YAML 1.2\n---\nkind: One\nmetadata: {name: one}\nimage: @image@ # {\"$imagepolicy\": \"NS:web\"}\n...\n---\n# nothing\n---\n\
         kind: Zwei\nmetadata: {name: zwei}\nümläut: 'it''s  “@image@”'\nimage: 'old' # {\"$imagepolicy\": \"other:web\"}\n",
    ),
    (
        "apps/folded.yaml",
        "kind: Folded\nmetadata: {name: folded}\nimage: >- # {\"$imagepolicy\": \"NS:web\"}\n    @image@\ntext: |\n  image: IMG:1.0.0 # {\"$imagepolicy\": \"NS:web\"}\n",
    ),
    (
        "apps/sub/Kustomization",
        "images:\n- name: web\n  newName: @name@ # {\"$imagepolicy\": \"NS:web:name\"}\n  newTag: '@tag@' # {\"$imagepolicy\": \"NS:web:tag\"}",
    ),
    ("apps/Dockerfile", "# {\"$imagepolicy\": \"NS:web\"}\nFROM @image@ AS base\nFROM IMG:1.0.0\n"),
    (
        "apps/main.tf",
        "image = \"@image@\" # {\"$imagepolicy\": \"NS:web\"}\nold   = \"IMG:1.0.0\"\n",
    ),
    (
        "apps/templates/web.yaml",
        "{{- if .Values.web }}\nkind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\nspec:\n  image: @image@ # {\"$imagepolicy\": \"NS:web\"}\n{{- end }}\n",
    ),
    ("apps/plain.yaml", "image: IMG:1.0.0\n"),
    ("apps/values.json", "{\"image\": \"IMG:1.0.0\"} # {\"$imagepolicy\": \"NS:web\"}\n"),
    ("elsewhere/web.yaml", "image: IMG:1.0.0 # {\"$imagepolicy\": \"NS:web\"}\n"),
];

/// The files with this tag in the places with a marker; one more has the line ends of Windows.
fn files(stage: &Stage, image: &str, tag: &str) -> Vec<(String, String)> {
    let fill = |text: &str| {
        // In `documents.yaml` the image stands in a text without a marker, too.
        text.replace("“@image@”", "“IMG:1.0.0”")
            .replace("@image@", &format!("{image}:{tag}"))
            .replace("@tag@", tag)
            .replace("@name@", image)
            .replace("IMG", image)
            .replace("NS", stage.namespace())
    };
    let mut files: Vec<_> =
        FILES.iter().map(|(path, text)| ((*path).to_owned(), fill(text))).collect();
    let windows = format!("\u{feff}{}", files[0].1.replace('\n', "\r\n"));
    files.push(("apps/windows.yml".to_owned(), windows));
    files
}

async fn marked_bytes(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &["1.0.0"]).await?;
    let before = files(&stage, &image, "1.0.0");
    let borrowed: Vec<_> =
        before.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let repository = bed.repository("odd", &borrowed)?;
    let first = repository.head("main");
    let url = bed.git_http().await?.http_url(&repository);
    let template =
        r#"messageTemplate: "Update image to {{range .Updated.Images}}{{println .}}{{end}}""#;
    let app = App { commit: template, ..App::new(&image, &url) };
    stage.apply(&app.yaml()).await?;
    let imagebot = stage.imagebot().await?;
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    assert_eq!(repository.head("main"), first, "everything is as it should be");

    bed.registry().await?.push(&name, "1.1.0").await?;
    stage.request("ImageRepository", "web").await?;
    says(&repository, "main", "apps/odd.yaml", "1.1.0").await?;
    assert_eq!(commits(&repository, "main")?, 2);
    for (path, text) in files(&stage, &image, "1.1.0") {
        let old = before.iter().find(|(old, _)| *old == path).map(|(_, text)| text.clone());
        let outside = !path.starts_with("apps/") || !text.contains("$imagepolicy");
        let expected = if outside || path == "apps/values.json" { old } else { Some(text) };
        assert_eq!(Some(repository.show("main", &path)?), expected, "{path}");
    }
    let person = "%an <%ae> %cn <%ce>";
    let log = repository.git(&["log", "-1", &format!("--format={person}%n%P%n%B"), "main"])?;
    let robot = "Robot <robot@bed.example>";
    let parent = first.unwrap_or_default();
    assert_eq!(log.trim_end(), format!("{robot} {robot}\n{parent}\nUpdate image to {image}:1.1.0"));
    let head = repository.head("main").unwrap_or_default();
    // The branch has the commit before the status tells of it.
    let status = eventually(SOON, "the status tells of the commit", async || {
        let status = stage.succeeded("ImageUpdateAutomation", "web").await?["status"].clone();
        let told = &status["lastPushCommit"];
        if *told == head { Ok(status) } else { Err(format!("it tells of {told}").into()) }
    })
    .await?;
    assert_eq!(status["observedSourceRevision"], format!("main@sha1:{head}"));
    assert_eq!(status["observedPolicies"]["web"]["tag"], "1.1.0");
    stage.is_silent_about(&[&imagebot], &[GitHttp::PASSWORD]).await
}

async fn push_branch(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &["1.0.0", "1.1.0"]).await?;
    let file = marked(&image, "1.0.0", stage.namespace(), "web");
    let repository = bed.repository("branch", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.https_url(&repository);
    let template = concat!(
        r#"messageTemplateEngine: handlebars, messageTemplateValues: {team: "red & blue"}, "#,
        r#"messageTemplate: "{{AutomationObject.Name}} of {{Values.team}}"#,
        r#"{{#each Changed.FileChanges}}\n{{@key}}:{{#each this}} {{Kind}} {{Name}}{{#each Changes}} {{OldValue}} -> {{NewValue}}{{/each}}{{/each}}{{/each}}""#,
    );
    let app =
        App { commit: template, git: "push: {branch: image-updates}", ..App::new(&image, &url) };
    stage.apply(&app.yaml()).await?;
    let _imagebot = stage.imagebot().await?;
    let message = |old: &str, new: &str| {
        format!("web of red & blue\nweb.yaml: Deployment web {image}:{old} -> {image}:{new}")
    };
    eventually(SOON, "the branch", async || repository.show("image-updates", "apps/web.yaml"))
        .await?;
    assert_eq!(repository.messages("image-updates")?[0], message("1.0.0", "1.1.0"));
    bed.registry().await?.push(&name, "1.2.0").await?;
    stage.request("ImageRepository", "web").await?;
    says(&repository, "image-updates", "apps/web.yaml", ":1.2.0 #").await?;
    let messages = repository.messages("image-updates")?;
    assert_eq!(messages[..2], [message("1.1.0", "1.2.0"), message("1.0.0", "1.1.0")]);
    assert_eq!(commits(&repository, "image-updates")?, 3);
    assert_eq!(commits(&repository, "main")?, 1);
    Ok(())
}

/// The certificate of the registry is signed by the bed's authority, which this daemon is not told
/// of in any other way than by the Secret.
async fn closed(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let options = Options { auth: true, tls: true, notify: None };
    let registry = Registry::start(&bed, options).await?;
    registry.push("team/web", "1.4.0").await?;
    let folder = bed.folder("imagebot-alone")?;
    let mut command = process::command(bed.daemon("imagebot")?, &folder);
    let cache = folder.display().to_string();
    command.args(["--http-addr", "127.0.0.1:0", "--kubeconfig"]).arg(stage.kubeconfig());
    command.args(stage.flags(&cache)).current_dir(&folder);
    let log = folder.join("log");
    let _imagebot = process::Process::start("imagebot", command, log.clone())?;
    let host = registry.host();
    stage.apply(&closed_manifests(&bed, &registry)?).await?;
    #[rustfmt::skip]
    let steps = [
        // then added to the spec                           verdict                        what it says
        (json!({}),                                         "False/ReadOperationFailed",   format!("could not reach `{host}`"), "name it in `spec.certSecretRef`"),
        (json!({"certSecretRef": {"name": "ca"}}),          "False/ReadOperationFailed",   format!("`{host}` answered 401"),    "check the Secret of `spec.secretRef`"),
        (json!({"secretRef": {"name": "wrong"}}),           "False/ReadOperationFailed",   format!("`{host}` answered 401"),    "check the Secret of `spec.secretRef`"),
        (json!({"secretRef": {"name": "login"}}),           "True/Succeeded",              "found 1 tags".to_owned(),           "checksum"),
    ];
    for (spec, verdict, says, remedy) in steps {
        stage.patch("ImageRepository", "web", &json!({"spec": spec})).await?;
        says_of(&stage, ("ImageRepository", "web"), verdict, &says).await?;
        says_of(&stage, ("ImageRepository", "web"), verdict, remedy).await?;
    }
    // What one login has seen is not shown to those who have none, and Git has its own Secret.
    let image = format!("{host}/team/web");
    let file = marked(&image, "1.0.0", stage.namespace(), "again");
    let repository = bed.repository("closed", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.https_url(&repository);
    stage.apply(&App { name: "again", ..App::new(&image, &url) }.yaml()).await?;
    let again = ("ImageRepository", "again");
    says_of(&stage, again, "False/ReadOperationFailed", "could not reach").await?;
    let trust = json!({"certSecretRef": {"name": "ca"}});
    stage.patch(again.0, again.1, &json!({"spec": trust})).await?;
    says_of(&stage, again, "False/ReadOperationFailed", "401").await?;
    let login = json!({"secretRef": {"name": "login"}});
    stage.patch(again.0, again.1, &json!({"spec": login})).await?;
    let unknown = format!("cannot reach `{url}`");
    says_of(&stage, ("ImageUpdateAutomation", "again"), "False/GitOperationFailed", &unknown)
        .await?;
    let authority = json!({"stringData": {"ca.crt": bed.authority().pem()?}});
    stage.patch("Secret", "again-git", &authority).await?;
    stage.request("ImageUpdateAutomation", "again").await?;
    says(&repository, "main", "apps/web.yaml", ":1.4.0 #").await?;
    stage.is_silent_about(&[], &[PASSWORD, "a-wrong-one", "robot:correct horse"]).await?;
    let log = std::fs::read_to_string(log)?;
    assert!(!log.contains(PASSWORD) && !log.contains("a-wrong-one"), "{log}");
    Ok(())
}

/// Waits until the condition of an object is this, with this in its message.
async fn says_of(stage: &Stage, (kind, name): (&str, &str), verdict: &str, part: &str) -> Outcome {
    eventually(SOON, &format!("{kind}/{name} is {verdict}: {part}"), async || {
        let is = stage.ready(kind, name).await?;
        let told = is.message.contains(part);
        if is.verdict() == verdict && told { Ok(()) } else { Err(format!("{is:?}").into()) }
    })
    .await
}

fn closed_manifests(bed: &Bed, registry: &Registry) -> Outcome<String> {
    let secret = |name: &str, config: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": config},
        })
    };
    let wrong = tests::registry::docker_config(&registry.host(), USER, "a-wrong-one");
    let documents = [
        secret("login", &registry.docker_config()),
        secret("wrong", &wrong),
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ca"},
            "stringData": {"ca.crt": bed.authority().pem()?},
        }),
        json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageRepository",
            "metadata": {"name": "web"},
            "spec": {"image": format!("{}/team/web", registry.host()), "interval": "10h"},
        }),
    ];
    Ok(documents.map(|document| document.to_string()).join("\n---\n"))
}

async fn versions(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, _) = image_with(&bed, &["1.0.0", "1.1.0"]).await?;
    let url = bed.git_http().await?;
    let all = ["v1", "v1beta2", "v1beta1"];
    let mut repositories = Vec::new();
    for version in all {
        let file = marked(&image, "1.0.0", stage.namespace(), version);
        let repository = bed.repository(version, &[("apps/web.yaml", &file)])?;
        let url = url.http_url(&repository);
        let yaml = App { name: version, ..App::new(&image, &url) }.yaml();
        let group = "image.toolkit.fluxcd.io";
        stage
            .apply(&yaml.replace(&format!("{group}/v1\n"), &format!("{group}/{version}\n")))
            .await?;
        repositories.push((version, repository));
    }
    let _imagebot = stage.imagebot().await?;
    for (version, repository) in &repositories {
        says(repository, "main", "apps/web.yaml", "1.1.0").await?;
        for plural in ["imagerepositories", "imagepolicies", "imageupdateautomations"] {
            let mut read = Vec::new();
            for other in all {
                let namespace = stage.namespace();
                let group = format!("/apis/image.toolkit.fluxcd.io/{other}/namespaces/{namespace}");
                let object = stage.read(&format!("{group}/{plural}/{version}")).await?;
                assert_eq!(object["apiVersion"], format!("image.toolkit.fluxcd.io/{other}"));
                read.push(object["spec"].clone());
            }
            assert!(read[0].is_object() && read[0] == read[1] && read[1] == read[2], "{read:?}");
        }
    }
    Ok(())
}

/// What the chart turns off is not allowed, and the daemon can do without it.
async fn deaf(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let home = stage.namespace();
    let watched = format!("watchNamespace={home}");
    let values = [watched.as_str(), "features.receivers=false"];
    stage.apply(&render(&bed, "imagebot", home, &values)?).await?;
    let (image, _) = image_with(&bed, &["1.1.0"]).await?;
    let file = marked(&image, "1.0.0", home, "web");
    let repository = bed.repository("deaf", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.http_url(&repository);
    stage.apply(&App::new(&image, &url).yaml()).await?;
    let _imagebot = stage.imagebot().await?;
    says(&repository, "main", "apps/web.yaml", ":1.1.0 #").await?;
    stage.succeeded("ImageUpdateAutomation", "web").await.map(drop)
}
