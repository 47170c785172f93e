//! `spec.filterTags`: which tags take part, and what of them the policy sees.

use std::borrow::Cow;

use golang::regexp;
use regex::Regex;

pub use regexp::Error;

/// A pattern that a tag must match, and the template of the key that stands for it.
#[derive(Debug, Clone)]
pub struct Filter {
    pattern: Option<Regex>,
    extract: String,
}

impl Filter {
    /// Reads `pattern` as a Go regular expression. An empty one matches every tag.
    pub fn parse(pattern: &str, extract: &str) -> Result<Self, Error> {
        let pattern = if pattern.is_empty() { None } else { Some(regexp::compile(pattern)?) };
        Ok(Self { pattern, extract: extract.to_owned() })
    }

    /// Whether the key may be other than the tag.
    pub fn extracts(&self) -> bool {
        self.pattern.is_some() && !self.extract.is_empty()
    }

    /// The key of `tag`, or `None` if the pattern does not match.
    ///
    /// Without `extract` the key is the tag. Otherwise `$name`, `${name}` and `$1` stand for what
    /// the groups matched, `$$` for a dollar, and an unknown group for nothing.
    pub fn key<'t>(&self, tag: &'t str) -> Option<Cow<'t, str>> {
        let Some(pattern) = &self.pattern else { return Some(Cow::Borrowed(tag)) };
        if self.extract.is_empty() {
            return pattern.is_match(tag).then_some(Cow::Borrowed(tag));
        }
        let captures = pattern.captures(tag)?;
        let mut key = String::new();
        captures.expand(&self.extract, &mut key);
        Some(Cow::Owned(key))
    }
}

#[cfg(test)]
mod tests;
