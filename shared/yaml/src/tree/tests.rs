//! Tests of `tree`.

use super::*;

/// The tree in one line: comments as `#text`, absent values as `_`.
fn outline(node: &Node<'_>) -> String {
    match &node.value {
        Value::Scalar(_) if node.is_absent() => "_".into(),
        Value::Scalar(scalar) => scalar.text.trim_end().to_owned(),
        Value::Alias(anchor) => format!("*{}", anchor.name),
        Value::Mapping(mapping) => {
            let entries = mapping.entries.iter().map(|entry| match entry {
                Entry::Pair(pair) => format!("{}: {}", outline(&pair.key), outline(&pair.value)),
                Entry::Comment(comment) => format!("#{}", comment.text.trim()),
            });
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Sequence(sequence) => {
            let items = sequence.items.iter().map(|item| match item {
                Item::Node(node) => outline(node),
                Item::Comment(comment) => format!("#{}", comment.text.trim()),
            });
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
    }
}

#[track_caller]
fn check(source: &str, expected: &[&str]) {
    let found: Vec<String> = parse(source).unwrap().iter().map(|doc| outline(&doc.root)).collect();
    assert_eq!(found, expected, "{source:?}");
}

#[test]
fn comments_stand_where_they_were_written() {
    check(
        "# top\na: 1 # one\n# about b\nb: 2\n# end\n",
        &["{#top, a: 1, #one, #about b, b: 2, #end}"],
    );
    check("a:\n  b: 1\n# about c\nc: 2\n", &["{a: {b: 1}, #about c, c: 2}"]);
    check("a:\n  b: 1\n  # after b\nc: 2\n", &["{a: {b: 1, #after b}, c: 2}"]);
    check("a:\n  b: 1 # on b\nc: 2\n", &["{a: {b: 1, #on b}, c: 2}"]);
    check("a: # on a\n  # in a\n  b: 1\n", &["{#on a, a: {#in a, b: 1}}"]);
    check(
        "a:\n- x # on x\n# about y\n- y\n# about b\nb: 1\n",
        &["{a: [x, #on x, #about y, y], #about b, b: 1}"],
    );
    check("a:\n  - x\n  # end of a\nb: 1\n", &["{a: [x, #end of a], b: 1}"]);
    check("a: [x, # on x\n  y] # on a\n", &["{a: [x, #on x, y], #on a}"]);
    check("a: {x: 1} # on a\nb: 2\n", &["{a: {x: 1}, #on a, b: 2}"]);
    check("a: | # on a\n  # text\nb: 2\n", &["{a: # text, #on a, b: 2}"]);
    check("- a: 1\n- # on dash\n  b\n", &["[{a: 1}, #on dash, b]"]);
    check("- a: |\n    x\n- # on dash\n  b\n", &["[{a: x}, #on dash, b]"]);
    check("- a:\n    b: 1\n  # in item\n  c: 2\n# end\n", &["[{a: {b: 1}, #in item, c: 2}, #end]"]);
}

#[test]
fn comments_stay_in_their_document() {
    check(
        "a: 1\n# end of one\n---\n# top of two\nb: 2\n",
        &["{a: 1, #end of one}", "{#top of two, b: 2}"],
    );
    let documents = parse("# only\n---\n# two\nx # three\n").unwrap();
    assert_eq!(documents.len(), 1, "a comment before `---` is no document");
    let texts: Vec<&str> =
        documents[0].comments.iter().map(|comment| comment.text.trim()).collect();
    assert_eq!(texts, ["only", "two", "three"]);
}

#[test]
fn spans_are_the_bytes_of_the_value() {
    #[rustfmt::skip]
    let cases = [
        ("k: v # c\n",              "v",               "v"),
        ("k: 'é v'\n",              "'é v'",           "'é v'"),
        ("k: &a !!str v\n",         "v",               "v"),
        ("k: a\n  b\n",             "a\n  b",          "a\n  b"),
        ("k: |+ # c\n  a\n  b\n\n", "|+ # c\n  a\n  b", "a\n  b"),
        ("k: >2-\n    a\n",         ">2-\n    a",      "  a"),
        ("k: |\n\n  a\n",           "|\n\n  a",        "a"),
        ("k: &x > # a > b\n  a",    "> # a > b\n  a",  "a"),
        ("k: # |\n  |\n  a\n",      "|\n  a",          "a"),
        ("k: |\r\n  a\r\nl: b",     "|\r\n  a",        "a"),
        ("k: |\nl: b",              "|",               ""),
        ("k: |-  # c\n\n\nl: b",    "|-",              ""),
        ("k: !!str |\n a",          "!!str |\n a",     "a"),
        ("k:\n- a\n- b # c\n",      "- a\n- b",        ""),
        ("k:\n- - a\n",             "- - a",           ""),
        ("k: &x\n- # c -\n  a\n",   "- # c -\n  a",    ""),
        ("k:\n  l: a\n  m: b\n\n",  "l: a\n  m: b",    ""),
        ("k: [ a, b ] # c\n",       "[ a, b ]",        ""),
        ("k: {a: b}\n",             "{a: b}",          ""),
    ];
    for (source, span, content) in cases {
        for source in [source.to_owned(), format!("\u{feff}é: 日 # c\n---\n{source}")] {
            let documents = parse(&source).unwrap();
            let node = documents.last().unwrap().root.get("k").unwrap();
            let span = span.strip_prefix("!!str ").unwrap_or(span);
            assert_eq!(&source[node.span.clone()], span, "{source:?}");
            if let Some(scalar) = node.scalar() {
                assert_eq!(&source[scalar.content.clone()], content, "{source:?}");
            }
            let before = &source[..node.span.start];
            let line_start = before.rfind('\n').map_or(0, |at| at + 1);
            let column = before[line_start..].trim_start_matches('\u{feff}').chars().count() + 1;
            let line = before.matches('\n').count() + 1;
            assert_eq!((node.line, node.column), (line, column), "{source:?}");
        }
    }
}

#[test]
fn anchors_tags_and_aliases_keep_their_names() {
    let source = "a: &x !!str v\nb: &y !mine [1]\nc: *x\nd: !<tag:yaml.org,2002:int> 1\ne: ! w\n";
    let documents = parse(source).unwrap();
    let get = |key| documents[0].root.get(key).unwrap();
    let tag = |key| get(key).tag.as_ref().map(|tag| tag.name.as_str());
    let name = |key| get(key).anchor.as_ref().map(|anchor| &*anchor.name);
    assert_eq!((name("a"), tag("a")), (Some("x"), Some("!!str")));
    assert_eq!((name("b"), tag("b")), (Some("y"), Some("!mine")));
    assert_eq!(tag("d"), Some("!!int"));
    assert_eq!(tag("e"), Some("!"));
    let Value::Alias(alias) = &get("c").value else { panic!("not an alias") };
    let anchor = get("a").anchor.as_ref().unwrap();
    assert_eq!((alias.id, &alias.name), (anchor.id, &anchor.name));
    assert_eq!((&source[alias.span.clone()], &source[anchor.span.clone()]), ("*x", "&x"));
    assert_eq!(&source[get("a").tag.as_ref().unwrap().span.clone()], "!!str");
}

#[test]
fn absent_values_are_null_and_nothing() {
    let documents = parse("a:\nb: ''\n-\n").map(|_| ()).unwrap_err();
    assert_eq!(documents.line, 3);
    let documents = parse("a:\nb: ''\nc: ~\n").unwrap();
    let absent = |key| documents[0].root.get(key).unwrap().is_absent();
    assert_eq!((absent("a"), absent("b"), absent("c")), (true, false, false));
    assert!(parse("---\n---\na: 1\n").unwrap()[0].is_empty());
    assert!(parse("").unwrap().is_empty());
}

#[test]
fn bytes_that_are_not_utf8_are_refused_with_their_place() {
    let error = text(b"a: 1\nb: \xe9\n").unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 4: not UTF-8; save the file as UTF-8");
}

#[test]
fn values_and_comments_never_show_in_debug_output() {
    let documents = parse("k: hunter2 # hunter3\n").unwrap();
    let shown = format!("{documents:?}");
    assert!(!shown.contains("hunter"), "{shown}");
}
