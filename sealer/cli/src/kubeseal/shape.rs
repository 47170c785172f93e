//! The objects that kubeseal reads and writes, field by field, as Go's types have them.
//!
//! Reading drops fields that the type does not have, and takes a number or a truth value in YAML for
//! the text that it was meant to be. Writing keeps the order of the fields in JSON and leaves out
//! what Go calls empty.

use serde_json::{Map, Value};

/// What a field holds.
pub(super) enum Shape {
    Text,
    /// A number, a truth value, or a tree that is copied as it is.
    Any,
    /// Keys of any name, all of one shape.
    Map(&'static Shape),
    List(&'static Shape),
    Object(&'static [Field]),
}

pub(super) struct Field {
    name: &'static str,
    shape: Shape,
    /// Whether it is written even when it is empty.
    always: bool,
}

/// A field holds something else than it should.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not {expected}")]
pub(super) struct Mismatch {
    path: String,
    expected: &'static str,
}

const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, always: false }
}

const fn always(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, always: true }
}

const TEXTS: Shape = Shape::Map(&Shape::Text);

const OWNER: Shape = Shape::Object(&[
    always("apiVersion", Shape::Text),
    always("kind", Shape::Text),
    always("name", Shape::Text),
    always("uid", Shape::Text),
    field("controller", Shape::Any),
    field("blockOwnerDeletion", Shape::Any),
]);

const METADATA: Shape = Shape::Object(&[
    field("name", Shape::Text),
    field("generateName", Shape::Text),
    field("namespace", Shape::Text),
    field("selfLink", Shape::Text),
    field("uid", Shape::Text),
    field("resourceVersion", Shape::Text),
    field("generation", Shape::Any),
    field("creationTimestamp", Shape::Text),
    field("deletionTimestamp", Shape::Text),
    field("deletionGracePeriodSeconds", Shape::Any),
    field("labels", TEXTS),
    field("annotations", TEXTS),
    field("ownerReferences", Shape::List(&OWNER)),
    field("finalizers", Shape::List(&Shape::Text)),
    field("managedFields", Shape::Any),
]);

/// `v1` Secret.
pub(super) const SECRET: Shape = Shape::Object(&[
    always("kind", Shape::Text),
    always("apiVersion", Shape::Text),
    field("metadata", METADATA),
    field("immutable", Shape::Any),
    field("data", TEXTS),
    field("stringData", TEXTS),
    field("type", Shape::Text),
]);

/// `bitnami.com/v1alpha1` SealedSecret.
pub(super) const SEALED_SECRET: Shape = Shape::Object(&[
    always("kind", Shape::Text),
    always("apiVersion", Shape::Text),
    field("metadata", METADATA),
    always(
        "spec",
        Shape::Object(&[
            always(
                "template",
                Shape::Object(&[
                    field("metadata", METADATA),
                    field("type", Shape::Text),
                    field("immutable", Shape::Any),
                    field("data", Shape::Any),
                ]),
            ),
            field("data", Shape::Text),
            always("encryptedData", TEXTS),
        ]),
    ),
    field("status", Shape::Any),
]);

/// `value` as its type reads it; `lenient` is how YAML is read, where `5` may be a text.
pub(super) fn read(value: Value, shape: &Shape, lenient: bool) -> Result<Value, Mismatch> {
    read_at(value, shape, lenient, "").map(|read| read.unwrap_or_else(|| Map::default().into()))
}

fn read_at(
    value: Value,
    shape: &Shape,
    lenient: bool,
    path: &str,
) -> Result<Option<Value>, Mismatch> {
    let mismatch = |expected| Mismatch { path: path.to_owned(), expected };
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    Ok(Some(match (shape, value) {
        // A key with nothing behind it has the empty text; a field with nothing is not there.
        (_, Value::Null) => return Ok(None),
        (Shape::Any, value) | (Shape::Text, value @ Value::String(_)) => value,
        (Shape::Text, Value::Bool(value)) if lenient => value.to_string().into(),
        (Shape::Text, Value::Number(value)) if lenient => go_number(&value).into(),
        (Shape::Text, _) => return Err(mismatch("text; put it in quotes")),
        (Shape::Map(inner), Value::Object(fields)) => {
            let read = |(key, value): (String, Value)| {
                let value = read_at(value, inner, lenient, &below(&key))?;
                Ok((key, value.unwrap_or_else(|| "".into())))
            };
            Value::Object(fields.into_iter().map(read).collect::<Result<_, _>>()?)
        }
        (Shape::Map(_), _) => return Err(mismatch("a map")),
        (Shape::List(inner), Value::Array(items)) => {
            let read = |item| read_at(item, inner, lenient, path);
            let items: Result<Vec<_>, _> = items.into_iter().map(read).collect();
            Value::Array(items?.into_iter().flatten().collect())
        }
        (Shape::List(_), _) => return Err(mismatch("a list")),
        (Shape::Object(known), Value::Object(mut fields)) => {
            let mut read = Map::new();
            for field in *known {
                let Some(value) = fields.remove(field.name) else { continue };
                let value = read_at(value, &field.shape, lenient, &below(field.name))?;
                read.extend(value.map(|value| (field.name.to_owned(), value)));
            }
            Value::Object(read)
        }
        (Shape::Object(_), _) => return Err(mismatch("a map")),
    }))
}

/// A number as Go's shortest form without a needless fraction.
fn go_number(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if !number.is_i64() && !number.is_u64() => golang_float(float),
        _ => number.to_string(),
    }
}

fn golang_float(float: f64) -> String {
    let shortest = format!("{float}");
    if float.abs() >= 1e21 || (float != 0.0 && float.abs() < 1e-6) {
        format!("{float:e}")
    } else {
        shortest
    }
}

/// `value` without what Go leaves out; fields that the type does not have stay.
pub(super) fn prune(value: &mut Value, shape: &Shape) {
    match (shape, value) {
        (Shape::Object(known), Value::Object(fields)) => {
            for field in *known {
                let Some(value) = fields.get_mut(field.name) else { continue };
                prune(value, &field.shape);
                if !field.always && is_empty(value) {
                    fields.remove(field.name);
                }
            }
        }
        (Shape::List(inner), Value::Array(items)) => {
            for item in items {
                prune(item, inner);
            }
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// `value` as Go's indented JSON, fields in the order of the type and others behind them.
pub(super) fn json(value: &Value, shape: &Shape) -> String {
    let mut out = String::new();
    write(value, shape, 0, &mut out);
    out.push('\n');
    out
}

fn write(value: &Value, shape: &Shape, depth: usize, out: &mut String) {
    let (open, close, parts): (_, _, Vec<(Option<&str>, &Value, &Shape)>) = match value {
        Value::Object(fields) if !fields.is_empty() => ('{', '}', ordered(fields, shape)),
        Value::Array(items) if !items.is_empty() => {
            let inner = if let Shape::List(inner) = shape { inner } else { &Shape::Any };
            ('[', ']', items.iter().map(|item| (None, item, inner)).collect())
        }
        scalar => return out.push_str(&escaped(&scalar.to_string())),
    };
    out.push(open);
    for (position, (key, value, shape)) in parts.into_iter().enumerate() {
        out.push_str(if position > 0 { ",\n" } else { "\n" });
        out.extend(std::iter::repeat_n("  ", depth + 1));
        if let Some(key) = key {
            out.push_str(&escaped(&Value::from(key).to_string()));
            out.push_str(": ");
        }
        write(value, shape, depth + 1, out);
    }
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
    out.push(close);
}

fn ordered<'v>(
    fields: &'v Map<String, Value>,
    shape: &'v Shape,
) -> Vec<(Option<&'v str>, &'v Value, &'v Shape)> {
    let (known, inner) = match shape {
        Shape::Object(known) => (*known, &Shape::Any),
        Shape::Map(inner) => (&[][..], *inner),
        _ => (&[][..], &Shape::Any),
    };
    let named = known.iter().filter_map(|field| {
        let (key, value) = fields.get_key_value(field.name)?;
        Some((Some(key.as_str()), value, &field.shape))
    });
    let others =
        fields.iter().filter(|(key, _)| !known.iter().any(|field| field.name == key.as_str()));
    named.chain(others.map(|(key, value)| (Some(key.as_str()), value, inner))).collect()
}

/// Go writes some characters of texts as escapes, so that JSON may stand in HTML.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_may_say_a_number_where_text_is_meant() {
        let value =
            json!({"metadata": {"labels": {"a": 5, "b": true, "c": 1.5, "f": null}}, "x": 1});
        let labels = json!({"a": "5", "b": "true", "c": "1.5", "f": ""});
        let lenient = read(value.clone(), &SECRET, true).unwrap();
        assert_eq!(lenient, json!({"metadata": {"labels": labels}}));
        let strict = read(value, &SECRET, false).unwrap_err();
        assert_eq!(strict.to_string(), "`metadata.labels.a` is not text; put it in quotes");
    }

    #[test]
    fn json_is_written_as_go_writes_it() {
        let mut value = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "", "immutable": true, "extra": [1],
            "metadata": {"namespace": "ns", "name": "n", "labels": {}, "annotations": {"a": "<&>"}},
        });
        prune(&mut value, &SECRET);
        let expected = "{\n  \"kind\": \"Secret\",\n  \"apiVersion\": \"v1\",\n  \"metadata\": {\n    \
                        \"name\": \"n\",\n    \"namespace\": \"ns\",\n    \"annotations\": {\n      \
                        \"a\": \"\\u003c\\u0026\\u003e\"\n    }\n  },\n  \"immutable\": true,\n  \
                        \"extra\": [\n    1\n  ]\n}\n";
        assert_eq!(json(&value, &SECRET), expected);
    }
}
