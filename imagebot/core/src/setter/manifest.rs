//! Markers in YAML, where kyaml sees them: see [`yaml::scan`].
//!
//! A file that is no YAML only because of template actions is read with these masked.

use yaml::{
    scan::{self, Role, Segment, Spot},
    tree::{Document, Node},
};

use super::{
    Cause, Error, Event, MARK, Slot, change::ObjectIdentifier, chart, mask::mask, place::Place,
};

/// A file of YAML.
pub(super) struct Manifest<'a, 's> {
    /// The file as it is.
    pub(super) text: &'a str,
    pub(super) documents: &'a [Document<'s>],
    /// What the documents were read from: of the same length, but without template actions.
    read: &'a str,
}

/// Shows every marker of a file, and then all of it.
pub(super) fn read<'c>(
    file: &str,
    content: &'c [u8],
    visit: &mut dyn FnMut(Event<'_, '_>),
) -> Result<&'c str, Error> {
    let broken = |source| Error::Yaml { file: file.to_owned(), source };
    let text = yaml::text(content).map_err(broken)?;
    let masked;
    let (documents, read) = match yaml::parse(text) {
        Ok(documents) => (documents, text),
        Err(error) => {
            masked = mask(text).ok_or_else(|| broken(error))?;
            (yaml::parse(&masked).map_err(broken)?, masked.as_str())
        }
    };
    let manifest = Manifest { text, documents: &documents, read };
    manifest.markers(visit);
    visit(Event::Manifest(manifest));
    Ok(text)
}

impl<'s> Manifest<'_, 's> {
    fn markers(&self, visit: &mut dyn FnMut(Event<'_, '_>)) {
        let mut found = Vec::new();
        scan::each(self.read, self.documents, &mut |spot| {
            if let Some(slot) = spot.comment.filter(|comment| comment.text.contains(MARK))
                && spot.role == Role::Value
            {
                found.push(slot.span.start);
                let object = || self.object(spot.document, spot.path);
                let (line, comment) = (slot.line, &*slot.text);
                visit(Event::Slot(Slot {
                    line,
                    comment,
                    place: self.place(spot),
                    object: &object,
                }));
            }
        });
        // Those that no scalar has are told, so that nobody waits for an update in vain.
        for comment in scan::comments(self.documents) {
            if comment.text.contains(MARK) && !found.contains(&comment.span.start) {
                visit(Event::Slot(Slot {
                    line: comment.line,
                    comment: &comment.text,
                    place: Err(Cause::Misplaced),
                    object: &ObjectIdentifier::default,
                }));
            }
        }
    }

    fn place<'a>(&self, spot: &Spot<'a, 's>) -> Result<Place<'a, 's>, Cause> {
        self.written(spot.node)?;
        let root = &self.documents[spot.document].root;
        let version = chart::is_version(root, spot.path);
        Ok(if version { Place::Version(spot.node) } else { Place::Scalar(spot.node) })
    }

    /// Refuses a value that has a template action in it.
    pub(super) fn written(&self, node: &Node<'_>) -> Result<(), Cause> {
        let span = || node.span.clone();
        if self.text[span()] == self.read[span()] { Ok(()) } else { Err(Cause::Expression) }
    }

    /// The object that the value at `path` is part of: the document, or an item of a list.
    pub(super) fn object(&self, document: usize, path: &[Segment<'_>]) -> ObjectIdentifier {
        let root = &self.documents[document].root;
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
        let text = |node: Option<&Node<'_>>| match node {
            // The name of an object of a template is a template itself.
            Some(node) if self.written(node).is_err() => self.text[node.span.clone()].to_owned(),
            node => node.and_then(Node::as_str).map(str::to_owned).unwrap_or_default(),
        };
        let metadata = node.get("metadata");
        ObjectIdentifier {
            api_version: text(node.get("apiVersion")),
            kind: text(node.get("kind")),
            namespace: text(metadata.and_then(|it| it.get("namespace"))),
            name: text(metadata.and_then(|it| it.get("name"))),
        }
    }
}
