//! Server-side apply, and what an update means for what was applied.

use http::StatusCode;
use serde_json::Value;

use crate::{
    api::{Answer, Api, Request},
    decode::{self, Unknown},
    failure::{Cause, Failure},
    fields::{BEFORE_FIRST_APPLY, Fields, Manager, Parents, key_step},
    object::{self, Object},
    route::Target,
    schema::{Merge, Schema},
    write::{Author, Outcome, check_name},
};

impl Api {
    /// PATCH with an apply configuration: creates, or changes the fields it names and removes
    /// those that this manager named before.
    pub(crate) fn apply(&self, target: &Target, request: &Request) -> Result<Answer, Failure> {
        if request.query.text("fieldManager").is_empty() {
            let cause = Cause::required("fieldManager", "is required for apply patch");
            return Err(Failure::invalid_options("PatchOptions", &[cause]));
        }
        let Author::Client { manager } = request.author()? else {
            return Err(Failure::unknown_path());
        };
        let config = configuration(target, decode::json(&request.body)?)?;
        let forced = request.query.flag("force");
        let mut target = target.clone();
        let outcome = self.write(request.dry()?, |writer| {
            let Some(live) = writer.object(&target.key())? else {
                if target.status {
                    return Err(Failure::not_found(&target.kind, &target.name));
                }
                let mut new = config.clone();
                object::set(&mut new, "resourceVersion", "");
                let me = entry(&target, &manager, &config);
                Manager::store(&[me], &[], &self.now(), &mut new);
                return self.insert(writer, &mut target, new).map(Outcome::Created);
            };
            let (mut new, managers) = merge(&target, &live, &config, (&manager, forced))?;
            Manager::store(&managers, &Manager::all(&live), &self.now(), &mut new);
            self.update(writer, &target, &Author::Applier, (&live, new))
        })?;
        Answer::written(&target, outcome, Vec::new(), request)
    }
}

/// The object that a body configures; every field must be known.
fn configuration(target: &Target, body: Value) -> Result<Object, Failure> {
    if body.pointer("/metadata/managedFields").is_some_and(|value| !value.is_null()) {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    if body["apiVersion"].as_str().is_none_or(str::is_empty) {
        let kind = body["kind"].as_str().unwrap_or_default();
        return Err(Failure::bad_request(format!("invalid object type: /, Kind={kind}")));
    }
    let decoded = decode::object(target, body, Unknown::Warned)?;
    if !decoded.unknown.is_empty() {
        let list: Vec<String> = decoded
            .unknown
            .iter()
            .map(|path| format!(".{path}: field not declared in schema"))
            .collect();
        let message = format!(
            "failed to create typed patch object ({}/{}; {}, Kind={}): {}",
            target.namespace,
            target.name,
            target.api_version(),
            target.kind.kind,
            list.join(", ")
        );
        return Err(Failure::plain(StatusCode::INTERNAL_SERVER_ERROR, message));
    }
    let mut config = decoded.object;
    if object::name(&config).is_empty() {
        object::set(&mut config, "name", &target.name);
    }
    check_name(target, &config)?;
    Ok(config)
}

/// The manager's entry for a configuration.
fn entry(target: &Target, manager: &str, config: &Object) -> Manager {
    let mut fields = Fields::of(&target.version().schema, config, Parents::Omitted);
    if target.version().status {
        let of_status = target.status;
        fields.restrict(|field| (field == "status") == of_status);
    }
    Manager {
        name: manager.to_owned(),
        operation: "Apply".to_owned(),
        subresource: if target.status { "status".to_owned() } else { String::new() },
        api_version: target.api_version(),
        fields,
        time: String::new(),
    }
}

/// The live object with the configuration merged into it, and its managers afterwards.
fn merge(
    target: &Target,
    live: &Object,
    config: &Object,
    (manager, forced): (&str, bool),
) -> Result<(Object, Vec<Manager>), Failure> {
    let schema = &target.version().schema;
    let me = entry(target, manager, config);
    let mut managers = Manager::all(live);
    if managers.is_empty() {
        managers.push(before_first_apply(target, live));
    }
    let changed = Fields::changed(schema, live, config, Parents::Omitted).intersection(&me.fields);
    if !forced {
        refuse_conflicts(&managers, &me, &changed)?;
    }
    let mut mine = Fields::default();
    let mut others = Fields::default();
    managers.retain_mut(|other| {
        if other.is(&me) {
            mine = std::mem::take(&mut other.fields);
            return false;
        }
        other.fields = other.fields.difference(&changed);
        others.union(&other.fields);
        !other.fields.is_empty()
    });
    let mut new = live.clone();
    let version = object::field(config, "resourceVersion").to_owned();
    let uid = object::uid(config).to_owned();
    for (key, value) in config {
        merge_value(
            schema.root_property(key),
            new.entry(key.clone()).or_insert(Value::Null),
            value,
        );
    }
    mine.difference(&me.fields).difference(&others).remove_from(schema, &mut new);
    for (field, text) in [("resourceVersion", version), ("uid", uid)] {
        if text.is_empty() {
            object::carry(live, &mut new, field);
        } else {
            object::set(&mut new, field, &text);
        }
    }
    managers.push(me);
    Ok((new, managers))
}

fn before_first_apply(target: &Target, live: &Object) -> Manager {
    Manager {
        name: BEFORE_FIRST_APPLY.to_owned(),
        operation: "Update".to_owned(),
        subresource: String::new(),
        api_version: target.api_version(),
        fields: Fields::of(&target.version().schema, live, Parents::Included),
        time: String::new(),
    }
}

/// Fields that another manager owns are changed by force only.
fn refuse_conflicts(managers: &[Manager], me: &Manager, changed: &Fields) -> Result<(), Failure> {
    let mut causes = Vec::new();
    let mut parts = Vec::new();
    for other in managers.iter().filter(|other| !other.is(me)) {
        let paths = other.fields.intersection(changed).paths();
        if paths.is_empty() {
            continue;
        }
        let using = if other.operation == "Apply" {
            String::new()
        } else {
            format!(" using {}", other.api_version)
        };
        let who = format!("\"{}\"{using}", other.name);
        causes.extend(paths.iter().map(|path| (path.clone(), format!("conflict with {who}"))));
        parts.push(match paths.as_slice() {
            [path] => format!("conflict with {who}: {path}"),
            paths => format!("conflicts with {who}:\n- {}", paths.join("\n- ")),
        });
    }
    if causes.is_empty() {
        return Ok(());
    }
    let noun = if causes.len() == 1 { "conflict" } else { "conflicts" };
    let message = format!("Apply failed with {} {noun}: {}", causes.len(), parts.join("\n"));
    Err(Failure::owned_by_others(message, &causes))
}

fn merge_value(schema: &Schema, live: &mut Value, config: &Value) {
    match (schema.merge(config), live, config) {
        (Merge::Map, Value::Object(live), Value::Object(config)) => {
            for (key, value) in config {
                let slot = live.entry(key.clone()).or_insert(Value::Null);
                merge_value(schema.property(key), slot, value);
            }
        }
        (Merge::Keyed(keys), Value::Array(live), Value::Array(config)) => {
            for item in config {
                let step = key_step(keys, item);
                match live.iter_mut().find(|other| key_step(keys, other) == step) {
                    Some(there) => merge_value(schema.item(), there, item),
                    None => live.push(item.clone()),
                }
            }
        }
        (Merge::Set, Value::Array(live), Value::Array(config)) => {
            for item in config {
                if !live.contains(item) {
                    live.push(item.clone());
                }
            }
        }
        (_, live, config) => *live = config.clone(),
    }
}

/// What an update does to the owners of an object that was applied before: what it changes is its
/// manager's, and nobody owns what is gone.
pub(crate) fn track(target: &Target, old: &Object, new: &mut Object, manager: &str, now: &str) {
    let before = Manager::all(old);
    if before.is_empty() {
        object::meta_mut(new).remove("managedFields");
        return;
    }
    let schema = &target.version().schema;
    let changed = Fields::changed(schema, old, new, Parents::Included);
    let there = Fields::of(schema, new, Parents::Included);
    let mut managers = before.clone();
    let me = Manager {
        name: manager.to_owned(),
        operation: "Update".to_owned(),
        subresource: if target.status { "status".to_owned() } else { String::new() },
        api_version: target.api_version(),
        fields: changed.clone(),
        time: String::new(),
    };
    for other in &mut managers {
        if !other.is(&me) {
            other.fields = other.fields.difference(&changed);
        }
        other.fields = other.fields.intersection(&there);
    }
    match managers.iter_mut().find(|other| other.is(&me)) {
        Some(entry) => entry.fields.union(&changed),
        None => managers.push(me),
    }
    Manager::store(&managers, &before, now, new);
}
