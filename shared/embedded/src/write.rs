//! Create and update: what the server sets, what it refuses, what it keeps.

use http::StatusCode;
use serde_json::Value;

use crate::{
    api::{Answer, Api, Request},
    apply,
    decode::{self, Decoded},
    failure::{Cause, Failure},
    meta,
    object::{self, Object},
    render,
    route::Target,
    store::Writer,
};

use self::checks::{
    check_finalizers, check_from_file, check_identity, check_uid, check_version, check_writable,
    count_generation, judge, keep_system_fields, place,
};
pub(crate) use self::checks::{check_name, is_finalized};

mod checks;

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
        Answer::written(&target, outcome, warnings, request)
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
        Answer::written(&target, outcome, warnings, request)
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
}

impl Answer {
    /// What became of the object of a write.
    pub(crate) fn written(
        target: &Target,
        outcome: Outcome,
        mut warnings: Vec<String>,
        request: &Request,
    ) -> Result<Self, Failure> {
        let (code, object) = match outcome {
            Outcome::Created(object) => (StatusCode::CREATED, object),
            Outcome::Unchanged(object) | Outcome::Updated(object) | Outcome::Removed(object) => {
                (StatusCode::OK, object)
            }
        };
        warnings.extend(target.version().deprecation.clone());
        let writer = render::Writer::new(target, request.form()?);
        Ok(Self { code, body: writer.object(&object::bytes(&object))?, warnings })
    }
}
