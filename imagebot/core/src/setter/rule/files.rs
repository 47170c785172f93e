//! Which files a rule is about.

/// Files below a directory that patterns match: `*` and `?` within a name, `**` over directories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    below: String,
    patterns: Vec<String>,
}

impl Files {
    /// The files below `below` whose path from the root matches one of `patterns`. An empty
    /// directory is the root.
    pub fn new(below: &str, patterns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let patterns = patterns.into_iter().map(|pattern| {
            let pattern: String = pattern.into();
            pattern.trim_start_matches("./").trim_start_matches('/').to_owned()
        });
        Self { below: below.trim_matches('/').to_owned(), patterns: patterns.collect() }
    }

    /// Every `kustomization.yaml` below `below`, by all its names.
    pub fn kustomizations(below: &str) -> Self {
        let names = ["**/kustomization.yaml", "**/kustomization.yml", "**/Kustomization"];
        Self::new(below, names)
    }

    /// Every file of YAML below `below`.
    pub fn yaml(below: &str) -> Self {
        Self::new(below, ["**/*.yaml", "**/*.yml"])
    }

    /// Whether the file at `path` is one of them.
    pub fn matches(&self, path: &str) -> bool {
        let below = path
            .strip_prefix(self.below.as_str())
            .is_some_and(|rest| self.below.is_empty() || rest.is_empty() || rest.starts_with('/'));
        let path: Vec<_> = path.split('/').collect();
        let fits = |pattern: &String| {
            let pattern: Vec<_> = pattern.split('/').collect();
            path_fits(&pattern, &path)
        };
        below && self.patterns.iter().any(fits)
    }

    /// Whether a file of the name that `path` ends in can be one of them.
    pub(super) fn matches_name(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.patterns.iter().any(|pattern| {
            let last = pattern.rsplit('/').next().unwrap_or(pattern);
            last == "**" || name_fits(last.as_bytes(), name.as_bytes())
        })
    }
}

fn path_fits(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**", rest @ ..], _) => {
            path_fits(rest, path) || !path.is_empty() && path_fits(pattern, &path[1..])
        }
        ([first, pattern @ ..], [name, path @ ..]) => {
            name_fits(first.as_bytes(), name.as_bytes()) && path_fits(pattern, path)
        }
        _ => false,
    }
}

/// Matches without recursion: a pattern comes from an object, which may be anybody's.
fn name_fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                n = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}
