//! Changes that are proposed: a pull request on a real Gitea follows the policies until people decide.

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::gitea::Gitea;
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually};

use crate::image_stage::{App, SOON, Stage, marked};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry, Need::Gitea];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_proposals::a_request_is_opened_follows_the_policy_and_is_closed_at_the_end", NEEDS, followed),
        trial(bed, "image_proposals::somebody_elses_commit_is_not_overwritten", NEEDS, modified),
        trial(bed, "image_proposals::what_was_declined_waits_for_something_newer", NEEDS, declined),
        trial(bed, "image_proposals::a_merged_branch_is_deleted", NEEDS, merged),
        trial(bed, "image_proposals::a_token_that_may_not_propose_is_told", NEEDS, powerless),
    ];
    trials
}

/// A repository on Gitea, and imagebot which proposes changes to it.
struct Scene {
    bed: Bed,
    stage: Stage,
    imagebot: Daemon,
    /// The name of the repository on Gitea.
    name: String,
    /// The image, and its name in the registry.
    image: String,
    pushed: String,
    branch: String,
}

async fn scene(bed: &Bed) -> Outcome<Scene> {
    scene_with(bed, bed.gitea().await?.token()).await
}

async fn scene_with(bed: &Bed, token: &str) -> Outcome<Scene> {
    let (stage, gitea) = (Stage::open(bed).await?, bed.gitea().await?);
    let (registry, pushed) = (bed.registry().await?, bed.unique("team/web"));
    for tag in ["1.0.0", "1.1.0"] {
        registry.push(&pushed, tag).await?;
    }
    let image = format!("{}/{pushed}", registry.host());
    let file = marked(&image, "1.0.0", stage.namespace(), "web");
    let name = gitea.repository("fleet", &[("apps/web.yaml", &file)]).await?;
    let git = r#"pullRequest: {provider: gitea, secretRef: {name: forge}, titleTemplate: "Update {{ len .Changed.Changes }} image", labels: [images]}"#;
    let app = App { git, ..App::new(&image, &gitea.clone_url(&name)) }.yaml();
    // One login for Git, another for the API.
    let login = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web-git"},
        "stringData": {"username": Gitea::USER, "password": Gitea::PASSWORD},
    });
    let forge = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "forge"},
        "stringData": {"token": token},
    });
    let rest = app.split_once("---").map(|(_, rest)| rest).unwrap_or_default();
    stage.apply(&format!("{login}\n---\n{forge}\n---{rest}")).await?;
    let imagebot = stage.imagebot().await?;
    let branch = format!("imagebot/{}-web", stage.namespace());
    Ok(Scene { bed: bed.clone(), stage, imagebot, name, image, pushed, branch })
}

impl Scene {
    async fn api(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        status: u16,
    ) -> Outcome<Value> {
        let path = format!("repos/{}/{}/{path}", Gitea::USER, self.name);
        self.bed.gitea().await?.api(method, &path, body, status).await
    }

    async fn pulls(&self, state: &str) -> Outcome<Vec<Value>> {
        self.bed.gitea().await?.pulls(&self.name, state).await
    }

    /// Waits until one request is open and what it proposes contains `text`.
    async fn proposed(&self, text: &str) -> Outcome<Value> {
        eventually(SOON, &format!("a request with {text}"), async || {
            let pulls = self.pulls("open").await?;
            let [pull] = pulls.as_slice() else {
                return Err(format!("{} are open", pulls.len()).into());
            };
            let body = pull["body"].as_str().unwrap_or_default();
            let content = self.content(&self.branch).await?.0;
            if body.contains(text) && content.contains(text) {
                Ok(pull.clone())
            } else {
                Err(format!("it says {body} and has {content}").into())
            }
        })
        .await
    }

    /// The marked file on a branch, and the id of its content.
    async fn content(&self, branch: &str) -> Outcome<(String, Value)> {
        use base64::Engine as _;
        let file =
            self.api("GET", &format!("contents/apps/web.yaml?ref={branch}"), None, 200).await?;
        let content = file["content"].as_str().unwrap_or_default();
        let content = base64::engine::general_purpose::STANDARD.decode(content)?;
        Ok((String::from_utf8(content)?, file["sha"].clone()))
    }

    /// Commits a new content of the marked file, as a person does in the browser.
    async fn edit(&self, branch: &str, content: &str) -> Outcome {
        use base64::Engine as _;
        let sha = self.content(branch).await?.1;
        let content = base64::engine::general_purpose::STANDARD.encode(content);
        let person = json!({"name": "A Person", "email": "person@bed.example"});
        let body = json!({
            "message": "by hand", "branch": branch, "content": content, "sha": sha,
            "author": person, "committer": person,
        });
        self.api("PUT", "contents/apps/web.yaml", Some(&body), 200).await.map(drop)
    }

    async fn release(&self, tag: &str) -> Outcome {
        self.bed.registry().await?.push(&self.pushed, tag).await?;
        self.stage.request("ImageRepository", "web").await?;
        self.stage.picked("web", tag).await.map(drop)
    }

    async fn has_branch(&self) -> Outcome<bool> {
        let branches = self.api("GET", "branches", None, 200).await?;
        let branches = branches.as_array().cloned().unwrap_or_default();
        Ok(branches.iter().any(|branch| branch["name"] == self.branch.as_str()))
    }

    async fn look(&self) -> Outcome<Value> {
        self.stage.request("ImageUpdateAutomation", "web").await
    }
}

async fn followed(bed: Bed) -> Outcome {
    let scene = scene(&bed).await?;
    let token = bed.gitea().await?.token();
    let pull = scene.proposed(":1.1.0").await?;
    assert_eq!(
        (&pull["head"]["ref"], &pull["base"]["ref"]),
        (&json!(scene.branch), &json!("main"))
    );
    assert_eq!(pull["title"], "Update 1 image");
    assert!(
        pull["body"].as_str().is_some_and(|body| body.contains("| Image | Policy |")),
        "{pull}"
    );
    let status = scene.stage.succeeded("ImageUpdateAutomation", "web").await?["status"].clone();
    let shown = json!({"number": pull["number"], "url": pull["html_url"], "branch": scene.branch});
    assert_eq!(status["pullRequest"], shown);
    assert!(scene.content("main").await?.0.contains(":1.0.0"), "main waits for people");

    // Nothing has changed, so nothing is touched, by a look and by a restart.
    let settled = scene.proposed(":1.1.0").await?;
    scene.look().await?;
    scene.imagebot.terminate().await?;
    let again = scene.stage.replica().await?;
    scene.look().await?;
    let now = scene.proposed(":1.1.0").await?;
    for field in ["updated_at", "title", "body", "head", "comments"] {
        assert_eq!(now[field], settled[field], "{field}");
    }

    scene.release("1.2.0").await?;
    let newer = scene.proposed(":1.2.0").await?;
    assert_eq!(newer["number"], pull["number"]);
    assert_ne!(newer["head"]["sha"], pull["head"]["sha"]);
    let commits = scene.api("GET", &format!("pulls/{}/commits", pull["number"]), None, 200).await?;
    assert_eq!(commits.as_array().map(Vec::len), Some(1), "one commit on top of main");

    let done = scene.content(&scene.branch).await?.0;
    scene.edit("main", &done).await?;
    scene.look().await?;
    assert_eq!(scene.pulls("open").await?.len(), 0);
    assert_eq!(scene.pulls("closed").await?.len(), 1);
    assert!(!scene.has_branch().await?);
    let status = scene.stage.succeeded("ImageUpdateAutomation", "web").await?["status"].clone();
    assert_eq!(status["pullRequest"], Value::Null);
    // Nobody declined it: somebody goes back, and the same is proposed again.
    scene.edit("main", &done.replace(":1.2.0", ":1.0.0")).await?;
    scene.look().await?;
    let next = scene.proposed(":1.2.0").await?;
    assert_ne!(next["number"], pull["number"]);
    scene.stage.is_silent_about(&[&again], &[token, Gitea::PASSWORD]).await
}

async fn modified(bed: Bed) -> Outcome {
    let scene = scene(&bed).await?;
    let pull = scene.proposed(":1.1.0").await?;
    let by_hand = format!("{}# reviewed\n", scene.content(&scene.branch).await?.0);
    scene.edit(&scene.branch, &by_hand).await?;
    scene.release("1.2.0").await?;
    let told = eventually(SOON, "the word of the automation", async || {
        let is = scene.stage.ready("ImageUpdateAutomation", "web").await?;
        if is.verdict() == "False/BranchModified" { Ok(is) } else { Err(format!("{is:?}").into()) }
    });
    let told = told.await?;
    for part in
        [scene.branch.as_str(), "A Person <person@bed.example>", "spec.git.pullRequest.branch"]
    {
        assert!(told.message.contains(part), "{part} in {told:?}");
    }
    assert_eq!(scene.content(&scene.branch).await?.0, by_hand);
    let open = scene.pulls("open").await?;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0]["number"], pull["number"]);
    scene.stage.event("Warning BranchModified ImageUpdateAutomation/web", "A Person").await?;
    let metric = scene.imagebot.get("/metrics").await?.text();
    assert!(metric.contains(r#"reason="BranchModified""#), "{metric}");
    scene
        .stage
        .is_silent_about(&[&scene.imagebot], &[bed.gitea().await?.token(), Gitea::PASSWORD])
        .await
}

async fn declined(bed: Bed) -> Outcome {
    let scene = scene(&bed).await?;
    let pull = scene.proposed(":1.1.0").await?;
    let path = format!("pulls/{}", pull["number"]);
    scene.api("PATCH", &path, Some(&json!({"state": "closed"})), 201).await?;
    let waits = async || {
        scene.look().await?;
        assert_eq!(scene.pulls("open").await?.len(), 0);
        let is = scene.stage.ready("ImageUpdateAutomation", "web").await?;
        let told = format!("pull request #{} was closed", pull["number"]);
        assert!(is.message.contains(&told), "{is:?}");
        Outcome::Ok(())
    };
    waits().await?;
    // People tidy up after themselves.
    let branch = scene.branch.replace('/', "%2F");
    scene.api("DELETE", &format!("branches/{branch}"), None, 204).await?;
    waits().await?;
    scene.release("1.2.0").await?;
    let next = scene.proposed(":1.2.0").await?;
    assert_ne!(next["number"], pull["number"]);
    Ok(())
}

async fn merged(bed: Bed) -> Outcome {
    let scene = scene(&bed).await?;
    let pull = scene.proposed(":1.1.0").await?;
    let path = format!("pulls/{}/merge", pull["number"]);
    let merge = json!({"Do": "squash", "MergeTitleField": "merged"});
    eventually(SOON, "Gitea can merge", async || scene.api("POST", &path, Some(&merge), 200).await)
        .await?;
    scene.look().await?;
    assert!(scene.content("main").await?.0.contains(":1.1.0"));
    assert!(!scene.has_branch().await?, "what is merged has no use any more");
    assert_eq!(scene.pulls("all").await?.len(), 1);
    assert!(scene.image.contains("team/web"));
    Ok(())
}

async fn powerless(bed: Bed) -> Outcome {
    let scene = scene_with(&bed, "not-a-token-of-this-gitea").await?;
    let told = eventually(SOON, "the word of the automation", async || {
        let is = scene.stage.ready("ImageUpdateAutomation", "web").await?;
        if is.verdict() == "False/PullRequestFailed" {
            Ok(is)
        } else {
            Err(format!("{is:?}").into())
        }
    });
    let told = told.await?;
    assert!(
        told.message.contains("401") && told.message.contains("spec.git.pullRequest.secretRef"),
        "{told:?}"
    );
    scene.stage.event("Warning PullRequestFailed ImageUpdateAutomation/web", "401").await?;
    assert_eq!(scene.pulls("all").await?.len(), 0);
    assert!(
        !scene.has_branch().await?,
        "a branch that nobody can be asked to merge is not left behind"
    );
    scene
        .stage
        .is_silent_about(&[&scene.imagebot], &["not-a-token-of-this-gitea", Gitea::PASSWORD])
        .await
}
