//! Tests of `resolve`, against what the two Go libraries say.

use super::*;
use crate::{json, tree};

/// `[scalar, what yaml.v3 3.0.1 decodes, what sigs.k8s.io/yaml 1.4.0 writes as JSON]`.
const CASES: &str = include_str!("../../tests/cases/scalars.json");

#[test]
fn scalars_have_the_types_that_go_gives_them() {
    let cases: Vec<(String, String, String)> = serde_json::from_str(CASES).unwrap();
    for (text, v3, kubernetes) in cases {
        let source = format!("v: {text}\n");
        assert_eq!(as_v3(&source), v3, "yaml.v3 reads `{text}`");
        assert_eq!(as_kubernetes(&source), normal(&kubernetes), "Kubernetes reads `{text}`");
    }
}

/// The value of `v` in the notation of the cases.
fn as_v3(source: &str) -> String {
    let Ok(documents) = tree::parse(source) else { return "ERR".into() };
    let node = documents[0].root.get("v").unwrap();
    let text = node.as_str().map(str::to_owned);
    match node.resolve(Schema::GoYaml3) {
        Err(_) => "ERR".into(),
        Ok(None) if node.sequence().is_some() => "ERR".into(),
        Ok(None) => panic!("`{source}` is not a scalar"),
        Ok(Some(Resolved::Null)) => "null".into(),
        Ok(Some(Resolved::Bool(value))) => format!("bool {value}"),
        Ok(Some(Resolved::Int(value))) => format!("int {value}"),
        Ok(Some(Resolved::Float(value))) => format!("float {}", go_float(value)),
        Ok(Some(Resolved::Timestamp(_))) => "time".into(),
        Ok(Some(Resolved::Binary(_) | Resolved::Str(_))) => format!("str {}", text.unwrap()),
    }
}

fn go_float(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".into(),
        _ if value == f64::INFINITY => "+Inf".into(),
        _ if value == f64::NEG_INFINITY => "-Inf".into(),
        _ if value.abs() >= 1e21 => format!("{value:e}").replace('e', "e+"),
        _ if value.abs() >= 1e18 => format!("{value:e}").replace('e', "e+"),
        _ => format!("{value}"),
    }
}

fn as_kubernetes(source: &str) -> String {
    match json::documents(source, Schema::Kubernetes) {
        Ok(values) if values[0]["v"].is_array() => "ERR".into(),
        Ok(values) => normal(&values[0]["v"].to_string()),
        Err(_) => "ERR".into(),
    }
}

/// Numbers compare as numbers.
fn normal(json: &str) -> String {
    match json.parse::<f64>() {
        Ok(number) if number.abs() > 9e15 || number == 0.0 => format!("{}", number + 0.0),
        _ => json.to_owned(),
    }
}
