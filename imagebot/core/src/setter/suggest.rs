//! Markers for the images that policies follow: what `imagebot mark` writes.
//!
//! | value | marked when it is of the policy's image |
//! |---|---|
//! | a scalar that is an image with a tag or a digest | for the whole image |
//! | `tag` and `digest` beside `repository` | for these parts |
//! | `newTag` and `digest` of a Kustomization's `images:` | for these parts |
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

/// The markers that a file of YAML lacks. Of a file in another language nothing is said.
pub fn suggest(file: &str, content: &[u8], policies: &[Policy]) -> Result<Suggestions, Error> {
    if Syntax::of(file) != Some(Syntax::Yaml) {
        return Ok(Suggestions::default());
    }
    let broken = |source| Error::Yaml { file: file.to_owned(), source };
    let text = yaml::text(content).map_err(broken)?;
    let documents = yaml::parse(text).map_err(broken)?;
    let mut pass = Pass { text, documents: &documents, policies, out: Suggestions::default() };
    scan::each(text, &documents, &mut |spot| pass.visit(spot));
    let mut out = pass.out;
    if out.edits.is_empty() {
        return Ok(out);
    }
    out.edits.sort_by_key(|edit| edit.span.start);
    let failed = |source| Error::Edit { file: file.to_owned(), source };
    let marked = edit::apply(text, &out.edits).map_err(failed)?;
    let count = |content: &[u8]| markers(file, content).map(|(found, _)| found.len());
    if count(marked.as_bytes())? == count(content)? + out.markers.len() {
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
        let mut fitting = self.policies.iter().filter(|policy| policy.repository == repository);
        let Some(policy) = fitting.next() else { return };
        let line = spot.node.line;
        let cause = if fitting.next().is_some() {
            Some(Cause::SeveralPolicies(repository.to_string()))
        } else {
            self.obstacle(spot).map(Cause::Unmarkable)
        };
        if let Some(cause) = cause {
            self.out.problems.push(Problem { line, cause });
            return;
        }
        let (namespace, name) = (policy.namespace.clone(), policy.name.clone());
        let marker = Marker { namespace, policy: name, part };
        let at = spot.node.span.end;
        let text = format!(" # {{\"$imagepolicy\": \"{marker}\"}}");
        self.out.edits.push(Edit { span: at..at, text });
        let value = spot.scalar.text.clone().into_owned();
        self.out.markers.push(Suggestion { line, marker, value });
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
