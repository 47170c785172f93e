//! Markers in text that is not YAML: behind the image, or on a line above it.

use yaml::edit::Edit;

use super::{
    super::{
        Cause, Problem,
        marker::Part,
        place::Place,
        syntax::Syntax,
        text::{self, Unmarked},
    },
    Policy, Suggestion, Suggestions, marker, whole,
};

/// The markers that `text` lacks.
pub(super) fn suggest(text: &str, syntax: Syntax, policies: &[Policy]) -> Suggestions {
    let mut out = Suggestions::default();
    // What programs read as strict JSON stays so.
    let strict =
        syntax.comment() == "//" && serde_json::from_str::<serde_json::Value>(text).is_ok();
    text::unmarked(text, syntax, &mut |line| {
        let Some((repository, value)) = image(line) else {
            out.problems.extend(several(text, line, policies));
            return;
        };
        let Some(marker) = marker(policies, &repository, Part::Image) else { return };
        let cause = match (marker, obstacle(line, syntax)) {
            (Err(cause), _) => cause,
            (Ok(_), Some(why)) => Cause::Unmarkable(why),
            (Ok(_), None) if strict => Cause::Unmarkable("JSON has no comments"),
            (Ok(marker), None) => {
                let comment = format!("{} {}", syntax.comment(), marker.comment());
                out.edits.push(put(text, line, syntax, &comment));
                let value = value.to_owned();
                out.markers.push(Suggestion { line: line.number, marker, value });
                return;
            }
        };
        out.problems.push(Problem { line: line.number, cause });
    });
    out
}

/// The image that a line sets, if it is one with a tag or a digest.
fn image<'t>(line: &Unmarked<'t>) -> Option<(crate::reference::Repository, &'t str)> {
    let Ok(Place::Text(text, span) | Place::Image(text, span)) = &line.value else {
        return None;
    };
    let (repository, _) = whole(&text[span.clone()])?;
    Some((repository, &text[span.clone()]))
}

/// That a line has several images, and one of a policy is among them.
fn several(text: &str, line: &Unmarked<'_>, policies: &[Policy]) -> Option<Problem> {
    let Err(cause @ Cause::Ambiguous) = &line.value else { return None };
    let mut words = text[line.code.clone()].split_ascii_whitespace();
    let followed = words.any(|word| {
        let image = whole(word.trim_matches(['"', '\'']));
        image.is_some_and(|(repository, _)| marker(policies, &repository, Part::Image).is_some())
    });
    followed.then(|| Problem { line: line.number, cause: cause.clone() })
}

/// Why no marker can stand at a line.
fn obstacle(line: &Unmarked<'_>, syntax: Syntax) -> Option<&'static str> {
    if line.joined {
        Some("it is a part of an instruction of several lines")
    } else if line.commented && !syntax.marks_above() {
        Some("it has another comment")
    } else {
        None
    }
}

fn put(text: &str, line: &Unmarked<'_>, syntax: Syntax, comment: &str) -> Edit {
    if !syntax.marks_above() {
        let at = line.code.end;
        return Edit { span: at..at, text: format!(" {comment}") };
    }
    let start = text[..line.code.start].rfind('\n').map_or(0, |end| end + 1);
    let indent = &text[start..line.code.start];
    let rest = text[line.code.end..].split('\n').next().unwrap_or_default();
    let end = if rest.ends_with('\r') { "\r\n" } else { "\n" };
    Edit { span: start..start, text: format!("{indent}{comment}{end}") }
}

#[cfg(test)]
mod tests {
    use crate::{
        reference::Repository,
        setter::suggest::{Policy, Suggestions},
    };

    fn run(file: &str, text: &str) -> Suggestions {
        let policy = |name: &str, image: &str| Policy {
            namespace: "ns".into(),
            name: name.into(),
            repository: Repository::parse(image).unwrap(),
        };
        let policies =
            [policy("web", "r.io/web"), policy("a", "r.io/two"), policy("b", "r.io/two")];
        super::super::suggest(file, text.as_bytes(), &policies).unwrap()
    }

    #[test]
    fn every_language_is_marked_where_it_has_comments() {
        const M: &str = "{\"$imagepolicy\": \"ns:web\"}";
        #[rustfmt::skip]
        let cases = [
            // file            before                                        after
            ("Dockerfile",     "ARG X\nFROM r.io/web:1 AS b\nFROM b\n",      format!("ARG X\n# {M}\nFROM r.io/web:1 AS b\nFROM b\n")),
            ("Dockerfile",     "FROM a\r\n  COPY --from=r.io/web:1 /a /b\r\n", format!("FROM a\r\n  # {M}\r\n  COPY --from=r.io/web:1 /a /b\r\n")),
            (".env",           "A=1\nIMAGE='r.io/web:1' # mine\n",            format!("A=1\n# {M}\nIMAGE='r.io/web:1' # mine\n")),
            ("run.sh",         "docker run -p 80:80 r.io/web:1 sh",           format!("docker run -p 80:80 r.io/web:1 sh # {M}")),
            ("run.sh",         "cat <<E\nI=r.io/web:1\nE\n\tI=r.io/web:1  \n", format!("cat <<E\nI=r.io/web:1\nE\n\tI=r.io/web:1 # {M}  \n")),
            ("main.tf",        "a = \"r.io/web:1\"\n", format!("a = \"r.io/web:1\" # {M}\n")),
            ("a.jsonc",        "{ // all\n  \"image\": \"r.io/web:1\",\n  \"x\": 1\n}", format!("{{ // all\n  \"image\": \"r.io/web:1\", // {M}\n  \"x\": 1\n}}")),
            ("a.toml",         "image = 'r.io/web:1'\n",                       format!("image = 'r.io/web:1' # {M}\n")),
            ("a.jsonnet",      "{ i: 'r.io/web:1',\n}",                        format!("{{ i: 'r.io/web:1', // {M}\n}}")),
            ("a.cue",          "i: \"r.io/web:1\"\n",                          format!("i: \"r.io/web:1\" // {M}\n")),
            ("main.k",         "i = \"r.io/web:1\"\n",                         format!("i = \"r.io/web:1\" # {M}\n")),
        ];
        for (file, before, after) in cases {
            let found = run(file, before);
            assert_eq!(found.content.as_deref(), Some(after.as_str()), "{file}");
            assert_eq!(
                run(file, &after),
                Suggestions::default(),
                "{file}: a second run adds nothing"
            );
        }
    }

    #[test]
    fn what_cannot_be_marked_is_told() {
        #[rustfmt::skip]
        let cases = [
            ("run.sh",      "docker run \\\n r.io/web:1\n",       "line 2: no marker can stand there: it is a part of an instruction of several lines"),
            ("main.tf",     "a = \"r.io/web:1\" # mine\n",         "line 1: no marker can stand there: it has another comment"),
            ("a.json",      "{\"image\": \"r.io/web:1\"}",         "line 1: no marker can stand there: JSON has no comments"),
            ("a.toml",      "a = \"r.io/two:1\"\n",                "line 1: several policies follow `r.io/two`; name the one that is meant"),
            ("run.sh",      "cp r.io/web:1 x:2\n",                 "line 1: the line has several images; write each on a line of its own"),
        ];
        for (file, text, message) in cases {
            let found = run(file, text);
            assert_eq!((found.content, found.problems.len()), (None, 1), "{file}: {text}");
            assert_eq!(found.problems[0].to_string(), message, "{file}");
        }
        for (file, text) in [
            ("a.toml", "a = 'r.io/web'\n"),
            ("Dockerfile", "FROM $X\n"),
            ("run.sh", "cp a:1 b:2\n"),
            ("main.go", "r.io/web:1"),
        ] {
            assert_eq!(run(file, text), Suggestions::default(), "{file}: {text}");
        }
    }
}
