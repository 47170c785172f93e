//! A value in a file, and the edit that sets it.

use std::{borrow::Cow, ops::Range};

use yaml::{
    edit::{self, Edit},
    tree::Node,
};

use super::{Cause, Part};

/// Where a value is.
#[derive(Debug, Clone)]
pub(super) enum Place<'a, 's> {
    /// A scalar of YAML.
    Scalar(&'a Node<'s>),
    /// A scalar of YAML that holds a chart's version.
    Version(&'a Node<'s>),
    /// Bytes of a file that is not YAML: all between two quotes, or a word.
    Text(&'a str, Range<usize>),
    /// A word that is an image: a marker for a part of the image means that part of the word.
    Image(&'a str, Range<usize>),
    /// Nothing yet: text is put between these two at this byte.
    New(usize, String),
}

impl Place<'_, '_> {
    /// What stands there.
    pub(super) fn value(&self, part: Part) -> Result<Cow<'_, str>, Cause> {
        match self {
            // A block scalar may end in a line break that no image has.
            Self::Scalar(node) | Self::Version(node) => {
                let text = node.as_str().unwrap_or_default();
                Ok(Cow::Borrowed(text.trim_end_matches(['\r', '\n'])))
            }
            Self::Text(text, span) => Ok(Cow::Borrowed(&text[span.clone()])),
            Self::Image(text, span) => Ok(Cow::Borrowed(&text[within(text, span, part)?])),
            Self::New(..) => Ok(Cow::Borrowed("")),
        }
    }

    /// The edit after which `new` stands there.
    pub(super) fn set(&self, part: Part, new: &str) -> Result<Edit, Cause> {
        let span = match self {
            Self::Scalar(node) | Self::Version(node) => {
                return edit::set(node, new).map_err(Cause::Set);
            }
            Self::New(at, before) => {
                let value =
                    if edit::is_plain(new) { new.to_owned() } else { edit::double_quoted(new) };
                return Ok(Edit { span: *at..*at, text: format!("{before}{value}") });
            }
            Self::Text(_, span) => span.clone(),
            Self::Image(text, span) => within(text, span, part)?,
        };
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@+".contains(&byte);
        if new.is_empty() || !new.bytes().all(harmless) {
            return Err(Cause::Characters(new.to_owned()));
        }
        Ok(Edit { span, text: new.to_owned() })
    }

    /// How a value is written there. A tag cannot have the `+` of a version, and has `_` instead.
    pub(super) fn spell(&self, new: String) -> String {
        if matches!(self, Self::Version(_)) { new.replace('_', "+") } else { new }
    }
}

/// The bytes of `part` in the image at `span`. The others may be variables, these may not.
fn within(text: &str, span: &Range<usize>, part: Part) -> Result<Range<usize>, Cause> {
    let word = &text[span.clone()];
    let name_and_tag = word.find('@').unwrap_or(word.len());
    let path = word[..name_and_tag].rfind('/').map_or(0, |slash| slash + 1);
    let colon = word[path..name_and_tag].rfind(':').map(|at| path + at);
    let name = colon.unwrap_or(name_and_tag);
    let found = match part {
        Part::Image => 0..word.len(),
        Part::Name => 0..name,
        Part::Tag => colon.ok_or(Cause::NoPart("tag"))? + 1..name_and_tag,
        Part::Digest if name_and_tag < word.len() => name_and_tag + 1..word.len(),
        Part::Digest => return Err(Cause::NoPart("digest")),
    };
    if word[found.clone()].contains(['$', '{', '`', '\\', '"', '\'']) {
        return Err(Cause::Expression);
    }
    Ok(span.start + found.start..span.start + found.end)
}
