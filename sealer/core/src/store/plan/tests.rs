//! Order, failures and decoding of assembled values.

use serde_json::json;

use super::*;

fn remote(key: &str, property: Option<&str>) -> Remote {
    let read = Read { key: key.into(), version: None };
    Remote { read, property: property.map(Into::into), ..Remote::default() }
}

fn single(key: &str, from: &str, property: Option<&str>) -> Single {
    Single { key: key.into(), remote: remote(from, property) }
}

fn extract(from: &str) -> Extract {
    Extract { remote: remote(from, None), ..Extract::default() }
}

fn answers<const N: usize>(answers: [(&str, Answer); N]) -> BTreeMap<Read, Answer> {
    answers.map(|(key, answer)| (remote(key, None).read, answer)).into()
}

fn texts(values: &BTreeMap<String, Plaintext>) -> Vec<(&str, &str)> {
    values
        .iter()
        .map(|(key, value)| (&**key, std::str::from_utf8(value.expose()).unwrap()))
        .collect()
}

#[test]
fn data_wins_over_data_from_and_later_entries_over_earlier_ones() {
    let request = Request {
        extracts: vec![extract("one"), extract("two")],
        singles: vec![
            single("c", "one", Some("a")),
            single("d", "one", Some("a")),
            single("d", "two", Some("n.x")),
        ],
    };
    assert_eq!(request.reads().len(), 2, "equal reads are made once");
    let answers = answers([
        ("one", Answer::Object(json!({"a": "1a", "b": "1b", "c": "1c"}))),
        ("two", Answer::Object(json!({"b": "2b", "n": {"x": 5}, "nil": null, "": "dropped"}))),
    ]);
    let values = request.assemble(&answers).unwrap();
    #[rustfmt::skip]
    assert_eq!(
        texts(&values),
        [("a", "1a"), ("b", "2b"), ("c", "1a"), ("d", "5"), ("n", "{\"x\":5}"), ("nil", "")]
    );
}

#[test]
fn a_secret_that_is_text_may_be_json() {
    let request = Request {
        extracts: vec![extract("json")],
        singles: vec![single("whole", "json", None), single("one", "json", Some("k"))],
    };
    let answer = Answer::Text(r#"{"k":"v"}"#.to_owned().into());
    let values = request.assemble(&answers([("json", answer)])).unwrap();
    assert_eq!(texts(&values), [("k", "v"), ("one", "v"), ("whole", r#"{"k":"v"}"#)]);
}

#[test]
fn every_failure_is_reported_with_its_entry() {
    let mut strict = single("e", "one", Some("zero"));
    strict.remote.refuses_null_bytes = true;
    let mut encoded = single("f", "one", Some("a"));
    encoded.remote.decoding = decode::Strategy::Base64;
    let request = Request {
        extracts: vec![extract("text"), extract("bad")],
        singles: vec![
            single("a", "gone", None),
            single("b", "unread", None),
            single("c", "one", Some("nope")),
            single("k/d", "one", Some("a")),
            strict,
            encoded,
        ],
    };
    let failures = request
        .assemble(&answers([
            ("one", Answer::Object(json!({"a": "x!", "zero": "\0"}))),
            ("text", Answer::Text("s3cret".to_owned().into())),
            ("bad", Answer::Object(json!({"a/b": "", "a$b": ""}))),
            ("gone", Answer::Absent),
        ]))
        .unwrap_err();
    let shown: Vec<String> =
        failures.iter().map(|failure| format!("{failure}: {}", failure.source)).collect();
    assert_eq!(
        shown,
        [
            "`spec.dataFrom[0]` (key `text`): the remote secret is not a JSON object, so it has no properties",
            "`spec.dataFrom[1]` (key `bad`): secret name collision during conversion: `a$b` and `a/b` both become `a_b`; use `conversionStrategy: Unicode`",
            "`spec.data[0]` (key `gone`): the remote secret does not exist",
            "`spec.data[1]` (key `unread`): the remote secret was not read",
            "`spec.data[2]` (key `one`): property `nope` does not exist in the remote secret",
            "`spec.data[3]` (key `one`): `k/d` is not a key of a Secret: use letters, digits, `-`, `_` and `.`, at most 253",
            "`spec.data[4]` (key `one`): the value has a zero byte, which `nullBytePolicy: Fail` forbids",
            "`spec.data[5]` (key `one`): the value is not base64; correct it in the store, or set `decodingStrategy: None`",
        ]
    );
}
