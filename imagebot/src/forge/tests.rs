//! Forges that behave as the real ones do, in the process.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Request, State as Shared},
    http::{HeaderMap, StatusCode, Uri},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing,
};
use reconcile::Class;
use serde_json::{Value, json};

use super::*;

const TOKEN: &str = "t0ken-of-the-bot";

type Headers = Vec<(&'static str, &'static str)>;

/// What a fake forge remembers.
#[derive(Default)]
struct Host {
    pulls: Vec<Value>,
    comments: Vec<String>,
    labels: BTreeSet<String>,
    branches: BTreeSet<String>,
    writes: usize,
    /// Answers everything with this.
    answer: Option<(u16, Headers, &'static str)>,
    /// Hides the open pull requests from the next list, as a race would.
    hides_once: bool,
}

#[derive(Clone)]
struct Fake {
    host: Arc<Mutex<Host>>,
    github: bool,
}

/// What a query asks for.
fn fields(uri: &Uri) -> HashMap<String, String> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

impl Fake {
    /// Starts a forge, and opens a repository on it.
    async fn start(provider: Provider) -> (Self, Forge) {
        let fake = Self { host: Arc::default(), github: provider == Provider::Github };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, fake.router()).into_future());
        (fake, open(provider, &url, TOKEN))
    }

    fn host(&self) -> MutexGuard<'_, Host> {
        self.host.lock().unwrap()
    }

    fn router(&self) -> Router {
        let base = if self.github { "/api/v3/repos/acme/apps" } else { "/api/v1/repos/acme/apps" };
        let delete = if self.github { "/git/refs/heads/{*branch}" } else { "/branches/{*branch}" };
        let routes = Router::new()
            .route("/pulls", routing::get(list).post(create))
            .route("/pulls/{number}", routing::patch(edit))
            .route("/issues/{number}/comments", routing::post(comment))
            .route("/issues/{number}/labels", routing::post(label))
            .route("/labels", routing::get(labels).post(make_label))
            .route(delete, routing::delete(delete_branch))
            .layer(middleware::from_fn_with_state(self.clone(), guard));
        Router::new().nest(base, routes).with_state(self.clone())
    }
}

fn open(provider: Provider, url: &str, token: &str) -> Forge {
    let (repository, _) = SafeUrl::parse(&format!("{url}/acme/apps.git")).unwrap();
    let site = Site {
        provider,
        repository: &repository,
        api_url: None,
        token: Token::new(token),
        ca: None,
    };
    Forges::default().open(site).unwrap()
}

/// Who has no token gets nothing; and the forge may be out of order.
async fn guard(Shared(fake): Shared<Fake>, request: Request, next: Next) -> Response {
    let scheme = if fake.github { "Bearer" } else { "token" };
    let shown = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if shown != Some(&format!("{scheme} {TOKEN}")) || !request.headers().contains_key("user-agent")
    {
        return (StatusCode::UNAUTHORIZED, json!({"message": "Bad credentials"}).to_string())
            .into_response();
    }
    let answer = fake.host().answer.clone();
    if let Some((status, headers, body)) = answer {
        let headers: HeaderMap = headers
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        return (StatusCode::from_u16(status).unwrap(), headers, body).into_response();
    }
    if request.method() != "GET" {
        fake.host().writes += 1;
    }
    next.run(request).await
}

async fn list(Shared(fake): Shared<Fake>, uri: Uri) -> String {
    let query = fields(&uri);
    let mut host = fake.host();
    if std::mem::take(&mut host.hides_once) {
        return "[]".to_owned();
    }
    let page: usize = query.get("page").map_or(1, |page| page.parse().unwrap());
    let chosen = host.pulls.iter().filter(|pull| {
        let head = format!("acme:{}", pull["head"]["ref"].as_str().unwrap());
        pull["state"] == *query["state"]
            && query.get("head").is_none_or(|wanted| *wanted == head)
            && query.get("base").is_none_or(|wanted| pull["base"]["ref"] == **wanted)
    });
    let shown: Vec<&Value> = chosen.rev().skip((page - 1) * 50).take(50).collect();
    json!(shown).to_string()
}

async fn create(Shared(fake): Shared<Fake>, body: Bytes) -> Response {
    let wanted: Value = serde_json::from_slice(&body).unwrap();
    let mut host = fake.host();
    let exists = host.pulls.iter().any(|pull| {
        pull["state"] == "open"
            && pull["head"]["ref"] == wanted["head"]
            && pull["base"]["ref"] == wanted["base"]
    });
    if exists {
        return if fake.github {
            refuse(422, "Validation Failed", "A pull request already exists for acme:x.")
        } else {
            refuse(409, "pull request already exists for these targets [id: 1]", "")
        };
    }
    if fake.github && wanted["head"] == "even" {
        return refuse(422, "Validation Failed", "No commits between main and even");
    }
    let number = host.pulls.len() + 1;
    let pull = json!({
        "number": number,
        "html_url": format!("https://forge.example/acme/apps/pulls/{number}"),
        // Gitea trims a title, and keeps the line breaks of a browser.
        "title": wanted["title"].as_str().unwrap().trim(),
        "body": wanted["body"].as_str().unwrap().replace('\n', "\r\n"),
        "state": "open",
        "merged_at": null,
        "head": {"ref": wanted["head"], "repo": {"id": 7}},
        "base": {"ref": wanted["base"], "repo": {"id": 7}},
    });
    host.pulls.push(pull.clone());
    (StatusCode::CREATED, pull.to_string()).into_response()
}

async fn edit(Shared(fake): Shared<Fake>, Path(number): Path<usize>, body: Bytes) -> Response {
    let fields: Value = serde_json::from_slice(&body).unwrap();
    let mut host = fake.host();
    let Some(pull) = host.pulls.get_mut(number - 1) else { return refuse(404, "not found", "") };
    for (name, value) in fields.as_object().unwrap() {
        pull[name] = value.clone();
    }
    pull.to_string().into_response()
}

async fn comment(Shared(fake): Shared<Fake>, body: Bytes) -> StatusCode {
    let said: Value = serde_json::from_slice(&body).unwrap();
    fake.host().comments.push(said["body"].as_str().unwrap().to_owned());
    StatusCode::CREATED
}

/// GitHub makes labels that it does not know; Gitea ignores them.
async fn label(Shared(fake): Shared<Fake>, Path(number): Path<usize>, body: Bytes) -> String {
    let wanted: Value = serde_json::from_slice(&body).unwrap();
    let mut host = fake.host();
    let names: Vec<Value> = wanted["labels"].as_array().unwrap().clone();
    let known = names
        .into_iter()
        .filter(|name| fake.github || host.labels.contains(name.as_str().unwrap()));
    let known: Vec<Value> = known.collect();
    host.pulls[number - 1]["labels"] = json!(known);
    "[]".to_owned()
}

async fn labels(Shared(fake): Shared<Fake>, uri: Uri) -> String {
    let query = fields(&uri);
    let page: usize = query["page"].parse().unwrap();
    let host = fake.host();
    let shown: Vec<Value> = host
        .labels
        .iter()
        .skip((page - 1) * 50)
        .take(50)
        .map(|name| json!({"name": name}))
        .collect();
    json!(shown).to_string()
}

async fn make_label(Shared(fake): Shared<Fake>, body: Bytes) -> StatusCode {
    let wanted: Value = serde_json::from_slice(&body).unwrap();
    fake.host().labels.insert(wanted["name"].as_str().unwrap().to_owned());
    StatusCode::CREATED
}

async fn delete_branch(Shared(fake): Shared<Fake>, Path(branch): Path<String>) -> Response {
    if fake.host().branches.remove(&branch) {
        return StatusCode::NO_CONTENT.into_response();
    }
    if fake.github {
        refuse(422, "Reference does not exist", "")
    } else {
        refuse(404, "not found", "")
    }
}

fn refuse(status: u16, message: &str, error: &str) -> Response {
    let body = json!({"message": message, "errors": [{"message": error}]});
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

const BOTH: [Provider; 2] = [Provider::Gitea, Provider::Github];

fn proposal<'p>(title: &'p str, body: &'p str) -> Proposal<'p> {
    Proposal { head: "imagebot/apps-x", base: "main", title, body, labels: &[] }
}

#[tokio::test]
async fn a_proposal_is_created_once_and_written_only_when_it_differs() {
    for provider in BOTH {
        let (fake, forge) = Fake::start(provider).await;
        let Proposed::Created(created) =
            forge.propose(&proposal("Update", "a\nb \n")).await.unwrap()
        else {
            panic!("{provider:?}");
        };
        assert_eq!((created.number, created.url.ends_with("/pulls/1")), (1, true), "{provider:?}");
        let writes = fake.host().writes;

        let again = forge.propose(&proposal(" Update", "a\nb\n\n")).await.unwrap();
        assert!(matches!(again, Proposed::Unchanged(_)), "{provider:?}: {again:?}");
        assert_eq!(fake.host().writes, writes, "{provider:?}: equal proposals cost no write");

        let changed = forge.propose(&proposal("Update", "c")).await.unwrap();
        assert!(
            matches!(&changed, Proposed::Updated(it) if it.body == "c"),
            "{provider:?}: {changed:?}"
        );
        assert_eq!(fake.host().pulls.len(), 1, "{provider:?}");
    }
}

#[tokio::test]
async fn whoever_was_faster_made_ours() {
    for provider in BOTH {
        let (fake, forge) = Fake::start(provider).await;
        forge.propose(&proposal("Update", "a")).await.unwrap();
        fake.host().hides_once = true;
        let raced = forge.propose(&proposal("Update", "b")).await.unwrap();
        assert!(
            matches!(&raced, Proposed::Updated(it) if it.number == 1),
            "{provider:?}: {raced:?}"
        );
    }
}

#[tokio::test]
async fn other_branches_bases_and_forks_are_not_ours() {
    for provider in BOTH {
        let (fake, forge) = Fake::start(provider).await;
        for number in 0..120 {
            let head = format!("feature-{number}");
            forge.propose(&Proposal { head: &head, ..proposal("theirs", "") }).await.unwrap();
        }
        assert_eq!(
            forge.find("imagebot/apps-x", "main", State::Open).await.unwrap(),
            None,
            "{provider:?}"
        );
        let first = forge.find("feature-0", "main", State::Open).await.unwrap();
        assert_eq!(first.map(|pull| pull.number), Some(1), "{provider:?}: on the last page");
        assert_eq!(
            forge.find("feature-0", "release", State::Open).await.unwrap(),
            None,
            "{provider:?}"
        );
        if provider == Provider::Gitea {
            fake.host().pulls[0]["head"]["repo"] = json!({"id": 8});
            assert_eq!(forge.find("feature-0", "main", State::Open).await.unwrap(), None);
            fake.host().pulls[0]["head"]["repo"] = Value::Null;
            assert_eq!(forge.find("feature-0", "main", State::Open).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn a_closed_one_stays_closed_and_the_next_is_new() {
    for provider in BOTH {
        let (fake, forge) = Fake::start(provider).await;
        forge.propose(&proposal("Update", "a")).await.unwrap();
        fake.host().branches.insert("imagebot/apps-x".to_owned());
        forge.close(1, "nothing is left to change", "withdrawn").await.unwrap();
        forge.delete_branch("imagebot/apps-x").await.unwrap();
        forge.delete_branch("imagebot/apps-x").await.unwrap();
        assert_eq!(fake.host().comments, ["nothing is left to change"], "{provider:?}");
        assert_eq!(fake.host().pulls[0]["state"], "closed", "{provider:?}");
        assert_eq!(fake.host().pulls[0]["body"], "withdrawn", "{provider:?}");
        assert!(fake.host().branches.is_empty(), "{provider:?}");

        let declined = forge.find("imagebot/apps-x", "main", State::Closed).await.unwrap().unwrap();
        assert_eq!((declined.number, declined.merged), (1, false), "{provider:?}");
        let next = forge.propose(&proposal("Update", "a")).await.unwrap();
        assert!(matches!(&next, Proposed::Created(it) if it.number == 2), "{provider:?}: {next:?}");
    }
}

#[tokio::test]
async fn labels_are_made_when_they_are_not_there() {
    for provider in BOTH {
        let (fake, forge) = Fake::start(provider).await;
        let labels = ["images".to_owned(), "bot".to_owned()];
        fake.host().labels.insert("bot".to_owned());
        forge.propose(&Proposal { labels: &labels, ..proposal("Update", "a") }).await.unwrap();
        assert_eq!(fake.host().pulls[0]["labels"], json!(["images", "bot"]), "{provider:?}");
    }
}

#[tokio::test]
async fn branches_that_are_even_need_no_pull_request() {
    let (_, forge) = Fake::start(Provider::Github).await;
    let even = forge.propose(&Proposal { head: "even", ..proposal("Update", "a") }).await.unwrap();
    assert_eq!(even, Proposed::Nothing);
}

#[tokio::test]
async fn errors_say_who_can_mend_them_and_never_the_token() {
    const LIMITED: &[(&str, &str)] = &[
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1790000090"),
        ("date", "Mon, 21 Sep 2026 14:13:20 GMT"),
    ];
    #[rustfmt::skip]
    let cases = [
        // status headers                  body                                             class               wait      words
        (401, &[][..],                     r#"{"message":"token t0ken-of-the-bot is bad"}"#, Class::Waiting,    None,     "token *** is bad"),
        (403, &[],                         r#"{"message":"Resource not accessible"}"#,      Class::Waiting,     None,     "Resource not accessible"),
        (403, LIMITED,                     "{}",                                            Class::Transient,   Some(90), "answered 403"),
        (429, &[("retry-after", "7")],     "{}",                                            Class::Transient,   Some(7),  "answered 429"),
        (404, &[],                         r#"{"message":"Not Found","errors":null}"#,      Class::Waiting,     None,     "Not Found"),
        (422, &[],                         r#"{"message":"no","errors":["base: bad"]}"#,    Class::Waiting,     None,     "no; base: bad"),
        (502, &[],                         "<html>",                                        Class::Transient,   None,     "answered 502"),
        (200, &[],                         "<html>hello",                                   Class::Waiting,     None,     "not what a forge answers"),
    ];
    for provider in BOTH {
        let (fake, forge) = Fake::start(provider).await;
        for (status, headers, body, class, wait, words) in cases {
            fake.host().answer = Some((status, headers.to_vec(), body));
            let error = forge.propose(&proposal("Update", "a")).await.unwrap_err();
            assert_eq!(error.class(), class, "{provider:?}: {error}");
            assert_eq!(
                error.retry_after().map(|wait| wait.as_secs()),
                wait,
                "{provider:?}: {error}"
            );
            assert!(error.to_string().contains(words), "{provider:?}: {error}");
            assert!(
                !format!("{error} {error:?} {forge:?}").contains(TOKEN),
                "{provider:?}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_wrong_token_is_denied_and_nobody_listening_is_transient() {
    for provider in BOTH {
        let (fake, _) = Fake::start(provider).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, fake.router()).into_future());
        let error =
            open(provider, &url, "wrong").propose(&proposal("Update", "a")).await.unwrap_err();
        assert!(matches!(error, Error::Denied { status: 401, .. }), "{provider:?}: {error:?}");

        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error =
            open(provider, &format!("http://{free}"), TOKEN).comment(1, "hello").await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{provider:?}: {error:?}");
    }
}

#[test]
fn the_apis_address_follows_from_the_repositorys() {
    #[rustfmt::skip]
    let cases = [
        // provider         repository                                  API
        (Provider::Gitea,   "https://git.example/acme/apps.git",        Some("https://git.example/api/v1")),
        (Provider::Gitea,   "https://git.example:3000/acme/apps",       Some("https://git.example:3000/api/v1")),
        (Provider::Gitea,   "https://git.example/sub/acme/apps.git",    Some("https://git.example/sub/api/v1")),
        (Provider::Github,  "https://github.com/acme/apps.git",         Some("https://api.github.com/")),
        (Provider::Github,  "https://ghe.example/acme/apps",            Some("https://ghe.example/api/v3")),
        (Provider::Gitea,   "https://git.example/apps.git",             None),
        (Provider::Gitea,   "file:///srv/acme/apps.git",                None),
    ];
    for (provider, repository, api) in cases {
        let (url, _) = SafeUrl::parse(repository).unwrap();
        let derived =
            coordinates(&url).and_then(|(owner, name)| derived(provider, &url, owner, name));
        assert_eq!(derived.ok().map(|url| url.to_string()).as_deref(), api, "{repository}");
    }
}

#[test]
fn a_text_is_cut_where_the_host_would_refuse_it() {
    assert_eq!(shortened("short", 100), "short");
    let cut = shortened(&"é".repeat(200), 100);
    assert_eq!((cut.chars().count(), cut.ends_with(CUT)), (100, true));
}
