//! Promises of a directory of manifests.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use embedded::{Options, Problem, Report, Server, conformance};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

const WIDGETS: &str = "/apis/conformance.signet.dev/v1/namespaces/default/widgets";
const SECRETS: &str = "/api/v1/namespaces/default/secrets";

/// A directory, a place for the state, and a server over both.
struct Bench {
    directory: TempDir,
    state: TempDir,
    server: Option<Server>,
}

impl Bench {
    fn new() -> Self {
        let (directory, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Self { directory, state, server: None }
    }

    fn options(&self, owner: &str) -> Options {
        Options {
            directory: Some(self.directory.path().to_owned()),
            state: self.state.path().join("state"),
            owner: owner.to_owned(),
            crds: conformance::definitions(),
            clock: || "2026-01-02T03:04:05Z".parse().unwrap(),
        }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // As editors do: a new file takes the name of the old one.
        let fresh = path.with_extension("fresh");
        fs::write(&fresh, text).unwrap();
        fs::rename(fresh, path).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.directory.path().join(name)).unwrap();
    }

    fn open(&mut self) -> Report {
        self.server = None;
        self.server = Some(Server::open(self.options("sealer")).unwrap());
        self.report()
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn scan(&self) -> Report {
        self.server().scan(None).unwrap();
        self.report()
    }

    fn report(&self) -> Report {
        self.server().problems().borrow().clone()
    }

    fn place(&self, owner: &str) -> PathBuf {
        self.state.path().join("state").join(owner)
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        ask(self.server(), method, path, body).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, Value::Null).await
    }
}

async fn ask(server: &Server, method: Method, path: &str, body: Value) -> (u16, Value) {
    let media =
        if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = http::Request::builder().method(method).uri(path).header("content-type", media);
    let request = request.body(kube::client::Body::from(bytes)).unwrap();
    let response = server.client().send(request).await.unwrap();
    let code = response.status().as_u16();
    let bytes = response.into_body().collect_bytes().await.unwrap();
    (code, serde_json::from_slice(&bytes).unwrap())
}

fn widget(name: &str, rest: &str) -> String {
    format!(
        "apiVersion: conformance.signet.dev/v1\nkind: Widget\nmetadata:\n  name: {name}\n{rest}"
    )
}

fn messages(report: &Report) -> Vec<String> {
    report.problems.iter().map(|problem| problem.message.clone()).collect()
}

#[track_caller]
fn only(report: &Report, file: &str, line: Option<usize>, says: &str) {
    let [problem] = report.problems.as_slice() else { panic!("{:?}", report.problems) };
    let Problem { file: path, line: at, message } = problem;
    assert!(path.ends_with(file), "{problem}");
    assert_eq!(*at, line, "{problem}");
    assert!(message.contains(says), "{problem}");
}

#[tokio::test]
async fn a_file_is_an_object_and_an_edit_of_it_a_change() {
    let mut bench = Bench::new();
    bench.write("apps/a.yaml", &widget("a", "spec:\n  size: 1\n"));
    let report = bench.open();
    assert_eq!((report.objects, report.problems), (1, vec![]));
    let (_, first) = bench.get(&format!("{WIDGETS}/a")).await;
    assert_eq!(first["spec"]["color"], "red", "defaults are filled in");
    assert_eq!(first["metadata"]["generation"], 1);
    bench.write("apps/a.yaml", &widget("a", "spec:\n  size: 2\n"));
    bench.scan();
    let (_, second) = bench.get(&format!("{WIDGETS}/a")).await;
    assert_eq!(second["spec"]["size"], 2);
    assert_eq!(second["metadata"]["generation"], 2);
    assert_eq!(second["metadata"]["uid"], first["metadata"]["uid"]);
    bench.scan();
    let (_, third) = bench.get(&format!("{WIDGETS}/a")).await;
    assert_eq!(third, second, "nothing changed, so nothing was written");
}

#[tokio::test]
async fn documents_lists_and_json_are_manifests_too() {
    let mut bench = Bench::new();
    let two = format!(
        "# first\n---\n{}---\n---\n{}",
        widget("a", "spec: {size: 1}\n"),
        widget("b", "spec: {size: 2}\n")
    );
    bench.write("two.yml", &two);
    bench.write(
        "c.json",
        &json!({ "apiVersion": "conformance.signet.dev/v1", "kind": "Widget",
        "metadata": { "name": "c", "namespace": "apps" }, "spec": { "size": 3 } })
        .to_string(),
    );
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: m}\n";
    bench.write("list.yaml", list);
    let report = bench.open();
    assert_eq!((report.objects, report.problems), (4, vec![]));
    for path in [
        format!("{WIDGETS}/a"),
        format!("{WIDGETS}/b"),
        "/apis/conformance.signet.dev/v1/namespaces/apps/widgets/c".to_owned(),
        "/api/v1/namespaces/default/configmaps/m".to_owned(),
        "/api/v1/namespaces/apps".to_owned(),
    ] {
        assert_eq!(bench.get(&path).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn a_file_that_goes_deletes_its_object_once_finalizers_let_it() {
    let mut bench = Bench::new();
    bench.write("a.yaml", &widget("a", "spec: {size: 1}\n"));
    bench.write("b.yaml", &widget("b", "spec: {size: 1}\n"));
    bench.open();
    let held = json!({ "metadata": { "finalizers": ["x.dev/a"] } });
    assert_eq!(bench.ask(Method::PATCH, &format!("{WIDGETS}/a"), held).await.0, 200);
    bench.remove("a.yaml");
    bench.remove("b.yaml");
    bench.scan();
    assert_eq!(bench.get(&format!("{WIDGETS}/b")).await.0, 404);
    let (_, object) = bench.get(&format!("{WIDGETS}/a")).await;
    assert!(object["metadata"]["deletionTimestamp"].is_string());
    // The file comes back too early: it is taken over when the deletion is done.
    bench.write("a.yaml", &widget("a", "spec: {size: 5}\n"));
    only(&bench.scan(), "a.yaml", Some(1), "still being deleted");
    let free = json!({ "metadata": { "finalizers": null } });
    assert_eq!(bench.ask(Method::PATCH, &format!("{WIDGETS}/a"), free).await.0, 200);
    assert_eq!(bench.scan().problems, vec![]);
    let (_, again) = bench.get(&format!("{WIDGETS}/a")).await;
    assert_eq!(again["spec"]["size"], 5);
    assert_ne!(again["metadata"]["uid"], object["metadata"]["uid"]);
}

#[tokio::test]
async fn an_unknown_field_names_its_line_and_keeps_the_last_good_state() {
    let mut bench = Bench::new();
    bench.write("a.yaml", &widget("a", "spec:\n  size: 1\n"));
    bench.open();
    bench.write("a.yaml", &widget("a", "spec:\n  size: 2\n  parts:\n  - name: p\n    colour: x\n"));
    only(&bench.scan(), "a.yaml", Some(9), "unknown field `spec.parts[0].colour` in Widget `a`");
    let (_, object) = bench.get(&format!("{WIDGETS}/a")).await;
    assert_eq!(object["spec"]["size"], 1);
    bench.write("a.yaml", &widget("a", "spec:\n  size: 99\n"));
    only(&bench.scan(), "a.yaml", Some(6), "spec.size in body should be less than or equal to 10");
    bench.write("a.yaml", &widget("a", "spec:\n  size: 3\n"));
    assert_eq!(bench.scan().problems, vec![]);
    let (_, object) = bench.get(&format!("{WIDGETS}/a")).await;
    assert_eq!(object["spec"]["size"], 3);
}

#[tokio::test]
async fn an_unparsable_file_harms_no_other_and_loses_nothing() {
    let mut bench = Bench::new();
    bench.write("a.yaml", &widget("a", "spec: {size: 1}\n"));
    bench.write("b.yaml", &widget("b", "spec: {size: 1}\n"));
    bench.open();
    bench.write("a.yaml", "a: [\n");
    bench.write("b.yaml", &widget("b", "spec: {size: 2}\n"));
    let report = bench.scan();
    assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
    assert!(report.problems[0].file.ends_with("a.yaml"));
    assert!(report.problems[0].line.is_some());
    assert_eq!(bench.get(&format!("{WIDGETS}/a")).await.0, 200);
    assert_eq!(bench.get(&format!("{WIDGETS}/b")).await.1["spec"]["size"], 2);
    // Not even over a restart.
    bench.open();
    assert_eq!(bench.get(&format!("{WIDGETS}/a")).await.0, 200);
}

#[tokio::test]
async fn an_object_in_two_files_is_told_for_both() {
    let mut bench = Bench::new();
    bench.write("a.yaml", &widget("a", "spec: {size: 1}\n"));
    bench.open();
    bench.write("b.yaml", &widget("a", "spec: {size: 2}\n"));
    let report = bench.scan();
    assert_eq!(report.problems.len(), 2, "{:?}", report.problems);
    for problem in &report.problems {
        assert!(problem.message.contains("a.yaml and b.yaml"), "{problem}");
    }
    assert_eq!(bench.get(&format!("{WIDGETS}/a")).await.1["spec"]["size"], 1);
    bench.remove("a.yaml");
    assert_eq!(bench.scan().problems, vec![]);
    assert_eq!(bench.get(&format!("{WIDGETS}/a")).await.1["spec"]["size"], 2);
}

#[tokio::test]
async fn what_controllers_wrote_lives_in_the_store() {
    let mut bench = Bench::new();
    let text = |note: &str| {
        let text = widget("a", "  annotations: {NOTE}\n  labels: {app: web}\nspec: {size: 1}\n");
        text.replace("NOTE", note)
    };
    bench.write("a.yaml", &text("from: file, kept: \"1\""));
    bench.open();
    let path = format!("{WIDGETS}/a");
    let change =
        json!({ "metadata": { "annotations": { "by": "controller" }, "finalizers": ["x.dev/a"] } });
    assert_eq!(bench.ask(Method::PATCH, &path, change).await.0, 200);
    let status = json!({ "status": { "phase": "Ready" } });
    let (code, before) = bench.ask(Method::PATCH, &format!("{path}/status"), status).await;
    assert_eq!(code, 200);
    bench.open();
    let (_, after) = bench.get(&path).await;
    assert_eq!(after, before, "a restart changes nothing");
    bench.write("a.yaml", &text("from: edit"));
    bench.scan();
    let (_, edited) = bench.get(&path).await;
    assert_eq!(edited["metadata"]["annotations"], json!({ "by": "controller", "from": "edit" }));
    assert_eq!(edited["metadata"]["finalizers"], json!(["x.dev/a"]));
    assert_eq!(edited["metadata"]["labels"], json!({ "app": "web" }));
    assert_eq!(edited["status"]["phase"], "Ready");
    assert_eq!(edited["metadata"]["generation"], 1);
}

#[tokio::test]
async fn clients_cannot_write_what_the_file_says() {
    let mut bench = Bench::new();
    bench.write("a.yaml", &widget("a", "spec: {size: 1}\n"));
    bench.open();
    let path = format!("{WIDGETS}/a");
    for change in
        [json!({ "spec": { "size": 2 } }), json!({ "metadata": { "labels": { "a": "b" } } })]
    {
        let (code, status) = bench.ask(Method::PATCH, &path, change).await;
        assert_eq!((code, &status["reason"]), (405, &json!("MethodNotAllowed")));
        assert!(status["message"].as_str().unwrap().contains("edit the file instead"));
    }
    let (code, status) = bench.ask(Method::DELETE, &path, Value::Null).await;
    assert_eq!(code, 405);
    assert!(status["message"].as_str().unwrap().contains("delete the file instead"));
    assert_eq!(bench.ask(Method::DELETE, WIDGETS, Value::Null).await.0, 405);
    assert_eq!(bench.get(&path).await.0, 200);
}

#[tokio::test]
async fn what_nobody_serves_is_counted_and_hidden_places_are_not_looked_at() {
    let mut bench = Bench::new();
    bench.write("deploy.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n");
    bench.write("values.yaml", "image: x\n");
    bench.write(".hidden/a.yaml", &widget("a", "spec: {size: 1}\n"));
    bench.write(".b.yaml", &widget("b", "spec: {size: 1}\n"));
    bench.write("notes.txt", "a: [\n");
    let report = bench.open();
    assert_eq!((report.objects, report.problems), (0, vec![]));
    let skipped: Vec<(String, usize)> = report.skipped.into_iter().collect();
    let expected =
        [("apps/v1, Deployment".to_owned(), 1), ("not a Kubernetes object".to_owned(), 1)];
    assert_eq!(skipped, expected);
}

#[tokio::test]
async fn secrets_are_files_that_the_other_daemon_reads() {
    let mut bench = Bench::new();
    bench.open();
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s",
        "labels": { "on": "yes" } }, "stringData": { "key.json": "value: \"x\"" } });
    assert_eq!(bench.ask(Method::POST, SECRETS, secret).await.0, 201);
    let file = bench.place("sealer").join("secrets/default/s.yaml");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&bench.place("sealer")), 0o700);
    assert_eq!(mode(&bench.place("sealer").join("store.redb")), 0o600);
    let other = Server::open(bench.options("imagebot")).unwrap();
    let (code, read) = ask(&other, Method::GET, &format!("{SECRETS}/s"), Value::Null).await;
    assert_eq!(code, 200);
    assert_eq!(read["data"], json!({ "key.json": "dmFsdWU6ICJ4Ig==" }));
    assert_eq!(read["metadata"]["labels"], json!({ "on": "yes" }));
    let change = json!({ "stringData": { "key.json": "mine" } });
    let (code, _) = ask(&other, Method::PATCH, &format!("{SECRETS}/s"), change).await;
    assert_eq!(code, 405, "only its owner writes it");
    assert!(!bench.place("imagebot").join("secrets/default/s.yaml").exists());
    bench.ask(Method::DELETE, &format!("{SECRETS}/s"), Value::Null).await;
    assert!(!file.exists());
    other.scan(None).unwrap();
    assert_eq!(ask(&other, Method::GET, &format!("{SECRETS}/s"), Value::Null).await.0, 404);
}

#[tokio::test]
async fn a_secret_in_a_file_is_input_and_never_taken_over() {
    let mut bench = Bench::new();
    bench.open();
    let made = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s" } });
    bench.ask(Method::POST, SECRETS, made).await;
    bench
        .write("s.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n");
    bench
        .write("t.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: t}\nstringData: {a: b}\n");
    only(&bench.scan(), "s.yaml", Some(1), "Secret `s` was already made by a controller");
    assert_eq!(bench.get(&format!("{SECRETS}/t")).await.1["data"], json!({ "a": "Yg==" }));
    assert!(!bench.place("sealer").join("secrets/default/t.yaml").exists());
    bench.ask(Method::DELETE, &format!("{SECRETS}/s"), Value::Null).await;
    assert_eq!(bench.scan().problems, vec![]);
    assert_eq!(bench.get(&format!("{SECRETS}/s")).await.1["data"], json!({ "a": "Yg==" }));
}

#[tokio::test]
async fn an_encrypted_secret_waits_for_its_key() {
    let mut bench = Bench::new();
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: \"ENC[x]\"}\nsops: {mac: x}\n";
    bench.write("s.yaml", text);
    only(&bench.open(), "s.yaml", Some(1), "encrypted with SOPS");
    let expected = text.trim_end().to_owned();
    let locked: embedded::Decrypt = Arc::new(|_, _| Err("no key decrypts it".to_owned()));
    bench.server().scan(Some(&locked)).unwrap();
    assert_eq!(bench.get(&format!("{SECRETS}/s")).await.0, 404);
    // A key arrives, which moves the API on.
    let key = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "key" } });
    bench.ask(Method::POST, SECRETS, key).await;
    let open: embedded::Decrypt = Arc::new(move |_, found| {
        assert_eq!(found.trim_end(), expected);
        Ok(vec![json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s" },
            "stringData": { "a": "plain" }, "sops": {} })])
    });
    bench.server().scan(Some(&open)).unwrap();
    assert_eq!(bench.report().problems, vec![]);
    assert_eq!(bench.get(&format!("{SECRETS}/s")).await.1["data"], json!({ "a": "cGxhaW4=" }));
}

#[tokio::test]
async fn what_was_encrypted_together_is_decrypted_together() {
    let document = |kind: &str, name: &str, mac: &str| {
        format!(
            "apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\nstringData: {{a: b}}\nsops: {{mac: {mac}}}\n"
        )
    };
    let joined = |documents: &[String]| documents.join("---\n");
    let together = [
        document("Secret", "one", "x"),
        document("ConfigMap", "two", "x"),
        document("Secret", "three", "x"),
    ];
    let alone = document("Secret", "four", "y");
    let plain = "apiVersion: v1\nkind: Secret\nmetadata: {name: five}\n".to_owned();
    let mut bench = Bench::new();
    bench.open();
    bench.write("s.yaml", &joined(&[joined(&together), plain, alone.clone()]));

    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let open: embedded::Decrypt = Arc::new(move |_, text| {
        log.lock().unwrap().push(text.trim_end().to_owned());
        let names = text.lines().filter_map(|line| line.strip_prefix("metadata: {name: "));
        let secret = |name: &str| {
            json!({ "apiVersion": "v1", "kind": "Secret", "sops": {},
                "metadata": { "name": name.trim_end_matches('}') }, "stringData": { "a": "plain" } })
        };
        Ok(names.map(secret).collect())
    });
    bench.server().scan(Some(&open)).unwrap();
    assert_eq!(bench.report().problems, vec![]);
    let asked = std::mem::take(&mut *asked.lock().unwrap());
    assert_eq!(asked, [joined(&together).trim_end(), &format!("---\n{}", alone.trim_end())]);
    for (name, status) in [("one", 200), ("two", 404), ("three", 200), ("four", 200), ("five", 200)]
    {
        assert_eq!(bench.get(&format!("{SECRETS}/{name}")).await.0, status, "{name}");
    }
}

#[tokio::test]
async fn a_store_belongs_to_one_process() {
    let mut bench = Bench::new();
    bench.open();
    let err = Server::open(bench.options("sealer")).unwrap_err();
    let told = std::error::Error::source(&err).unwrap().to_string();
    assert!(told.contains("is in use by another process"), "{told}");
}

#[tokio::test]
async fn versions_grow_over_restarts() {
    let mut bench = Bench::new();
    bench.open();
    let version = |list: &Value| {
        list["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap()
    };
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s" } });
    let (_, made) = bench.ask(Method::POST, SECRETS, secret).await;
    bench.open();
    assert!(version(&bench.get(SECRETS).await.1) >= version(&made));
    let (_, read) = bench.get(&format!("{SECRETS}/s")).await;
    assert_eq!(read, made);
    let change = json!({ "metadata": { "labels": { "a": "b" } } });
    let (_, patched) = bench.ask(Method::PATCH, &format!("{SECRETS}/s"), change).await;
    assert!(version(&patched) > version(&made));
}

#[tokio::test]
async fn a_damaged_store_is_moved_aside_and_secrets_survive() {
    let mut bench = Bench::new();
    bench.write("a.yaml", &widget("a", "spec: {size: 1}\n"));
    bench.open();
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s" },
        "type": "x/y", "stringData": { "a": "b" } });
    bench.ask(Method::POST, SECRETS, secret).await;
    bench.server = None;
    let store = bench.place("sealer").join("store.redb");
    let size = usize::try_from(fs::metadata(&store).unwrap().len()).unwrap();
    fs::write(&store, vec![0x5a; size]).unwrap();
    let report = bench.open();
    only(&report, "store.redb", None, "was damaged and is now");
    assert_eq!(bench.get(&format!("{WIDGETS}/a")).await.0, 200);
    let (_, read) = bench.get(&format!("{SECRETS}/s")).await;
    assert_eq!((&read["data"], &read["type"]), (&json!({ "a": "Yg==" }), &json!("x/y")));
    let aside = fs::read_dir(bench.place("sealer")).unwrap().flatten();
    assert!(aside.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("damaged")));
}

#[tokio::test]
async fn edits_are_picked_up_while_running() {
    let mut bench = Bench::new();
    bench.open();
    let mut reports = bench.server().problems();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let edit = async {
        reports.mark_unchanged();
        bench.write("a.yaml", &widget("a", "spec: {size: 1}\n"));
        tokio::time::timeout(Duration::from_secs(20), reports.changed()).await.unwrap().unwrap();
        assert_eq!(bench.get(&format!("{WIDGETS}/a")).await.0, 200);
        stop.send(()).unwrap();
    };
    let shutdown = async {
        stopped.await.unwrap();
    };
    tokio::join!(bench.server().run(None, shutdown), edit);
}

#[tokio::test]
async fn a_place_that_git_would_commit_is_refused() {
    let bench = Bench::new();
    fs::create_dir(bench.directory.path().join(".git")).unwrap();
    let mut options = bench.options("sealer");
    options.state = bench.directory.path().join("state");
    assert!(matches!(Server::open(options.clone()), Err(embedded::Error::Place(_))));
    bench.write(".gitignore", "state/\n");
    let server = Server::open(options).unwrap();
    assert!(messages(&server.problems().borrow()).is_empty());
}

#[tokio::test]
async fn events_are_kept_for_an_hour() {
    let mut bench = Bench::new();
    bench.open();
    let path = "/apis/events.k8s.io/v1/namespaces/default/events";
    let event = |name: &str, last: &str| {
        json!({ "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": { "name": name },
            "eventTime": "2026-01-02T00:00:00.000000Z", "reason": "x", "action": "x",
            "type": "Normal", "reportingController": "x/y", "reportingInstance": "x",
            "series": { "count": 2, "lastObservedTime": last } })
    };
    bench.ask(Method::POST, path, event("new", "2026-01-02T03:30:00.000000Z")).await;
    bench.ask(Method::POST, path, event("old", "2026-01-02T01:00:00.000000Z")).await;
    // What the server itself dates is new; an hour later only the repeated one is.
    bench.server = None;
    let mut options = bench.options("sealer");
    options.clock = || "2026-01-02T04:04:00Z".parse().unwrap();
    bench.server = Some(Server::open(options.clone()).unwrap());
    assert_eq!(bench.get(&format!("{path}/old")).await.0, 200);
    bench.server = None;
    options.clock = || "2026-01-02T04:05:30Z".parse().unwrap();
    bench.server = Some(Server::open(options).unwrap());
    assert_eq!(bench.get(&format!("{path}/old")).await.0, 404);
    assert_eq!(bench.get(&format!("{path}/new")).await.0, 200);
}

#[tokio::test]
async fn a_list_whose_snapshot_is_gone_expires() {
    let mut bench = Bench::new();
    bench.open();
    let secret =
        |name: &str| json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name } });
    bench.ask(Method::POST, SECRETS, secret("a")).await;
    bench.ask(Method::POST, SECRETS, secret("b")).await;
    let (_, first) = bench.get(&format!("{SECRETS}?limit=1")).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    let next = format!("{SECRETS}?limit=1&continue={token}");
    assert_eq!(bench.get(&next).await.0, 200);
    for turn in 0..40 {
        bench.ask(Method::POST, SECRETS, secret(&format!("c{turn}"))).await;
        bench.get(&format!("{SECRETS}?limit=1")).await;
    }
    let (code, status) = bench.get(&next).await;
    assert_eq!((code, &status["reason"]), (410, &json!("Expired")));
}
