//! Tests of `setter`.

use proptest::prelude::*;

use super::*;

const DIGEST: &str = "sha256:0f3b1e2c4d5a69788796a5b4c3d2e1f00f3b1e2c4d5a69788796a5b4c3d2e1f0";

fn scope() -> Scope {
    let image = |name: &str, tag: &str, digest: Option<&str>| Image {
        name: name.into(),
        tag: tag.into(),
        digest: digest.map(str::to_owned),
    };
    let images = [
        ("app", image("reg.local:5000/grp/app", "2.0.0", None)),
        ("num", image("reg.local/num", "20230101", None)),
        ("pin", image("reg.local/pin", "v3", Some(DIGEST))),
    ];
    Scope {
        namespace: "ns".into(),
        images: images.into_iter().map(|(name, image)| (name.to_owned(), image)).collect(),
    }
}

#[track_caller]
fn run(source: &str) -> Outcome {
    update("a.yaml", source.as_bytes(), &scope()).unwrap()
}

#[test]
fn marked_values_are_set() {
    #[rustfmt::skip]
    let cases = [
        // before                                                    after
        (r#"image: a:1 # {"$imagepolicy": "ns:app"}"#,               r#"image: reg.local:5000/grp/app:2.0.0 # {"$imagepolicy": "ns:app"}"#),
        (r#"tag: 1.0   #{"$imagepolicy":"ns:app:tag"}"#,             r#"tag: 2.0.0   #{"$imagepolicy":"ns:app:tag"}"#),
        (r#"name: "a" ## { "$imagepolicy" : "ns:app:name" }  "#,     r#"name: "reg.local:5000/grp/app" ## { "$imagepolicy" : "ns:app:name" }  "#),
        (r#"tag: 1 # {"$imagepolicy": "ns:num:tag"}"#,               r#"tag: "20230101" # {"$imagepolicy": "ns:num:tag"}"#),
        (r#"tag: '1' # {"$imagepolicy": "ns:num:tag"}"#,             r#"tag: '20230101' # {"$imagepolicy": "ns:num:tag"}"#),
        (r#"tag: !!float 1.0 # {"$imagepolicy": "ns:app:tag"}"#,     r#"tag: 2.0.0 # {"$imagepolicy": "ns:app:tag"}"#),
        ("- &a a:1 # {\"$imagepolicy\": \"ns:app\"}\n- *a\n",        "- &a reg.local:5000/grp/app:2.0.0 # {\"$imagepolicy\": \"ns:app\"}\n- *a\n"),
        ("i: >- # {\"$imagepolicy\": \"ns:app\"}\r\n  a:1\r\nb: c",   "i: >- # {\"$imagepolicy\": \"ns:app\"}\r\n  reg.local:5000/grp/app:2.0.0\r\nb: c"),
        ("l:\n# {\"$imagepolicy\": \"ns:app:tag\"}\n- '1'\n",        "l:\n# {\"$imagepolicy\": \"ns:app:tag\"}\n- '2.0.0'\n"),
        ("[a, # {\"$imagepolicy\": \"ns:app:tag\"}\n b]",            "[2.0.0, # {\"$imagepolicy\": \"ns:app:tag\"}\n b]"),
    ];
    for (before, after) in cases {
        let outcome = run(before);
        assert_eq!(outcome.problems, [], "{before}");
        let content = outcome.content.unwrap();
        assert_eq!(content, after);
        assert_eq!(run(&content), Outcome::default(), "a second run changes nothing");
    }
    let outcome = run(r#"i: x # {"$imagepolicy": "ns:pin"}"#);
    let pinned = format!(r#"i: reg.local/pin:v3@{DIGEST} # {{"$imagepolicy": "ns:pin"}}"#);
    assert_eq!(outcome.content.unwrap(), pinned);
    let outcome = run(r#"i: x # {"$imagepolicy": "ns:pin:digest"}"#);
    assert!(outcome.content.unwrap().starts_with(&format!("i: {DIGEST} #")));
}

#[test]
fn changes_name_their_objects() {
    let source = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: prod}
spec:
  image: reg.local:5000/grp/app:1 # {\"$imagepolicy\": \"ns:app\"}
---
kind: List
items:
- kind: Pod
  apiVersion: v1
  metadata:
    name: one
  spec:
    image: a # {\"$imagepolicy\": \"ns:app\"}
---
- tag: a # {\"$imagepolicy\": \"ns:app:tag\"}
";
    let outcome = run(source);
    let found: Vec<String> = outcome
        .changes
        .iter()
        .map(|(object, change)| {
            let ObjectIdentifier { api_version, kind, namespace, name } = object;
            let Change { old, new, setter, .. } = change;
            format!("{api_version}|{kind}|{namespace}|{name}: {old} -> {new} by {setter}")
        })
        .collect();
    assert_eq!(
        found,
        [
            "apps/v1|Deployment|prod|web: reg.local:5000/grp/app:1 -> reg.local:5000/grp/app:2.0.0 by ns:app",
            "v1|Pod||one: a -> reg.local:5000/grp/app:2.0.0 by ns:app",
            "|||: a -> 2.0.0 by ns:app:tag",
        ]
    );
}

#[test]
fn markers_that_cannot_be_followed_are_reported_with_line_and_remedy() {
    #[rustfmt::skip]
    let cases = [
        ("a: b # {\"$imagepolicy\": \"ns:none\"}",           "line 1: policy `none` has no image; create the ImagePolicy, let `spec.policySelector` select it, or wait until it is ready"),
        ("\na: b # {\"$imagepolicy\": \"ns:app:digest\"}",   "line 2: policy `app` has no digest; set its `spec.digestReflectionPolicy`"),
        ("a: b # {\"$imagepolicy\": \"ns:app:sha\"}",        "line 1: the marker wants part `sha`; write `tag`, `name` or `digest`, or nothing for all"),
        ("a: b # {\"$imagepolicy\": \"app\"}",               "line 1: the marker `app` does not name a policy; write `namespace:policy`"),
        ("a: b # {\"$imagepolicy\": \"ns:app\"} here",       "line 1: the marker is not one JSON object; write nothing but `{\"$imagepolicy\": \"namespace:policy\"}` in the comment"),
        ("a: # {\"$imagepolicy\": \"ns:app\"}\n  b",         "line 1: the marker belongs to no value; put it on the line of the value, after it, with nothing behind"),
        ("# {\"$imagepolicy\": \"ns:app\"}\na: b",           "line 1: the marker belongs to no value"),
        ("a: {b: c} # {\"$imagepolicy\": \"ns:app\"}",       "line 1: the marker belongs to no value"),
        ("a: # {\"$imagepolicy\": \"ns:app\"}",              "line 1: the marker belongs to no value"),
        ("a: &a x\nb: *a # {\"$imagepolicy\": \"ns:app\"}",  "line 2: the marker belongs to no value"),
    ];
    for (source, message) in cases {
        let outcome = run(source);
        assert_eq!((outcome.content, outcome.changes.len()), (None, 0), "{source}");
        let messages: Vec<String> = outcome.problems.iter().map(ToString::to_string).collect();
        assert_eq!(messages.len(), 1, "{source}: {messages:?}");
        assert!(messages[0].starts_with(message), "{source}: {messages:?}");
    }
}

#[test]
fn markers_of_other_namespaces_are_left_alone() {
    for source in [
        "a: b # {\"$imagepolicy\": \"other:app\"}",
        "a: b # {'$imagepolicy': 'ns:app'}",
        "a: |\n  b # {\"$imagepolicy\": \"ns:app\"}\n",
        "a: 'b # {\"$imagepolicy\": \"ns:app\"}'",
        "a: b # {\"other\": \"ns:app\"}",
    ] {
        assert_eq!(run(source), Outcome::default(), "{source}");
    }
}

#[test]
fn a_file_that_cannot_be_read_says_where() {
    let source = b"a: b # {\"$imagepolicy\": \"ns:app\"}\n{{ if .X }}\nc: d\n{{ end }}\n";
    let error = update("deploy/a.yaml", source, &scope()).unwrap_err().to_string();
    let start = "file `deploy/a.yaml` has markers and cannot be read; \
                 correct it or remove the markers: line ";
    assert!(error.starts_with(start), "{error}");
    // Without a marker it is never looked into.
    assert_eq!(update("x", b"{{ if .X }}", &scope()), Ok(Outcome::default()));
    assert_eq!(update("x", b"\xff\xfe", &scope()), Ok(Outcome::default()));
}

#[test]
fn files_are_chosen_by_name_as_flux_does() {
    for path in ["a.yaml", "d/a.yml", ".hidden/.a.yaml", "x/Kustomization"] {
        assert!(may_have_markers(path), "{path}");
    }
    for path in ["a.YAML", "a.json", "kustomization", "a.yaml.tpl", "yaml", "Kustomization/a"] {
        assert!(!may_have_markers(path), "{path}");
    }
}

/// Documents in which markers stand in every position that there is.
fn nasty() -> impl Strategy<Value = String> {
    let marker = "# {\"$imagepolicy\": \"ns:app\"}";
    #[rustfmt::skip]
    let pieces = prop::sample::select(vec![
        format!("k: v {marker}\n"), format!("- i {marker}\n"), format!("'q': \"d\" {marker}\r\n"),
        format!("b: >- {marker}\n  x\n"), format!("{marker}\n"), format!("n: &a 1.0 {marker}\n"),
        format!("m: *a {marker}\n"), format!("f: {{x: y, {marker}\n  z: w}}\n"), "e:\n".into(),
        "  ".into(), "- ".into(), "---\n".into(), "...\n".into(), "é: ".into(), "\u{feff}".into(),
        "|\n".into(), "\r\n".into(), "# c\n".into(), "[".into(), "]\n".into(), "x\n".into(),
    ]);
    prop::collection::vec(pieces, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_second_run_changes_nothing(source in nasty()) {
        if let Ok(Outcome { content: Some(content), problems, .. }) =
            update("f", source.as_bytes(), &scope())
        {
            let again = update("f", content.as_bytes(), &scope()).unwrap();
            prop_assert_eq!(again.content, None, "{:?} became {:?}", source, content);
            // A value of several lines becomes one of one line.
            let causes = |problems: &[Problem]| -> Vec<Cause> {
                problems.iter().map(|problem| problem.cause.clone()).collect()
            };
            prop_assert_eq!(causes(&again.problems), causes(&problems));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), source in nasty()) {
        let mut content = source.into_bytes();
        let _ = update("f", &content, &scope());
        content.extend(bytes);
        let _ = update("f", &content, &scope());
    }

    #[test]
    fn no_marker_panics(comment in "[ #{}\"$a-z:]{0,24}|\\PC{0,24}") {
        let _ = Marker::parse(&comment);
    }
}
