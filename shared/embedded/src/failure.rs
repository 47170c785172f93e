//! The `Status` answers of the API: what a request failed on, in the words of kube-apiserver.

use std::fmt::Display;

use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    kind::Kind,
    object::{self, Object},
    store,
};

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// The machine-readable cause, such as `FieldValueRequired`.
    pub reason: &'static str,
    /// The path of the field, such as `spec.image`.
    pub field: String,
    /// What is wrong, without the path.
    pub message: String,
}

impl Cause {
    pub(crate) fn required(field: impl Into<String>, detail: &str) -> Self {
        let message = if detail.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {detail}")
        };
        Self { reason: "FieldValueRequired", field: field.into(), message }
    }

    pub(crate) fn invalid(field: impl Into<String>, value: &Value, detail: impl Display) -> Self {
        let message = format!("Invalid value: {}: {detail}", shown(value));
        Self { reason: "FieldValueInvalid", field: field.into(), message }
    }

    pub(crate) fn forbidden(field: impl Into<String>, detail: impl Display) -> Self {
        let message = format!("Forbidden: {detail}");
        Self { reason: "FieldValueForbidden", field: field.into(), message }
    }

    fn text(&self) -> String {
        format!("{}: {}", self.field, self.message)
    }
}

/// A value as kube-apiserver prints it: scalars whole, the rest by type.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "\"object\"".to_owned(),
        Value::Array(_) => "\"array\"".to_owned(),
        scalar => scalar.to_string(),
    }
}

/// Why a request was not carried out.
#[derive(Debug)]
pub(crate) struct Failure {
    pub code: StatusCode,
    reason: &'static str,
    message: String,
    details: Value,
}

impl Failure {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        self.details = json!({ "name": name, "kind": kind.plural });
        if !kind.group.is_empty() {
            self.details["group"] = Value::from(kind.group.as_str());
        }
        self
    }

    /// A failure without a reason that machines read.
    pub(crate) fn plain(code: StatusCode, message: impl Into<String>) -> Self {
        Self::new(code, "", message)
    }

    /// A custom resource of another kind than the URL's.
    pub(crate) fn wrong_kind(kind: &Kind, found: &str, object: &Object) -> Self {
        let cause = Cause::invalid("kind", &Value::from(found), format!("must be {}", kind.kind));
        let name = object::name(object);
        let mut failure = Self::invalid(kind, name, &[cause]);
        failure.message = failure.message.replacen(&kind.kind, found, 1);
        failure
    }

    /// The path leads nowhere.
    pub(crate) fn unknown_path() -> Self {
        let message = "the server could not find the requested resource";
        let mut failure = Self::new(StatusCode::NOT_FOUND, "NotFound", message);
        failure.details = json!({});
        failure
    }

    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.qualified_plural());
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(kind, name)
    }

    pub(crate) fn exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.qualified_plural());
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(kind, name)
    }

    pub(crate) fn conflict(kind: &Kind, name: &str, detail: &str) -> Self {
        let plural = kind.qualified_plural();
        let message = format!("Operation cannot be fulfilled on {plural} \"{name}\": {detail}");
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(kind, name)
    }

    /// The resourceVersion that was sent is not the current one.
    pub(crate) fn stale(kind: &Kind, name: &str) -> Self {
        let detail = "the object has been modified; please apply your changes to the latest \
                      version and try again";
        Self::conflict(kind, name, detail)
    }

    /// Server-side apply met fields that others own.
    pub(crate) fn owned_by_others(message: String, causes: &[(String, String)]) -> Self {
        let mut failure = Self::new(StatusCode::CONFLICT, "Conflict", message);
        let causes: Vec<Value> = causes
            .iter()
            .map(|(field, message)| {
                json!({ "reason": "FieldManagerConflict", "message": message, "field": field })
            })
            .collect();
        failure.details = json!({ "causes": causes });
        failure
    }

    pub(crate) fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        let texts: Vec<String> = causes.iter().map(Cause::text).collect();
        let list = match texts.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let qualified = kind.qualified_kind();
        let message = format!("{qualified} \"{name}\" is invalid: {list}");
        let mut failure = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        failure.details = json!({
            "name": name, "group": kind.group, "kind": kind.kind, "causes": listed(causes),
        });
        failure
    }

    /// Query options that contradict each other.
    pub(crate) fn invalid_options(options: &str, causes: &[Cause]) -> Self {
        let texts: Vec<String> = causes.iter().map(Cause::text).collect();
        let message = format!("{options}.meta.k8s.io \"\" is invalid: {}", texts.join(", "));
        let mut failure = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        failure.details =
            json!({ "group": "meta.k8s.io", "kind": options, "causes": listed(causes) });
        failure
    }

    /// A patch that is well-formed and cannot be applied to this object.
    pub(crate) fn unappliable(detail: impl Display) -> Self {
        let message = "the server rejected our request due to an error in our request";
        let mut failure = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        // kube-apiserver says nothing here; a person wants to know.
        failure.details = json!({ "causes": [{ "message": detail.to_string() }] });
        failure
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(crate) fn forbidden(kind: &Kind, name: &str, detail: &str) -> Self {
        let plural = kind.qualified_plural();
        let message = format!("{plural} \"{name}\" is forbidden: {detail}");
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).about(kind, name)
    }

    pub(crate) fn method_not_allowed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
    }

    pub(crate) fn unsupported_media(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    pub(crate) fn not_acceptable() -> Self {
        let message = "only the following media types are accepted: application/json";
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// History before this point is gone.
    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// A resourceVersion of the future.
    pub(crate) fn too_large(asked: u64, current: u64) -> Self {
        let message = format!("Too large resource version: {asked}, current: {current}");
        let mut failure =
            Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", format!("Timeout: {message}"));
        failure.details = json!({ "retryAfterSeconds": 1, "causes": [
            { "reason": "ResourceVersionTooLarge", "message": "Too large resource version" },
        ]});
        failure
    }

    /// The server was dropped, and its clients were not.
    pub(crate) fn stopped() -> Self {
        let message = "the embedded API was stopped";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    pub(crate) fn internal(err: &dyn std::error::Error) -> Self {
        let message = format!("Internal error occurred: {}", chain(err));
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
    }

    /// The `Status` object of this failure.
    pub(crate) fn status(&self) -> Value {
        let mut status = json!({
            "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code.as_u16(),
        });
        if !self.reason.is_empty() {
            status["reason"] = Value::from(self.reason);
        }
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }

    /// The message alone, for a problem with a file.
    pub(crate) fn into_message(self) -> String {
        self.message
    }
}

impl From<store::Error> for Failure {
    fn from(err: store::Error) -> Self {
        tracing::error!(error = %chain(&err), "the store failed");
        Self::internal(&err)
    }
}

fn chain(err: &dyn std::error::Error) -> String {
    let links: Vec<String> =
        std::iter::successors(Some(err), |err| err.source()).map(ToString::to_string).collect();
    links.join(": ")
}

fn listed(causes: &[Cause]) -> Vec<Value> {
    let list = causes.iter().map(
        |cause| json!({ "reason": cause.reason, "message": cause.message, "field": cause.field }),
    );
    list.collect()
}
