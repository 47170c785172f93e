//! Templates rendered here and by Go, compared.
//!
//! `golden/main.go` renders `golden/cases.json` with Go's own text/template and sprig; the errors
//! are compared to the letter.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use gotmpl::{Limits, List, Map, MissingKey, Object, Template, Type, Value};
use serde_json::Value as Json;

/// Where an error of Go's would show a value of the data, names a function's Go source, or where
/// Go's text is an accident: it must fail here too, in words of our own.
const OTHER_WORDS: &[&str] = &[
    "p023", "p027", "p028", "p029", "p186", "p187", "p219", "p292", "p293", "p323", "p324", "p328",
    "p342", "p343", "p344", "p350", "p358", "p359", "p360", "p362", "p363", "p372", "p373", "p374",
    "s021", "s036",
];

fn id(kind: &str, name: &str, api_version: &str) -> Object {
    Object::new("main.id")
        .field("APIVersion", api_version)
        .field("Kind", kind)
        .field("Namespace", "web")
        .field("Name", name)
}

fn change(old: &str, new: &str, setter: &str) -> Value {
    Object::new("main.change")
        .field("OldValue", old)
        .field("NewValue", new)
        .field("Setter", setter)
        .into()
}

fn image(name: &'static str, tag: &'static str) -> Value {
    Object::new("main.image")
        .field("name", name)
        .field("tag", tag)
        .display(format!("{name}:{tag}"))
        .method("Identifier", 0, move |_| Ok(tag.into()))
        .method("Plus", 1, move |arguments| match arguments[0].as_text() {
            Some(text) if !text.is_empty() => Ok(format!("{tag}{}", text.to_str()).into()),
            _ => Err("nothing to add".into()),
        })
        .into()
}

/// What `structs` in `golden/main.go` builds.
fn structs() -> Value {
    let changes = |items: Vec<Value>| List::of(Type::named("main.change"), items);
    let objects = Map::of(Type::named("main.id"), Type::list(Type::named("main.change")))
        .with(id("Pod", "b", "v1"), changes(vec![change("b:1", "b:2", "web:b")]))
        .with(
            id("Deployment", "front", "apps/v1"),
            changes(vec![change("a:1", "a:2", "web:a"), change("c:1", "c:2", "web:c:tag")]),
        )
        .with(id("Pod", "a", "v1"), changes(Vec::new()));
    let outer = Object::new("main.outer")
        .embed("id", id("Deployment", "front", "apps/v1"))
        .field("Note", "hello")
        .field("list", List::of(Type::Int, Vec::new()));
    let numbers =
        Map::of(Type::Int, Type::String).with(10, "ten").with(-2, "minus two").with(3, "three");
    Object::new("main.flux")
        .field("Objects", objects)
        .field(
            "Images",
            List::of(
                Type::named("main.image"),
                vec![image("reg.example/a", "1.2"), image("reg.example/b", "3")],
            ),
        )
        .field("Values", Map::strings([("b", "2"), ("a", "1")]))
        .field("Numbers", numbers)
        .field("Outer", outer)
        .field("Strings", List::strings(["x", "y", "z"]))
        .into()
}

fn missing_key(option: Option<&str>) -> MissingKey {
    match option {
        Some("zero") => MissingKey::Zero,
        Some("error") => MissingKey::Error,
        _ => MissingKey::Nothing,
    }
}

fn render(case: &Json, data: &Value) -> Result<String, String> {
    let text = case["template"].as_str().unwrap();
    let template = Template::parse("t", text).map_err(|error| error.to_string())?;
    let template = template.missing_key(missing_key(case["missingkey"].as_str()));
    template.render(data, &Limits::default()).map_err(|error| error.to_string())
}

#[test]
fn templates_render_and_fail_as_in_go() {
    let table: Json = serde_json::from_str(include_str!("golden/cases.json")).unwrap();
    let golden: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_str(include_str!("golden/golden.json")).unwrap();
    let data =
        BTreeMap::from([("plain", Value::from(table["plain"].clone())), ("structs", structs())]);
    let mut failures = Vec::new();
    for group in table["groups"].as_array().unwrap() {
        for case in group["cases"].as_array().unwrap() {
            let name = case["name"].as_str().unwrap();
            let got = render(case, &data[group["data"].as_str().unwrap()]);
            let want =
                golden[name].get("output").cloned().ok_or_else(|| golden[name]["error"].clone());
            let agrees =
                got == want || (got.is_err() && want.is_err() && OTHER_WORDS.contains(&name));
            if !agrees {
                failures.push(format!(
                    "{name} {}\n   got  {got:?}\n   want {want:?}",
                    case["template"]
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_probe_cases_render_as_go_renders_them() {
    let cases: Json = serde_json::from_str(include_str!("golden/probe-cases.json")).unwrap();
    let golden: BTreeMap<String, String> =
        serde_json::from_str(include_str!("golden/probe-golden.json")).unwrap();
    let data = Value::from(cases["data"].clone());
    for case in cases["tests"].as_array().unwrap() {
        let (name, text) = (case["name"].as_str().unwrap(), case["tpl"].as_str().unwrap());
        let rendered = Template::parse("root", text)
            .and_then(|template| template.render(&data, &Limits::default()));
        let got = rendered.map_or_else(|_| "ERR".into(), |output| format!("OK:{output}"));
        assert_eq!(got, golden[name], "{name}: {text}");
    }
}
