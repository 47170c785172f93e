//! PATCH: merge patches, JSON patches, strategic merge patches.

use http::{HeaderMap, header};
use json_patch::{AddOperation, PatchOperation, ReplaceOperation, jsonptr::Pointer};
use serde_json::Value;

use crate::{
    api::{Answer, Api, Request},
    decode,
    failure::{Cause, Failure},
    object::Object,
    render,
    route::Target,
    write::check_name,
};

mod strategic;

/// How a patch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Merge,
    Json,
    Strategic,
    Apply,
}

fn kind(headers: &HeaderMap, builtin: bool) -> Result<Kind, Failure> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = value.unwrap_or("").split(';').next().unwrap_or("").trim();
    match media {
        "application/merge-patch+json" => Ok(Kind::Merge),
        "application/json-patch+json" => Ok(Kind::Json),
        "application/strategic-merge-patch+json" if builtin => Ok(Kind::Strategic),
        "application/apply-patch+yaml" => Ok(Kind::Apply),
        _ => Err(Failure::unsupported_media(format!(
            "the body of the request was in an unknown format - accepted media types include: \
             application/json-patch+json, application/merge-patch+json, {}\
             application/apply-patch+yaml",
            if builtin { "application/strategic-merge-patch+json, " } else { "" }
        ))),
    }
}

impl Api {
    /// PATCH of one object.
    pub(crate) fn patch(&self, target: &Target, request: &Request) -> Result<Answer, Failure> {
        let kind = kind(&request.headers, target.kind.traits.builtin)?;
        if kind == Kind::Apply {
            return self.apply(target, request);
        }
        if request.query.flag("force") {
            let cause = Cause::forbidden("force", "may not be specified for non-apply patch");
            return Err(Failure::invalid_options("PatchOptions", &[cause]));
        }
        let patch = decode::json(&request.body)?;
        let unknown = request.unknown();
        let author = request.author()?;
        let mut warnings = Vec::new();
        let outcome = self.write(request.dry()?, |writer| {
            let old = writer.object(&target.key())?;
            let old = old.ok_or_else(|| Failure::not_found(&target.kind, &target.name))?;
            let mut whole = whole(target, &old);
            change(kind, &mut whole, &patch)?;
            let decoded = decode::object(target, whole, unknown)?;
            check_name(target, &decoded.object)?;
            warnings = decoded.warnings;
            self.update(writer, target, &author, (&old, decoded.object))
        })?;
        Answer::written(target, outcome, warnings, request)
    }
}

/// An object as the client sees it in the version of the request.
pub(crate) fn whole(target: &Target, object: &Object) -> Value {
    let mut object = object.clone();
    render::rename(&mut object, target.version().renames, |(here, there)| (there, here));
    object.insert("apiVersion".to_owned(), Value::from(target.api_version()));
    object.insert("kind".to_owned(), Value::from(target.kind.kind.as_str()));
    Value::Object(object)
}

fn change(kind: Kind, whole: &mut Value, patch: &Value) -> Result<(), Failure> {
    match kind {
        Kind::Json => json(whole, patch),
        Kind::Strategic => strategic::merge(whole, patch).map_err(Failure::bad_request),
        Kind::Merge | Kind::Apply if patch.is_object() => {
            json_patch::merge(whole, patch);
            Ok(())
        }
        Kind::Merge | Kind::Apply => Err(Failure::bad_request("the patch is not an object")),
    }
}

fn json(whole: &mut Value, patch: &Value) -> Result<(), Failure> {
    let operations: Vec<PatchOperation> = serde_json::from_value(patch.clone())
        .map_err(|err| Failure::bad_request(format!("the body is not a JSON patch: {err}")))?;
    for operation in operations {
        if let PatchOperation::Test(test) = &operation
            && test.value.is_null()
            && is_missing(whole, &test.path)
        {
            continue;
        }
        let operation = match operation {
            // As kube-apiserver does: a field that is not there is replaced by being added.
            PatchOperation::Replace(ReplaceOperation { path, value })
                if is_missing(whole, &path) =>
            {
                PatchOperation::Add(AddOperation { path, value })
            }
            other => other,
        };
        json_patch::patch(whole, &[operation]).map_err(Failure::unappliable)?;
    }
    Ok(())
}

/// Whether a path leads nowhere, in an object that is there.
fn is_missing(whole: &Value, path: &Pointer) -> bool {
    let parent = path.parent().unwrap_or(Pointer::root());
    path.resolve(whole).is_err() && parent.resolve(whole).is_ok_and(Value::is_object)
}
