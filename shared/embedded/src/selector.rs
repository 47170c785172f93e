//! Label and field selectors: parsed once, asked for every object.

use serde_json::Value;

use crate::{
    failure::Failure,
    kind::{self, Kind, Version},
    object::{self, Object},
};

/// What a list or watch asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
    Above(String, i64),
    Below(String, i64),
}

#[derive(Clone, Debug)]
struct Field {
    path: String,
    value: String,
    equal: bool,
}

impl Selector {
    /// Parses `labelSelector` and `fieldSelector` for one version of a kind.
    pub(crate) fn parse(
        kind: &Kind,
        version: &Version,
        labels: &str,
        fields: &str,
    ) -> Result<Self, Failure> {
        let fields = parse_fields(kind, version, fields)?;
        Ok(Self { labels: parse_labels(labels)?, fields })
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// The one name that can match, if the selector says so.
    pub(crate) fn name(&self) -> Option<&str> {
        let only = |field: &&Field| field.equal && field.path == "metadata.name";
        self.fields.iter().find(only).map(|field| field.value.as_str())
    }

    /// Restricts the selector to one name.
    pub(crate) fn with_name(mut self, name: &str) -> Self {
        let path = "metadata.name".to_owned();
        self.fields.push(Field { path, value: name.to_owned(), equal: true });
        self
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        if self.is_everything() {
            return true;
        }
        let labels = object::meta(object).get("labels").and_then(Value::as_object);
        let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
        self.labels.iter().all(|requirement| requirement.holds(&label))
            && self.fields.iter().all(|field| field.holds(object))
    }
}

impl Field {
    fn holds(&self, object: &Object) -> bool {
        let found = match kind::at(object, &self.path) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        (found == self.value) == self.equal
    }
}

impl Requirement {
    fn holds<'l>(&self, label: &impl Fn(&str) -> Option<&'l str>) -> bool {
        let number = |key: &str| label(key).and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::In(key, values) => label(key).is_some_and(|v| values.iter().any(|w| w == v)),
            Self::NotIn(key, values) => label(key).is_none_or(|v| values.iter().all(|w| w != v)),
            Self::Exists(key) => label(key).is_some(),
            Self::Missing(key) => label(key).is_none(),
            Self::Above(key, bound) => number(key).is_some_and(|value| value > *bound),
            Self::Below(key, bound) => number(key).is_some_and(|value| value < *bound),
        }
    }
}

fn parse_fields(kind: &Kind, version: &Version, text: &str) -> Result<Vec<Field>, Failure> {
    let mut fields = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (path, value, equal) = if let Some((path, value)) = part.split_once("!=") {
            (path, value, false)
        } else if let Some((path, value)) = part.split_once("==") {
            (path, value, true)
        } else if let Some((path, value)) = part.split_once('=') {
            (path, value, true)
        } else {
            let message = format!("invalid selector: '{text}'; can't understand '{part}'");
            return Err(Failure::bad_request(message));
        };
        let known = path == "metadata.name"
            || (kind.namespaced && path == "metadata.namespace")
            || version.selectable.iter().any(|field| field == path);
        if !known {
            return Err(Failure::bad_request(format!("field label not supported: {path}")));
        }
        fields.push(Field { path: version.stored_path(path), value: value.to_owned(), equal });
    }
    Ok(fields)
}

fn parse_labels(text: &str) -> Result<Vec<Requirement>, Failure> {
    let mut requirements = Vec::new();
    for part in split_outside_parentheses(text) {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        let requirement = parse_requirement(part).ok_or_else(|| {
            let message = format!("unable to parse requirement: cannot understand `{part}`");
            Failure::bad_request(message)
        })?;
        requirements.push(requirement);
    }
    Ok(requirements)
}

/// The comma-separated requirements; commas inside `in (..)` do not separate.
fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse_requirement(part: &str) -> Option<Requirement> {
    if let Some(key) = part.strip_prefix('!') {
        return Some(Requirement::Missing(key_of(key)?));
    }
    if let Some((head, list)) = part.split_once('(') {
        let list = list.trim_end().strip_suffix(')')?;
        let values = list.split(',').map(value_of).collect::<Option<Vec<_>>>()?;
        let mut words = head.split_whitespace();
        let (key, operator) = (key_of(words.next()?)?, words.next()?);
        return match (operator, words.next()) {
            ("in", None) => Some(Requirement::In(key, values)),
            ("notin", None) => Some(Requirement::NotIn(key, values)),
            _ => None,
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Some(Requirement::NotIn(key_of(key)?, vec![value_of(value)?]));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Some(Requirement::In(key_of(key)?, vec![value_of(value)?]));
    }
    if let Some((key, value)) = part.split_once('>') {
        return Some(Requirement::Above(key_of(key)?, value.trim().parse().ok()?));
    }
    if let Some((key, value)) = part.split_once('<') {
        return Some(Requirement::Below(key_of(key)?, value.trim().parse().ok()?));
    }
    Some(Requirement::Exists(key_of(part)?))
}

/// A label key, when it can be one.
fn key_of(text: &str) -> Option<String> {
    let key = text.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (!key.is_empty() && key.chars().all(plain)).then(|| key.to_owned())
}

/// A label value, when it can be one.
fn value_of(text: &str) -> Option<String> {
    let value = text.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (value.len() <= 63 && value.chars().all(plain)).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn label_selectors_select_what_kubernetes_selects() {
        #[rustfmt::skip]
        let cases = [
            // selector             app=web,n=5   without labels
            ("app=web",             true,         false),
            ("app==web",            true,         false),
            ("app!=web",            false,        true),
            ("app in (web, db)",    true,         false),
            ("app notin (web)",     false,        true),
            ("app",                 true,         false),
            ("!app",                false,        true),
            ("n>4,n<6",             true,         false),
            ("app=web,tier",        false,        false),
            ("tier!=x,app in (web)",true,         false),
        ];
        let with = json!({ "metadata": { "labels": { "app": "web", "n": "5" } } });
        let without = json!({ "metadata": {} });
        for (text, first, second) in cases {
            let selector = Selector { labels: parse_labels(text).unwrap(), fields: vec![] };
            assert_eq!(selector.matches(with.as_object().unwrap()), first, "{text}");
            assert_eq!(selector.matches(without.as_object().unwrap()), second, "{text}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in ["a in web", "a=b c", "a in (b", "=b", "a,,b=(", "a is (b)"] {
            assert!(parse_labels(text).is_err(), "{text}");
        }
    }
}
