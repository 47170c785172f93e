//! Tests of `json`.

use serde_json::json;

use super::*;

#[test]
fn documents_mean_what_kubernetes_reads() {
    #[rustfmt::skip]
    let cases = [
        ("a: 1\nb: [x, yes, 1.5]\n",                   json!({"a": 1, "b": ["x", true, 1.5]})),
        ("a: 'yes'\nb: !!str 1\nc: |\n  t\n",          json!({"a": "yes", "b": "1", "c": "t\n"})),
        ("a:\nb: ~\n",                                 json!({"a": null, "b": null})),
        ("1: a\ntrue: b\n1.5: c\n",                    json!({"1": "a", "true": "b", "1.5": "c"})),
        ("a: &x {b: 1}\nc: *x\n",                      json!({"a": {"b": 1}, "c": {"b": 1}})),
        ("a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\n",    json!({"a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}})),
        ("d:\n  <<: [{a: 1}, {a: 2, b: 2}]\n  c: 3\n", json!({"d": {"a": 1, "b": 2, "c": 3}})),
        ("\"<<\": {a: 1}\n",                           json!({"<<": {"a": 1}})),
        ("a: &x v\nb: &x w\nc: *x\n",                  json!({"a": "v", "b": "w", "c": "w"})),
        ("&k a: 1\n*k : 2\n",                          json!(null)), // duplicate through an alias
        ("[1, 2.0, 1e3]",                              json!([1, 2, 1000])),
        ("\u{feff}# c\r\na: b\r\n",                    json!({"a": "b"})),
        ("a: |\n  t",                                  json!({"a": "t"})),
        ("a: >+\n  t\n  u",                            json!({"a": "t u"})),
        ("a: |\n  t\n  ",                              json!({"a": "t\n"})),
    ];
    for (source, expected) in cases {
        let read = documents(source, Schema::Kubernetes);
        match expected {
            Json::Null => assert!(read.is_err(), "{source:?}"),
            expected => assert_eq!(read, Ok(vec![expected]), "{source:?}"),
        }
    }
}

#[test]
fn empty_documents_are_skipped() {
    let read =
        documents("# c\n---\na: 1\n---\n# only a comment\n---\nb: 2\n...\n", Schema::Kubernetes);
    assert_eq!(read, Ok(vec![json!({"a": 1}), json!({"b": 2})]));
    assert_eq!(documents("", Schema::Kubernetes), Ok(vec![]));
}

#[test]
fn errors_say_where_and_what_to_do() {
    #[rustfmt::skip]
    let cases = [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "line 4, column 3: key `c` is already defined in this mapping; remove one of the two"),
        ("a: [1\n",                    "line 1, column 4: not YAML: "),
        ("a: b: c\n",                  "line 1, column 5: not YAML: "),
        ("a:\n\tb: 1\n",               "line 2, column 2: not YAML: tabs disallowed"),
        ("a: *x\n",                    "line 1, column 4: not YAML: while parsing node, found unknown anchor"),
        ("a: &x [*x]\n",               "line 1, column 8: the alias refers to a value that contains it; write the value out"),
        ("<<: 1\n",                    "line 1, column 5: `<<` must name a mapping or a list of mappings"),
        ("a: .inf\n",                  "line 1, column 4: infinity and NaN have no JSON form; quote the value if text is meant"),
        ("? [a]\n: b\n",               "line 1, column 3: a mapping key must be a plain value; quote it or write it on one line"),
        ("é: !!int x\n",               "line 1, column 10: the value is not a `!!int`; correct the value or remove the tag"),
        ("a: !!binary aGk=\n",         "line 1, column 13: tag `!!binary` is not supported; write the text itself, or base64 as a string"),
    ];
    for (source, expected) in cases {
        let error = documents(source, Schema::Kubernetes).expect_err(source).to_string();
        assert!(error.starts_with(expected), "{source:?}: {error}");
    }
}

#[test]
fn aliases_that_multiply_are_refused() {
    let levels = (1..10).map(|level| {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        format!("a{level}: &a{level} [{below}]\n")
    });
    let source = levels.fold(String::from("a0: &a0 [x, x, x, x, x]\n"), |all, level| all + &level);
    let error = documents(&source, Schema::Kubernetes).unwrap_err();
    assert_eq!(error.problem, Problem::TooManyAliases(ALIASED_VALUES_MAX));
}
