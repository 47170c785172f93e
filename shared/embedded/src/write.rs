//! Create and update: what the server sets, what it refuses, what it keeps.

use http::StatusCode;
use serde_json::Value;

use crate::{
    api::{Answer, Api, Request},
    apply,
    decode::{self, Decoded},
    failure::{Cause, Failure},
    kind::Kind,
    meta,
    object::{self, Object},
    render,
    route::Target,
    store::Writer,
};

/// What became of an object.
pub(crate) enum Outcome {
    Created(Object),
    Unchanged(Object),
    Updated(Object),
    /// The last finalizer went, and with it the object.
    Removed(Object),
}

/// Whose write it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// A request: what comes from a file is read-only.
    Client {
        /// Who owns the fields that change.
        manager: String,
    },
    /// The same, when who owns which field is already written into the object.
    Applier,
    /// The file that the object comes from.
    File,
}

impl Api {
    /// POST: a new object.
    pub(crate) fn create(&self, target: &Target, request: &Request) -> Result<Answer, Failure> {
        let Decoded { object, warnings, .. } =
            decode::object(target, request.json()?, request.unknown())?;
        let mut target = target.clone();
        place(&target, &object)?;
        let outcome = self.write(request.dry()?, |writer| {
            self.insert(writer, &mut target, object).map(Outcome::Created)
        })?;
        self.answer(&target, outcome, warnings, request)
    }

    /// PUT: the whole object anew.
    pub(crate) fn replace(&self, target: &Target, request: &Request) -> Result<Answer, Failure> {
        let Decoded { mut object, warnings, .. } =
            decode::object(target, request.json()?, request.unknown())?;
        check_name(target, &object)?;
        let author = request.author()?;
        let mut target = target.clone();
        let outcome = self.write(request.dry()?, |writer| {
            let Some(old) = writer.object(&target.key())? else {
                if target.kind.traits.create_on_update && !target.status {
                    return self.insert(writer, &mut target, object).map(Outcome::Created);
                }
                return Err(Failure::not_found(&target.kind, &target.name));
            };
            check_uid(&target, &old, &object)?;
            if object::field(&object, "resourceVersion").is_empty() {
                if !target.kind.traits.unconditional_update {
                    let field = "metadata.resourceVersion";
                    let detail = "must be specified for an update";
                    let cause = Cause::invalid(field, &Value::from(0), detail);
                    return Err(Failure::invalid(&target.kind, &target.name, &[cause]));
                }
                object::carry(&old, &mut object, "resourceVersion");
            }
            self.update(writer, &target, &author, (&old, object))
        })?;
        self.answer(&target, outcome, warnings, request)
    }

    /// Stores a new object; a generated name is written to `target`.
    pub(crate) fn insert(
        &self,
        writer: &mut Writer<'_>,
        target: &mut Target,
        mut object: Object,
    ) -> Result<Object, Failure> {
        let kind = target.kind.clone();
        check_writable(&kind)?;
        let base = object::field(&object, "generateName").to_owned();
        let generated = object::name(&object).is_empty() && !base.is_empty();
        if generated {
            object::set(&mut object, "name", &meta::generate_name(&base));
        }
        object::name(&object).clone_into(&mut target.name);
        if !object::field(&object, "resourceVersion").is_empty() {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(Failure::plain(StatusCode::INTERNAL_SERVER_ERROR, message));
        }
        self.begin(target, &mut object);
        target.version().schema.complete(&mut object);
        let causes = judge(target, None, &mut object);
        if !causes.is_empty() {
            return Err(Failure::invalid(&kind, &target.name, &causes));
        }
        if writer.object(&target.key())?.is_some() {
            return Err(Failure::exists(&kind, &target.name));
        }
        self.provide_namespace(writer, target)?;
        writer.put(&kind, None, &mut object)?;
        Ok(object)
    }

    /// What the server itself writes into a new object.
    fn begin(&self, target: &Target, object: &mut Object) {
        let now = self.now();
        object::set(object, "namespace", &target.namespace);
        object::set(object, "uid", &meta::uid());
        object::set(object, "creationTimestamp", &now);
        let fields = object::meta_mut(object);
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
            fields.remove(field);
        }
        if target.kind.traits.generation {
            fields.insert("generation".to_owned(), Value::from(1));
        }
        if target.version().status {
            object.remove("status");
        }
    }

    /// Every namespace exists: it is made when its first object is.
    fn provide_namespace(&self, writer: &mut Writer<'_>, target: &Target) -> Result<(), Failure> {
        let name = target.namespace.as_str();
        if name.is_empty() || !self.ensure_namespace(writer, name)? {
            return Ok(());
        }
        let detail = format!(
            "unable to create new content in namespace {name} because it is being terminated"
        );
        Err(Failure::forbidden(&target.kind, &target.name, &detail))
    }

    /// Makes a namespace if it is not there, and says whether it is being deleted.
    pub(crate) fn ensure_namespace(
        &self,
        writer: &mut Writer<'_>,
        name: &str,
    ) -> Result<bool, Failure> {
        let kind = self.kinds.by_kind("v1", "Namespace").expect("it is built in");
        if let Some(namespace) = writer.object(&kind.key("", name))? {
            return Ok(object::deleting(&namespace));
        }
        let mut target = Target::new(kind, "v1", "", name).expect("it has this one version");
        let mut namespace = Object::new();
        object::set(&mut namespace, "name", name);
        self.insert(writer, &mut target, namespace)?;
        Ok(false)
    }

    /// Stores `new` in place of `old`, or nothing when nothing differs.
    pub(crate) fn update(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        author: &Author,
        (old, mut new): (&Object, Object),
    ) -> Result<Outcome, Failure> {
        let kind = &*target.kind;
        check_writable(kind)?;
        check_version(target, old, &new)?;
        check_identity(target, old, &new)?;
        keep_system_fields(target, old, &mut new);
        target.version().schema.complete(&mut new);
        if *author != Author::File && writer.file(&target.key())?.is_some() {
            check_from_file(kind, old, &new)?;
        }
        let mut causes = judge(target, Some(old), &mut new);
        check_finalizers(old, &new, &mut causes);
        if !causes.is_empty() {
            return Err(Failure::invalid(kind, &target.name, &causes));
        }
        count_generation(target, old, &mut new);
        match author {
            Author::Client { manager } => apply::track(target, old, &mut new, manager, &self.now()),
            Author::File => object::carry(old, &mut new, "managedFields"),
            Author::Applier => {}
        }
        let gone = object::deleting(&new) && is_finalized(kind, &new);
        if *old == new && !gone {
            return Ok(Outcome::Unchanged(new));
        }
        if gone {
            writer.remove(kind, &new)?;
            return Ok(Outcome::Removed(new));
        }
        writer.put(kind, Some(old), &mut new)?;
        Ok(Outcome::Updated(new))
    }

    pub(crate) fn answer(
        &self,
        target: &Target,
        outcome: Outcome,
        mut warnings: Vec<String>,
        request: &Request,
    ) -> Result<Answer, Failure> {
        let (code, object) = match outcome {
            Outcome::Created(object) => (StatusCode::CREATED, object),
            Outcome::Unchanged(object) | Outcome::Updated(object) | Outcome::Removed(object) => {
                (StatusCode::OK, object)
            }
        };
        warnings.extend(target.version().deprecation.clone());
        let writer = render::Writer::new(target, request.form()?);
        Ok(Answer { code, body: writer.object(&object::bytes(&object))?, warnings })
    }
}

/// A body may name the namespace of the URL, or none.
fn place(target: &Target, object: &Object) -> Result<(), Failure> {
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

fn check_writable(kind: &Kind) -> Result<(), Failure> {
    if kind.traits.writable {
        return Ok(());
    }
    let message = format!("{} are part of the program and read-only", kind.qualified_plural());
    Err(Failure::method_not_allowed(message))
}

/// The resourceVersion that a body carries is that of the object.
fn check_version(target: &Target, old: &Object, new: &Object) -> Result<(), Failure> {
    let asked = object::field(new, "resourceVersion");
    if !asked.is_empty() && asked != object::field(old, "resourceVersion") {
        return Err(Failure::stale(&target.kind, &target.name));
    }
    Ok(())
}

/// In a PUT the uid is a precondition.
fn check_uid(target: &Target, old: &Object, new: &Object) -> Result<(), Failure> {
    let (asked, uid) = (object::uid(new), object::uid(old));
    if asked.is_empty() || asked == uid {
        return Ok(());
    }
    let detail =
        format!("Precondition failed: UID in precondition: {asked}, UID in object meta: {uid}");
    Err(Failure::conflict(&target.kind, &target.name, &detail))
}

/// Nobody can change the uid, or delete by writing a timestamp.
fn check_identity(target: &Target, old: &Object, new: &Object) -> Result<(), Failure> {
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
fn keep_system_fields(target: &Target, old: &Object, new: &mut Object) {
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
fn check_from_file(kind: &Kind, old: &Object, new: &Object) -> Result<(), Failure> {
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
fn judge(target: &Target, old: Option<&Object>, new: &mut Object) -> Vec<Cause> {
    let kind = &*target.kind;
    let mut causes = match old {
        None => meta::validate(kind, new),
        Some(_) => {
            let mut causes = Vec::new();
            meta::validate_change(kind, new, &mut causes);
            causes
        }
    };
    causes.extend((kind.rule)(old, new));
    causes.extend(target.version().schema.validate(new));
    causes
}

/// While an object is being deleted, finalizers only go.
fn check_finalizers(old: &Object, new: &Object, causes: &mut Vec<Cause>) {
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
fn count_generation(target: &Target, old: &Object, new: &mut Object) {
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
