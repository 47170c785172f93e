//! Promises of the driver, held against the embedded API.

use std::{
    collections::BTreeMap,
    future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::Request;
use futures::channel::mpsc;
use jiff::Timestamp;
use k8s_openapi::{
    api::events::v1::Event as ApiEvent, apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, Client, CustomResource, CustomResourceExt, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    client::Body,
    runtime::reflector::ObjectRef,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    Class, Classify, Core, Object, Reconciler, Report, Scope, Tasks, Watched,
    clock::Clock,
    condition, drive,
    error::Failure,
    event::{Event, Events},
    lease::Fence,
    metrics::Metrics,
};

/// Does what its spec says.
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Clone, Debug)]
#[kube(group = "test.signet.dev", version = "v1", kind = "Widget", namespaced)]
#[kube(status = "WidgetStatus")]
struct WidgetSpec {
    /// `well`, or how to fail.
    act: String,
}

/// What became of it.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
struct WidgetStatus {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<Condition>,
}

#[derive(Debug, thiserror::Error)]
#[error("it failed as `{0}`")]
struct Broken(String);

impl Classify for Broken {
    fn class(&self) -> Class {
        match self.0.as_str() {
            "stalled" => Class::Stalled,
            "waiting" => Class::Waiting,
            _ => Class::Transient,
        }
    }

    fn reason(&self) -> &'static str {
        "Broken"
    }
}

/// Counts what it is asked to do.
#[derive(Default)]
struct Widgets {
    applied: Mutex<BTreeMap<String, u32>>,
    cleaned: AtomicBool,
}

impl Widgets {
    fn times(&self, name: &str) -> u32 {
        self.applied.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}

impl Reconciler for Widgets {
    type Object = Widget;
    type Valid = String;
    type Observed = ();
    type Plan = ();
    type Applied = u32;
    type Error = Broken;

    const NAME: &'static str = "widget";
    const FINALIZER: Option<&'static str> = Some("test.signet.dev/widget");

    fn suspended(&self, object: &Widget) -> bool {
        object.spec.act == "suspended"
    }

    fn validate(&self, object: &Widget) -> Result<String, Broken> {
        match object.spec.act.as_str() {
            "stalled" => Err(Broken("stalled".to_owned())),
            act => Ok(act.to_owned()),
        }
    }

    async fn observe(&self, _: &Widget, _: &String) -> Result<(), Broken> {
        Ok(())
    }

    fn decide(&self, _: &Widget, _: &String, (): ()) -> Result<(), Broken> {
        Ok(())
    }

    async fn apply(&self, object: &Widget, act: &String, (): ()) -> Result<u32, Broken> {
        let times = {
            let mut applied = self.applied.lock().unwrap();
            let times = applied.entry(object.name_any()).or_default();
            *times += 1;
            *times
        };
        match act.as_str() {
            "well" => Ok(times),
            "panic" => panic!("as asked"),
            act => Err(Broken(act.to_owned())),
        }
    }

    fn report(&self, object: &Widget, outcome: Result<&u32, &Broken>, now: Timestamp) -> Report {
        let old = object.status.clone().unwrap_or_default().conditions;
        let generation = object.meta().generation.unwrap_or_default();
        let conditions = match outcome {
            Ok(_) => condition::ready(old, "Succeeded", "done", generation, now),
            Err(error) => condition::failed(old, &Failure::of(error), generation, now),
        };
        let report = Report::status(&WidgetStatus { conditions });
        match outcome {
            Ok(1) => report.telling(Event::normal("Made", "made it")),
            _ => report,
        }
    }

    async fn cleanup(&self, _: &Widget) -> Result<(), Broken> {
        self.cleaned.store(true, Ordering::SeqCst);
        Ok(())
    }
}

/// An embedded API, and drivers that live as long as it.
struct Bench {
    server: embedded::Server,
    _state: tempfile::TempDir,
    api: Api<Widget>,
}

/// One run of the driver: dropping it is a crash.
struct Run {
    widgets: Arc<Widgets>,
    core: Core,
    wake: mpsc::UnboundedSender<ObjectRef<Widget>>,
    _tasks: JoinSet<()>,
}

impl Bench {
    fn open() -> Self {
        let state = tempfile::tempdir().unwrap();
        let server = embedded::Server::open(embedded::Options {
            directory: None,
            state: state.path().to_owned(),
            owner: "test".to_owned(),
            crds: vec![Widget::crd()],
            clock: || Clock::system().now(),
        })
        .unwrap();
        let api = Widget::api(server.client(), Some("default"));
        Self { server, _state: state, api }
    }

    fn run(&self) -> Run {
        Run::on(self.server.client())
    }

    /// A client whose status writes never end.
    fn stuck(&self) -> Client {
        let inner = self.server.client();
        let service = tower::service_fn(move |request: Request<Body>| {
            let inner = inner.clone();
            async move {
                if request.uri().path().ends_with("/status") {
                    future::pending::<()>().await;
                }
                inner.send(request).await
            }
        });
        Client::new(service, "default")
    }

    async fn create(&self, name: &str, act: &str) {
        let widget = Widget::new(name, WidgetSpec { act: act.to_owned() });
        self.api.create(&PostParams::default(), &widget).await.unwrap();
    }

    async fn act(&self, name: &str, act: &str) {
        let patch = Patch::Merge(json!({ "spec": { "act": act } }));
        self.api.patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// The status of `Ready`, and the reason.
    async fn ready(&self, name: &str) -> Option<(String, String)> {
        let conditions = self.api.get(name).await.ok()?.status?.conditions;
        let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready")?;
        Some((ready.status, ready.reason))
    }

    async fn events(&self) -> Vec<String> {
        let api: Api<ApiEvent> = Api::namespaced(self.server.client(), "default");
        let events = api.list(&ListParams::default()).await.unwrap();
        events.items.into_iter().filter_map(|event| event.reason).collect()
    }
}

impl Run {
    fn on(client: Client) -> Self {
        let core = Core {
            events: Events::new(client.clone(), "test", "test-0", Clock::system()),
            replica: client.clone(),
            fence: Fence::default(),
            client,
            scope: Scope::default(),
            metrics: Metrics::default(),
            clock: Clock::system(),
            concurrency: 4,
        };
        let mut tasks = Tasks::default();
        let objects: Watched<Widget> = core.watch(&mut tasks);
        let widgets = Arc::new(Widgets::default());
        let (wake, wakes) = mpsc::unbounded();
        tasks.add("widgets", drive(core.clone(), widgets.clone(), objects, wakes));
        let mut running = JoinSet::new();
        for (_, task) in tasks {
            running.spawn(task);
        }
        Self { widgets, core, wake, _tasks: running }
    }

    fn writes(&self) -> f64 {
        let page = self.core.metrics.render();
        let line = page.lines().find(|line| line.starts_with("signet_status_writes_total{"));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
    }
}

/// Polls until the expression is true.
macro_rules! until {
    ($what:expr, $holds:expr) => {{
        let mut left = 500;
        while !$holds {
            left -= 1;
            assert!(left > 0, "not within five seconds: {}", $what);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }};
}

fn succeeded() -> (String, String) {
    ("True".to_owned(), "Succeeded".to_owned())
}

fn broken() -> (String, String) {
    ("False".to_owned(), "Broken".to_owned())
}

#[tokio::test]
async fn a_settled_object_writes_nothing() {
    let bench = Bench::open();
    let run = bench.run();
    bench.create("one", "well").await;
    until!("ready", bench.ready("one").await == Some(succeeded()));
    let settled = bench.api.get("one").await.unwrap().resource_version();
    run.wake.unbounded_send(ObjectRef::new("one").within("default")).unwrap();
    until!("the second look", run.widgets.times("one") >= 2);
    assert_eq!(bench.api.get("one").await.unwrap().resource_version(), settled);
    assert_eq!(bench.events().await, ["Made"]);
}

#[tokio::test]
async fn a_restart_writes_nothing() {
    let bench = Bench::open();
    let first = bench.run();
    for name in ["one", "two"] {
        bench.create(name, "well").await;
        until!("ready", bench.ready(name).await == Some(succeeded()));
    }
    drop(first);
    let second = bench.run();
    until!("both again", second.widgets.times("one") + second.widgets.times("two") == 2);
    assert!(second.writes() < 0.5, "{} status writes", second.writes());
}

#[tokio::test]
async fn a_panic_stays_in_its_object() {
    let bench = Bench::open();
    let run = bench.run();
    bench.create("bad", "panic").await;
    until!("the panic", run.widgets.times("bad") > 0);
    bench.create("good", "well").await;
    until!("the other", bench.ready("good").await == Some(succeeded()));
    assert!(run.core.metrics.render().contains("controller_runtime_reconcile_panics_total"));
}

#[tokio::test]
async fn a_stalled_object_waits_for_its_author() {
    let bench = Bench::open();
    let run = bench.run();
    bench.create("one", "stalled").await;
    until!("stalled", bench.ready("one").await == Some(broken()));
    assert_eq!(run.widgets.times("one"), 0, "an invalid object must cost nothing");
    bench.act("one", "well").await;
    until!("mended", bench.ready("one").await == Some(succeeded()));
}

#[tokio::test]
async fn a_transient_failure_is_tried_again_and_told_once() {
    let bench = Bench::open();
    let run = bench.run();
    bench.create("one", "transient").await;
    until!("tried twice", run.widgets.times("one") >= 2);
    assert_eq!(bench.ready("one").await, Some(broken()));
    assert_eq!(bench.events().await, ["Broken"]);
    assert!(run.writes() < 1.5, "{} status writes", run.writes());
}

#[tokio::test]
async fn a_failure_is_told_even_if_the_process_ends_before_its_status_is_written() {
    let bench = Bench::open();
    let dying = Run::on(bench.stuck());
    bench.create("one", "stalled").await;
    until!("told", bench.events().await == ["Broken"]);
    drop(dying);
    assert_eq!(bench.ready("one").await, None);
    let _next = bench.run();
    until!("written", bench.ready("one").await == Some(broken()));
    assert_eq!(bench.events().await, ["Broken", "Broken"]);
}

#[tokio::test]
async fn a_deleted_object_is_cleaned_up_before_it_goes() {
    let bench = Bench::open();
    let run = bench.run();
    bench.create("one", "well").await;
    until!("ready", bench.ready("one").await == Some(succeeded()));
    bench.api.delete("one", &DeleteParams::default()).await.unwrap();
    until!("gone", bench.api.get_opt("one").await.unwrap().is_none());
    assert!(run.widgets.cleaned.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_suspended_object_is_left_alone() {
    let bench = Bench::open();
    let run = bench.run();
    bench.create("still", "suspended").await;
    bench.create("one", "well").await;
    until!("the other", bench.ready("one").await == Some(succeeded()));
    assert_eq!((run.widgets.times("still"), bench.ready("still").await), (0, None));
}

#[tokio::test]
async fn other_news_of_the_same_reason_is_told_and_the_same_news_is_counted() {
    let bench = Bench::open();
    let run = bench.run();
    bench.create("one", "suspended").await;
    let widget = bench.api.get("one").await.unwrap();
    for message in ["pushed a", "pushed b", "pushed b", "pushed b"] {
        run.core.events.publish(&widget, &Event::normal("Pushed", message)).await;
    }
    let api: Api<ApiEvent> = Api::namespaced(bench.server.client(), "default");
    let events = api.list(&ListParams::default()).await.unwrap();
    let counts: BTreeMap<_, _> = events
        .into_iter()
        .map(|event| (event.note.unwrap(), event.series.map_or(1, |series| series.count)))
        .collect();
    assert_eq!(counts, BTreeMap::from([("pushed a".to_owned(), 1), ("pushed b".to_owned(), 3)]));
}

#[tokio::test]
async fn queued_news_goes_out_to_the_last_and_what_is_too_much_is_counted() {
    const QUEUE: usize = 4096;
    let bench = Bench::open();
    let run = bench.run();
    bench.create("one", "suspended").await;
    let widget = bench.api.get("one").await.unwrap();
    let told = |events: Events, messages: usize| {
        let widget = widget.clone();
        async move {
            for message in 0..messages {
                events.publish(&widget, &Event::normal("Pushed", format!("{message}"))).await;
            }
        }
    };

    let metrics = Metrics::default();
    let (events, delivery) = run.core.events.clone().queued(&metrics);
    told(events.clone(), 60).await;
    assert_eq!(bench.events().await, Vec::<String>::new(), "nobody waited for them");
    events.finish();
    delivery.await;
    assert_eq!(bench.events().await.len(), 60);

    let metrics = Metrics::default();
    let (events, _delivery) = run.core.events.clone().queued(&metrics);
    told(events, QUEUE + 3).await;
    assert!(metrics.render().contains("signet_events_dropped_total 3"), "{}", metrics.render());
}
