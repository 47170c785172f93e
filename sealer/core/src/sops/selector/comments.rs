//! The comments that may decide about a value: those before it, and those before what it is in.

/// Comments in clear text, level by level.
///
/// A comment counts until the next value of its level ends; so does one inside the collections of
/// that value.
#[derive(Debug, Default)]
pub(in crate::sops) struct Comments(Vec<Vec<String>>);

impl Comments {
    /// A collection begins.
    pub(in crate::sops) fn enter(&mut self) {
        self.0.push(Vec::new());
    }

    /// The innermost collection ends.
    pub(in crate::sops) fn leave(&mut self) {
        self.0.pop();
    }

    /// A comment stands here, in the innermost collection.
    pub(in crate::sops) fn push(&mut self, text: &str) {
        if let Some(level) = self.0.last_mut() {
            level.push(text.to_owned());
        }
    }

    /// A value of the innermost collection ends.
    pub(in crate::sops) fn value_ended(&mut self) {
        if let Some(level) = self.0.last_mut() {
            level.clear();
        }
    }

    pub(super) fn any(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.0.iter().flatten().any(|text| matches(text))
    }
}
