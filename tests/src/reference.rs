//! The tables of `docs/reference`, made from the Rust types.
//!
//! A page is written by hand; only what stands between its two markers is made here, so that a field
//! has one description: the comment on the Rust type.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use crate::Outcome;

const BEGIN: &str = "<!-- fields: made from the Rust types by `make generate` -->\n";
const END: &str = "<!-- /fields -->\n";

/// Every kind that has a page.
pub fn kinds() -> Vec<CustomResourceDefinition> {
    let mut kinds = [sealer_api::crds(), imagebot_api::crds()].concat();
    kinds.push(imagebot_api::git_repository_crd());
    kinds.push(sealer_api::kustomization_crd());
    kinds
}

/// Where the pages are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("docs").join("reference")
}

/// Every page as it should be: its path and its text.
pub fn files() -> Outcome<Vec<(PathBuf, String)>> {
    kinds().iter().map(file).collect()
}

/// The YAML examples of a page, each as it is written.
pub fn examples(page: &str) -> Vec<String> {
    let parts = page.split("\n```yaml\n").skip(1);
    parts.filter_map(|part| Some(part.split_once("\n```")?.0.to_owned() + "\n")).collect()
}

fn file(crd: &CustomResourceDefinition) -> Outcome<(PathBuf, String)> {
    let path = folder().join(format!("{}.md", crd.spec.names.singular.as_deref().unwrap_or("")));
    let page = fs::read_to_string(&path).map_err(|err| format!("{}: {err}", path.display()))?;
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or_else(|| {
        format!("{} lacks the lines `{}` and `{}`", path.display(), BEGIN.trim(), END.trim())
    })?;
    let fields = fields(crd)?;
    Ok((path, format!("{before}{BEGIN}{fields}{END}{after}")))
}

/// The versions, the tables and the rules of a kind.
fn fields(crd: &CustomResourceDefinition) -> Outcome<String> {
    let served: Vec<String> = crd
        .spec
        .versions
        .iter()
        .map(|version| format!("`{}/{}`", crd.spec.group, version.name))
        .collect();
    let names = crd.spec.names.short_names.iter().flatten();
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    let mut text = format!("\n`apiVersion`: {}.", served.join(", "));
    if !names.is_empty() {
        write!(text, " Short names: {}.", names.join(", "))?;
    }
    text.push('\n');
    let stored = crd.spec.versions.iter().find(|version| version.storage);
    let schema =
        stored.and_then(|version| version.schema.as_ref()).ok_or("a CRD without a schema")?;
    let schema = serde_json::to_value(&schema.open_api_v3_schema)?;
    for part in ["spec", "status"] {
        let part_schema = &schema["properties"][part];
        let mut rows = Vec::new();
        collect(part_schema, "", &mut rows);
        if rows.is_empty() {
            continue;
        }
        write!(
            text,
            "\n### `{part}`\n\n| field | type | default | meaning |\n|---|---|---|---|\n"
        )?;
        for row in rows {
            writeln!(text, "{row}")?;
        }
        let mut rules = BTreeSet::new();
        messages(part_schema, &mut rules);
        if !rules.is_empty() {
            text.push_str("\nThe API server refuses an object that breaks one of these rules:\n\n");
            for rule in rules {
                writeln!(text, "- {}", cell(&rule))?;
            }
        }
    }
    text.push('\n');
    Ok(text)
}

/// Adds a row for every field below `schema`, in the order of their names.
fn collect(schema: &Value, path: &str, rows: &mut Vec<String>) {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let default = match &field["default"] {
            Value::Null if required.contains(&name.as_str()) => "required".to_owned(),
            Value::Null => String::new(),
            default => format!("`{default}`"),
        };
        rows.push(format!(
            "| `{path}` | {} | {} | {} |",
            kind(field),
            cell(&default),
            meaning(field)
        ));
        // Conditions are the same everywhere.
        if name != "conditions" {
            collect(field, &path, rows);
            collect(&field["items"], &format!("{path}[]"), rows);
            collect(&field["additionalProperties"], &format!("{path}.*"), rows);
        }
    }
}

fn kind(field: &Value) -> String {
    let name = |field: &Value| match field["type"].as_str() {
        Some(name) => name.to_owned(),
        None if field["x-kubernetes-int-or-string"] == true => "integer or string".to_owned(),
        None => "any".to_owned(),
    };
    match name(field).as_str() {
        "array" => format!("list of {}", name(&field["items"])),
        "object" if field["additionalProperties"].is_object() => {
            format!("map of {}", name(&field["additionalProperties"]))
        }
        name => name.to_owned(),
    }
}

fn meaning(field: &Value) -> String {
    let mut text = cell(field["description"].as_str().unwrap_or_default());
    let choices: Vec<String> = field["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|choice| format!("`{choice}`"))
        .collect();
    if choices.iter().any(|choice| !text.contains(choice.as_str())) {
        text = format!("{text} One of {}.", choices.join(", "));
    }
    text
}

fn messages(schema: &Value, found: &mut BTreeSet<String>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let message = rule["message"].as_str().or(rule["rule"].as_str());
        found.extend(message.map(str::to_owned));
    }
    for (_, field) in schema["properties"].as_object().into_iter().flatten() {
        messages(field, found);
    }
    for inner in ["items", "additionalProperties"].iter().filter_map(|name| schema.get(*name)) {
        messages(inner, found);
    }
}

/// Text that fits into a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
