//! Delete: preconditions, finalizers, propagation.

use serde_json::{Value, json};

use crate::{
    api::{Answer, Api, Request},
    failure::{Cause, Failure},
    kind::Kind,
    object::{self, Object},
    query::Query,
    read::selector,
    render,
    route::Target,
    store::Writer,
    write::is_finalized,
};

/// What becomes of the objects that a deleted one owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// They go after it.
    #[default]
    Background,
    /// They go before it.
    Foreground,
    /// They stay, and forget it.
    Orphan,
}

/// The finalizer of a foreground delete.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an orphaning delete.
pub(crate) const ORPHAN: &str = "orphan";

/// The options of a delete.
#[derive(Debug, Default)]
pub(crate) struct Options {
    dry: bool,
    uid: Option<String>,
    version: Option<String>,
    propagation: Propagation,
}

impl Options {
    /// From the body, if there is one, else from the query.
    pub(crate) fn parse(body: &[u8], query: &Query) -> Result<Self, Failure> {
        let body: Value = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(body).map_err(|err| {
                Failure::bad_request(format!("the delete options are not valid JSON: {err}"))
            })?
        };
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let policy = text("/propagationPolicy");
        let policy = policy.unwrap_or_else(|| query.text("propagationPolicy").to_owned());
        let orphan = body["orphanDependents"] == json!(true);
        let propagation = match policy.as_str() {
            "" if orphan => Propagation::Orphan,
            "" | "Background" => Propagation::Background,
            "Foreground" => Propagation::Foreground,
            "Orphan" => Propagation::Orphan,
            other => {
                let cause = Cause {
                    reason: "FieldValueNotSupported",
                    field: "propagationPolicy".to_owned(),
                    message: format!(
                        "Unsupported value: \"{other}\": supported values: \"Foreground\", \
                         \"Background\", \"Orphan\", \"nil\""
                    ),
                };
                return Err(Failure::invalid_options("DeleteOptions", &[cause]));
            }
        };
        let dry = body["dryRun"].as_array().is_some_and(|list| !list.is_empty());
        Ok(Self {
            dry: dry || query.dry("DeleteOptions")?,
            uid: text("/preconditions/uid"),
            version: text("/preconditions/resourceVersion"),
            propagation,
        })
    }
}

impl Api {
    /// DELETE of one object.
    pub(crate) fn delete(&self, target: &Target, request: &Request) -> Result<Answer, Failure> {
        let options = &Options::parse(&request.body, &request.query)?;
        let form = request.form()?;
        let kind = &*target.kind;
        let (old, left) = self.write(options.dry, |writer| {
            let missing = || Failure::not_found(kind, &target.name);
            let old = writer.object(&target.key())?.ok_or_else(missing)?;
            check(kind, &old, options)?;
            let left = self.retire(writer, kind, &old, options.propagation)?;
            Ok((old, left))
        })?;
        if let Some(left) = left {
            let writer = render::Writer::new(target, form);
            return Ok(Answer::ok(writer.object(&object::bytes(&left))?));
        }
        let status = json!({
            "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Success",
            "details": { "name": target.name, "group": kind.group, "kind": kind.plural,
                "uid": object::uid(&old) },
        });
        Ok(Answer::ok(status.to_string().into_bytes()))
    }

    /// DELETE of a collection: answers what was selected.
    pub(crate) fn delete_all(&self, target: &Target, request: &Request) -> Result<Answer, Failure> {
        let options = &Options::parse(&request.body, &request.query)?;
        let selector = selector(target, &request.query)?;
        let form = request.form()?;
        let kind = &*target.kind;
        let (items, version) = self.write(options.dry, |writer| {
            let mut items = Vec::new();
            for key in writer.keys(&target.prefix())? {
                let Some(old) = writer.object(&key)? else { continue };
                if selector.matches(&old) {
                    check(kind, &old, options)?;
                    self.retire(writer, kind, &old, options.propagation)?;
                    items.push(old);
                }
            }
            Ok((items, writer.version()))
        })?;
        let writer = render::Writer::new(target, form);
        let mut body = Vec::new();
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                body.push(b',');
            }
            writer.item(&object::bytes(item), &mut body)?;
        }
        Ok(Answer::ok(writer.list(&body, version, None)))
    }

    /// Removes an object, or marks it when finalizers hold it up, and returns what is left.
    pub(crate) fn retire(
        &self,
        writer: &mut Writer<'_>,
        kind: &Kind,
        old: &Object,
        propagation: Propagation,
    ) -> Result<Option<Object>, Failure> {
        if !kind.traits.writable {
            let plural = kind.qualified_plural();
            let message = format!("{plural} are part of the program and read-only");
            return Err(Failure::method_not_allowed(message));
        }
        let key = kind.key(object::namespace(old), object::name(old));
        if writer.file(&key)?.is_some() {
            let (plural, name) = (kind.qualified_plural(), object::name(old));
            return Err(Failure::method_not_allowed(format!(
                "{plural} \"{name}\" comes from a file: delete the file instead"
            )));
        }
        self.retire_unchecked(writer, kind, old, propagation)
    }

    /// The same for an object whose file is gone.
    pub(crate) fn retire_unchecked(
        &self,
        writer: &mut Writer<'_>,
        kind: &Kind,
        old: &Object,
        propagation: Propagation,
    ) -> Result<Option<Object>, Failure> {
        let mut new = old.clone();
        set_propagation(&mut new, propagation);
        if is_finalized(kind, &new) {
            writer.remove(kind, old)?;
            return Ok(None);
        }
        if !object::deleting(old) {
            let now = Value::from(self.now());
            let meta = object::meta_mut(&mut new);
            meta.insert("deletionTimestamp".to_owned(), now);
            meta.insert("deletionGracePeriodSeconds".to_owned(), Value::from(0));
            if let Some(generation) = meta.get("generation").and_then(Value::as_i64) {
                meta.insert("generation".to_owned(), Value::from(generation + 1));
            }
            if kind.is_namespace() {
                new.insert("status".to_owned(), json!({ "phase": "Terminating" }));
            }
        }
        if new != *old {
            writer.put(kind, Some(old), &mut new)?;
        }
        Ok(Some(new))
    }
}

fn check(kind: &Kind, old: &Object, options: &Options) -> Result<(), Failure> {
    let (name, uid) = (object::name(old), object::uid(old));
    if let Some(asked) = options.uid.as_deref().filter(|asked| *asked != uid) {
        let detail = format!(
            "the UID in the precondition ({asked}) does not match the UID in record ({uid}). The \
             object might have been deleted and then recreated"
        );
        return Err(Failure::conflict(kind, name, &detail));
    }
    let version = object::field(old, "resourceVersion");
    if let Some(asked) = options.version.as_deref().filter(|asked| *asked != version) {
        let detail = format!(
            "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion \
             in record ({version}). The object might have been modified"
        );
        return Err(Failure::conflict(kind, name, &detail));
    }
    Ok(())
}

fn set_propagation(object: &mut Object, propagation: Propagation) {
    let wanted = match propagation {
        Propagation::Background => None,
        Propagation::Foreground => Some(FOREGROUND),
        Propagation::Orphan => Some(ORPHAN),
    };
    let mut finalizers: Vec<String> =
        object::strings(object, "finalizers").into_iter().map(str::to_owned).collect();
    finalizers.retain(|name| name != FOREGROUND && name != ORPHAN);
    finalizers.extend(wanted.map(str::to_owned));
    set_finalizers(object, &finalizers);
}

pub(crate) fn set_finalizers(object: &mut Object, finalizers: &[String]) {
    let meta = object::meta_mut(object);
    if finalizers.is_empty() {
        meta.remove("finalizers");
    } else {
        meta.insert("finalizers".to_owned(), json!(finalizers));
    }
}
