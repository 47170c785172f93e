//! What a file is written in, by its name.
//!
//! | files | comments | the value of a line |
//! |---|---|---|
//! | `*.yaml`, `*.yml`, `Kustomization`, and these with `.gotmpl` | `#` | see [`super::manifest`] |
//! | `Dockerfile`, `Containerfile`, with any prefix or suffix | `#`, on lines of their own | the image of `FROM` or `--from=`, the value of `ARG`, `ENV`, `LABEL` |
//! | `.env`, `*.env`, `.env.*` | `#` | what follows the `=` |
//! | `*.sh`, `*.bash`, `*.zsh` | `#` | what follows the `=`, or the one image among the words |
//! | `*.tf`, `*.tfvars`, `*.hcl`, `*.nomad` | `#`, `//` | the last string |
//! | `*.json`, `*.jsonc`, `*.json5` | `//` | the last string |
//! | `*.toml` | `#` | the last string |
//! | `*.jsonnet`, `*.libsonnet` | `//`, `#` | the last string |
//! | `*.cue` | `//` | the last string |
//! | `*.k` (KCL) | `#` | the last string |

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Yaml,
    Dockerfile,
    Env,
    Shell,
    /// A language in which values are strings.
    Strings(&'static Strings),
}

/// The comments and strings of a language.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Strings {
    /// What begins a comment that ends with its line.
    pub(super) comments: &'static [&'static str],
    /// What encloses a string of one line.
    pub(super) quotes: &'static [char],
    /// What begins and ends a text of many lines, or a comment of many lines.
    pub(super) blocks: &'static [(&'static str, &'static str)],
    /// Whether `<<NAME` begins a text of many lines.
    pub(super) heredocs: bool,
}

const HCL: Strings =
    Strings { comments: &["#", "//"], quotes: &['"'], blocks: &[("/*", "*/")], heredocs: true };
const JSON: Strings =
    Strings { comments: &["//"], quotes: &['"', '\''], blocks: &[("/*", "*/")], heredocs: false };
const TOML: Strings = Strings {
    comments: &["#"],
    quotes: &['"', '\''],
    blocks: &[("\"\"\"", "\"\"\""), ("'''", "'''")],
    heredocs: false,
};
const JSONNET: Strings = Strings {
    comments: &["//", "#"],
    quotes: &['"', '\''],
    blocks: &[("/*", "*/"), ("|||", "|||")],
    heredocs: false,
};
const CUE: Strings = Strings {
    comments: &["//"],
    quotes: &['"', '\''],
    blocks: &[("\"\"\"", "\"\"\""), ("'''", "'''")],
    heredocs: false,
};

impl Syntax {
    /// What the file at `path` is written in, if it is anything that can have markers.
    pub(super) fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let plain = name.strip_suffix(".gotmpl").filter(|inner| is_yaml(inner));
        let name = plain.unwrap_or(name);
        if is_yaml(name) || name == "Kustomization" {
            return Some(Self::Yaml);
        }
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        let by_extension = match extension {
            Some("tf" | "tfvars" | "hcl" | "nomad") => Some(Self::Strings(&HCL)),
            Some("json" | "jsonc" | "json5") => Some(Self::Strings(&JSON)),
            Some("toml") => Some(Self::Strings(&TOML)),
            Some("jsonnet" | "libsonnet") => Some(Self::Strings(&JSONNET)),
            Some("cue") => Some(Self::Strings(&CUE)),
            Some("k") => Some(Self::Strings(&TOML)),
            Some("sh" | "bash" | "zsh") => Some(Self::Shell),
            Some("env") => Some(Self::Env),
            Some("dockerfile" | "Dockerfile" | "containerfile" | "Containerfile") => {
                Some(Self::Dockerfile)
            }
            _ => None,
        };
        by_extension.or_else(|| {
            let named = |wanted| {
                name.strip_prefix(wanted)
                    .is_some_and(|rest: &str| rest.is_empty() || rest.starts_with('.'))
            };
            if named("Dockerfile") || named("Containerfile") {
                Some(Self::Dockerfile)
            } else {
                named(".env").then_some(Self::Env)
            }
        })
    }
}

impl Syntax {
    /// What begins a comment.
    pub(super) fn comment(self) -> &'static str {
        match self {
            Self::Strings(strings) => strings.comments.first().copied().unwrap_or("#"),
            Self::Yaml | Self::Dockerfile | Self::Env | Self::Shell => "#",
        }
    }

    /// Whether a marker is best put above its value: every reader takes it for a comment there.
    pub(super) fn marks_above(self) -> bool {
        matches!(self, Self::Dockerfile | Self::Env)
    }
}

fn is_yaml(name: &str) -> bool {
    matches!(name.rsplit_once('.'), Some((_, "yaml" | "yml")))
}
