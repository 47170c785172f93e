//! Markers in the YAML that people write: every manifest of this repository, marked all over.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use yaml::scan::{self, Role};

use super::*;

/// Every file of YAML below the root of the repository.
fn corpus() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (mut files, mut folders) = (Vec::new(), vec![root]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if matches!(name.rsplit_once('.'), Some((_, "yaml" | "yml"))) {
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

/// `text` with a marker behind the values for which `chosen` says so, on their lines.
fn marked(text: &str, chosen: &mut dyn FnMut() -> bool) -> Option<String> {
    let documents = yaml::parse(text).ok()?;
    let mut ends = BTreeSet::new();
    scan::each(text, &documents, &mut |spot| {
        let at = if spot.scalar.style.is_block() {
            text[spot.node.span.start..].find(['\r', '\n']).map(|at| spot.node.span.start + at)
        } else {
            let end = spot.node.span.end;
            let rest = text[end..].trim_start_matches([' ', '\t']);
            (rest.is_empty() || rest.starts_with(['\r', '\n', ','])).then_some(end)
        };
        if spot.role == Role::Value && spot.comment.is_none() && chosen() {
            ends.extend(at.filter(|at| !text[*at..].starts_with(',')));
        }
    });
    let marker = r#" # {"$imagepolicy": "ns:app:tag"}"#;
    let edits: Vec<_> =
        ends.into_iter().map(|at| edit::Edit { span: at..at, text: marker.to_owned() }).collect();
    edit::apply(text, &edits).ok()
}

#[test]
fn a_corpus_of_real_manifests_changes_in_marked_values_alone() {
    let corpus = corpus();
    assert!(corpus.len() > 20, "the manifests of this repository are the corpus");
    let mut changes = 0;
    for (name, text) in corpus {
        for style in [text.clone(), text.replace('\n', "\r\n")] {
            for every in [1, 3, 7] {
                let mut count = 0;
                let mut chosen = || {
                    count += 1;
                    count % every == 0
                };
                let Some(source) = marked(&style, &mut chosen) else { continue };
                let Ok(outcome) = update("a.yaml", source.as_bytes(), &scope()) else { continue };
                check(&name, &source, &outcome);
                changes += outcome.changes.len();
            }
        }
    }
    assert!(changes > 1_000, "{changes} values were set");
}

/// All that differs lies within values that are marked, as read independently of the edits.
#[track_caller]
fn check(name: &str, source: &str, outcome: &Outcome) {
    let Some(content) = &outcome.content else { return };
    let (before, after) = (values(source), values(content));
    assert_eq!(before.len(), after.len(), "{name}");
    let mut rest = (0, 0);
    for ((old, text, marked), (new, now, _)) in before.iter().zip(&after) {
        // Between two values nothing differs, and neither does a value without a marker.
        assert_eq!(&source[rest.0..old.start], &content[rest.1..new.start], "{name}");
        if *marked {
            assert_eq!(now.trim_end(), "2.0.0", "{name}");
        } else {
            assert_eq!(&source[old.clone()], &content[new.clone()], "{name}: {text}");
        }
        rest = (old.end, new.end);
    }
    assert_eq!(&source[rest.0..], &content[rest.1..], "{name}");
    assert_eq!(update("a.yaml", content.as_bytes(), &scope()).unwrap().edits, [], "{name}");
}

/// Every value: its bytes, its text, and whether a marker belongs to it that can be followed.
fn values(source: &str) -> Vec<(std::ops::Range<usize>, String, bool)> {
    let documents = yaml::parse(source).unwrap();
    let mut values = Vec::new();
    scan::each(source, &documents, &mut |spot| {
        if spot.role == Role::Value {
            let marked = spot.comment.is_some_and(|comment| comment.text.contains(MARK));
            let settable = edit::set(spot.node, "2.0.0").is_ok();
            let span = if spot.scalar.style.is_block() {
                spot.scalar.content.clone()
            } else {
                spot.node.span.clone()
            };
            values.push((span, spot.scalar.text.to_string(), marked && settable));
        }
    });
    values
}

/// YAML that a generator makes: nested mappings and lists in every style, marked here and there.
fn generated() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "v", "'q'", "\"d\"", "1.0", "é", "a:1", "~", "[a, b]", "{a: b}", "|-\n  x", "&n y",
    ]);
    let line = (0_usize..4, prop::bool::ANY, leaf, prop::bool::ANY);
    prop::collection::vec(line, 1..12).prop_map(|lines| {
        let marker = r#" # {"$imagepolicy": "ns:app:tag"}"#;
        let mut out = String::new();
        for (index, (depth, list, leaf, marked)) in lines.into_iter().enumerate() {
            let (first, rest) = leaf.split_once('\n').unwrap_or((leaf, ""));
            let dash = if list { "- " } else { "" };
            let mark = if marked { marker } else { "" };
            write!(out, "k{index}:\n{}", " ".repeat(depth + 1)).unwrap();
            writeln!(out, "{dash}m: {first}{mark}").unwrap();
            if !rest.is_empty() {
                writeln!(out, "{}{}", " ".repeat(depth + 5), rest.trim()).unwrap();
            }
        }
        out
    })
}

proptest! {
    #[test]
    fn generated_manifests_change_in_marked_values_alone(source in generated()) {
        let outcome = update("a.yaml", source.as_bytes(), &scope()).unwrap();
        check("generated", &source, &outcome);
    }
}
