//! The data as Handlebars sees it, and Handlebars within bounds.
//!
//! Handlebars has no struct keys and no methods, so objects are lists here:
//!
//! ```text
//! {{AutomationObject.Namespace}} {{AutomationObject.Name}} {{Values.any}}
//! {{#each Updated.Images}}{{this}}{{/each}}
//! {{#each Changed.Changes}}{{OldValue}} {{NewValue}} {{Setter}}{{/each}}
//! {{#each Changed.Objects}}{{APIVersion}} {{Kind}} {{Namespace}} {{Name}} {{#each Changes}}…
//! {{#each Changed.FileChanges}}{{@key}} {{#each this}}{{Kind}} {{#each Changes}}…
//! {{#each Updated.Objects}}{{Kind}} {{#each Images}}…
//! {{#each Updated.Files}}{{@key}} {{#each Objects}}{{Kind}} {{#each Images}}…
//! ```
//!
//! Nothing is escaped, for a commit message is not HTML. A name that is not there is an error.
//! Partials are refused: they can call themselves without end.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason,
    template::{HelperTemplate, TemplateElement},
};
use serde_json::{Value, json};

use super::Data;
use crate::setter::change::{Change, Changes, ObjectIdentifier, unique};

/// Blocks entered while rendering.
const STEPS_MAX: u64 = 1_000_000;
/// Bytes of the rendered text.
const OUTPUT_MAX: usize = 1 << 20;
/// Bytes of the template.
const TEXT_MAX: usize = 64 << 10;
/// Opening braces, parentheses and blocks: more than any message needs, fewer than a stack holds.
const NESTING_MAX: usize = 64;
/// The helper that each block calls first.
const STEP: &str = "signet_step";

/// A parsed template.
#[derive(Debug)]
pub(super) struct Template(handlebars::Template);

/// Why a Handlebars template gives no text.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not a template.
    #[error(transparent)]
    Parse(#[from] handlebars::TemplateError),
    /// The template does not fit the data.
    #[error(transparent)]
    Render(#[from] handlebars::RenderError),
    /// The template uses partials.
    #[error("partials (`{{{{> name}}}}`) are not supported; write the text in place")]
    Partial,
    /// The template is larger than it may be.
    #[error("the template has more than {TEXT_MAX} bytes")]
    Text,
    /// The template nests deeper than it may.
    #[error("the template nests deeper than {NESTING_MAX} levels")]
    Nesting,
    /// Rendering takes more steps than it may.
    #[error("rendering takes more than {STEPS_MAX} steps")]
    Steps,
    /// The text is larger than it may be.
    #[error("the rendered text has more than {OUTPUT_MAX} bytes")]
    Output,
}

impl Template {
    /// Parses `text`.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > TEXT_MAX {
            return Err(Error::Text);
        }
        // The parser recurses, so this comes before it.
        if nesting(text) > NESTING_MAX {
            return Err(Error::Nesting);
        }
        let mut template = handlebars::Template::compile(text)?;
        let step = handlebars::Template::compile(&format!("{{{{{STEP}}}}}"))?;
        prepare(&mut template, &step)?;
        Ok(Self(template))
    }

    /// Renders over `data`.
    pub(super) fn render(&self, data: &Value) -> Result<String, Error> {
        let steps = Arc::new(AtomicU64::new(0));
        let mut registry = Handlebars::new();
        registry.register_escape_fn(handlebars::no_escape);
        registry.set_strict_mode(true);
        registry.unregister_helper("log");
        let counted = Arc::clone(&steps);
        let step = move |_: &Helper<'_>,
                         _: &Handlebars<'_>,
                         _: &Context,
                         _: &mut RenderContext<'_, '_>,
                         _: &mut dyn Output|
              -> HelperResult {
            if counted.fetch_add(1, Ordering::Relaxed) < STEPS_MAX {
                Ok(())
            } else {
                Err(RenderErrorReason::Other("too many steps".to_owned()).into())
            }
        };
        registry.register_helper(STEP, Box::new(step));
        registry.register_template("message", self.0.clone());
        let mut out = Bounded { bytes: Vec::new(), full: false };
        let rendered = registry.render_to_write("message", data, &mut out);
        if out.full {
            return Err(Error::Output);
        }
        if steps.load(Ordering::Relaxed) > STEPS_MAX {
            return Err(Error::Steps);
        }
        rendered?;
        Ok(String::from_utf8_lossy(&out.bytes).into_owned())
    }
}

/// A buffer that takes no more than a message has.
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > OUTPUT_MAX {
            self.full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// At least how deep blocks and subexpressions nest.
fn nesting(text: &str) -> usize {
    let mut rest = text;
    let (mut deepest, mut blocks) = (0, 0_usize);
    while let Some((_, tag)) = rest.split_once("{{") {
        let (tag, after) = tag.split_once("}}").unwrap_or((tag, ""));
        let name = tag.trim_start_matches(['{', '~', ' ']);
        match name.as_bytes().first() {
            Some(b'#') => blocks += 1,
            Some(b'/') => blocks = blocks.saturating_sub(1),
            _ => {}
        }
        let within = tag.bytes().filter(|byte| matches!(byte, b'(' | b'{' | b'[')).count();
        deepest = deepest.max(blocks + within);
        rest = after;
    }
    deepest
}

/// Makes every block count its steps, and refuses partials.
fn prepare(template: &mut handlebars::Template, step: &handlebars::Template) -> Result<(), Error> {
    for element in &mut template.elements {
        match element {
            TemplateElement::HelperBlock(block) => prepare_block(block, step)?,
            TemplateElement::PartialExpression(_)
            | TemplateElement::PartialBlock(_)
            | TemplateElement::DecoratorExpression(_)
            | TemplateElement::DecoratorBlock(_) => return Err(Error::Partial),
            _ => {}
        }
    }
    Ok(())
}

fn prepare_block(block: &mut HelperTemplate, step: &handlebars::Template) -> Result<(), Error> {
    for inner in [&mut block.template, &mut block.inverse].into_iter().flatten() {
        prepare(inner, step)?;
        inner.elements.splice(0..0, step.elements.iter().cloned());
        inner.mapping.splice(0..0, step.mapping.iter().cloned());
    }
    Ok(())
}

pub(super) fn value(data: &Data) -> Value {
    let changes = &data.changes;
    json!({
        "AutomationObject": { "Namespace": data.namespace, "Name": data.name },
        "Values": data.values,
        "Changed": {
            "FileChanges": per_file(changes, |objects| json!(objects), changed),
            "Objects": merged(changes, changed),
            "Changes": changes.distinct().into_iter().map(change).collect::<Vec<_>>(),
        },
        "Updated": {
            "Files": per_file(changes, |objects| json!({ "Objects": objects }), updated),
            "Objects": merged(changes, updated),
            "Images": images(changes.each().map(|(_, _, change)| change)),
        },
    })
}

fn per_file(
    changes: &Changes,
    file: fn(Vec<Value>) -> Value,
    object: fn(&ObjectIdentifier, &[&Change]) -> Value,
) -> Value {
    let files = changes.files.iter().map(|(name, objects)| {
        let objects = objects
            .iter()
            .map(|(identifier, changes)| object(identifier, &changes.iter().collect::<Vec<_>>()));
        (name.clone(), file(objects.collect()))
    });
    Value::Object(files.collect())
}

fn merged(changes: &Changes, object: fn(&ObjectIdentifier, &[&Change]) -> Value) -> Value {
    changes
        .objects()
        .into_iter()
        .map(|(identifier, changes)| object(identifier, &changes))
        .collect()
}

fn changed(object: &ObjectIdentifier, changes: &[&Change]) -> Value {
    let changes: Vec<_> = changes.iter().copied().map(change).collect();
    described(object, "Changes", &json!(changes))
}

fn updated(object: &ObjectIdentifier, changes: &[&Change]) -> Value {
    described(object, "Images", &images(changes.iter().copied()))
}

fn described(object: &ObjectIdentifier, name: &str, list: &Value) -> Value {
    json!({
        "APIVersion": object.api_version,
        "Kind": object.kind,
        "Namespace": object.namespace,
        "Name": object.name,
        name: list,
    })
}

fn change(change: &Change) -> Value {
    json!({ "OldValue": change.old, "NewValue": change.new, "Setter": change.setter })
}

fn images<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Value {
    unique(changes).into_iter().map(|(image, _)| Value::from(image.to_string())).collect()
}
