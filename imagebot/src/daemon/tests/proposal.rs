//! A change that is proposed: the pull request follows the policies until somebody decides.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    routing::{get, patch, post},
};
use serde_json::{Value, json};

use super::{Repository, World, is_pushed, until, web};

/// A Gitea that knows pull requests of one repository.
#[derive(Clone, Default)]
struct FakeGitea {
    pulls: Arc<Mutex<Vec<Value>>>,
    writes: Arc<Mutex<Vec<String>>>,
    address: String,
}

type Gitea = State<FakeGitea>;

impl FakeGitea {
    async fn serve() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/api/v1", listener.local_addr().unwrap());
        let gitea = Self { address, ..Self::default() };
        let routes = Router::new()
            .route("/api/v1/repos/{owner}/{name}/pulls", get(list).post(create))
            .route("/api/v1/repos/{owner}/{name}/pulls/{number}", patch(edit))
            .route("/api/v1/repos/{owner}/{name}/issues/{number}/comments", post(comment))
            .with_state(gitea.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        gitea
    }

    fn pull(&self, number: usize) -> Value {
        self.pulls.lock().unwrap().get(number - 1).cloned().unwrap_or_default()
    }

    fn writes(&self) -> Vec<String> {
        self.writes.lock().unwrap().clone()
    }

    fn wrote(&self, what: String) {
        self.writes.lock().unwrap().push(what);
    }

    fn decide(&self, number: usize, merged: bool) {
        let mut pulls = self.pulls.lock().unwrap();
        pulls[number - 1]["state"] = json!("closed");
        pulls[number - 1]["merged"] = json!(merged);
    }

    fn automation(&self) -> String {
        let address = &self.address;
        format!("pullRequest: {{provider: gitea, apiURL: '{address}', secretRef: {{name: forge}}}}")
    }
}

async fn list(State(gitea): Gitea, RawQuery(query): RawQuery) -> String {
    let query = query.unwrap_or_default();
    let wanted = if query.contains("state=open") { "open" } else { "closed" };
    let mut pulls = gitea.pulls.lock().unwrap().clone();
    pulls.retain(|pull| pull["state"] == wanted && !query.contains("page=2"));
    json!(pulls).to_string()
}

async fn create(State(gitea): Gitea, fields: Bytes) -> (StatusCode, String) {
    let fields: Value = serde_json::from_slice(&fields).unwrap();
    let mut pulls = gitea.pulls.lock().unwrap();
    let number = pulls.len() + 1;
    let repo = json!({ "id": 1, "full_name": "owner/name" });
    let side = |name: &Value| json!({ "ref": name, "repo": repo, "sha": "" });
    let pull = json!({
        "number": number, "html_url": format!("http://forge/pulls/{number}"), "state": "open",
        "title": fields["title"], "body": fields["body"], "merged": false,
        "head": side(&fields["head"]), "base": side(&fields["base"]),
    });
    pulls.push(pull.clone());
    gitea.wrote(format!("create {number}"));
    (StatusCode::CREATED, pull.to_string())
}

async fn edit(
    State(gitea): Gitea,
    Path((_, _, number)): Path<(String, String, usize)>,
    fields: Bytes,
) -> String {
    let fields: Value = serde_json::from_slice(&fields).unwrap();
    let mut pulls = gitea.pulls.lock().unwrap();
    for (key, value) in fields.as_object().unwrap() {
        pulls[number - 1][key] = value.clone();
    }
    gitea.wrote(format!("edit {number}"));
    pulls[number - 1].to_string()
}

async fn comment(State(gitea): Gitea, _: Bytes) -> (StatusCode, String) {
    gitea.wrote("comment".to_owned());
    (StatusCode::CREATED, "{}".to_owned())
}

const TOKEN: &str = "
apiVersion: v1
kind: Secret
metadata: {name: forge, namespace: apps}
stringData: {token: t0ken}
";

const BRANCH: &str = "imagebot/apps-web";

async fn proposing() -> (World, Repository, FakeGitea) {
    let gitea = FakeGitea::serve().await;
    let (world, repository) = web(&gitea.automation()).await;
    world.apply(TOKEN).await;
    (world, repository, gitea)
}

fn count(repository: &Repository, branch: &str) -> String {
    repository.git(&["rev-list", "--count", branch]).trim().to_owned()
}

/// Makes the registry have `tag`, and everything look at it.
async fn release(world: &World, tag: &str) {
    world.registry.set("team/web", &["1.0.0", tag]);
    world.request("ImageRepository", "web", tag).await;
    until!(format!("{tag} to be picked"), {
        let policy = world.get("ImagePolicy", "web").await;
        policy["status"]["latestRef"]["tag"] == tag
    });
}

/// Asks the automation for a look, and waits for the answer.
async fn look(world: &World, at: &str) {
    world.request("ImageUpdateAutomation", "web", at).await;
    until!("the look", {
        let object = world.get("ImageUpdateAutomation", "web").await;
        object["status"]["lastHandledReconcileAt"] == at
    });
}

#[tokio::test]
async fn a_change_is_proposed_once_and_follows_the_policy() {
    let (world, repository, gitea) = proposing().await;
    let _run = world.run();
    until!("the request", !gitea.writes().is_empty());
    until!("the status", {
        let object = world.get("ImageUpdateAutomation", "web").await;
        object["status"]["pullRequest"]
            == json!({"number": 1, "url": "http://forge/pulls/1", "branch": BRANCH})
    });
    assert_eq!(count(&repository, "main"), "1");
    assert_eq!(count(&repository, BRANCH), "2");
    let pull = gitea.pull(1);
    assert_eq!((&pull["head"]["ref"], &pull["base"]["ref"]), (&json!(BRANCH), &json!("main")));
    assert!(pull["title"].as_str().unwrap().starts_with("Update to "), "{pull}");
    assert!(pull["body"].as_str().unwrap().contains("| Image | Policy | Change | Files |"));

    let tip = repository.git(&["rev-parse", BRANCH]);
    look(&world, "again").await;
    assert_eq!(repository.git(&["rev-parse", BRANCH]), tip, "nothing is pushed twice");
    assert_eq!(gitea.writes(), ["create 1"]);

    release(&world, "1.5.0").await;
    until!("the update", gitea.writes() == ["create 1", "edit 1"]);
    assert_eq!(count(&repository, BRANCH), "2", "one commit on top of what was read");
    assert!(repository.git(&["show", &format!("{BRANCH}:apps/web.yaml")]).contains("1.5.0"));
}

#[tokio::test]
async fn what_people_declined_is_not_proposed_again_until_there_is_something_newer() {
    let (world, repository, gitea) = proposing().await;
    let _run = world.run();
    until!("the request", !gitea.writes().is_empty());
    gitea.decide(1, false);
    look(&world, "after the decision").await;
    assert_eq!(gitea.writes(), ["create 1"]);
    let (_, message) = world.ready("ImageUpdateAutomation", "web").await.unwrap();
    assert!(message.contains("pull request #1 was closed"), "{message}");
    release(&world, "1.6.0").await;
    until!("the next", gitea.writes() == ["create 1", "create 2"]);
    assert_eq!(count(&repository, "main"), "1");
}

#[tokio::test]
async fn a_request_with_nothing_left_to_change_is_closed_with_its_branch() {
    let (world, repository, gitea) = proposing().await;
    let _run = world.run();
    until!("the request", !gitea.writes().is_empty());
    let done = repository.git(&["show", &format!("{BRANCH}:apps/web.yaml")]);
    repository.commit("main", &[("apps/web.yaml", &done)]);
    look(&world, "after the commit").await;
    assert_eq!(gitea.writes(), ["create 1", "comment", "edit 1"]);
    assert_eq!(gitea.pull(1)["state"], "closed");
    assert_eq!(repository.git(&["branch", "--list", BRANCH]), "");
    let object = world.get("ImageUpdateAutomation", "web").await;
    assert_eq!(object["status"]["pullRequest"], Value::Null);
}

#[tokio::test]
async fn a_merged_branch_is_deleted() {
    let (world, repository, gitea) = proposing().await;
    let _run = world.run();
    until!("the request", !gitea.writes().is_empty());
    repository.git(&["update-ref", "refs/heads/main", BRANCH]);
    gitea.decide(1, true);
    look(&world, "after the merge").await;
    assert_eq!(repository.git(&["branch", "--list", BRANCH]), "");
    assert_eq!(gitea.writes(), ["create 1"]);
}

#[tokio::test]
async fn the_work_of_somebody_else_is_not_overwritten() {
    let (world, repository, gitea) = proposing().await;
    let _run = world.run();
    until!("the request", !gitea.writes().is_empty());
    repository.commit(BRANCH, &[("apps/more.txt", "by a person\n")]);
    release(&world, "1.7.0").await;
    until!("word", {
        let ready = world.ready("ImageUpdateAutomation", "web").await.unwrap();
        ready.0 == "False/BranchModified" && ready.1.contains("A Person <person@example.com>")
    });
    assert_eq!(repository.git(&["show", &format!("{BRANCH}:apps/more.txt")]), "by a person\n");
    assert!(is_pushed(&world).await);
}
