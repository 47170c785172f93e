//! Globs over paths: `*` and `?` stay within a folder, `**` crosses them.

use regex::Regex;

/// A pattern of paths.
#[derive(Clone, Debug)]
pub(in crate::controller) struct Glob(Regex);

impl Glob {
    /// Reads a glob. Every other character stands for itself.
    pub(super) fn new(text: &str) -> Self {
        let mut pattern = "^".to_owned();
        let mut rest = text.trim_start_matches("./");
        while let Some(next) = rest.chars().next() {
            let (part, length) = match rest {
                _ if rest.starts_with("**/") => ("(?:.*/)?".to_owned(), 3),
                _ if rest.starts_with("**") => (".*".to_owned(), 2),
                _ if next == '*' => ("[^/]*".to_owned(), 1),
                _ if next == '?' => ("[^/]".to_owned(), 1),
                _ => (regex::escape(&rest[..next.len_utf8()]), next.len_utf8()),
            };
            pattern.push_str(&part);
            rest = &rest[length..];
        }
        pattern.push('$');
        Self(Regex::new(&pattern).expect("escaped text and four fixed parts make a pattern"))
    }

    /// Whether `path` is one of these.
    pub(super) fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stay_in_their_folder_and_double_stars_do_not() {
        #[rustfmt::skip]
        let cases = [
            ("**/*.yaml",      "a.yaml",           true),
            ("**/*.yaml",      "x/y/a.yaml",       true),
            ("**/*.enc.yaml",  "x/a.yaml",         false),
            ("*.yaml",         "x/a.yaml",         false),
            ("./*.yaml",       "a.yaml",           true),
            ("db/**",          "db/x/y.yaml",      true),
            ("db/**",          "dbx/y.yaml",       false),
            ("a?.yaml",        "ab.yaml",          true),
            ("a.yaml",         "aXyaml",           false),
            ("[a].yaml",       "[a].yaml",         true),
        ];
        for (glob, path, matches) in cases {
            assert_eq!(Glob::new(glob).matches(path), matches, "`{glob}` on `{path}`");
        }
    }
}
