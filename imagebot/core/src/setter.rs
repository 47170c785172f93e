//! Markers in YAML files, and the edits that they ask for.
//!
//! ```yaml
//! image: ghcr.io/acme/web:1.2.3 # {"$imagepolicy": "flux-system:web"}
//! tag: 1.2.3                    # {"$imagepolicy": "flux-system:web:tag"}
//! ```
//!
//! An edit touches the bytes of the marked scalar and nothing else, for any YAML: see [`yaml`].
//! What cannot be set is reported with its line and never passed over in silence.

use std::collections::BTreeMap;

use memchr::memmem;
use yaml::{
    edit,
    scan::{self, Role, Segment, Spot},
    tree::{Document, Node},
};

pub mod change;
pub mod marker;

use change::{Change, ObjectIdentifier};
use marker::{Marker, Part};

/// The image that a policy selects: its `status.latestRef`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The repository as `ImageRepository.spec.image` writes it.
    pub name: String,
    /// The tag.
    pub tag: String,
    /// The digest, when the policy reflects one.
    pub digest: Option<String>,
}

/// Which policies an automation applies.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The automation's namespace. Markers that name another one are not its business.
    pub namespace: String,
    /// The images of its policies, by the policy's name.
    pub images: BTreeMap<String, Image>,
}

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The file's new content, if it differs.
    pub content: Option<String>,
    /// What was changed, in the order of the file.
    pub changes: Vec<(ObjectIdentifier, Change)>,
    /// Markers that could not be followed, in the order of the file.
    pub problems: Vec<Problem>,
}

/// A marker that could not be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {cause}")]
pub struct Problem {
    /// The marker's line, from 1.
    pub line: usize,
    /// Why.
    pub cause: Cause,
}

/// Why a marker could not be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The comment is not a marker although it names one.
    #[error(transparent)]
    Marker(#[from] marker::Error),
    /// The marker stands where no scalar is marked by it.
    #[error(
        "the marker belongs to no value; \
         put it on the line of the value, after it, with nothing behind"
    )]
    Misplaced,
    /// The automation has no such policy, or the policy has selected nothing yet.
    #[error(
        "policy `{0}` has no image; \
         create the ImagePolicy, let `spec.policySelector` select it, or wait until it is ready"
    )]
    NoImage(String),
    /// The marker wants a digest, and the policy reflects none.
    #[error("policy `{0}` has no digest; set its `spec.digestReflectionPolicy`")]
    NoDigest(String),
    /// The value cannot be set.
    #[error("the value cannot be set: {0}")]
    Set(edit::Error),
}

/// Why a file cannot be edited at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not YAML.
    #[error(
        "file `{file}` has markers and cannot be read; correct it or remove the markers: {source}"
    )]
    Yaml {
        /// The file.
        file: String,
        /// What is wrong, and where.
        source: yaml::Error,
    },
    /// Two markers want to set the same bytes.
    #[error("file `{file}` cannot be edited")]
    Edit {
        /// The file.
        file: String,
        /// Why not.
        source: edit::Error,
    },
}

/// Whether a file of this name is looked at: `*.yaml`, `*.yml` and `Kustomization`.
pub fn may_have_markers(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    matches!(extension, Some("yaml" | "yml")) || name == "Kustomization"
}

/// Whether a file with these bytes can have a marker. Any other file is never parsed.
pub fn has_markers(content: &[u8]) -> bool {
    memmem::find(content, MARK.as_bytes()).is_some()
}

/// What every marker contains.
const MARK: &str = r#""$imagepolicy""#;

/// Sets the marked values of a file to the images of `scope`.
///
/// `file` only names the file in errors. A second run over the new content changes nothing.
pub fn update(file: &str, content: &[u8], scope: &Scope) -> Result<Outcome, Error> {
    if !has_markers(content) {
        return Ok(Outcome::default());
    }
    let broken = |source| Error::Yaml { file: file.to_owned(), source };
    let text = yaml::text(content).map_err(broken)?;
    let documents = yaml::parse(text).map_err(broken)?;
    let mut pass = Pass {
        scope,
        documents: &documents,
        edits: Vec::new(),
        found: Vec::new(),
        out: Outcome::default(),
    };
    scan::each(text, &documents, &mut |spot| pass.visit(spot));
    pass.misplaced();
    let Pass { edits, mut out, .. } = pass;
    out.problems.sort_by_key(|problem| problem.line);
    if !edits.is_empty() {
        let edited = edit::apply(text, &edits);
        out.content = Some(edited.map_err(|source| Error::Edit { file: file.to_owned(), source })?);
    }
    Ok(out)
}

struct Pass<'a, 's> {
    scope: &'a Scope,
    documents: &'a [Document<'s>],
    edits: Vec<edit::Edit>,
    /// Where the markers stand that belong to a scalar.
    found: Vec<usize>,
    out: Outcome,
}

impl Pass<'_, '_> {
    fn visit(&mut self, spot: &Spot<'_, '_>) {
        let Some(comment) = spot.comment.filter(|comment| comment.text.contains(MARK)) else {
            return;
        };
        if spot.role == Role::Key {
            return;
        }
        self.found.push(comment.span.start);
        if let Err(cause) = self.follow(spot, &comment.text) {
            self.out.problems.push(Problem { line: comment.line, cause });
        }
    }

    fn follow(&mut self, spot: &Spot<'_, '_>, comment: &str) -> Result<(), Cause> {
        let marker = Marker::parse(comment)?;
        if marker.namespace != self.scope.namespace {
            return Ok(());
        }
        let Some(image) = self.scope.images.get(&marker.policy) else {
            return Err(Cause::NoImage(marker.policy));
        };
        let Some(new) = image.part(marker.part) else {
            return Err(Cause::NoDigest(marker.policy));
        };
        // A block scalar may end in a line break that no image has.
        let old = spot.scalar.text.trim_end_matches('\n');
        if old == new {
            return Ok(());
        }
        self.edits.push(edit::set(spot.node, &new).map_err(Cause::Set)?);
        let object = object(&self.documents[spot.document].root, spot.path);
        let change = Change {
            old: old.to_owned(),
            new,
            setter: marker.to_string(),
            policy: marker.policy,
            image: image.clone(),
        };
        self.out.changes.push((object, change));
        Ok(())
    }

    /// Reports the markers that no scalar has, so that nobody waits for an update in vain.
    fn misplaced(&mut self) {
        for comment in scan::comments(self.documents) {
            if !comment.text.contains(MARK) || self.found.contains(&comment.span.start) {
                continue;
            }
            let cause = match Marker::parse(&comment.text) {
                Ok(marker) if marker.namespace != self.scope.namespace => continue,
                Ok(_) => Cause::Misplaced,
                Err(error) => error.into(),
            };
            self.out.problems.push(Problem { line: comment.line, cause });
        }
    }
}

impl Image {
    /// What a marker for `part` sets, or `None` for a digest that is not there.
    fn part(&self, part: Part) -> Option<String> {
        match part {
            Part::Image => Some(self.to_string()),
            Part::Name => Some(self.name.clone()),
            Part::Tag => Some(self.tag.clone()),
            Part::Digest => self.digest.clone(),
        }
    }
}

/// `name:tag`, or `name:tag@digest`.
impl std::fmt::Display for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)?;
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

/// The Kubernetes object that the value at `path` is part of: the document, or an item of a list.
fn object(root: &Node<'_>, path: &[Segment<'_>]) -> ObjectIdentifier {
    let items = match path {
        [Segment::Key("items"), Segment::Index(index), ..] => {
            root.get("items").map(|it| (it, index))
        }
        [Segment::Index(index), ..] => Some((root, index)),
        _ => None,
    };
    let item = items
        .and_then(|(list, index)| list.sequence()?.nodes().nth(*index))
        .filter(|item| item.get("kind").is_some());
    let node = item.unwrap_or(root);
    let text = |node: Option<&Node<'_>>| {
        node.and_then(Node::as_str).map(str::to_owned).unwrap_or_default()
    };
    let metadata = node.get("metadata");
    ObjectIdentifier {
        api_version: text(node.get("apiVersion")),
        kind: text(node.get("kind")),
        namespace: text(metadata.and_then(|it| it.get("namespace"))),
        name: text(metadata.and_then(|it| it.get("name"))),
    }
}

#[cfg(test)]
mod tests;
