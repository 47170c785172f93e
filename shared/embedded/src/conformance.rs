//! Checks that hold for this API and for a real kube-apiserver alike.
//!
//! Each is a promise that controllers rely on, asked over plain HTTP so that it is the wire that is
//! checked. A check has its namespace for itself. Where the two disagree, the real one is right.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use futures::{AsyncBufReadExt as _, StreamExt as _, io::Lines, stream::BoxStream};
use http::{Method, header};
use kube::Client;
use serde_json::{Value, json};

mod apply;
mod create;
mod definitions;
mod delete;
mod discovery;
mod list;
mod owners;
mod patch;
mod schema;
mod secret;
mod update;
mod watch;

pub use definitions::definitions;

/// How long a check waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a server did that a kube-apiserver does not.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Mismatch(String);

/// What a check gives back.
pub type Outcome<T = ()> = Result<T, Mismatch>;

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One promise.
#[derive(Clone, Copy)]
pub struct Check {
    /// The promise, as a name.
    pub name: &'static str,
    run: fn(Probe) -> Running,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

impl Check {
    /// Runs the check in a namespace that exists and is empty. On a real server [`definitions`]
    /// must have been established.
    pub async fn run(&self, client: Client, namespace: &str) -> Outcome {
        (self.run)(Probe { client, namespace: namespace.to_owned() }).await
    }
}

macro_rules! checks {
    ($($module:ident: $($name:ident),+ $(,)?;)+) => {
        vec![$($(Check { name: stringify!($name), run: |probe| Box::pin($module::$name(probe)) },)+)+]
    };
}

/// All checks.
pub fn checks() -> Vec<Check> {
    checks! {
        create: a_create_sets_what_the_server_owns, a_taken_name_is_refused,
            a_generated_name_begins_with_its_base, a_body_of_another_kind_is_refused,
            a_name_is_validated, labels_are_validated, a_create_with_a_version_is_refused,
            a_dry_run_keeps_nothing, a_missing_object_is_not_found, an_unknown_resource_is_not_found,
            a_put_creates_what_may_be_created_so, every_version_answers_in_itself;
        update: a_stale_update_conflicts, a_foreign_uid_conflicts, a_missing_version_is_refused,
            a_write_of_the_same_changes_nothing, the_generation_counts_spec_changes_only,
            the_status_is_written_through_its_subresource_only,
            the_status_subresource_writes_nothing_else, a_create_drops_the_status,
            system_fields_cannot_be_changed, a_wrong_name_in_the_body_is_refused,
            a_lease_changes_hands_by_compare_and_swap, an_unconditional_update_overwrites,
            a_config_map_can_be_immutable;
        patch: a_merge_patch_merges_and_removes, a_json_patch_tests_before_it_writes,
            a_test_for_null_holds_on_a_missing_path, a_json_patch_fails_as_a_whole,
            a_stale_patch_conflicts, a_strategic_patch_is_for_built_in_kinds,
            a_patch_cannot_rename, a_patch_that_changes_nothing_changes_nothing,
            a_patch_of_the_status_stays_there, a_patch_of_what_is_not_there_is_not_found;
        apply: an_apply_creates, an_apply_removes_what_it_no_longer_says,
            an_apply_conflicts_with_another_manager, a_forced_apply_takes_over,
            an_apply_of_the_same_changes_nothing, managers_share_what_they_agree_on,
            an_update_takes_fields_over, an_apply_needs_a_manager,
            an_apply_refuses_unknown_fields, an_apply_merges_keyed_lists,
            an_apply_of_the_status_leaves_the_spec, an_applied_finalizer_joins_the_others;
        delete: a_delete_answers_what_is_gone, a_finalizer_holds_a_delete_up,
            no_finalizer_joins_a_deletion, a_deletion_happens_once,
            delete_preconditions_are_checked, a_collection_is_deleted_by_selector,
            a_wrong_policy_is_refused;
        owners: what_is_owned_goes_with_its_owner, one_living_owner_is_enough,
            an_owner_with_another_uid_is_no_owner, orphans_stay, dependents_go_first_when_asked;
        list: labels_select, fields_select, declared_fields_select, unknown_fields_are_refused,
            a_malformed_selector_is_refused, pages_are_one_consistent_list,
            a_foreign_continue_token_is_refused, metadata_alone_can_be_listed,
            one_object_can_be_read_as_metadata, a_version_of_the_future_times_out,
            version_rules_are_enforced, namespaces_are_apart, an_unknown_form_is_not_acceptable;
        watch: a_watch_tells_every_change, a_watch_begins_after_its_version,
            a_watch_without_a_version_begins_with_the_state, a_selector_is_crossed,
            a_field_selector_is_crossed, a_streamed_list_ends_with_a_bookmark,
            a_streamed_list_needs_its_options, history_that_is_gone_is_gone,
            metadata_alone_can_be_watched, a_watch_ends_in_time, a_watch_sees_its_namespace_only;
        schema: defaults_are_filled_in, unknown_fields_are_pruned, strict_requests_name_unknown_fields,
            what_is_kept_unknown_is_kept, wrong_values_name_their_fields, nulls_are_what_they_are_allowed,
            keyed_lists_hold_no_duplicates, warnings_name_unknown_fields;
        secret: plain_text_becomes_data, a_typed_secret_has_its_keys, malformed_base64_is_refused,
            the_type_of_a_secret_stays, wrong_types_are_bad_requests, data_keys_are_validated;
        discovery: versions_are_discovered, resources_are_discovered,
            groups_are_discovered_at_once, definitions_can_be_read, both_event_kinds_are_one,
            the_finalizer_of_kube_works, the_version_is_told;
    }
}

/// A client of the server that is checked.
pub(crate) struct Probe {
    client: Client,
    namespace: String,
}

/// An answer.
pub(crate) struct Reply {
    asked: String,
    code: u16,
    body: Value,
    warnings: Vec<String>,
}

/// The media types of patches.
const MERGE: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";
const JSON: &str = "application/json";

impl Probe {
    /// The widgets of this check, as `v1`.
    fn widgets(&self) -> String {
        format!("/apis/conformance.signet.dev/v1/namespaces/{}/widgets", self.namespace)
    }

    fn core(&self, plural: &str) -> String {
        format!("/api/v1/namespaces/{}/{plural}", self.namespace)
    }

    async fn get(&self, path: &str) -> Outcome<Reply> {
        self.send(Method::GET, path, (JSON, JSON), &Value::Null).await
    }

    async fn get_as(&self, path: &str, accept: &str) -> Outcome<Reply> {
        self.send(Method::GET, path, (JSON, accept), &Value::Null).await
    }

    async fn post(&self, path: &str, body: &Value) -> Outcome<Reply> {
        self.send(Method::POST, path, (JSON, JSON), body).await
    }

    async fn put(&self, path: &str, body: &Value) -> Outcome<Reply> {
        self.send(Method::PUT, path, (JSON, JSON), body).await
    }

    async fn patch(&self, path: &str, media: &str, body: &Value) -> Outcome<Reply> {
        self.send(Method::PATCH, path, (media, JSON), body).await
    }

    async fn delete(&self, path: &str, options: &Value) -> Outcome<Reply> {
        self.send(Method::DELETE, path, (JSON, JSON), options).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        (media, accept): (&str, &str),
        body: &Value,
    ) -> Outcome<Reply> {
        let asked = format!("{method} {path}");
        let failed = |err: &dyn fmt::Display| Mismatch(format!("{asked}: {err}"));
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = http::Request::builder()
            .method(method.clone())
            .uri(path)
            .header(header::CONTENT_TYPE, media)
            .header(header::ACCEPT, accept)
            .body(kube::client::Body::from(bytes))
            .map_err(|err| failed(&err))?;
        let response = self.client.send(request).await.map_err(|err| failed(&err))?;
        let code = response.status().as_u16();
        let warnings = response.headers().get_all(header::WARNING).iter();
        let warnings =
            warnings.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
        let bytes = response.into_body().collect_bytes().await.map_err(|err| failed(&err))?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::String(text));
        Ok(Reply { asked, code, body, warnings })
    }

    /// Creates a widget.
    async fn widget(&self, name: &str, spec: Value) -> Outcome<Value> {
        self.post(&self.widgets(), &widget(name, spec)).await?.is(201)
    }

    /// Creates a config map with labels.
    async fn config_map(&self, name: &str, labels: Value) -> Outcome<Value> {
        let body = json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": name, "labels": labels }, "data": { "a": "1" } });
        self.post(&self.core("configmaps"), &body).await?.is(201)
    }

    /// Starts a watch.
    async fn watch(&self, path: &str) -> Outcome<Events> {
        self.watch_as(path, JSON).await
    }

    async fn watch_as(&self, path: &str, accept: &str) -> Outcome<Events> {
        let failed = |err: &dyn fmt::Display| Mismatch(format!("watch of {path}: {err}"));
        let request = http::Request::get(path)
            .header(header::ACCEPT, accept)
            .header(header::ACCEPT_ENCODING, "identity")
            .body(Vec::new())
            .map_err(|err| failed(&err))?;
        let stream = self.client.request_stream(request).await.map_err(|err| failed(&err))?;
        Ok(Events { lines: lines(stream) })
    }

    /// Waits until an object is gone.
    async fn gone(&self, collection: &str, object: &Value) -> Outcome {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let path = format!(
            "{collection}?watch=true&timeoutSeconds=60&fieldSelector=metadata.name%3D{name}\
             &resourceVersion={version}"
        );
        let mut events = self.watch(&path).await?;
        loop {
            if events.next().await?["type"] == "DELETED" {
                return Ok(());
            }
        }
    }
}

fn lines(stream: impl futures::AsyncBufRead + Send + 'static) -> BoxStream<'static, String> {
    let lines: Lines<_> = Box::pin(stream).lines();
    lines.filter_map(|line| async { line.ok().filter(|line| !line.is_empty()) }).boxed()
}

/// The events of a watch.
struct Events {
    lines: BoxStream<'static, String>,
}

impl Events {
    /// The next event that is not a plain bookmark.
    async fn next(&mut self) -> Outcome<Value> {
        loop {
            let ended = || Mismatch("the watch ended".to_owned());
            let event = self.maybe_next().await?.ok_or_else(ended)?;
            let marked = event["object"]["metadata"]["annotations"].is_object();
            if event["type"] != "BOOKMARK" || marked {
                return Ok(event);
            }
        }
    }

    async fn maybe_next(&mut self) -> Outcome<Option<Value>> {
        let late = |_| Mismatch(format!("no event within {} s", PATIENCE.as_secs()));
        let line = tokio::time::timeout(PATIENCE, self.lines.next()).await.map_err(late)?;
        let broken = |err| Mismatch(format!("an event is not JSON: {err}"));
        line.map(|line| serde_json::from_str(&line).map_err(broken)).transpose()
    }

    /// The next event is of this type, about this object.
    async fn expect(&mut self, kind: &str, name: &str) -> Outcome<Value> {
        let event = self.next().await?;
        let found = (&event["type"], &event["object"]["metadata"]["name"]);
        same("the event", &json!([found.0, found.1]), &json!([kind, name]))?;
        Ok(event["object"].clone())
    }
}

impl Reply {
    /// The body of an answer with this code.
    fn is(self, code: u16) -> Outcome<Value> {
        if self.code == code {
            return Ok(self.body);
        }
        let told =
            self.body["message"].as_str().map_or_else(|| self.body.to_string(), str::to_owned);
        Err(Mismatch(format!("{}: {} instead of {code}: {told}", self.asked, self.code)))
    }

    /// A failure with this code and reason; gives its message.
    fn fails(self, code: u16, reason: &str) -> Outcome<String> {
        let asked = self.asked.clone();
        let body = self.is(code)?;
        same(&format!("{asked}: the reason"), &body["reason"], &json!(reason))?;
        Ok(body["message"].as_str().unwrap_or_default().to_owned())
    }
}

fn widget(name: &str, spec: Value) -> Value {
    let mut widget = json!({ "apiVersion": "conformance.signet.dev/v1", "kind": "Widget",
        "metadata": { "name": name } });
    widget["spec"] = spec;
    widget
}

/// Two values are equal.
fn same(what: &str, found: &Value, wanted: &Value) -> Outcome {
    if found == wanted {
        return Ok(());
    }
    Err(Mismatch(format!("{what}: found {found}, wanted {wanted}")))
}

/// A message says something.
fn says(message: &str, part: &str) -> Outcome {
    holds(message.contains(part), &format!("`{message}` does not say `{part}`"))
}

fn holds(condition: bool, otherwise: &str) -> Outcome {
    if condition { Ok(()) } else { Err(Mismatch(otherwise.to_owned())) }
}

fn version(object: &Value) -> &Value {
    &object["metadata"]["resourceVersion"]
}

/// The resourceVersion as a word of a query.
fn version_of(object: &Value) -> String {
    version(object).as_str().unwrap_or_default().to_owned()
}

/// The names of a list's items.
fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().into_iter().flatten();
    items.filter_map(|item| item["metadata"]["name"].as_str()).collect()
}
