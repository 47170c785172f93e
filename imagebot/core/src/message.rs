//! What a commit says, from a template of the author's.
//!
//! The data is Flux's, of all its versions at once: `.Changed` of today and `.Updated` of before,
//! which the most copied templates use. There are two template languages over the same data; see
//! `message/go.rs` and `message/handlebars.rs` for how each shows it. Neither does any IO, and both
//! are bounded in steps, depth and output.

use std::collections::BTreeMap;

use crate::setter::change::Changes;

mod go;
mod handlebars;

/// What a commit says when its author does not say.
pub const DEFAULT: &str = "Update from image update automation";

/// The language of a template.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Engine {
    /// Go's `text/template` with sprig's pure functions.
    #[default]
    Go,
    /// Handlebars.
    Handlebars,
}

/// What a template sees.
#[derive(Debug, Clone, Default)]
pub struct Data {
    /// The automation's namespace.
    pub namespace: String,
    /// The automation's name.
    pub name: String,
    /// What was changed.
    pub changes: Changes,
    /// `spec.git.commit.messageTemplateValues`
    pub values: BTreeMap<String, String>,
}

/// A template of a text, parsed.
#[derive(Debug)]
pub struct Message {
    field: &'static str,
    template: Template,
}

#[derive(Debug)]
enum Template {
    Go(Box<gotmpl::Template>),
    Handlebars(Box<handlebars::Template>),
}

/// Why a template gives no text. Only its author can mend it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The template reads what Flux gave for a while and took away.
    #[error(
        "`{field}` reads `.Changed.ImageResult`, which was removed; read `.Changed.Changes`, or `.Updated` as it was"
    )]
    Removed {
        /// The field that holds the template.
        field: &'static str,
    },
    /// The text is not a Go template.
    #[error("`{field}` is not a Go template")]
    Go {
        /// The field that holds the template.
        field: &'static str,
        /// What is wrong, and where.
        source: Box<gotmpl::Error>,
    },
    /// The Go template cannot be rendered.
    #[error("`{field}` cannot be rendered")]
    GoRender {
        /// The field that holds the template.
        field: &'static str,
        /// What is wrong, and where.
        source: Box<gotmpl::Error>,
    },
    /// The text is not a Handlebars template.
    #[error("`{field}` is not a Handlebars template")]
    Handlebars {
        /// The field that holds the template.
        field: &'static str,
        /// What is wrong, and where.
        source: Box<handlebars::Error>,
    },
    /// The Handlebars template cannot be rendered.
    #[error("`{field}` cannot be rendered")]
    HandlebarsRender {
        /// The field that holds the template.
        field: &'static str,
        /// What is wrong, and where.
        source: Box<handlebars::Error>,
    },
}

impl Message {
    /// Parses the template `text`, which stands in the field `field`.
    pub fn parse(engine: Engine, field: &'static str, text: &str) -> Result<Self, Error> {
        if reads(text, "ImageResult") {
            return Err(Error::Removed { field });
        }
        let template = match engine {
            Engine::Go => {
                let parsed = gotmpl::Template::parse(field, text);
                let parsed = parsed.map_err(|source| Error::Go { field, source: source.into() })?;
                Template::Go(parsed.into())
            }
            Engine::Handlebars => {
                let parsed = handlebars::Template::parse(text);
                let parsed =
                    parsed.map_err(|source| Error::Handlebars { field, source: source.into() })?;
                Template::Handlebars(parsed.into())
            }
        };
        Ok(Self { field, template })
    }

    /// The text for `data`.
    pub fn render(&self, data: &Data) -> Result<String, Error> {
        let field = self.field;
        match &self.template {
            Template::Go(template) => template
                .render(&go::value(data), &gotmpl::Limits::default())
                .map_err(|source| Error::GoRender { field, source: source.into() }),
            Template::Handlebars(template) => template
                .render(&handlebars::value(data))
                .map_err(|source| Error::HandlebarsRender { field, source: source.into() }),
        }
    }
}

/// `message` with `trailers` as its last paragraph, as `git interpret-trailers` puts them. One that
/// is there already is not put twice, and one without a value not at all.
pub fn with_trailers<'t>(
    message: &str,
    trailers: impl IntoIterator<Item = (&'t str, &'t str)>,
) -> String {
    let body = message.trim_end();
    let last = body.rsplit_once("\n\n").map(|(_, last)| last);
    let ends_in_trailers = last.is_some_and(|last| last.lines().all(is_trailer));
    let known: Vec<_> =
        last.filter(|_| ends_in_trailers).into_iter().flat_map(str::lines).collect();
    let lines = trailers.into_iter().filter_map(|(key, value)| {
        let value: Vec<_> = value.split_whitespace().collect();
        (!value.is_empty()).then(|| format!("{key}: {}", value.join(" ")))
    });
    let new: Vec<_> = lines.filter(|line| !known.contains(&line.as_str())).collect();
    if new.is_empty() {
        return message.to_owned();
    }
    let gap = if ends_in_trailers { "\n" } else { "\n\n" };
    format!("{body}{gap}{}\n", new.join("\n"))
}

/// Whether `key` can be the key of a trailer.
pub fn is_trailer_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_trailer(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(key, _)| is_trailer_key(key))
}

/// Whether an action of the template `text` has the word `name` as a field.
fn reads(text: &str, name: &str) -> bool {
    let actions = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
    actions.map(|(action, _)| action).any(|action| {
        action.match_indices(name).any(|(at, _)| {
            let goes_on = |c: char| c.is_alphanumeric() || c == '_';
            action[..at].ends_with('.') && !action[at + name.len()..].starts_with(goes_on)
        })
    })
}

#[cfg(test)]
mod tests;
