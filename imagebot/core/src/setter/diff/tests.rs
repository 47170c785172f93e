//! Tests of `diff`.

use super::*;

#[track_caller]
fn shown(text: &str, edits: &[(usize, usize, &str)]) -> Vec<String> {
    let edits: Vec<_> = edits
        .iter()
        .map(|(start, end, new)| Edit { span: *start..*end, text: (*new).to_owned() })
        .collect();
    unified("f", text, &edits).iter().skip(2).map(ToString::to_string).collect()
}

#[test]
fn a_diff_is_what_patch_reads() {
    assert_eq!(shown("a\n", &[]), Vec::<String>::new());
    assert_eq!(shown("a\n", &[(0, 1, "b")]), ["@@ -1 +1 @@", "-a", "+b"]);
    assert_eq!(
        shown("a", &[(0, 1, "b")]),
        ["@@ -1 +1 @@", "-a", "\\ No newline at end of file", "+b", "\\ No newline at end of file",]
    );
    let ten = "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    assert_eq!(
        shown(ten, &[(10, 11, "x")]),
        ["@@ -3,7 +3,7 @@", " 2", " 3", " 4", "-5", "+x", " 6", " 7", " 8",]
    );
    // Two edits of one line, and one that takes lines away.
    assert_eq!(
        shown("ab\nc\nd\n", &[(0, 1, "x"), (1, 2, "y"), (3, 6, "z")]),
        ["@@ -1,3 +1,2 @@", "-ab", "+xy", "-c", "-d", "+z",]
    );
    // A line that is put in.
    assert_eq!(shown("a\nb\n", &[(1, 1, "\nn")]), ["@@ -1,2 +1,3 @@", "-a", "+a", "+n", " b"]);
    // Changes that are far apart are told apart.
    let hunks = shown(ten, &[(0, 1, "x\ny"), (18, 19, "z")]);
    let heads: Vec<_> = hunks.iter().filter(|line| line.starts_with("@@")).collect();
    assert_eq!(heads, ["@@ -1,4 +1,5 @@", "@@ -7,4 +8,4 @@"]);
}
