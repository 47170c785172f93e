//! What a write may change, and what it keeps of the object that was there.

use serde_json::Value;

use crate::{
    failure::{Cause, Failure},
    kind::Kind,
    meta,
    object::{self, Object},
    route::Target,
};

/// A body may name the namespace of the URL, or none.
pub(super) fn place(target: &Target, object: &Object) -> Result<(), Failure> {
    let namespace = object::namespace(object);
    if target.kind.namespaced && target.namespace.is_empty() {
        let message = "an empty namespace may not be set during creation";
        return Err(Failure::bad_request(message));
    }
    if !namespace.is_empty() && namespace != target.namespace {
        let message = "the namespace of the provided object does not match the namespace sent on \
                       the request";
        return Err(Failure::bad_request(message));
    }
    Ok(())
}

pub(crate) fn check_name(target: &Target, object: &Object) -> Result<(), Failure> {
    let name = object::name(object);
    if name.is_empty() {
        return Err(Failure::bad_request(
            "name must be provided in the body of an update, and be that of the URL",
        ));
    }
    if name != target.name {
        return Err(Failure::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            target.name
        )));
    }
    let namespace = object::namespace(object);
    if !namespace.is_empty() && namespace != target.namespace {
        return Err(Failure::bad_request(format!(
            "the namespace of the object ({namespace}) does not match the namespace on the URL ({})",
            target.namespace
        )));
    }
    Ok(())
}

pub(super) fn check_writable(kind: &Kind) -> Result<(), Failure> {
    if kind.traits.writable {
        return Ok(());
    }
    let message = format!("{} are part of the program and read-only", kind.qualified_plural());
    Err(Failure::method_not_allowed(message))
}

/// The resourceVersion that a body carries is that of the object.
pub(super) fn check_version(target: &Target, old: &Object, new: &Object) -> Result<(), Failure> {
    let asked = object::field(new, "resourceVersion");
    if !asked.is_empty() && asked != object::field(old, "resourceVersion") {
        return Err(Failure::stale(&target.kind, &target.name));
    }
    Ok(())
}

/// In a PUT the uid is a precondition.
pub(super) fn check_uid(target: &Target, old: &Object, new: &Object) -> Result<(), Failure> {
    let (asked, uid) = (object::uid(new), object::uid(old));
    if asked.is_empty() || asked == uid {
        return Ok(());
    }
    let detail =
        format!("Precondition failed: UID in precondition: {asked}, UID in object meta: {uid}");
    Err(Failure::conflict(&target.kind, &target.name, &detail))
}

/// Nobody can change the uid, or delete by writing a timestamp.
pub(super) fn check_identity(target: &Target, old: &Object, new: &Object) -> Result<(), Failure> {
    let (uid, deletion) = (object::uid(new), object::field(new, "deletionTimestamp"));
    let mut causes = Vec::new();
    if !uid.is_empty() && uid != object::uid(old) {
        causes.push(Cause::invalid("metadata.uid", &Value::from(uid), "field is immutable"));
    }
    if !deletion.is_empty() && !object::deleting(old) {
        let (field, value) = ("metadata.deletionTimestamp", Value::from(deletion));
        causes.push(Cause::invalid(field, &value, "field is immutable"));
    }
    if causes.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid(&target.kind, &target.name, &causes))
}

/// What a client cannot change is taken over from the old object.
pub(super) fn keep_system_fields(target: &Target, old: &Object, new: &mut Object) {
    if target.version().status {
        if target.status {
            let status = new.remove("status");
            let managed = object::meta(new).get("managedFields").cloned();
            new.clone_from(old);
            new.remove("status");
            if let Some(status) = status {
                new.insert("status".to_owned(), status);
            }
            // Who owns what is the one thing beside the status that an apply of it changes.
            object::meta_mut(new).extend(managed.map(|list| ("managedFields".to_owned(), list)));
        } else {
            new.remove("status");
            if let Some(status) = old.get("status") {
                new.insert("status".to_owned(), status.clone());
            }
        }
    }
    let system = [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "resourceVersion",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ];
    for field in system {
        object::carry(old, new, field);
    }
}

/// Of an object that comes from a file, clients may write what the file does not say.
pub(super) fn check_from_file(kind: &Kind, old: &Object, new: &Object) -> Result<(), Failure> {
    let named = |object: &Object| {
        let mut object = object.clone();
        object.remove("status");
        let meta = object::meta_mut(&mut object);
        for field in ["annotations", "finalizers", "managedFields"] {
            meta.remove(field);
        }
        object
    };
    if named(old) == named(new) {
        return Ok(());
    }
    let (plural, name) = (kind.qualified_plural(), object::name(old));
    Err(Failure::method_not_allowed(format!(
        "{plural} \"{name}\" comes from a file: only its status, annotations and finalizers can be \
         written; edit the file instead"
    )))
}

/// Runs the rules of the kind, then validates everything.
pub(super) fn judge(target: &Target, old: Option<&Object>, new: &mut Object) -> Vec<Cause> {
    let kind = &*target.kind;
    let mut causes = Vec::new();
    if old.is_none() {
        causes.extend(meta::validate(kind, new));
    } else {
        meta::validate_change(kind, new, &mut causes);
    }
    causes.extend((kind.rule)(old, new));
    causes.extend(target.version().schema.validate(new));
    causes
}

/// While an object is being deleted, finalizers only go.
pub(super) fn check_finalizers(old: &Object, new: &Object, causes: &mut Vec<Cause>) {
    if !object::deleting(old) {
        return;
    }
    let known = object::strings(old, "finalizers");
    let added: Vec<&str> = object::strings(new, "finalizers")
        .into_iter()
        .filter(|name| !known.contains(name))
        .collect();
    if !added.is_empty() {
        let detail = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers \
             []string{added:?}"
        );
        causes.push(Cause::forbidden("metadata.finalizers", detail));
    }
}

/// Whether nothing holds up the removal of a deleted object.
pub(crate) fn is_finalized(kind: &Kind, object: &Object) -> bool {
    let held = kind.is_namespace() && {
        let content = object.get("spec").and_then(|spec| spec.get("finalizers"));
        content.and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    };
    object::strings(object, "finalizers").is_empty() && !held
}

/// `generation` moves when anything but metadata and status differs.
pub(super) fn count_generation(target: &Target, old: &Object, new: &mut Object) {
    if !target.kind.traits.generation {
        return;
    }
    let has_status = target.version().status;
    let counted = |key: &str| key != "metadata" && !(has_status && key == "status");
    let differs =
        old.iter().chain(new.iter()).any(|(key, _)| counted(key) && old.get(key) != new.get(key));
    let generation = object::meta(old).get("generation").and_then(Value::as_i64).unwrap_or(1);
    let generation = if differs { generation + 1 } else { generation };
    object::meta_mut(new).insert("generation".to_owned(), Value::from(generation));
}
