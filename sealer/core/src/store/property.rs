//! One value inside a remote secret that is a JSON object.
//!
//! External Secrets uses gjson paths. Here are the plain ones: keys separated by dots, `\` before
//! a dot that belongs to a key, a number for an item of a list, `#` for its length. A member whose
//! whole name is the path comes first, as with Vault. The rest of gjson is refused by name, so
//! that nobody gets another value than they meant.

use serde_json::{Map, Value};

use crate::plaintext::Plaintext;

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The path leads nowhere.
    #[error("property `{0}` does not exist in the remote secret")]
    Missing(String),
    /// The remote secret is not an object.
    #[error("the remote secret is not a JSON object, so it has no properties")]
    NotAnObject,
    /// The path uses a query, a modifier or a wildcard.
    #[error(
        "property `{0}` uses gjson's queries, modifiers or wildcards, which are not supported; name the value by its keys, separated by dots"
    )]
    Unsupported(String),
}

/// The value at `path` of a remote secret.
pub fn lookup(secret: &Value, path: &str) -> Result<Plaintext, Error> {
    let object = secret.as_object().ok_or(Error::NotAnObject)?;
    if let Some(value) = object.get(path) {
        return Ok(text(value));
    }
    let missing = || Error::Missing(path.to_owned());
    let steps = steps(path).ok_or_else(|| Error::Unsupported(path.to_owned()))?;
    let mut value = secret;
    for (position, step) in steps.iter().enumerate() {
        value = match value {
            Value::Object(object) => object.get(step).ok_or_else(missing)?,
            Value::Array(items) if step == "#" && position + 1 == steps.len() => {
                return Ok(items.len().to_string().into());
            }
            Value::Array(items) => {
                let index: usize = step.parse().map_err(|_| missing())?;
                items.get(index).ok_or_else(missing)?
            }
            _ => return Err(missing()),
        };
    }
    Ok(text(value))
}

/// All members of a remote secret.
pub fn members(secret: &Value) -> Result<&Map<String, Value>, Error> {
    secret.as_object().ok_or(Error::NotAnObject)
}

/// A value as bytes: a string without its quotes, null as nothing, all else as JSON.
pub fn text(value: &Value) -> Plaintext {
    match value {
        Value::String(text) => Plaintext::new(text.as_bytes().to_vec()),
        Value::Null => Plaintext::new(Vec::new()),
        other => other.to_string().into(),
    }
}

/// The keys of a path, or `None` if it is more than keys.
fn steps(path: &str) -> Option<Vec<String>> {
    let mut steps = vec![String::new()];
    let mut chars = path.chars();
    while let Some(char) = chars.next() {
        let step = steps.last_mut().expect("there is always a last step");
        match char {
            '\\' => step.push(chars.next()?),
            '.' => steps.push(String::new()),
            '|' | '*' | '?' | '(' | '[' | '{' | '!' => return None,
            '@' if step.is_empty() => return None,
            char => step.push(char),
        }
    }
    let sound = steps.iter().enumerate().all(|(at, step)| {
        // `#` counts a list at the end; before that it would be a projection.
        !(step.starts_with('#') && (step != "#" || at + 1 < steps.len()))
    });
    sound.then_some(steps)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_to_one_value_or_says_why_not() {
        let secret = json!({
            "user": "me", "a.b": "exact", "a": {"b": "nested", "c.d": 1, "list": [{"x": true}, null, 1.5]},
            "empty": null, "big": 12_345_678_901_234_567_u64,
        });
        let missing = |path: &str| Err(Error::Missing(path.into()));
        let unsupported = |path: &str| Err(Error::Unsupported(path.into()));
        #[rustfmt::skip]
        let cases = [
            // path           value
            ("user",          Ok("me")),
            ("a.b",           Ok("exact")),
            ("a.c\\.d",       Ok("1")),
            ("a.list.0.x",    Ok("true")),
            ("a.list.1",      Ok("")),
            ("a.list.2",      Ok("1.5")),
            ("a.list.#",      Ok("3")),
            ("a.list.0",      Ok("{\"x\":true}")),
            ("empty",         Ok("")),
            ("big",           Ok("12345678901234567")),
            ("nope",          missing("nope")),
            ("user.x",        missing("user.x")),
            ("a.list.9",      missing("a.list.9")),
            ("a.list.#.x",    unsupported("a.list.#.x")),
            ("a.#(x==1)",     unsupported("a.#(x==1)")),
            ("@this",         unsupported("@this")),
            ("us*",           unsupported("us*")),
            ("a|b",           unsupported("a|b")),
        ];
        for (path, expected) in cases {
            let found = lookup(&secret, path);
            let found = found.as_ref().map(|found| std::str::from_utf8(found.expose()).unwrap());
            assert_eq!(found, expected.as_ref().map(|text| *text), "{path}");
        }
        assert_eq!(lookup(&json!("text"), "a").unwrap_err(), Error::NotAnObject);
    }
}
