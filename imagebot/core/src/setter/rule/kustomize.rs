//! `images:` of a Kustomization.

use yaml::tree::Node;

use super::{
    super::{Cause, Image, Part, place::Place},
    Target,
};
use crate::reference::Repository;

/// The tags, names and digests of the entries for an image.
///
/// `wanted` is the `name` of the entries, whose `newName` is then set too. Without it they are the
/// entries that make Pods run `image`.
pub(super) fn targets<'a, 's>(
    text: &str,
    root: &'a Node<'s>,
    wanted: Option<&str>,
    image: &Image,
) -> Vec<Target<'a, 's>> {
    let mut targets = Vec::new();
    let entries = root.get("images").and_then(Node::sequence);
    for entry in entries.iter().flat_map(|entries| entries.nodes()) {
        let Some(name) = entry.get("name") else { continue };
        let new_name = entry.get("newName");
        let ours = match wanted {
            Some(wanted) => name.as_str() == Some(wanted),
            None => is_same(new_name.unwrap_or(name).as_str(), &image.name),
        };
        if !ours {
            continue;
        }
        let mut set = |part, node: &'a Node<'s>| {
            targets.push(Target { line: node.line, part, place: Ok(Place::Scalar(node)) });
        };
        if let Some(node) = new_name.filter(|node| !is_same(node.as_str(), &image.name)) {
            set(Part::Name, node);
        }
        let (tag, digest) = (entry.get("newTag"), entry.get("digest"));
        // A digest wins over the tag; that the policy reflects none is told where it is set.
        if let Some(node) = digest {
            set(Part::Digest, node);
        }
        if let Some(node) = tag {
            set(Part::Tag, node);
        }
        if tag.or(digest).is_none() {
            let line = entry.line;
            targets.push(Target { line, part: Part::Tag, place: after(text, entry) });
        }
    }
    targets
}

/// The place of a `newTag` behind the last value of `entry`.
fn after<'a, 's>(text: &str, entry: &Node<'_>) -> Result<Place<'a, 's>, Cause> {
    let none = || Cause::NoKey("newTag".to_owned());
    let mapping = entry.mapping().ok_or_else(none)?;
    let last = mapping.pairs().last().map(|pair| &pair.value).ok_or_else(none)?;
    let simple = last.scalar().is_some_and(|scalar| !scalar.style.is_block()) && !last.is_absent();
    if !simple {
        return Err(none());
    }
    let end = last.span.end;
    if mapping.flow {
        return Ok(Place::New(end, ", newTag: ".to_owned()));
    }
    let rest = text[end..].find('\n').map_or(&text[end..], |at| &text[end..end + at]);
    let (rest, newline) = match rest.strip_suffix('\r') {
        Some(rest) => (rest, "\r\n"),
        None => (rest, "\n"),
    };
    let indent = " ".repeat(entry.column.saturating_sub(1));
    Ok(Place::New(end + rest.len(), format!("{newline}{indent}newTag: ")))
}

/// Whether two names are of one repository, however they are written.
fn is_same(name: Option<&str>, image: &str) -> bool {
    let repository = |name| Repository::parse(name).ok();
    let name = name.and_then(repository);
    name.is_some() && name == repository(image)
}
