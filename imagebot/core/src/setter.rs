//! What is set in the files of a repository: marked values, and values that rules name.
//!
//! ```yaml
//! image: ghcr.io/acme/web:1.2.3 # {"$imagepolicy": "flux-system:web"}
//! tag: 1.2.3                    # {"$imagepolicy": "flux-system:web:tag"}
//! ```
//!
//! ```text
//! file ──▶ syntax ─┬─▶ manifest   YAML, also with template actions in it ─┐
//!                  └─▶ text       comments of a dozen other languages ────┴─▶ slot ─▶ place ─▶ edit
//! ```
//!
//! An edit touches the bytes of its value and nothing else. What cannot be set is reported with
//! its line and never passed over in silence.

use memchr::memmem;
use yaml::edit;

pub mod change;
mod chart;
pub mod diff;
mod manifest;
pub mod marker;
mod mask;
mod place;
pub mod rule;
mod scope;
pub mod suggest;
mod syntax;
mod text;

use change::{Change, ObjectIdentifier};
use marker::{Marker, Part};
use place::Place;
pub use scope::Scope;
use syntax::Syntax;

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

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The file's new content, if it differs.
    pub content: Option<String>,
    /// The bytes that differ, in the order of the file.
    pub edits: Vec<edit::Edit>,
    /// What was changed, in the order of the file.
    pub changes: Vec<(ObjectIdentifier, Change)>,
    /// Markers and rules that could not be followed, in the order of the file.
    pub problems: Vec<Problem>,
}

/// A marker in a file, with the value that it marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// The marker's line, from 1.
    pub line: usize,
    /// What the marker says.
    pub marker: Marker,
    /// The value as it is.
    pub value: String,
    /// The object that the value is part of.
    pub object: ObjectIdentifier,
}

/// A marker or a rule that could not be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {cause}")]
pub struct Problem {
    /// Its line, from 1.
    pub line: usize,
    /// Why.
    pub cause: Cause,
}

/// Why a marker or a rule could not be followed.
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
    /// The value is computed.
    #[error("the value is an expression, not a text; mark a value that is written out")]
    Expression,
    /// The line has no value that a marker could mean.
    #[error("the line has no {0}")]
    NoValue(&'static str),
    /// The line has several images.
    #[error("the line has several images; write each on a line of its own")]
    Ambiguous,
    /// A Dockerfile has comments on lines of their own only.
    #[error(
        "a Dockerfile has no comments behind an instruction; put the marker on the line above it"
    )]
    Behind,
    /// The new value has characters that the syntax might read otherwise.
    #[error("`{0}` has characters that no image has")]
    Characters(String),
    /// The image that stands there has no such part.
    #[error("the image has no {0}; write one")]
    NoPart(&'static str),
    /// A rule names a key that is not there.
    #[error("there is no `{0}`; write it with the value of today, or correct the rule")]
    NoKey(String),
    /// Several policies follow one image.
    #[error("several policies follow `{0}`; name the one that is meant")]
    SeveralPolicies(String),
    /// A marker would not be found where it would have to stand.
    #[error("no marker can stand there: {0}")]
    Unmarkable(&'static str),
    /// A chart's version is a range.
    #[error("`{0}` is a range, which follows new charts by itself; write one version")]
    Range(String),
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
    /// It is not text.
    #[error("file `{file}` has markers and is not UTF-8 text; save it as UTF-8")]
    Encoding {
        /// The file.
        file: String,
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

/// Whether a file of this name is looked at: YAML, and the languages of [`syntax`].
pub fn may_have_markers(path: &str) -> bool {
    Syntax::of(path).is_some()
}

/// Whether a file with these bytes can have a marker. Any other file is never parsed.
pub fn has_markers(content: &[u8]) -> bool {
    memmem::find(content, MARK.as_bytes()).is_some()
}

/// What every marker contains.
const MARK: &str = r#""$imagepolicy""#;

/// Sets the values of a file that markers and the rules of `scope` name to the images of `scope`.
///
/// The name of the file says what it is written in. A second run over the new content changes
/// nothing.
pub fn update(file: &str, content: &[u8], scope: &Scope) -> Result<Outcome, Error> {
    let ruled = scope.rules(file).any(|rule| rule.may_concern(content));
    let marked = may_have_markers(file) && has_markers(content);
    if !marked && !ruled {
        return Ok(Outcome::default());
    }
    let mut pass = Pass { scope, out: Outcome::default() };
    let text = read(file, content, &mut |event| match event {
        Event::Slot(slot) => pass.visit(&slot),
        Event::Manifest(manifest) => pass.rules(file, &manifest),
    })?;
    let mut out = pass.out;
    out.problems.sort_by_key(|problem| problem.line);
    out.edits.sort_by_key(|edit| edit.span.start);
    if !out.edits.is_empty() {
        let edited = edit::apply(text, &out.edits);
        out.content = Some(edited.map_err(|source| Error::Edit { file: file.to_owned(), source })?);
    }
    Ok(out)
}

/// Every marker of a file that marks a value, and every one that does not.
pub fn markers(file: &str, content: &[u8]) -> Result<(Vec<Marked>, Vec<Problem>), Error> {
    let (mut marked, mut problems) = (Vec::new(), Vec::new());
    if !may_have_markers(file) || !has_markers(content) {
        return Ok((marked, problems));
    }
    read(file, content, &mut |event| {
        let Event::Slot(slot) = event else { return };
        match slot.marked() {
            Ok(found) => marked.push(found),
            Err(cause) => problems.push(Problem { line: slot.line, cause }),
        }
    })?;
    marked.sort_by_key(|found| found.line);
    problems.sort_by_key(|problem| problem.line);
    Ok((marked, problems))
}

/// A marker, and what it marks.
struct Slot<'a, 's> {
    line: usize,
    comment: &'a str,
    place: Result<Place<'a, 's>, Cause>,
    object: &'a dyn Fn() -> ObjectIdentifier,
}

/// What is found in a file.
enum Event<'a, 's> {
    /// A marker.
    Slot(Slot<'a, 's>),
    /// All of it, after the last marker, if it is YAML.
    Manifest(manifest::Manifest<'a, 's>),
}

/// Shows what there is in a file to `visit`. Returns its text.
fn read<'c>(
    file: &str,
    content: &'c [u8],
    visit: &mut dyn FnMut(Event<'_, '_>),
) -> Result<&'c str, Error> {
    match Syntax::of(file) {
        None | Some(Syntax::Yaml) => manifest::read(file, content, visit),
        Some(syntax) => {
            let text = std::str::from_utf8(content)
                .map_err(|_| Error::Encoding { file: file.to_owned() })?;
            text::each(text, syntax, &mut |slot| visit(Event::Slot(slot)));
            Ok(text)
        }
    }
}

impl Slot<'_, '_> {
    fn marked(&self) -> Result<Marked, Cause> {
        let marker = Marker::parse(self.comment)?;
        let place = self.place.as_ref().map_err(Clone::clone)?;
        let value = place.value(marker.part)?.into_owned();
        Ok(Marked { line: self.line, marker, value, object: (self.object)() })
    }
}

struct Pass<'s> {
    scope: &'s Scope,
    out: Outcome,
}

impl Pass<'_> {
    fn visit(&mut self, slot: &Slot<'_, '_>) {
        if let Err(cause) = self.follow(slot) {
            self.out.problems.push(Problem { line: slot.line, cause });
        }
    }

    fn follow(&mut self, slot: &Slot<'_, '_>) -> Result<(), Cause> {
        let marker = Marker::parse(slot.comment)?;
        if !self.scope.concerns(&marker.namespace) {
            return Ok(());
        }
        let place = slot.place.as_ref().map_err(Clone::clone)?;
        self.put(place, &marker, slot.object)
    }

    /// Sets what is at `place` to what `marker` says.
    fn put(
        &mut self,
        place: &Place<'_, '_>,
        marker: &Marker,
        object: &dyn Fn() -> ObjectIdentifier,
    ) -> Result<(), Cause> {
        let image = self.scope.image(marker)?;
        let Some(new) = image.part(marker.part) else {
            return Err(Cause::NoDigest(marker.policy.clone()));
        };
        let new = place.spell(new);
        let old = place.value(marker.part)?;
        if old == new {
            return Ok(());
        }
        let edit = place.set(marker.part, &new)?;
        // A value that a marker has set is not a rule's business.
        if self.out.edits.contains(&edit) {
            return Ok(());
        }
        self.out.edits.push(edit);
        let change = Change {
            old: old.into_owned(),
            new,
            setter: marker.to_string(),
            policy: marker.policy.clone(),
            image: image.clone(),
        };
        self.out.changes.push((object(), change));
        Ok(())
    }

    /// Sets what the rules for `file` name.
    fn rules(&mut self, file: &str, manifest: &manifest::Manifest<'_, '_>) {
        let scope = self.scope;
        for rule in scope.rules(file) {
            let marker = |part| Marker {
                namespace: rule.namespace.clone(),
                policy: rule.policy.clone(),
                part,
            };
            let image = match scope.image(&marker(Part::Image)) {
                Ok(image) => image,
                Err(cause) => {
                    self.out.problems.push(Problem { line: 1, cause });
                    continue;
                }
            };
            for (document, found) in rule.targets(manifest, image, scope) {
                let object = || manifest.object(document, &[]);
                let put =
                    found.place.and_then(|place| self.put(&place, &marker(found.part), &object));
                if let Err(cause) = put {
                    self.out.problems.push(Problem { line: found.line, cause });
                }
            }
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

#[cfg(test)]
mod tests;
