//! A decrypted document as the Secret it describes.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use kube::api::ObjectMeta;
use sealer_core::plaintext::Plaintext;
use serde_json::{Map, Value};

use crate::secrets::Desired;

/// Why a document is no Secret that may be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field has another shape than a Secret's. Its value may be secret, so it is not told.
    #[error("`{field}` is not {expected}")]
    Field {
        /// The field's path.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The Secret wants to go elsewhere.
    #[error(
        "`metadata.namespace` is `{namespace}`, not the {kind}'s own; leave it out, or name a ServiceAccount that may write there in `spec.serviceAccountName`"
    )]
    Namespace {
        /// Where it wants to go.
        namespace: String,
        /// The kind that may not go there.
        kind: &'static str,
    },
}

/// Where Secrets may go.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    /// The kind that writes, for messages.
    pub(super) kind: &'static str,
    /// The namespace of the object that writes.
    pub(super) own: String,
    /// `spec.targetNamespace`.
    pub(super) target: Option<String>,
    /// Whether somebody's own rights decide: a ServiceAccount's, or by a flag those of the daemon.
    pub(super) anywhere: bool,
}

/// Whether the document is a Secret at all.
pub(super) fn is_secret(document: &Value) -> bool {
    document["apiVersion"] == "v1" && document["kind"] == "Secret"
}

/// Whether its author says that it is not to be decrypted, as Flux lets them.
pub(super) fn is_left_alone(document: &Value) -> bool {
    let said = document["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/decrypt"].as_str();
    said.is_some_and(|said| said.eq_ignore_ascii_case("disabled"))
}

/// The Secret that `document` describes, without an owner.
pub(super) fn secret(document: &Value, destination: &Destination) -> Result<Desired, Error> {
    let empty = Map::new();
    let metadata = map(document, "metadata")?.unwrap_or(&empty);
    let name = string(metadata, "metadata", "name")?.filter(|name| !name.is_empty());
    let name = name.ok_or(Error::Field { field: "metadata.name".into(), expected: "there" })?;
    let said = string(metadata, "metadata", "namespace")?.filter(|namespace| !namespace.is_empty());
    let namespace = destination.target.clone().or(said).unwrap_or_else(|| destination.own.clone());
    if namespace != destination.own && !destination.anywhere {
        return Err(Error::Namespace { namespace, kind: destination.kind });
    }
    let top = document.as_object().unwrap_or(&empty);
    let immutable = match top.get("immutable") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(immutable)) => Some(*immutable),
        Some(_) => {
            return Err(Error::Field { field: "immutable".into(), expected: "true or false" });
        }
    };
    Ok(Desired {
        metadata: ObjectMeta {
            namespace: Some(namespace),
            name: Some(name),
            labels: strings(metadata, "labels")?,
            annotations: strings(metadata, "annotations")?,
            ..ObjectMeta::default()
        },
        type_: string(top, "", "type")?,
        immutable,
        data: data(document)?,
    })
}

/// `data` decoded, then `stringData` over it, as the API server does.
fn data(document: &Value) -> Result<BTreeMap<String, Plaintext>, Error> {
    let mut data = BTreeMap::new();
    for (key, value) in map(document, "data")?.into_iter().flatten() {
        let misfit = || Error::Field { field: format!("data.{key}"), expected: "base64 text" };
        let text = match value {
            Value::Null => "",
            value => value.as_str().ok_or_else(misfit)?,
        };
        // The decoder's own error would quote a byte of the value.
        let bytes = BASE64_STANDARD.decode(text.trim_ascii()).map_err(|_| misfit())?;
        data.insert(key.clone(), Plaintext::new(bytes));
    }
    for (key, value) in map(document, "stringData")?.into_iter().flatten() {
        let field = || format!("stringData.{key}");
        let misfit = || Error::Field { field: field(), expected: "text; put it in quotes" };
        let text = value.as_str().ok_or_else(misfit)?;
        data.insert(key.clone(), Plaintext::new(text.as_bytes().to_vec()));
    }
    Ok(data)
}

fn map<'d>(parent: &'d Value, field: &str) -> Result<Option<&'d Map<String, Value>>, Error> {
    match &parent[field] {
        Value::Null => Ok(None),
        Value::Object(map) => Ok(Some(map)),
        _ => Err(Error::Field { field: field.to_owned(), expected: "a map" }),
    }
}

fn string(parent: &Map<String, Value>, path: &str, field: &str) -> Result<Option<String>, Error> {
    match parent.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => {
            let field = if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
            Err(Error::Field { field, expected: "text; put it in quotes" })
        }
    }
}

fn strings(
    metadata: &Map<String, Value>,
    name: &str,
) -> Result<Option<BTreeMap<String, String>>, Error> {
    let field = || format!("metadata.{name}");
    let entries = match metadata.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(entries)) => entries,
        Some(_) => return Err(Error::Field { field: field(), expected: "a map" }),
    };
    let texts = entries.keys().map(|key| {
        let text = string(entries, &field(), key)?;
        Ok((key.clone(), text.unwrap_or_default()))
    });
    texts.collect::<Result<_, _>>().map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn destination(target: Option<&str>, anywhere: bool) -> Destination {
        Destination {
            kind: "GitSecretSync",
            own: "apps".into(),
            target: target.map(str::to_owned),
            anywhere,
        }
    }

    fn document(namespace: Option<&str>) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "t",
            "metadata": {"name": "db", "namespace": namespace, "labels": {"a": "b"}},
            "data": {"one": "MQ==", "two": "Mg=="}, "stringData": {"two": "zwei"},
        })
    }

    #[test]
    fn a_secret_goes_where_the_sync_may_write() {
        #[rustfmt::skip]
        let cases = [
            // said          target          anywhere   goes to
            (None,           None,           false,     Some("apps")),
            (Some("apps"),   None,           false,     Some("apps")),
            (Some("other"),  None,           false,     None),
            (Some("other"),  Some("apps"),   false,     Some("apps")),
            (Some("other"),  None,           true,      Some("other")),
            (None,           Some("other"),  true,      Some("other")),
            (None,           Some("other"),  false,     None),
        ];
        for (said, target, anywhere, goes) in cases {
            let made = secret(&document(said), &destination(target, anywhere));
            let namespace = made.ok().and_then(|made| made.metadata.namespace);
            assert_eq!(namespace.as_deref(), goes, "{said:?} {target:?} {anywhere}");
        }
    }

    #[test]
    fn string_data_wins_over_data() {
        let made = secret(&document(None), &destination(None, false)).unwrap();
        let data: Vec<_> =
            made.data.iter().map(|(key, value)| (key.as_str(), value.expose())).collect();
        assert_eq!(data, [("one", &b"1"[..]), ("two", b"zwei")]);
    }

    #[test]
    fn an_error_names_the_field_and_never_its_value() {
        #[rustfmt::skip]
        let cases = [
            (json!({"metadata": {"name": "a"}, "data": {"k": "hunter2!"}}),   "`data.k` is not base64 text"),
            (json!({"metadata": {"name": "a"}, "stringData": {"k": 42}}),     "`stringData.k` is not text; put it in quotes"),
            (json!({"metadata": {}}),                                         "`metadata.name` is not there"),
            (json!({"metadata": {"name": "a", "labels": {"l": 1}}}),          "`metadata.labels.l` is not text; put it in quotes"),
            (json!({"metadata": {"name": "a"}, "data": "hunter2"}),           "`data` is not a map"),
        ];
        for (document, message) in cases {
            let refused = secret(&document, &destination(None, false)).unwrap_err();
            assert_eq!(refused.to_string(), message, "{document}");
        }
    }
}
