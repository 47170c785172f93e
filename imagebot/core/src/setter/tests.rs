//! Tests of `setter`.

use proptest::prelude::*;

use super::*;

mod languages;
mod real;

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
        ("chart", image("reg.local/charts/web", "1.2.0_b7", None)),
    ];
    Scope::of("ns", images.into_iter().map(|(name, image)| (name.to_owned(), image)))
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
    let source = b"a: b # {\"$imagepolicy\": \"ns:app\"}\n{{ if .X }\nc: d\n";
    let error = update("deploy/a.yaml", source, &scope()).unwrap_err().to_string();
    let start = "file `deploy/a.yaml` has markers and cannot be read; \
                 correct it or remove the markers: line ";
    assert!(error.starts_with(start), "{error}");
    // Without a marker it is never looked into.
    assert_eq!(update("x", b"{{ if .X }}", &scope()), Ok(Outcome::default()));
    assert_eq!(update("x", b"\xff\xfe", &scope()), Ok(Outcome::default()));
}

#[test]
fn files_are_chosen_by_name() {
    #[rustfmt::skip]
    let marked = [
        "a.yaml", "d/a.yml", ".hidden/.a.yaml", "x/Kustomization", "helmfile.yaml.gotmpl",
        "Dockerfile", "a/Dockerfile.dev", "web.dockerfile", "web.Dockerfile", "Containerfile",
        ".env", ".env.prod", "prod.env", "main.tf", "prod.tfvars", "a.hcl", "job.nomad",
        "a.json", "devcontainer.jsonc", "renovate.json5", "fly.toml", "a.jsonnet", "b.libsonnet",
        "deploy.sh", "a.bash", "a.zsh", "a.cue", "main.k",
    ];
    for path in marked {
        assert!(may_have_markers(path), "{path}");
    }
    #[rustfmt::skip]
    let others = [
        "a.YAML", "kustomization", "a.yaml.tpl", "yaml", "Kustomization/a", "README.md", "a.go",
        "Dockerfiles", ".envrc", "environment", "a.gotmpl", "Makefile", "tf",
    ];
    for path in others {
        assert!(!may_have_markers(path), "{path}");
    }
}

/// The files that Kubernetes and its tools have images in, each with a marker, before and after.
#[rustfmt::skip]
const KINDS: &[(&str, &str, &str)] = &[
    // file                   before                                                          after
    ("kustomization.yaml",    "images:\n- name: app\n  newName: a/b # M:name\n  newTag: v1 # M:tag\n",
                              "images:\n- name: app\n  newName: reg.local:5000/grp/app # M:name\n  newTag: 2.0.0 # M:tag\n"),
    ("Kustomization",         "images: [{name: a, # c\n  newTag: '1', # M:tag\n}]\n",
                              "images: [{name: a, # c\n  newTag: '2.0.0', # M:tag\n}]\n"),
    ("values.yaml",           "image:\n    repository:   a    # M:name\n    tag:   \"1\"   # M:tag\n",
                              "image:\n    repository:   reg.local:5000/grp/app    # M:name\n    tag:   \"2.0.0\"   # M:tag\n"),
    ("release.yaml",          "---\n\nkind: HelmRelease\nspec:\n  values:\n    image: {tag: 1, # no\n      x: y}\n    tag: 1.0 # M:tag\n",
                              "---\n\nkind: HelmRelease\nspec:\n  values:\n    image: {tag: 1, # no\n      x: y}\n    tag: 2.0.0 # M:tag\n"),
    ("rollout.yaml",          "kind: Rollout\nspec: {template: {spec: {containers: [\n  {name: a,\n   image: a:1 # M\n  }]}}}\n",
                              "kind: Rollout\nspec: {template: {spec: {containers: [\n  {name: a,\n   image: reg.local:5000/grp/app:2.0.0 # M\n  }]}}}\n"),
    ("canary.yaml",           "kind: Canary\nspec:\n  analysis:\n    webhooks:\n    - metadata:\n        image: \"a:1\"\t# M\n",
                              "kind: Canary\nspec:\n  analysis:\n    webhooks:\n    - metadata:\n        image: \"reg.local:5000/grp/app:2.0.0\"\t# M\n"),
    ("list.yaml",             "kind: List\nitems:\n-   kind: Pod\n    spec: {x: 1}\n    image: a # M\n",
                              "kind: List\nitems:\n-   kind: Pod\n    spec: {x: 1}\n    image: reg.local:5000/grp/app:2.0.0 # M\n"),
    ("top.yaml",              "- op: replace\n  value: a:1 # M\n- # M:tag\n  v1\n",
                              "- op: replace\n  value: reg.local:5000/grp/app:2.0.0 # M\n- # M:tag\n  2.0.0\n"),
    ("bom.yaml",              "\u{feff}%YAML 1.2\n---\r\na: 日本 # M:tag\r\n...\r\n---\r\n# only\r\n",
                              "\u{feff}%YAML 1.2\n---\r\na: 2.0.0 # M:tag\r\n...\r\n---\r\n# only\r\n"),
    ("block.yaml",            "a: |+ # M:tag\n\t\n  1\n\nb: >-  # M:tag\n    1\n    2\n",
                              ""),
    ("fold.yaml",             "a: >+ # M:tag\n   1\n\nb: >-  # M:tag\n    1\n    2\nc: &x !!str 1 # M:tag\nd: *x\n",
                              "a: >+ # M:tag\n   2.0.0\n\nb: >-  # M:tag\n    2.0.0\nc: &x !!str 2.0.0 # M:tag\nd: *x\n"),
    ("tabs.yaml",             "a: 1\t#\t{\"$imagepolicy\":\t\"ns:app:tag\"}\t\n",
                              "a: 2.0.0\t#\t{\"$imagepolicy\":\t\"ns:app:tag\"}\t\n"),
    ("sourced.yaml",          "kind: HelmRelease\nspec:\n  chart:\n    spec:\n      version: 1.0.0 # {\"$imagepolicy\": \"ns:chart:tag\"}\n",
                              "kind: HelmRelease\nspec:\n  chart:\n    spec:\n      version: 1.2.0+b7 # {\"$imagepolicy\": \"ns:chart:tag\"}\n"),
    ("oci.yaml",              "kind: OCIRepository\nspec:\n  ref:\n    tag: 1.0.0 # {\"$imagepolicy\": \"ns:chart:tag\"}\n",
                              "kind: OCIRepository\nspec:\n  ref:\n    tag: 1.2.0_b7 # {\"$imagepolicy\": \"ns:chart:tag\"}\n"),
];

/// `text` with `M` spelled out where it stands in a comment.
fn spelled(text: &str) -> String {
    let mut out = text.to_owned();
    for sign in ["# ", "// "] {
        for part in [":tag", ":name", ":digest", ""] {
            let marker = format!("{sign}{{\"$imagepolicy\": \"ns:app{part}\"}}");
            out = out.replace(&format!("{sign}M{part}"), &marker);
        }
    }
    out
}

#[test]
fn every_kind_of_manifest_keeps_its_other_bytes() {
    for (file, before, after) in KINDS {
        let (before, after) = (spelled(before), spelled(after));
        let outcome = update(file, before.as_bytes(), &scope());
        if after.is_empty() {
            assert!(outcome.is_err(), "{file}: Flux cannot read it either");
            continue;
        }
        let outcome = outcome.unwrap();
        assert_eq!(outcome.problems, [], "{file}");
        assert_eq!(outcome.content.as_deref(), Some(after.as_str()), "{file}");
        assert_eq!(update(file, after.as_bytes(), &scope()), Ok(Outcome::default()), "{file}");
    }
}

#[test]
fn templates_are_edited_where_they_are_written_out() {
    let before = spelled(
        "{{- /* }} a\n comment */ -}}\n{{- if .Values.web }}\nkind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\n  labels:\n    {{- include \"x.labels\" . | nindent 4 }}\nspec:\n  image: a:1 # M\n  tag: \"{{ .Values.tag }}\" # M:tag\n  {{- with .Values.x }}\n  x: {{ . | quote }} # M\n  {{- end }}\n  script: |\n    {{ .y }}\n    image: a:1 # M\n{{- end }}\n",
    );
    let outcome = run(&before);
    let after = before.replace("  image: a:1 #", "  image: reg.local:5000/grp/app:2.0.0 #");
    let after = after.replace("    image: reg.local:5000/grp/app:2.0.0 #", "    image: a:1 #");
    assert_eq!(outcome.content.unwrap(), after);
    let problems: Vec<_> = outcome.problems.iter().map(ToString::to_string).collect();
    let expression = "the value is an expression, not a text; mark a value that is written out";
    assert_eq!(problems, [format!("line 11: {expression}"), format!("line 13: {expression}")]);
    let [(object, _)] = outcome.changes.as_slice() else { panic!("one change") };
    assert_eq!((object.kind.as_str(), object.name.as_str()), ("Deployment", "{{ .Release.Name }}"));
}

#[test]
fn every_marker_of_a_file_is_listed() {
    let text = spelled("a: b # M\nc: 1 # M:tag\nd: # M\n  e: f\n");
    let (marked, problems) = markers("a.yaml", text.as_bytes()).unwrap();
    let listed: Vec<_> = marked
        .iter()
        .map(|found| format!("{} {} {}", found.line, found.marker, found.value))
        .collect();
    assert_eq!(listed, ["1 ns:app b", "2 ns:app:tag 1"]);
    assert_eq!(problems, [Problem { line: 3, cause: Cause::Misplaced }]);
}

#[test]
fn policies_of_all_namespaces_are_applied_where_no_automation_says_otherwise() {
    let image = |tag: &str| Image { name: "a".into(), tag: tag.into(), digest: None };
    let images = [("one", "1"), ("two", "2")]
        .map(|(namespace, tag)| ((namespace.to_owned(), "p".to_owned()), image(tag)));
    let text = "a: x # {\"$imagepolicy\": \"one:p\"}\nb: x # {\"$imagepolicy\": \"two:p\"}\nc: x # {\"$imagepolicy\": \"three:p\"}\n";
    let outcome = update("a.yaml", text.as_bytes(), &Scope::everywhere(images)).unwrap();
    let content = outcome.content.unwrap();
    assert!(content.starts_with("a: a:1 #") && content.contains("\nb: a:2 #"), "{content}");
    assert_eq!(outcome.problems[0].cause, Cause::NoImage("three/p".into()));
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
