//! Tests of `edit`.

use proptest::prelude::*;

use super::*;
use crate::{scan, tree};

#[test]
fn a_new_value_keeps_the_style_of_the_old_one() {
    #[rustfmt::skip]
    let cases = [
        // before                  new          after
        ("k: v # c\n",             "w",         "k: w # c\n"),
        ("k: 'v' # c\n",           "it's",      "k: 'it''s' # c\n"),
        ("k: \"v\"\n",             "a\"b\\",    "k: \"a\\\"b\\\\\"\n"),
        ("k: v\n",                 "1.0",       "k: \"1.0\"\n"),
        ("k: v\n",                 "20230101",  "k: \"20230101\"\n"),
        ("k: v\n",                 "1e5",       "k: \"1e5\"\n"),
        ("k: v\n",                 "on",        "k: \"on\"\n"),
        ("k: v\n",                 "y",         "k: \"y\"\n"),
        ("k: v\n",                 "1:30",      "k: \"1:30\"\n"),
        ("k: v\n",                 "2001-1-1",  "k: \"2001-1-1\"\n"),
        ("k: v\n",                 "",          "k: \"\"\n"),
        ("k: v\n",                 "a: b",      "k: \"a: b\"\n"),
        ("k: v\n",                 "@x",        "k: \"@x\"\n"),
        ("k: 1.0\n",               "v2.0.1",    "k: v2.0.1\n"),
        ("k: 1.0\n",               "1.0.49",    "k: 1.0.49\n"),
        ("k: [v, w]\n",            "a,b",       "k: [\"a,b\", w]\n"),
        ("k: &a !!str v # c\n",    "n:1",       "k: &a !!str n:1 # c\n"),
        ("k: !!float 1.0 # c\n",   "2.0.1",     "k: 2.0.1 # c\n"),
        ("k: !!float 1.0.49\n",    "1.1",       "k: \"1.1\"\n"),
        ("k: !!int &a '1'\n",      "x",         "k: &a 'x'\n"),
        ("k: &a !!int  1\n",       "x",         "k: &a x\n"),
        ("k: &a !!int\n  1\n",     "x",         "k: &a x\n"),
        ("k: !mine 1\n",           "x",         "k: !mine x\n"),
        ("k: a\n  b # c\n",        "w",         "k: w # c\n"),
        ("k: >- # c\n  v\nl: x\n", "n",         "k: >- # c\n  n\nl: x\n"),
        ("k: |\r\n  v\r\n\r\n",    "n",         "k: |\r\n  n\r\n\r\n"),
        ("k: |2-\n   v\n",         "n",         "k: |2-\n  n\n"),
        ("- >\n  v\n  w\n",        "n",         "- >\n  n\n"),
        ("\u{feff}k: v\r\n",       "é",         "\u{feff}k: é\r\n"),
        ("日本: x:1",               "y:2",       "日本: y:2"),
        ("k: 'v'\n",               "\u{7}",     "k: \"\\x07\"\n"),
    ];
    for (before, new, after) in cases {
        let documents = tree::parse(before).unwrap();
        let mut edits = Vec::new();
        scan::each(before, &documents, &mut |spot| {
            if spot.role == scan::Role::Value && edits.is_empty() {
                edits.push(set(spot.node, new).unwrap());
            }
        });
        assert_eq!(apply(before, &edits).unwrap(), after, "`{new}` into {before:?}");
    }
}

#[test]
fn what_cannot_be_set_is_refused() {
    #[rustfmt::skip]
    let cases = [
        ("k:\n",          "v",    Error::Absent),
        ("k: [a]\n",      "v",    Error::NotAScalar),
        ("a: &a x\nk: *a\n", "v", Error::NotAScalar),
        ("k: |\n  a\n",   "b\nc", Error::Block),
        ("k: |\n  a\n",   " b",   Error::Block),
        ("k: |\n",        "b",    Error::Block),
        ("k: |\n  a\n",   "",     Error::Block),
        ("k: |\n\n  a\n", "b",    Error::Block),
    ];
    for (source, new, error) in cases {
        let documents = tree::parse(source).unwrap();
        let node = documents[0].root.get("k").unwrap();
        assert_eq!(set(node, new), Err(error), "`{new}` into {source:?}");
    }
}

#[test]
fn edits_that_overlap_or_leave_the_text_are_refused() {
    let edit = |span: Range<usize>| Edit { span, text: "x".into() };
    assert_eq!(apply("abc", &[edit(0..2), edit(1..3)]), Err(Error::Overlap(1)));
    assert_eq!(apply("abc", &[edit(2..9)]), Err(Error::OutOfBounds(2..9)));
    assert_eq!(apply("é", &[edit(1..2)]), Err(Error::OutOfBounds(1..2)));
    assert_eq!(apply("abc", &[edit(2..3), edit(0..1)]), Ok("xbx".into()));
}

/// Pieces from which most of YAML's syntax can arise.
fn nasty() -> impl Strategy<Value = String> {
    #[rustfmt::skip]
    let pieces = prop::sample::select(vec![
        "a", "b: ", "c:\n", "- ", "\n", "\r\n", "  ", "    ", "\t", "# c", " # d\n", "'q'", "\"d\"",
        "'", "\"", "[", "]", "{", "}", ", ", ": ", "? ", "|", ">", "|-\n  x\n", ">+\n y\n\n", "&a ",
        "*a", "!!str ", "! ", "!x ", "!!float ", "!!int ", "---\n", "...\n", "--- ", "%YAML 1.2\n", "<<: ", "~", "1.0",
        "é", "\u{feff}", "日", "\\", "\0", "key: value # {\"x\"}\n", "- item # y\n", "- - z\n", "\u{85}",
        "k: v\n", "l:\n- m\n", "n: [o, p]\n", "q: {r: s}\n", "t: |\n  u\n", "    v: w\n",
    ]);
    prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
}

/// Sets every value that can be set to `new`.
fn set_all(source: &str, new: &str) -> Option<(Vec<Edit>, String)> {
    let documents = tree::parse(source).ok()?;
    let mut edits = Vec::new();
    scan::each(source, &documents, &mut |spot| {
        if spot.role == scan::Role::Value {
            edits.extend(set(spot.node, new).ok());
        }
    });
    let edited = apply(source, &edits).unwrap();
    Some((edits, edited))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_text_panics(source in nasty()) {
        let _ = set_all(&source, "new");
        let _ = crate::json::documents(&source, Schema::Kubernetes);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(text) = tree::text(&bytes) {
            let _ = set_all(text, "new");
        }
    }

    #[test]
    fn an_edit_is_read_back_and_changes_no_other_scalar(
        source in nasty(),
        new in prop::sample::select(vec!["n:1", "1.0", "it's", "on", "a: b", "", "é\u{1}", "x # y"]),
    ) {
        let Some((edits, edited)) = set_all(&source, new) else { return Ok(()) };
        let before = scalars(&source);
        let after = scalars(&edited);
        prop_assert_eq!(before.len(), after.len(), "{:?} became {:?}", source, edited);
        for ((role, old, span), (_, now, _)) in before.iter().zip(&after) {
            // An edit may begin at the tag.
            let set = edits.iter().any(|edit| span.start < edit.span.end && edit.span.end <= span.end);
            let wanted = if set && *role == scan::Role::Value { new } else { old };
            prop_assert_eq!(now.trim_end_matches('\n'), wanted.trim_end_matches('\n'), "{:?} became {:?}", source, edited);
        }
    }

    #[test]
    fn only_the_marked_bytes_differ(source in nasty()) {
        let Some((mut edits, edited)) = set_all(&source, "new") else { return Ok(()) };
        edits.sort_by_key(|edit| edit.span.start);
        let (mut at, mut rest) = (0, edited.as_str());
        for edit in &edits {
            let kept = &source[at..edit.span.start];
            rest = rest.strip_prefix(kept).unwrap().strip_prefix(edit.text.as_str()).unwrap();
            at = edit.span.end;
        }
        prop_assert_eq!(&source[at..], rest);
    }

    #[test]
    fn what_is_quoted_is_read_back(text in any::<String>()) {
        let source = format!("k: {}\n", double_quoted(&text));
        let documents = tree::parse(&source).unwrap();
        prop_assert_eq!(documents[0].root.get("k").unwrap().as_str(), Some(text.as_str()));
    }

    #[test]
    fn what_is_plain_is_read_back(text in "[ -~é]{0,12}") {
        if is_plain(&text) {
            for source in [format!("k: {text}\n"), format!("k: [{text}, x]\n")] {
                let documents = tree::parse(&source).unwrap();
                let node = documents[0].root.get("k").unwrap();
                let node = node.sequence().map_or(node, |items| items.nodes().next().unwrap());
                prop_assert_eq!(node.as_str(), Some(text.as_str()), "{}", source);
            }
        }
    }
}

fn scalars(source: &str) -> Vec<(scan::Role, String, Range<usize>)> {
    let documents = tree::parse(source).unwrap();
    let mut scalars = Vec::new();
    scan::each(source, &documents, &mut |spot| {
        scalars.push((spot.role, spot.scalar.text.to_string(), spot.node.span.clone()));
    });
    scalars
}
