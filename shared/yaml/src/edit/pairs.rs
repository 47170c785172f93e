//! Pairs put into mappings and taken out of them, the lines around them left as they are.

use serde_json::{Map, Value as Json};

use super::{Edit, Error, set};
use crate::{
    tree::{Mapping, Node, Pair, Style, Value},
    write::write,
};

/// The edit after which `root` of `source` has the text `value` at `path`.
///
/// A scalar that is there is [`set`]; a pair that is missing is added after the last one of its
/// mapping, in the style of that mapping, and with it the mappings that it needs.
pub fn put(source: &str, root: &Node<'_>, path: &[&str], value: &str) -> Result<Edit, Error> {
    let Some((first, rest)) = path.split_first() else { return Err(Error::NotAScalar) };
    let mapping = root.mapping().ok_or_else(|| Error::NotAMapping(String::new()))?;
    let Some(mut pair) = find(mapping, first) else {
        return Ok(append(source, root, mapping, first, &nested(rest, value)));
    };
    for (depth, key) in rest.iter().enumerate() {
        let below = &rest[depth + 1..];
        let Value::Mapping(mapping) = &pair.value.value else {
            if pair.value.is_absent() {
                return Ok(begin(source, pair, key, &nested(below, value)));
            }
            return Err(Error::NotAMapping(path[..=depth].join(".")));
        };
        match find(mapping, key) {
            Some(found) => pair = found,
            None if mapping.pairs().next().is_none() => {
                return Ok(begin(source, pair, key, &nested(below, value)));
            }
            None => return Ok(append(source, &pair.value, mapping, key, &nested(below, value))),
        }
    }
    set(&pair.value, value)
}

/// The edit after which `root` of `source` has no pair at `path`; none if there is none.
///
/// A mapping in block style that loses its last pair becomes `{}`. Comments stay, except on the
/// pair's own line.
pub fn remove(source: &str, root: &Node<'_>, path: &[&str]) -> Option<Edit> {
    let (key, parents) = path.split_last()?;
    let parent = parents.iter().try_fold(root, |node, key| node.get(key))?;
    let mapping = parent.mapping()?;
    let pairs: Vec<_> = mapping.pairs().collect();
    let at = pairs.iter().position(|pair| pair.key.as_str() == Some(key))?;
    let pair = pairs[at];
    let span = if pairs.len() == 1 {
        return Some(Edit { span: parent.span.clone(), text: "{}".to_owned() });
    } else if !mapping.flow {
        let start = source[..pair.key.span.start].rfind('\n').map_or(0, |at| at + 1);
        // The first pair of a mapping may stand on the line of a dash.
        let start = if source[start..pair.key.span.start].trim().is_empty() {
            start
        } else {
            return Some(Edit {
                span: pair.key.span.start..pairs[at + 1].key.span.start,
                text: String::new(),
            });
        };
        start..line_end(source, pair.value.span.end.max(pair.key.span.end))
    } else if let Some(next) = pairs.get(at + 1) {
        pair.key.span.start..next.key.span.start
    } else {
        pairs[at - 1].value.span.end..pair.value.span.end
    };
    Some(Edit { span, text: String::new() })
}

fn find<'n, 's>(mapping: &'n Mapping<'s>, key: &str) -> Option<&'n Pair<'s>> {
    mapping.pairs().find(|pair| pair.key.as_str() == Some(key))
}

/// `value` below the keys of `path`.
fn nested(path: &[&str], value: &str) -> Json {
    path.iter().rev().fold(value.into(), |inner: Json, key| {
        Json::Object(Map::from_iter([((*key).to_owned(), inner)]))
    })
}

/// Adds a pair after the last one of a mapping that has some.
fn append(source: &str, node: &Node<'_>, mapping: &Mapping<'_>, key: &str, value: &Json) -> Edit {
    let Some(last) = mapping.pairs().last() else {
        return Edit { span: node.span.clone(), text: flow(key, value, true, "{", "}") };
    };
    let end = last.value.span.end.max(last.key.span.end);
    if mapping.flow {
        let quoted = last.key.scalar().is_some_and(|scalar| scalar.style == Style::Double);
        // Pairs on lines of their own stay so.
        let before = &source[..last.key.span.start];
        let blank = &before[before.trim_end().len()..];
        let between = if blank.contains('\n') { format!(",{blank}") } else { ", ".to_owned() };
        return Edit { span: end..end, text: flow(key, value, quoted, &between, "") };
    }
    let at = line_end(source, end);
    let broken = source[..at].ends_with('\n');
    let lines = block(key, value, last.key.column - 1);
    let text = if broken { lines } else { format!("\n{}", lines.trim_end_matches('\n')) };
    Edit { span: at..at, text }
}

/// Makes the value of `parent`, which is empty, a mapping with one pair.
fn begin(source: &str, parent: &Pair<'_>, key: &str, value: &Json) -> Edit {
    let span = if parent.value.is_absent() {
        // It stands nowhere in particular.
        let key = parent.key.span.end;
        let at = source[key..].find(':').map_or(key, |colon| key + colon + 1);
        at..at
    } else {
        parent.value.span.clone()
    };
    let quoted = parent.key.scalar().is_some_and(|scalar| scalar.style == Style::Double);
    if quoted {
        return Edit { span, text: flow(key, value, true, "{", "}") };
    }
    let start = source[..span.start].trim_end_matches(' ').len();
    let lines = block(key, value, parent.key.column + 1);
    Edit { span: start..span.end, text: format!("\n{}", lines.trim_end_matches('\n')) }
}

fn block(key: &str, value: &Json, indent: usize) -> String {
    let pad = " ".repeat(indent);
    let text = write(&Json::Object(Map::from_iter([(key.to_owned(), value.clone())])));
    text.lines().flat_map(|line| [&pad, line, "\n"]).collect()
}

/// JSON is YAML in flow style.
fn flow(key: &str, value: &Json, quoted: bool, before: &str, after: &str) -> String {
    let key = match write(&key.into()).trim_end() {
        plain if !quoted => plain.to_owned(),
        _ => Json::from(key).to_string(),
    };
    format!("{before}{key}: {value}{after}")
}

/// Behind the line break of the line in which `at` is, or the end.
fn line_end(source: &str, at: usize) -> usize {
    source[at..].find('\n').map_or(source.len(), |found| at + found + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{edit::apply, parse};

    fn with(source: &str, path: &str, value: &str) -> String {
        let document = parse(source).unwrap().remove(0);
        let path: Vec<_> = path.split('.').collect();
        apply(source, &[put(source, &document.root, &path, value).unwrap()]).unwrap()
    }

    fn without(source: &str, path: &str) -> Option<String> {
        let document = parse(source).unwrap().remove(0);
        let path: Vec<_> = path.split('.').collect();
        remove(source, &document.root, &path).map(|edit| apply(source, &[edit]).unwrap())
    }

    #[test]
    fn a_pair_is_put_where_its_mapping_ends() {
        #[rustfmt::skip]
        let cases = [
            // before                               path      after
            ("a:\n  b: x # c\nd: y\n",              "a.b",    "a:\n  b: v # c\nd: y\n"),
            ("a:\n  b: x # c\nd: y\n",              "a.e",    "a:\n  b: x # c\n  e: v\nd: y\n"),
            ("a:\n    b: x\n",                      "a.e",    "a:\n    b: x\n    e: v\n"),
            ("a:\n  b: x",                          "a.e",    "a:\n  b: x\n  e: v"),
            ("a:\n  b: |\n    x\n\n# c\n",          "a.e",    "a:\n  b: |\n    x\n  e: v\n\n# c\n"),
            ("a: {}\nd: y\n",                       "a.e",    "a:\n  e: v\nd: y\n"),
            ("a:\nd: y\n",                          "a.e",    "a:\n  e: v\nd: y\n"),
            ("a: {b: x}\n",                         "a.e",    "a: {b: x, e: \"v\"}\n"),
            ("{\"a\": {\n  \"b\": 1\n}}",           "a.e",    "{\"a\": {\n  \"b\": 1,\n  \"e\": \"v\"\n}}"),
            ("{\"a\": {}}",                         "a.e",    "{\"a\": {\"e\": \"v\"}}"),
            ("d: y\n",                              "a.b.e",  "d: y\na:\n  b:\n    e: v\n"),
            ("a:\n  d: y\n",                        "a.b.e",  "a:\n  d: y\n  b:\n    e: v\n"),
        ];
        for (before, path, after) in cases {
            assert_eq!(with(before, path, "v"), after, "{before}");
        }
    }

    #[test]
    fn a_pair_is_removed_with_its_line() {
        #[rustfmt::skip]
        let cases = [
            ("a:\n  b: x # c\n  d: y\n",   "a.b",  Some("a:\n  d: y\n")),
            ("a:\n  b: x\n  d: y",         "a.d",  Some("a:\n  b: x\n")),
            ("a:\n  b: |\n    x\n  d: y\n", "a.b",  Some("a:\n  d: y\n")),
            ("a:\n  b: x\nd: y\n",         "a.b",  Some("a:\n  {}\nd: y\n")),
            ("a: {b: x, d: y}\n",          "a.b",  Some("a: {d: y}\n")),
            ("a: {b: x, d: y}\n",          "a.d",  Some("a: {b: x}\n")),
            ("a: {b: x}\n",                "a.z",  None),
        ];
        for (before, path, after) in cases {
            assert_eq!(without(before, path).as_deref(), after, "{before}");
        }
    }

    #[test]
    fn what_is_no_mapping_takes_no_pair() {
        let document = parse("a: x\n").unwrap().remove(0);
        let refused = put("a: x\n", &document.root, &["a", "b"], "v").unwrap_err();
        assert_eq!(refused.to_string(), "`a` is not a mapping of its own; write it as one first");
    }
}
