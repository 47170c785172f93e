//! Markers for the images that policies follow: what `imagebot mark` writes.
//!
//! | value | marked when it is of the policy's image |
//! |---|---|
//! | a scalar that is an image with a tag or a digest | for the whole image |
//! | `tag` and `digest` beside `repository` | for these parts |
//! | `newTag` and `digest` of a Kustomization's `images:` | for these parts |
//! | in another language: what a line sets, where that is an image with a tag or a digest | for the whole image |
//!
//! A marker is only put where it is found again. A value that already has a comment, or shares its
//! line with others, is reported.

use yaml::{
    edit::{self, Edit},
    scan::{self, Role, Segment, Spot},
    tree::{Document, Node},
};

use super::{
    Cause, Error, Problem,
    marker::{Marker, Part},
    markers,
    syntax::Syntax,
};
use crate::reference::{Reference, Repository};

mod text;

/// A policy, and the image that it follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its image.
    pub repository: Repository,
}

/// A marker that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The line of the value, from 1.
    pub line: usize,
    /// The marker.
    pub marker: Marker,
    /// The value as it is.
    pub value: String,
}

/// The markers that a file lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suggestions {
    /// The file with them, if it lacks any.
    pub content: Option<String>,
    /// How it comes about.
    pub edits: Vec<Edit>,
    /// What is marked.
    pub markers: Vec<Suggestion>,
    /// What should be and cannot.
    pub problems: Vec<Problem>,
}

/// The markers that a file lacks. The name of the file says what it is written in.
pub fn suggest(file: &str, content: &[u8], policies: &[Policy]) -> Result<Suggestions, Error> {
    match Syntax::of(file) {
        None => Ok(Suggestions::default()),
        Some(Syntax::Yaml) => in_yaml(file, content, policies),
        Some(syntax) => {
            let encoding = |_| Error::Encoding { file: file.to_owned() };
            let text = std::str::from_utf8(content).map_err(encoding)?;
            put(file, text, text::suggest(text, syntax, policies))
        }
    }
}

fn in_yaml(file: &str, content: &[u8], policies: &[Policy]) -> Result<Suggestions, Error> {
    let broken = |source| Error::Yaml { file: file.to_owned(), source };
    let text = yaml::text(content).map_err(broken)?;
    let documents = yaml::parse(text).map_err(broken)?;
    let mut pass = Pass { text, documents: &documents, policies, out: Suggestions::default() };
    scan::each(text, &documents, &mut |spot| pass.visit(spot));
    put(file, text, pass.out)
}

/// Makes the file that `out` speaks of, if every marker is found where it was put.
fn put(file: &str, text: &str, mut out: Suggestions) -> Result<Suggestions, Error> {
    if out.edits.is_empty() {
        return Ok(out);
    }
    out.edits.sort_by_key(|edit| edit.span.start);
    let failed = |source| Error::Edit { file: file.to_owned(), source };
    let marked = edit::apply(text, &out.edits).map_err(failed)?;
    let count = |content: &[u8]| markers(file, content).map(|(found, _)| found.len());
    if count(marked.as_bytes())? == count(text.as_bytes())? + out.markers.len() {
        out.content = Some(marked);
    } else {
        let lines = out.markers.drain(..);
        out.problems.extend(lines.map(|it| Problem { line: it.line, cause: Cause::Misplaced }));
        out.edits.clear();
    }
    Ok(out)
}

struct Pass<'a, 's> {
    text: &'a str,
    documents: &'a [Document<'s>],
    policies: &'a [Policy],
    out: Suggestions,
}

impl Pass<'_, '_> {
    fn visit(&mut self, spot: &Spot<'_, '_>) {
        let root = &self.documents[spot.document].root;
        if spot.role == Role::Key || spot.comment.is_some_and(|it| it.text.contains(super::MARK)) {
            return;
        }
        let Some((repository, part)) = image_at(root, spot) else { return };
        let line = spot.node.line;
        let marker = match marker(self.policies, &repository, part) {
            None => return,
            Some(marker) => marker.and_then(|marker| match self.obstacle(spot) {
                Some(why) => Err(Cause::Unmarkable(why)),
                None => Ok(marker),
            }),
        };
        match marker {
            Err(cause) => self.out.problems.push(Problem { line, cause }),
            Ok(marker) => {
                let at = spot.node.span.end;
                let text = format!(" # {}", marker.comment());
                self.out.edits.push(Edit { span: at..at, text });
                let value = spot.scalar.text.clone().into_owned();
                self.out.markers.push(Suggestion { line, marker, value });
            }
        }
    }

    /// Why no marker can stand behind a value.
    fn obstacle(&self, spot: &Spot<'_, '_>) -> Option<&'static str> {
        if spot.scalar.style.is_block() {
            return Some("it is a block of lines");
        }
        let rest = &self.text[spot.node.span.end..];
        let rest = rest.split('\n').next().unwrap_or(rest).trim();
        if rest.is_empty() {
            None
        } else if rest.starts_with('#') {
            Some("it has another comment")
        } else {
            Some("it shares its line with what follows")
        }
    }
}

/// The marker for a part of an image, if a policy follows it. There must be one such policy only.
fn marker(
    policies: &[Policy],
    repository: &Repository,
    part: Part,
) -> Option<Result<Marker, Cause>> {
    let mut fitting = policies.iter().filter(|policy| policy.repository == *repository);
    let Policy { namespace, name, .. } = fitting.next()?;
    if fitting.next().is_some() {
        return Some(Err(Cause::SeveralPolicies(repository.to_string())));
    }
    Some(Ok(Marker { namespace: namespace.clone(), policy: name.clone(), part }))
}

/// The image that a scalar names, and the part of it that it holds.
fn image_at(root: &Node<'_>, spot: &Spot<'_, '_>) -> Option<(Repository, Part)> {
    let text = &*spot.scalar.text;
    let (Segment::Key(key), parents) = spot.path.split_last()? else {
        return whole(text);
    };
    let part = match *key {
        "tag" | "newTag" => Part::Tag,
        "digest" => Part::Digest,
        _ => return whole(text),
    };
    let parent = parents.iter().try_fold(root, |node, segment| match segment {
        Segment::Key(key) => node.get(key),
        Segment::Index(index) => node.sequence()?.nodes().nth(*index),
    })?;
    let get = |key| parent.get(key).and_then(Node::as_str).filter(|text| !text.is_empty());
    let kustomize = matches!(parents, [Segment::Key("images"), Segment::Index(_)]);
    let name = if kustomize { get("newName").or(get("name")) } else { get("repository") }?;
    let name = match get("registry").filter(|_| !kustomize) {
        Some(registry) => format!("{registry}/{name}"),
        None => name.to_owned(),
    };
    Some((Repository::parse(&name).ok()?, part))
}

fn whole(text: &str) -> Option<(Repository, Part)> {
    let image = Reference::parse(text).ok()?;
    (image.tag.is_some() || image.digest.is_some()).then_some((image.repository, Part::Image))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Suggestions {
        let policy = |name: &str, image: &str| Policy {
            namespace: "ns".into(),
            name: name.into(),
            repository: Repository::parse(image).unwrap(),
        };
        let policies = [
            policy("web", "ghcr.io/acme/web"),
            policy("one", "r.io/twice"),
            policy("two", "r.io/twice"),
        ];
        suggest("a.yaml", text.as_bytes(), &policies).unwrap()
    }

    #[test]
    fn markers_are_put_behind_the_images_of_policies() {
        let m = |part: &str| format!("# {{\"$imagepolicy\": \"ns:web{part}\"}}");
        #[rustfmt::skip]
        let cases = [
            ("image: ghcr.io/acme/web:1\nother: ghcr.io/acme/webs:1\n", format!("image: ghcr.io/acme/web:1 {}\nother: ghcr.io/acme/webs:1\n", m(""))),
            ("- \"ghcr.io/acme/web:1\"  \r\n",                        format!("- \"ghcr.io/acme/web:1\" {}  \r\n", m(""))),
            ("image:\n  repository: ghcr.io/acme/web\n  tag: 1.0\n",  format!("image:\n  repository: ghcr.io/acme/web\n  tag: 1.0 {}\n", m(":tag"))),
            ("image: {registry: ghcr.io, repository: acme/web,\n  tag: '1'\n}", format!("image: {{registry: ghcr.io, repository: acme/web,\n  tag: '1' {}\n}}", m(":tag"))),
            ("images:\n- name: x\n  newName: ghcr.io/acme/web\n  newTag: a\n  digest: b\n", format!("images:\n- name: x\n  newName: ghcr.io/acme/web\n  newTag: a {}\n  digest: b {}\n", m(":tag"), m(":digest"))),
        ];
        for (before, after) in cases {
            let found = run(before);
            assert_eq!(found.content.as_deref(), Some(after.as_str()));
            assert_eq!(run(&after), Suggestions::default(), "a second run adds nothing");
        }
    }

    #[test]
    fn what_cannot_be_marked_is_told() {
        #[rustfmt::skip]
        let cases = [
            ("a: ghcr.io/acme/web:1 # mine\n",   "line 1: no marker can stand there: it has another comment"),
            ("{a: ghcr.io/acme/web:1, b: c}\n",  "line 1: no marker can stand there: it shares its line with what follows"),
            ("a: >-\n  ghcr.io/acme/web:1\n",    "line 1: no marker can stand there: it is a block of lines"),
            ("\na: r.io/twice:1\n",              "line 2: several policies follow `r.io/twice`; name the one that is meant"),
        ];
        for (text, message) in cases {
            let found = run(text);
            assert_eq!((found.content, found.problems.len()), (None, 1), "{text}");
            assert_eq!(found.problems[0].to_string(), message);
        }
        for text in ["a: ghcr.io/acme/web\n", "tag: 1\n", "ghcr.io/acme/web:1: key\n"] {
            assert_eq!(run(text), Suggestions::default(), "{text}");
        }
    }
}
