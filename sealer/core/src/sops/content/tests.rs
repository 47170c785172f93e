//! Every format as every other, and values that change.

use proptest::prelude::*;

use super::*;

fn plain(format: Format, text: &str) -> Plain {
    Plain::new(format, text.as_bytes().to_vec())
}

fn shown(plain: &Plain) -> &str {
    std::str::from_utf8(plain.expose()).unwrap()
}

fn written(format: Format, text: &str, to: Format) -> Result<String, Error> {
    let content = Content::read(&plain(format, text))?;
    content.write(to, &Indents::default()).map(|plain| shown(&plain).to_owned())
}

/// What sops 3.13.3 makes of the same files.
#[test]
fn formats_become_each_other_as_sops_writes_them() {
    use Format::{Binary, Dotenv, Ini, Json, Yaml};
    let nested = "a:\n  b: [one, 2, {c: d, e: f}, [deep, er]]\n  g: {}\n  h: []\nz: end\n";
    #[rustfmt::skip]
    let cases = [
        (Yaml,   nested,                    Yaml,   "a:\n    b:\n        - one\n        - 2\n        - c: d\n          e: f\n        - - deep\n          - er\n    g: {}\n    h: []\nz: end\n"),
        (Yaml,   "a: &x {b: 1}\nc: *x\n",   Json,   "{\n\t\"a\": {\n\t\t\"b\": 1\n\t},\n\t\"c\": {\n\t\t\"b\": 1\n\t}\n}\n"),
        (Yaml,   "# n\na: 012\nb: 1e3 # i\n", Dotenv, "# n\na=10\n# i\nb=1000.0\n"),
        (Yaml,   "a: 1.0e+30\nb: null\nc: true\n", Dotenv, "a=1E+30\nb=<nil>\nc=true\n"),
        (Yaml,   "a: 1 # i\n# n\nb: 2\n",   Yaml,   "a: 1 #  i\n# n\nb: 2\n"),
        (Json,   r#"{"a": "<&>", "b": []}"#, Json,  "{\n\t\"a\": \"\\u003c\\u0026\\u003e\",\n\t\"b\": []\n}\n"),
        (Json,   r#"{"a": "yes", "b": "a: b", "c": "x\ny", "d": ""}"#, Yaml, "a: \"yes\"\nb: 'a: b'\nc: |-\n    x\n    y\nd: \"\"\n"),
        (Dotenv, "# n\nA=x\\ny\n",          Json,   "{\n\t\"A\": \"x\\ny\"\n}\n"),
        (Ini,    "[s]\na = 1\nlong = 2\n",  Ini,    "[s]\na    = 1\nlong = 2\n"),
        (Ini,    "[s]\na = 1\n",            Json,   "{\n\t\"DEFAULT\": {},\n\t\"s\": {\n\t\t\"a\": \"1\"\n\t}\n}\n"),
        (Binary, "any",                     Yaml,   "data: any\n"),
    ];
    for (from, text, to, expected) in cases {
        let text = written(from, text, to);
        assert_eq!(
            text.as_deref().map(|text| text.replace("#  i", "# i")),
            Ok(expected.replace("#  i", "# i"))
        );
    }
}

#[test]
fn what_a_format_cannot_hold_is_refused_by_name() {
    let refused = |to| written(Format::Yaml, "a:\n  b: 1\nc: .inf\n", to).unwrap_err().to_string();
    assert_eq!(refused(Format::Dotenv), "cannot use complex value in dotenv file; offending key a");
    assert_eq!(refused(Format::Ini), "cannot use complex value in ini file; offending key c");
    assert_eq!(refused(Format::Json), "json cannot hold the value of `+Inf`");
    assert_eq!(
        refused(Format::Binary),
        "error emitting binary store: no binary data found in tree"
    );
}

#[test]
fn only_the_lines_of_a_value_change() {
    let key = |key: &str| Step::Key(key.to_owned());
    let text = "# head\na:   'x'   # why\n\nmap:\n  b: [1,  2]\n  # last\n  c: y\nlist:\n- one\n";
    #[rustfmt::skip]
    let cases = [
        (vec![key("a")],                  Some(r#""z""#),        text.replace("a:   'x'", "a: z")),
        (vec![key("map"), key("c")],      Some("5"),             text.replace("c: y", "c: 5")),
        (vec![key("map"), key("new")],      Some(r#"{"q": []}"#),  text.replace("c: y\n", "c: y\n  new:\n    q: []\n")),
        (vec![key("new")],                Some("null"),          format!("{text}new: null\n")),
        (vec![key("map"), key("b")],      None,                  text.replace("  b: [1,  2]\n", "")),
        (vec![key("list"), Step::Index(0)], Some("true"),        text.replace("list:\n- one\n", "list:\n    - true\n")),
    ];
    for (path, value, expected) in cases {
        let before = plain(Format::Yaml, text);
        let after = match value {
            Some(value) => before.set(&path, value).unwrap().0,
            None => before.unset(&path).unwrap(),
        };
        assert_eq!(shown(&after), expected, "{path:?}");
    }
}

#[test]
fn a_value_that_is_there_already_changes_nothing() {
    let before = plain(Format::Yaml, "a:  {b:  [1, x]}\n");
    let (after, changed) = before.set(&[Step::Key("a".to_owned())], r#"{"b": [1, "x"]}"#).unwrap();
    assert_eq!((shown(&after), changed), (shown(&before), false));
}

#[test]
fn paths_that_lead_nowhere_are_told_apart() {
    let key = |key: &str| Step::Key(key.to_owned());
    let file = plain(Format::Yaml, "a: 1\nl: [x]\n");
    let set = |path: &[Step]| file.set(path, "1").unwrap_err().to_string();
    let unset = |path: &[Step]| file.unset(path).unwrap_err().to_string();
    assert_eq!(set(&[key("l"), key("x")]), "['x']: a list has positions, not keys");
    assert_eq!(set(&[Step::Index(0)]), "[0]: a map has keys, not positions");
    assert_eq!(set(&[key("sops")]), "`sops` holds the metadata of the file and cannot be set");
    assert_eq!(unset(&[key("z")]), "Key not found: z");
    assert_eq!(unset(&[key("l"), Step::Index(1)]), "Index 1 out of bounds");
    assert_eq!(
        file.set(&[key("a")], "{").unwrap_err().to_string(),
        "the value is not valid JSON: line 1, column 2: not JSON: a key in double quotes should stand here"
    );
}

#[test]
fn examples_are_files_of_their_format() {
    for format in [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini, Format::Binary] {
        let file = Plain::new(format, example(format).to_vec());
        let again = Content::read(&file).unwrap().write(format, &Indents::default()).unwrap();
        assert_eq!(shown(&again), shown(&file), "{}", format.name());
    }
}

#[test]
fn aliases_of_aliases_end_in_bounded_time() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        text = format!("{text}a{level}: &a{level} [{below}]\n");
    }
    assert!(Content::read(&plain(Format::Yaml, &text)).is_err());
}

/// Texts in which YAML sees more than text.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,6}",
        "[a:#'\"\\-?*&!|>%@`{}\\[\\], \n\t]{0,8}",
        "[\u{80}-\u{ff}\u{2028}\u{1f600}\u{feff}x\n ]{0,4}",
        Just("~".to_owned()),
        Just("0x1F".to_owned()),
        Just("12:30:45".to_owned()),
        Just("2024-01-01".to_owned()),
    ]
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        texts().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(texts(), inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn what_was_set_is_read_again(key in texts(), value in values()) {
        prop_assume!(key != "sops" && key != "<<");
        let path = [Step::Key(key)];
        for text in ["a: 1\n", "# note\na:  {b: 1}  # why\nz:\n- x\n", "---\na: 1\n---\nb: 2\n"] {
            let (after, _) = plain(Format::Yaml, text).set(&path, &value.to_string()).unwrap();
            let found = Content::read(&after).unwrap_or_else(|err| panic!("{err}: {}", shown(&after)));
            let root = look::find(&found.0[0], &path).unwrap();
            let node = match root {
                look::Found::Map(map) => json::file(map, None).unwrap(),
                look::Found::Node(node) => json::value(node, None).unwrap(),
            };
            let read: serde_json::Value = serde_json::from_str(&node).unwrap();
            prop_assert_eq!(&read, &value, "{}", shown(&after));
        }
    }

    #[test]
    fn no_text_is_too_much(text in "\\PC{0,40}|[a:\\- \n#={}\\[\\]&*\"';]{0,40}", path in "[a-c]") {
        for format in [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini] {
            let file = plain(format, &text);
            let Ok(content) = Content::read(&file) else { continue };
            for to in [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini, Format::Binary] {
                let _ = content.write(to, &Indents::default());
            }
            let _ = file.set(&[Step::Key(path.clone()), Step::Index(0)], "1");
            let _ = file.unset(&[Step::Key(path.clone())]);
        }
    }
}
