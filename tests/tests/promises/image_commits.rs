//! What a commit is: whose, signed by what, of which changes, and when it is made.

use std::path::PathBuf;

use libtest_mimic::Trial;
use serde_json::json;
use tests::git::{GitHttp, Repository};
use tests::process::run;
use tests::trial::trial;
use tests::{Bed, Need, Outcome, eventually};

use crate::image_stage::{App, SOON, Stage, commits, image_with, marked, says};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry, Need::GitHttp];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_commits::gpg_and_git_find_the_signature_good", NEEDS, gpg),
        trial(bed, "image_commits::ssh_keygen_and_git_find_the_signature_good", NEEDS, ssh),
        trial(bed, "image_commits::a_key_that_does_not_sign_is_told_at_once", NEEDS, unusable),
        trial(bed, "image_commits::author_committer_and_trailers_are_as_written", NEEDS, people),
        trial(bed, "image_commits::changes_are_collected_until_it_is_quiet_or_somebody_asks", NEEDS, quiet),
        trial(bed, "image_commits::nothing_is_committed_while_no_window_is_open", NEEDS, closed),
        trial(bed, "image_commits::automations_of_a_branch_commit_together_where_they_should", NEEDS, together),
        trial(bed, "image_commits::an_empty_repository_is_no_failure", NEEDS, empty),
        trial(bed, "image_commits::a_refspec_is_pushed_with_its_options_and_forces_nothing_unasked", NEEDS, refspec),
    ];
    trials
}

/// A stage with an application at `0.9.0` whose image has `1.0.0`; no daemon runs.
async fn set(bed: &Bed, commit: &str, git: &str) -> Outcome<(Stage, Repository, String)> {
    let stage = Stage::open(bed).await?;
    let (image, name) = image_with(bed, &["1.0.0"]).await?;
    let file = marked(&image, "0.9.0", stage.namespace(), "web");
    let repository = bed.repository("commits", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.http_url(&repository);
    stage.apply(&App { commit, git, ..App::new(&image, &url) }.yaml()).await?;
    Ok((stage, repository, name))
}

async fn secret(stage: &Stage, name: &str, data: serde_json::Value) -> Outcome {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data});
    stage.apply(&secret.to_string()).await
}

/// A home of gpg, whose agent ends with it.
pub(crate) struct Gnupg(Bed, pub(crate) PathBuf);

impl Gnupg {
    pub(crate) fn new(bed: &Bed) -> Outcome<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let home = bed.folder("gpg")?;
        std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700))?;
        Ok(Self(bed.clone(), home))
    }

    pub(crate) fn gpg(&self, args: &[&str]) -> Outcome<String> {
        let mut command = self.0.command("gpg");
        command.env("GNUPGHOME", &self.1);
        command.args(["--batch", "--quiet", "--pinentry-mode", "loopback"]).args(args);
        Ok(String::from_utf8(run(command, b"")?)?)
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let mut command = self.0.command("gpgconf");
        command.env("GNUPGHOME", &self.1).args(["--kill", "all"]);
        // Where it does not end, the run's end is its end.
        let _ = run(command, b"");
    }
}

async fn gpg(bed: Bed) -> Outcome {
    let home = Gnupg::new(&bed)?;
    let word = "a-passphrase-of-the-suite";
    let with = ["--passphrase", word];
    let key = ["--quick-generate-key", "Robot <robot@bed.example>", "ed25519", "sign", "never"];
    home.gpg(&[&with[..], &key].concat())?;
    let export = ["--armor", "--export-secret-keys", "robot@bed.example"];
    let armored = home.gpg(&[&with[..], &export].concat())?;
    let (stage, repository, _) = set(&bed, "signingKey: {secretRef: {name: signing}}", "").await?;
    secret(&stage, "signing", json!({"git.asc": armored, "passphrase": word})).await?;
    let imagebot = stage.imagebot().await?;
    says(&repository, "main", "apps/web.yaml", ":1.0.0 #").await?;
    let mut command = bed.command("git");
    command.env("GNUPGHOME", &home.1).arg("-C").arg(repository.path());
    command.args(["log", "-1", "--format=%G? %GS", "--show-signature", "main"]);
    let said = String::from_utf8(run(command, b"")?)?;
    assert!(said.contains("Good signature from \"Robot <robot@bed.example>\""), "{said}");
    assert!(said.contains("G Robot <robot@bed.example>"), "{said}");
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    let secrets = armored.lines().nth(4).unwrap_or_default();
    stage.is_silent_about(&[&imagebot], &[word, secrets, GitHttp::PASSWORD]).await
}

async fn ssh(bed: Bed) -> Outcome {
    let home = bed.folder("keys")?;
    let key = home.join("robot");
    let (file, word) = (key.display().to_string(), "a-password-of-the-suite");
    let args =
        ["-q", "-t", "ecdsa", "-b", "256", "-N", word, "-C", "robot@bed.example", "-f", &file];
    bed.run("ssh-keygen", &args, b"")?;
    let commit = "signingKey: {type: ssh, secretRef: {name: signing}}";
    let (stage, repository, _) = set(&bed, commit, "").await?;
    let identity = std::fs::read_to_string(&key)?;
    secret(&stage, "signing", json!({"identity": identity, "password": word})).await?;
    let imagebot = stage.imagebot().await?;
    says(&repository, "main", "apps/web.yaml", ":1.0.0 #").await?;
    let public = std::fs::read_to_string(home.join("robot.pub"))?;
    let allowed = home.join("allowed");
    std::fs::write(&allowed, format!("robot@bed.example {public}"))?;
    let trusted = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
    let said = repository.git(&["-c", &trusted, "log", "-1", "--show-signature", "main"])?;
    assert!(said.contains("Good \"git\" signature for robot@bed.example with ECDSA key"), "{said}");
    stage.is_silent_about(&[&imagebot], &[word]).await
}

async fn unusable(bed: Bed) -> Outcome {
    let commit = "signingKey: {secretRef: {name: signing}}";
    let (stage, repository, _) = set(&bed, commit, "").await?;
    let _imagebot = stage.imagebot().await?;
    let told = async |part: &str| {
        eventually(SOON, part, async || {
            let is = stage.ready("ImageUpdateAutomation", "web").await?;
            let told = is.verdict() == "False/SourceManagerFailed" && is.message.contains(part);
            if told { Ok(()) } else { Err(format!("{is:?}").into()) }
        })
        .await
    };
    told("of `spec.git.commit.signingKey.secretRef` does not exist").await?;
    secret(&stage, "signing", json!({"git.asc": "no key"})).await?;
    stage.request("ImageUpdateAutomation", "web").await?;
    told("the key of the Secret `signing` does not sign: it is not an armored OpenPGP private key")
        .await?;
    assert_eq!(commits(&repository, "main")?, 1, "nothing goes out unsigned");
    Ok(())
}

async fn people(bed: Bed) -> Outcome {
    let commit = "committer: {name: Committer, email: committer@bed.example}, \
        messageTemplate: 'Update {{ .AutomationObject.Name }}', \
        trailers: {Signed-off-by: 'Robot <robot@bed.example>', Changes: '{{ len .Changed.Changes }}'}";
    let (stage, repository, _) = set(&bed, commit, "").await?;
    let _imagebot = stage.imagebot().await?;
    says(&repository, "main", "apps/web.yaml", ":1.0.0 #").await?;
    let said = repository.git(&["log", "-1", "--format=%an <%ae>, %cn <%ce>%n%B", "main"])?;
    assert_eq!(
        said.trim_end(),
        "Robot <robot@bed.example>, Committer <committer@bed.example>\nUpdate web\n\n\
         Changes: 1\nSigned-off-by: Robot <robot@bed.example>"
    );
    let trailers =
        repository.git(&["log", "-1", "--format=%(trailers:key=Changes,valueonly)", "main"])?;
    assert_eq!(trailers.trim(), "1");
    Ok(())
}

/// Fields of the spec, beside those that the stage gives.
async fn spec(stage: &Stage, name: &str, fields: serde_json::Value) -> Outcome {
    stage.patch("ImageUpdateAutomation", name, &json!({ "spec": fields })).await.map(drop)
}

async fn quiet(bed: Bed) -> Outcome {
    let (stage, repository, name) = set(&bed, "", "").await?;
    spec(&stage, "web", json!({"batch": {"quietPeriod": "1h"}})).await?;
    let imagebot = stage.imagebot().await?;
    let waiting = async |picked: &str| {
        stage.picked("web", picked).await?;
        eventually(SOON, "it waits", async || {
            let object = stage.get("ImageUpdateAutomation", "web").await?;
            let message = stage.ready("ImageUpdateAutomation", "web").await?.message;
            let waits = message.starts_with("changes wait until") && message.contains("spec.batch");
            let since = object["status"]["pendingSince"].as_str().map(str::to_owned);
            since.filter(|_| waits).ok_or_else(|| message.into())
        })
        .await
    };
    let since = waiting("1.0.0").await?;
    bed.registry().await?.push(&name, "1.1.0").await?;
    stage.request("ImageRepository", "web").await?;
    assert_eq!(waiting("1.1.0").await?, since, "it is the same batch");
    assert_eq!(commits(&repository, "main")?, 1);
    // A restart forgets nothing of it.
    imagebot.terminate().await?;
    let _imagebot = stage.imagebot().await?;
    assert_eq!(waiting("1.1.0").await?, since);
    stage.request("ImageUpdateAutomation", "web").await?;
    says(&repository, "main", "apps/web.yaml", ":1.1.0 #").await?;
    assert_eq!(commits(&repository, "main")?, 2, "both changes are one commit");
    let object = stage.succeeded("ImageUpdateAutomation", "web").await?;
    assert!(object["status"]["pendingSince"].is_null());
    // And quiet comes by itself, when it is short.
    spec(&stage, "web", json!({"batch": {"quietPeriod": "1s"}})).await?;
    bed.registry().await?.push(&name, "1.2.0").await?;
    stage.request("ImageRepository", "web").await?;
    says(&repository, "main", "apps/web.yaml", ":1.2.0 #").await
}

async fn closed(bed: Bed) -> Outcome {
    let (stage, repository, _) = set(&bed, "", "").await?;
    let new_year = json!({"schedule": {"windows": [{"start": "0 0 1 1 *", "duration": "1m"}]}});
    spec(&stage, "web", new_year).await?;
    let _imagebot = stage.imagebot().await?;
    stage.picked("web", "1.0.0").await?;
    eventually(SOON, "it waits", async || {
        let message = stage.ready("ImageUpdateAutomation", "web").await?.message;
        let waits = message.contains("-01-01T00:00:00Z for `spec.schedule`");
        if waits { Ok(()) } else { Err(message.into()) }
    })
    .await?;
    stage.request("ImageUpdateAutomation", "web").await?;
    assert_eq!(commits(&repository, "main")?, 1, "a request opens no window");
    let always = json!({"schedule": {"timeZone": "Asia/Tokyo", "windows": [{"start": "* * * * *", "duration": "2m"}]}});
    spec(&stage, "web", always).await?;
    says(&repository, "main", "apps/web.yaml", ":1.0.0 #").await
}

async fn together(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (web, _) = image_with(&bed, &["1.0.0"]).await?;
    let (api, _) = image_with(&bed, &["2.0.0"]).await?;
    let files = [
        ("apps/web.yaml", marked(&web, "0.9.0", stage.namespace(), "web")),
        ("api/api.yaml", marked(&api, "0.9.0", stage.namespace(), "api")),
    ];
    let repository =
        bed.repository("together", &files.each_ref().map(|it| (it.0, it.1.as_str())))?;
    let url = bed.git_http().await?.http_url(&repository);
    let commit = "per: branch, messageTemplate: '{{ range $f, $_ := .Changed.FileChanges }}{{ $f }};{{ end }}'";
    for (name, image) in [("web", &web), ("api", &api)] {
        let yaml = App { name, commit, ..App::new(image, &url) }.yaml();
        let yaml = yaml.replace("kind: GitRepository, name: api", "kind: GitRepository, name: web");
        let path = if name == "api" { "./api" } else { "./apps" };
        let yaml = yaml.replace("path: ./apps", &format!("path: {path}"));
        let batch = "  batch: {quietPeriod: 2s}\n";
        stage.apply(&format!("{}{batch}", yaml.trim_end_matches(' '))).await?;
    }
    let _imagebot = stage.imagebot().await?;
    says(&repository, "main", "apps/web.yaml", ":1.0.0 #").await?;
    assert_eq!(repository.messages("main")?[0], "api/api.yaml;apps/web.yaml;");
    assert_eq!(commits(&repository, "main")?, 2);
    for name in ["web", "api"] {
        let head = repository.head("main").unwrap_or_default();
        eventually(SOON, "both know of it", async || {
            let status = stage.get("ImageUpdateAutomation", name).await?["status"].clone();
            let known = status["lastPushCommit"] == head;
            if known { Ok(()) } else { Err(status.to_string().into()) }
        })
        .await?;
    }
    Ok(())
}

async fn refspec(bed: Bed) -> Outcome {
    let git = "push: {refspec: 'refs/heads/main:refs/heads/review', options: {topic: web}}";
    let (stage, repository, name) = set(&bed, "", git).await?;
    repository.git(&["config", "receive.denyNonFastForwards", "false"])?;
    repository
        .hook("post-receive", "#!/bin/sh\nread a b ref\necho $ref $GIT_PUSH_OPTION_0 >> seen\n")?;
    let imagebot = stage.imagebot().await?;
    says(&repository, "review", "apps/web.yaml", ":1.0.0 #").await?;
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    assert_eq!(repository.head("review"), repository.head("main"));
    let seen = std::fs::read_to_string(repository.path().join("seen"))?;
    assert_eq!(seen, "refs/heads/main topic=web\nrefs/heads/review topic=web\n");
    stage
        .event("Normal Succeeded ImageUpdateAutomation/web:", "and refspecs 'refs/heads/review'")
        .await?;
    let theirs = repository.commit("review", "theirs", &[("theirs.txt", "by a person\n")])?;
    let update = async |tag: &str| {
        bed.registry().await?.push(&name, tag).await?;
        stage.request("ImageRepository", "web").await?;
        says(&repository, "main", "apps/web.yaml", &format!(":{tag} #")).await
    };
    update("1.1.0").await?;
    eventually(SOON, "it is told", async || {
        let message = stage.ready("ImageUpdateAutomation", "web").await?.message;
        let told = message.contains("the server refused `refs/heads/review`: non-fast-forward");
        if told { Ok(()) } else { Err(message.into()) }
    })
    .await?;
    assert_eq!(repository.head("review"), Some(theirs));
    let status = stage.get("ImageUpdateAutomation", "web").await?["status"].clone();
    assert_eq!(status["lastPushCommit"], repository.head("main").unwrap_or_default());
    // It is overwritten by those who say so.
    let forced =
        json!({"spec": {"git": {"push": {"refspec": "+refs/heads/main:refs/heads/review"}}}});
    stage.patch("ImageUpdateAutomation", "web", &forced).await?;
    update("1.2.0").await?;
    says(&repository, "review", "apps/web.yaml", ":1.2.0 #").await?;
    stage.is_silent_about(&[&imagebot], &[GitHttp::PASSWORD]).await
}

async fn empty(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, _) = image_with(&bed, &["1.0.0"]).await?;
    let repository = bed.repository("empty", &[("a", "b")])?;
    repository.git(&["update-ref", "-d", "refs/heads/main"])?;
    let url = bed.git_http().await?.http_url(&repository);
    stage.apply(&App::new(&image, &url).yaml()).await?;
    let _imagebot = stage.imagebot().await?;
    eventually(SOON, "it says so", async || {
        let is = stage.ready("ImageUpdateAutomation", "web").await?;
        let told =
            is.verdict() == "True/Succeeded" && is.message == "the repository has no commit yet";
        if told { Ok(()) } else { Err(format!("{is:?}").into()) }
    })
    .await?;
    let file = marked(&image, "0.9.0", stage.namespace(), "web");
    repository.commit("main", "first", &[("apps/web.yaml", &file)])?;
    stage.request("ImageUpdateAutomation", "web").await?;
    says(&repository, "main", "apps/web.yaml", ":1.0.0 #").await
}
