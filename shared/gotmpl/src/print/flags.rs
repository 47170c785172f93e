//! The flags, width and precision of a verb.

/// What stands between `%` and the verb.
#[expect(clippy::struct_excessive_bools, reason = "each is one flag character")]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%#v`.
    pub(super) go_syntax: bool,
    /// `%+v`.
    pub(super) field_names: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
}

impl Flags {
    /// With `%v`, `#` and `+` mean something else.
    pub(super) fn for_verb(mut self, verb: char) -> Self {
        if verb == 'v' {
            self.go_syntax = std::mem::take(&mut self.sharp);
            self.field_names = std::mem::take(&mut self.plus);
        }
        self
    }

    /// How much padding brings `text` to the width.
    pub(super) fn padding(&self, text: &[u8]) -> usize {
        match self.width {
            None | Some(0) => 0,
            Some(width) => width.saturating_sub(String::from_utf8_lossy(text).chars().count()),
        }
    }

    /// The text up to as many characters as the precision.
    pub(super) fn truncated<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(most) = self.precision else { return text };
        let mut end = 0;
        let mut left = most;
        for chunk in text.utf8_chunks() {
            let lengths = chunk.valid().chars().map(char::len_utf8);
            for length in lengths.chain(chunk.invalid().iter().map(|_| 1)) {
                if left == 0 {
                    return &text[..end];
                }
                left -= 1;
                end += length;
            }
        }
        text
    }
}
