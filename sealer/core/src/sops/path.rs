//! Where a value stands in its file, and what its ciphertext is therefore bound to.

use std::fmt::Write as _;

/// The way from the root of a document to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Step>);

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a sequence.
    Index(usize),
}

impl Path {
    /// Runs `inside` one step further in.
    pub(super) fn within<T>(&mut self, step: Step, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.0.push(step);
        let result = inside(self);
        self.0.pop();
        result
    }

    /// How many steps it has.
    pub(super) fn depth(&self) -> usize {
        self.0.len()
    }

    /// The keys on the way; positions in lists are no part of it.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.iter().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        })
    }

    /// The path as a person writes it, for messages: `a.b[0]`.
    pub fn display(&self) -> String {
        let mut text = String::new();
        for step in &self.0 {
            match step {
                Step::Key(key) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(key);
                }
                Step::Index(index) => {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "[{index}]");
                }
            }
        }
        if text.is_empty() { ".".to_owned() } else { text }
    }

    /// What sops binds a value to: every key, then a colon; list positions are absent.
    ///
    /// `a.b` and a key that is itself `a:b` are the same here; only the MAC tells them apart.
    pub(super) fn sops_aad(&self) -> Vec<u8> {
        let mut aad = Vec::new();
        for key in self.keys() {
            aad.extend_from_slice(key.as_bytes());
            aad.push(b':');
        }
        if aad.is_empty() { b":".to_vec() } else { aad }
    }

    /// What the native cipher binds a value to: every step, so that nothing can be swapped.
    ///
    /// ```text
    /// key   = 'k' │ length : u32 BE │ bytes
    /// index = 'i' │ position : u32 BE
    /// ```
    pub(super) fn native_aad(&self) -> Vec<u8> {
        let mut aad = Vec::new();
        for step in &self.0 {
            let (tag, number) = match step {
                Step::Key(key) => (b'k', key.len()),
                Step::Index(index) => (b'i', *index),
            };
            let number = u32::try_from(number).expect("a file is shorter than 4 GiB");
            aad.push(tag);
            aad.extend_from_slice(&number.to_be_bytes());
            if let Step::Key(key) = step {
                aad.extend_from_slice(key.as_bytes());
            }
        }
        aad
    }

    /// The path of the collection `up` levels further out, for comments: steps into lists and
    /// their keys are dropped one by one.
    pub(super) fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        (0..=self.0.len()).rev().map(|length| Self(self.0[..length].to_vec()))
    }
}

impl FromIterator<Step> for Path {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sops_binds_keys_and_the_native_cipher_binds_every_step() {
        let key = |key: &str| Step::Key(key.to_owned());
        #[rustfmt::skip]
        let cases = [
            // path                                  sops     native                               shown
            (vec![],                                 ":",     &b""[..],                            "."),
            (vec![key("a"), key("b")],               "a:b:",  b"k\0\0\0\x01ak\0\0\0\x01b",         "a.b"),
            (vec![key("a:b")],                       "a:b:",  b"k\0\0\0\x03a:b",                   "a:b"),
            (vec![key("a"), Step::Index(2)],         "a:",    b"k\0\0\0\x01ai\0\0\0\x02",          "a[2]"),
            (vec![key("a"), Step::Index(0), key("")], "a::",  b"k\0\0\0\x01ai\0\0\0\0k\0\0\0\0",   "a[0]."),
        ];
        for (steps, sops, native, shown) in cases {
            let path: Path = steps.into_iter().collect();
            assert_eq!(path.sops_aad(), sops.as_bytes(), "{shown}");
            assert_eq!(path.native_aad(), native, "{shown}");
            assert_eq!(path.display(), shown);
        }
    }
}
