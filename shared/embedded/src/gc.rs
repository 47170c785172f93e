//! Garbage collection: what follows from a write, in the same transaction.
//!
//! An object whose owners are all gone goes; one that has others left forgets the gone. An owner
//! is found by kind and name and is the owner only when the uid matches. Owners of kinds that are
//! not served are taken to exist.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    api::Api,
    failure::Failure,
    kind::{Kind, at, split},
    object::{self, Object},
    remove::{FOREGROUND, ORPHAN, Propagation, set_finalizers},
    store::{Touched, Writer},
};

/// How long an event is kept after its last repetition.
const EVENT_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// Does everything that the writes of this transaction entail.
pub(crate) fn collect(api: &Api, writer: &mut Writer<'_>) -> Result<(), Failure> {
    while let Some(touched) = writer.next_touched() {
        match touched {
            Touched::Put(key) => settle(api, writer, &key)?,
            Touched::Removed { key, object } => bereave(api, writer, &key, &object)?,
        }
    }
    Ok(())
}

/// Looks at every object that has owners: for the start of a server.
pub(crate) fn sweep(api: &Api, writer: &mut Writer<'_>) -> Result<(), Failure> {
    for key in writer.all_owned()? {
        settle(api, writer, &key)?;
    }
    Ok(())
}

/// Removes the events that nobody wrote to for an hour, as kube-apiserver does.
pub(crate) fn expire_events(api: &Api, writer: &mut Writer<'_>) -> Result<(), Failure> {
    let Some(kind) = api.kinds.by_kind("v1", "Event") else { return Ok(()) };
    let now = (api.clock)();
    for key in writer.keys(&kind.stored)? {
        let Some(event) = writer.object(&key)? else { continue };
        let times =
            ["metadata.creationTimestamp", "eventTime", "lastTimestamp", "series.lastObservedTime"];
        let times = times.iter().filter_map(|path| at(&event, path)?.as_str()?.parse().ok());
        let last: Option<Timestamp> = times.max();
        if last.is_some_and(|last| now.duration_since(last) > EVENT_LIFE) {
            writer.remove(kind, &event)?;
        }
    }
    Ok(())
}

/// What follows from an object that was written.
fn settle(api: &Api, writer: &mut Writer<'_>, key: &str) -> Result<(), Failure> {
    let Some(kind) = api.kinds.by_key(key).cloned() else { return Ok(()) };
    let Some(object) = writer.object(key)? else { return Ok(()) };
    if object::deleting(&object) {
        if kind.is_namespace() {
            return empty_namespace(api, writer, &kind, &object);
        }
        let finalizers = object::strings(&object, "finalizers");
        if finalizers.contains(&ORPHAN) {
            return orphan(api, writer, &kind, &object);
        }
        if finalizers.contains(&FOREGROUND) {
            return delete_dependents_first(api, writer, &kind, &object);
        }
    }
    check_owners(api, writer, &kind, &object)
}

/// What follows from an object that is gone.
fn bereave(api: &Api, writer: &mut Writer<'_>, key: &str, gone: &Object) -> Result<(), Failure> {
    for dependent in writer.owned_by(object::uid(gone))? {
        settle(api, writer, &dependent)?;
    }
    // An owner that waits for its dependents looks again.
    let namespace = object::namespace(gone);
    for owner in object::owners(gone) {
        if let Some((owner_key, _)) = locate(api, owner, namespace) {
            settle_if_deleting(api, writer, &owner_key)?;
        }
    }
    if let (Some(kind), false) = (api.kinds.by_kind("v1", "Namespace"), namespace.is_empty()) {
        let namespace = kind.key("", namespace);
        if namespace != key {
            settle_if_deleting(api, writer, &namespace)?;
        }
    }
    Ok(())
}

fn settle_if_deleting(api: &Api, writer: &mut Writer<'_>, key: &str) -> Result<(), Failure> {
    let deleting = writer.object(key)?.is_some_and(|object| object::deleting(&object));
    if deleting { settle(api, writer, key) } else { Ok(()) }
}

/// The key of the owner that a reference names, when its kind is served.
fn locate(api: &Api, owner: &Value, namespace: &str) -> Option<(String, Arc<Kind>)> {
    let text = |field: &str| owner[field].as_str().unwrap_or_default();
    let (group, _) = split(text("apiVersion"));
    let kind = api.kinds.by_group_kind(group, text("kind"))?;
    let namespace = if kind.namespaced { namespace } else { "" };
    Some((kind.key(namespace, text("name")), Arc::clone(kind)))
}

/// Deletes an object without a living owner, and removes references to dead ones.
fn check_owners(
    api: &Api,
    writer: &mut Writer<'_>,
    kind: &Kind,
    object: &Object,
) -> Result<(), Failure> {
    let owners = object::owners(object);
    if owners.is_empty() {
        return Ok(());
    }
    let namespace = object::namespace(object);
    let mut living = Vec::new();
    for owner in owners {
        let lives = match locate(api, owner, namespace) {
            // A namespaced owner of a cluster-scoped object is a mistake that is left alone.
            Some((_, owner_kind)) if owner_kind.namespaced && namespace.is_empty() => true,
            Some((key, _)) => writer
                .object(&key)?
                .is_some_and(|found| Some(object::uid(&found)) == owner["uid"].as_str()),
            None => true,
        };
        if lives {
            living.push(owner.clone());
        }
    }
    if living.len() == owners.len() {
        return Ok(());
    }
    let key = kind.key(namespace, object::name(object));
    if writer.file(&key)?.is_some() {
        return Ok(());
    }
    if living.is_empty() {
        if !object::deleting(object) {
            api.retire_unchecked(writer, kind, object, Propagation::Background)?;
        }
        return Ok(());
    }
    let mut new = object.clone();
    object::meta_mut(&mut new).insert("ownerReferences".to_owned(), Value::Array(living));
    Ok(writer.put(kind, Some(object), &mut new)?)
}

/// Removes the references to a deleted owner, then the owner's own finalizer.
fn orphan(api: &Api, writer: &mut Writer<'_>, kind: &Kind, owner: &Object) -> Result<(), Failure> {
    let uid = object::uid(owner).to_owned();
    for key in writer.owned_by(&uid)? {
        let (Some(kind), Some(dependent)) = (api.kinds.by_key(&key).cloned(), writer.object(&key)?)
        else {
            continue;
        };
        let mut new = dependent.clone();
        let meta = object::meta_mut(&mut new);
        if let Some(owners) = meta.get_mut("ownerReferences").and_then(Value::as_array_mut) {
            owners.retain(|owner| owner["uid"].as_str() != Some(&uid));
            if owners.is_empty() {
                meta.remove("ownerReferences");
            }
        }
        writer.put(&kind, Some(&dependent), &mut new)?;
    }
    drop_finalizer(writer, kind, owner, ORPHAN)
}

/// Deletes what an owner owns, and lets the owner go when nothing blocks it any more.
fn delete_dependents_first(
    api: &Api,
    writer: &mut Writer<'_>,
    kind: &Kind,
    owner: &Object,
) -> Result<(), Failure> {
    let uid = object::uid(owner).to_owned();
    let mut blocked = false;
    for key in writer.owned_by(&uid)? {
        let (Some(kind), Some(dependent)) = (api.kinds.by_key(&key).cloned(), writer.object(&key)?)
        else {
            continue;
        };
        let from_file = writer.file(&key)?.is_some();
        let left = if object::deleting(&dependent) || from_file {
            Some(dependent.clone())
        } else {
            api.retire_unchecked(writer, &kind, &dependent, Propagation::Background)?
        };
        let blocks = |reference: &Value| {
            reference["uid"].as_str() == Some(&uid)
                && reference["blockOwnerDeletion"] == json!(true)
        };
        blocked |= left.is_some() && object::owners(&dependent).iter().any(blocks);
    }
    if blocked { Ok(()) } else { drop_finalizer(writer, kind, owner, FOREGROUND) }
}

fn drop_finalizer(
    writer: &mut Writer<'_>,
    kind: &Kind,
    object: &Object,
    finalizer: &str,
) -> Result<(), Failure> {
    let mut new = object.clone();
    let finalizers = object::strings(object, "finalizers").into_iter();
    let left: Vec<String> =
        finalizers.filter(|name| *name != finalizer).map(str::to_owned).collect();
    set_finalizers(&mut new, &left);
    if left.is_empty() {
        writer.remove(kind, &new)?;
    } else {
        writer.put(kind, Some(object), &mut new)?;
    }
    Ok(())
}

/// Deletes what a terminating namespace holds, and the namespace when it holds nothing.
fn empty_namespace(
    api: &Api,
    writer: &mut Writer<'_>,
    kind: &Kind,
    namespace: &Object,
) -> Result<(), Failure> {
    let mut left = false;
    for content in api.kinds.kinds().iter().filter(|content| content.namespaced) {
        let prefix = format!("{}{}/", content.stored, object::name(namespace));
        for key in writer.keys(&prefix)? {
            let Some(object) = writer.object(&key)? else { continue };
            if object::deleting(&object) || writer.file(&key)?.is_some() {
                left = true;
                continue;
            }
            left |=
                api.retire_unchecked(writer, content, &object, Propagation::Background)?.is_some();
        }
    }
    if left || !object::strings(namespace, "finalizers").is_empty() {
        return Ok(());
    }
    Ok(writer.remove(kind, namespace)?)
}
