//! Manifests as people write them: a YAML stream, concatenated JSON, or lists of either.

use serde_json::Value;
use yaml::Schema;

/// The objects of a text, lists taken apart and empty documents left out.
pub(crate) fn parse(text: &str, schema: Schema) -> Result<Vec<Value>, yaml::Error> {
    let objects = match concatenated(text) {
        Some(objects) => objects,
        None => yaml::json::documents(text, schema)?,
    };
    Ok(objects.into_iter().flat_map(items).filter(|object| !object.is_null()).collect())
}

/// The objects of concatenated JSON.
pub(crate) fn concatenated(text: &str) -> Option<Vec<Value>> {
    serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().ok()
}

fn items(mut object: Value) -> Vec<Value> {
    let is_list =
        object.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match object.get_mut("items") {
        Some(Value::Array(items)) if is_list => std::mem::take(items),
        _ => vec![object],
    }
}
