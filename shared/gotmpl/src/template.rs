//! A parsed template, how it may be rendered and how far rendering may go.

use zeroize::Zeroizing;

use crate::{
    Error, Functions,
    exec::{self, Machine},
    parse::{self, Templates},
    value::Value,
};

/// A parsed template, with all the templates that its text defines.
#[derive(Debug)]
pub struct Template {
    name: String,
    text: String,
    templates: Templates,
    missing_key: MissingKey,
}

/// How far rendering may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps: one for each action, argument and item, and for each 16 bytes built.
    pub steps: u64,
    /// How deep actions, templates and values may nest.
    pub depth: usize,
    /// Bytes of output, and of each string on the way to it.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 5_000_000, depth: 250, output: 1 << 20 }
    }
}

/// What reading a key that a map does not have gives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// Nothing, which prints as `<no value>`; Go's `missingkey=default`.
    #[default]
    Nothing,
    /// The zero of the map's element type; Go's `missingkey=zero`.
    Zero,
    /// An error; Go's `missingkey=error`.
    Error,
}

impl Template {
    /// Parses `text` as the template called `name`, with Go's functions and sprig's pure ones.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        Self::parse_with(name, text, &Functions::new())
    }

    /// Parses `text` as the template called `name`, with just these functions.
    pub fn parse_with(name: &str, text: &str, functions: &Functions) -> Result<Self, Error> {
        let templates = parse::parse(name, text, functions)?;
        Ok(Self {
            name: name.into(),
            text: text.into(),
            templates,
            missing_key: MissingKey::default(),
        })
    }

    /// This template with another answer to missing keys.
    #[must_use]
    pub fn missing_key(mut self, missing_key: MissingKey) -> Self {
        self.missing_key = missing_key;
        self
    }

    /// The name under which the template was parsed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Renders over `data`; U+FFFD stands for what is not UTF-8.
    pub fn render(&self, data: &Value, limits: &Limits) -> Result<String, Error> {
        let bytes = self.render_bytes(data, limits)?;
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| {
            String::from_utf8_lossy(&Zeroizing::new(error.into_bytes())).into_owned()
        }))
    }

    /// Renders over `data`, to bytes that need not be UTF-8.
    pub fn render_bytes(&self, data: &Value, limits: &Limits) -> Result<Vec<u8>, Error> {
        let source = exec::Source {
            name: &self.name,
            text: &self.text,
            templates: &self.templates,
            missing_key: self.missing_key,
        };
        Machine::new(source, *limits).run(data)
    }
}
