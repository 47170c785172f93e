//! Definitions of custom resources, as the kinds that they declare.

use serde_json::{Value, json};

use super::{Kind, Traits, Version, rules};
use crate::schema::Schema;

/// A `CustomResourceDefinition` that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field that every definition has is missing.
    #[error("CustomResourceDefinition `{name}` has no `{field}`")]
    Incomplete {
        /// Its name.
        name: String,
        /// The path of the field.
        field: &'static str,
    },
    /// The schema of a version cannot be read.
    #[error("CustomResourceDefinition `{name}`: the schema of version `{version}` is malformed")]
    Schema {
        /// Its name.
        name: String,
        /// The version.
        version: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// The kind that a definition declares.
pub(crate) fn kind(crd: &Value) -> Result<Kind, Error> {
    let text = |path: &'static str, pointer: &str| {
        let found = crd.pointer(pointer).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| Error::Incomplete { name: name(crd), field: path })
    };
    let group = text("spec.group", "/spec/group")?;
    let plural = text("spec.names.plural", "/spec/names/plural")?;
    let kind = text("spec.names.kind", "/spec/names/kind")?;
    let singular = text("spec.names.singular", "/spec/names/singular");
    Ok(Kind {
        stored: format!("{plural}.{group}/"),
        singular: singular.unwrap_or_else(|_| kind.to_lowercase()),
        short_names: words(crd.pointer("/spec/names/shortNames")),
        categories: words(crd.pointer("/spec/names/categories")),
        namespaced: text("spec.scope", "/spec/scope")? == "Namespaced",
        versions: versions(crd, &kind)?,
        traits: Traits {
            builtin: false,
            generation: true,
            create_on_update: false,
            unconditional_update: false,
            writable: true,
        },
        rule: rules::none,
        group,
        kind,
        plural,
    })
}

fn name(crd: &Value) -> String {
    crd.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn words(list: Option<&Value>) -> Vec<String> {
    let words = list.and_then(Value::as_array).into_iter().flatten();
    words.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The served versions, the preferred first.
fn versions(crd: &Value, kind: &str) -> Result<Vec<Version>, Error> {
    let missing = || Error::Incomplete { name: name(crd), field: "spec.versions" };
    let declared = crd.pointer("/spec/versions").and_then(Value::as_array).ok_or_else(missing)?;
    let mut versions = Vec::new();
    for entry in declared.iter().filter(|entry| entry["served"] == json!(true)) {
        versions.push(version(crd, kind, entry)?);
    }
    versions.sort_by_key(|version| std::cmp::Reverse(priority(&version.name)));
    if versions.is_empty() { Err(missing()) } else { Ok(versions) }
}

fn version(crd: &Value, kind: &str, entry: &Value) -> Result<Version, Error> {
    let version = entry["name"].as_str().unwrap_or_default().to_owned();
    let schema = entry.pointer("/schema/openAPIV3Schema");
    let schema =
        match schema {
            Some(schema) => serde_json::from_value(schema.clone()).map_err(|source| {
                Error::Schema { name: name(crd), version: version.clone(), source }
            })?,
            None => Schema::anything(),
        };
    let selectable = entry["selectableFields"].as_array().into_iter().flatten();
    let selectable = selectable.filter_map(|field| field["jsonPath"].as_str());
    let group = crd["spec"]["group"].as_str().unwrap_or_default();
    let deprecation = (entry["deprecated"] == json!(true)).then(|| {
        let own = entry["deprecationWarning"].as_str().map(str::to_owned);
        own.unwrap_or_else(|| format!("{group}/{version} {kind} is deprecated"))
    });
    Ok(Version {
        status: entry.pointer("/subresources/status").is_some(),
        selectable: selectable.map(|path| path.trim_start_matches('.').to_owned()).collect(),
        renames: &[],
        name: version,
        schema,
        deprecation,
    })
}

/// Kubernetes' order of versions: stable, then beta, then alpha; newer numbers first.
pub(crate) fn priority(version: &str) -> (u8, u32, u32) {
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let digits = |text: &str| text.parse::<u32>().ok();
        if let Some((major, minor)) = rest.split_once("beta") {
            return Some((2, digits(major)?, digits(minor)?));
        }
        if let Some((major, minor)) = rest.split_once("alpha") {
            return Some((1, digits(major)?, digits(minor)?));
        }
        Some((3, digits(rest)?, 0))
    };
    parse().unwrap_or((0, 0, 0))
}

/// The definition as an object: with the status that an accepted one has.
pub(crate) fn established(crd: &Value, now: &str) -> Value {
    let mut crd = crd.clone();
    let condition = |kind: &str, reason: &str, message: &str| {
        json!({ "type": kind, "status": "True", "reason": reason, "message": message,
            "lastTransitionTime": now })
    };
    let versions = crd.pointer("/spec/versions").and_then(Value::as_array).cloned();
    let stored: Vec<Value> = versions
        .unwrap_or_default()
        .iter()
        .filter(|version| version["storage"] == json!(true))
        .map(|version| version["name"].clone())
        .collect();
    crd["status"] = json!({
        "acceptedNames": crd["spec"]["names"],
        "storedVersions": stored,
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
    });
    crd
}
