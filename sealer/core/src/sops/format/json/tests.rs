//! What is JSON, and what is not.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

fn meaning(node: &Node<'_>) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::from(*value),
        Value::Number(text) => serde_json::from_str(text).unwrap(),
        Value::Str(text) => Json::from(&**text),
        Value::List(items) => items.iter().map(meaning).collect(),
        Value::Map(members) => {
            let pair = |member: &Member<'_>| (member.key.to_string(), meaning(&member.value));
            members.iter().map(pair).collect()
        }
    }
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    let deep = format!("{{\"a\":{}", "[".repeat(10_000));
    #[rustfmt::skip]
    let cases = [
        ("",                    "line 1, column 1: not JSON: the text ends where a value should stand"),
        ("[1]",                 "line 1, column 1: not JSON: only an object can stand at the top; wrap the value: `{\"data\": …}`"),
        ("{\"a\": 1} x",        "line 1, column 10: not JSON: nothing may follow the value"),
        ("{\n  'a': 1}",        "line 2, column 3: not JSON: a key in double quotes should stand here"),
        ("{\"a\" 1}",           "line 1, column 6: not JSON: a `:` should stand here"),
        ("{\"a\": 1,}",         "line 1, column 9: not JSON: a key in double quotes should stand here"),
        ("{\"a\": 01}",         "line 1, column 8: not JSON: a `,` or the end of the collection should stand here"),
        ("{\"a\": 1.}",         "line 1, column 9: not JSON: a digit should stand here"),
        ("{\"a\": tru}",        "line 1, column 7: not JSON: a value cannot begin like this"),
        ("{\"a\": \"\\x\"}",    "line 1, column 8: not JSON: this escape does not exist"),
        ("{\"a\": \"\\u12\"}",  "line 1, column 8: not JSON: this escape does not exist"),
        ("{\"a\": \"\t\"}",     "line 1, column 8: not JSON: a control character must be escaped"),
        ("{\"a\": \"x",         "line 1, column 9: not JSON: the text ends inside a string"),
        (deep.as_str(),         "line 1, column 255: not JSON: it is nested deeper than 250 levels"),
    ];
    for (text, message) in cases {
        let error = Document::parse(text).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(message), "{}", &text[..text.len().min(20)]);
    }
}

#[test]
fn a_lone_half_of_a_pair_is_replaced_as_in_go() {
    for (text, expected) in [
        (r#"{"a":"\ud83d\ude00"}"#, "😀"),
        (r#"{"a":"\ud83dx"}"#, "\u{fffd}x"),
        (r#"{"a":"\ude00\ud83d"}"#, "\u{fffd}\u{fffd}"),
        (r#"{"a":"\ud83d\u0041"}"#, "\u{fffd}A"),
    ] {
        let document = Document::parse(text).unwrap();
        assert!(
            matches!(document.get("a"), Some(Value::Str(found)) if found == expected),
            "{text}"
        );
    }
}

#[test]
fn floats_are_written_as_go_writes_them() {
    for (text, expected) in [
        ("1.0", "1"),
        ("1e21", "1e+21"),
        ("1e20", "100000000000000000000"),
        ("1e-7", "1e-7"),
        ("0.000001", "0.000001"),
    ] {
        assert_eq!(write::leaf(&Leaf::json_number(text).unwrap()), expected, "{text}");
    }
    assert!(Leaf::json_number("1e999").is_err());
}

proptest! {
    #[test]
    fn it_reads_what_serde_reads(text in "[\\[\\]{}:,\" a1.eE+\\-\\\\u0]{0,16}") {
        let text = format!("{{\"k\":{text}}}");
        let found = Document::parse(&text).map(|document| meaning(&document.root)).ok();
        // Numbers without end and lone halves are the reader's business.
        if let Ok(expected) = serde_json::from_str::<Json>(&text) {
            prop_assert_eq!(found, Some(expected));
        }
    }

    #[test]
    fn strings_survive(text: String) {
        let source = format!("{{\"a\": {}}}", write::string(&text));
        let document = Document::parse(&source).unwrap();
        let same = matches!(document.get("a"), Some(Value::Str(found)) if *found == text);
        prop_assert!(same);
    }
}
