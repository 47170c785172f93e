//! Which values of a file are encrypted.

mod comments;

pub(super) use comments::Comments;

use super::{
    path::Path,
    pattern::{self, Pattern},
};

/// The one rule of a file. It looks at every key on the way to a value, or at the comments before
/// the value and before everything around it.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// All but those below a key with this ending.
    UnencryptedSuffix(String),
    /// Only those below a key with this ending.
    EncryptedSuffix(String),
    /// All but those below a key that matches.
    UnencryptedRegex(Pattern),
    /// Only those below a key that matches.
    EncryptedRegex(Pattern),
    /// All but those after a comment that matches, which stays readable itself.
    UnencryptedComment(Pattern),
    /// Only those after a comment that matches, which stays readable itself.
    EncryptedComment(Pattern),
}

/// The rule as fields or flags give it: at most one may be set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// `unencrypted_suffix`
    pub unencrypted_suffix: Option<String>,
    /// `encrypted_suffix`
    pub encrypted_suffix: Option<String>,
    /// `unencrypted_regex`
    pub unencrypted_regex: Option<String>,
    /// `encrypted_regex`
    pub encrypted_regex: Option<String>,
    /// `unencrypted_comment_regex`
    pub unencrypted_comment_regex: Option<String>,
    /// `encrypted_comment_regex`
    pub encrypted_comment_regex: Option<String>,
}

/// Why fields are no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Two rules at once.
    #[error("`{0}` and `{1}` cannot both be set; keep one")]
    Conflict(&'static str, &'static str),
    /// An expression that does not compile. Real sops would encrypt nothing and say nothing.
    #[error("`{field}` cannot be used")]
    Pattern {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        source: pattern::Error,
    },
}

/// What sops assumes, and writes into the file, when nothing is said.
const DEFAULT_SUFFIX: &str = "_unencrypted";

impl Default for Selector {
    fn default() -> Self {
        Self::UnencryptedSuffix(DEFAULT_SUFFIX.to_owned())
    }
}

impl Fields {
    /// The fields as `text` gives each.
    pub(super) fn read<E>(
        text: impl Fn(&'static str) -> Result<Option<String>, E>,
    ) -> Result<Self, E> {
        Ok(Self {
            unencrypted_suffix: text("unencrypted_suffix")?,
            encrypted_suffix: text("encrypted_suffix")?,
            unencrypted_regex: text("unencrypted_regex")?,
            encrypted_regex: text("encrypted_regex")?,
            unencrypted_comment_regex: text("unencrypted_comment_regex")?,
            encrypted_comment_regex: text("encrypted_comment_regex")?,
        })
    }
}

impl Selector {
    /// The rule that fields give; empty ones count as absent, as in sops.
    pub fn new(fields: Fields) -> Result<Self, Error> {
        let named = [
            ("unencrypted_suffix", fields.unencrypted_suffix),
            ("encrypted_suffix", fields.encrypted_suffix),
            ("unencrypted_regex", fields.unencrypted_regex),
            ("encrypted_regex", fields.encrypted_regex),
            ("unencrypted_comment_regex", fields.unencrypted_comment_regex),
            ("encrypted_comment_regex", fields.encrypted_comment_regex),
        ];
        let mut set = named
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
        let Some((field, value)) = set.next() else { return Ok(Self::default()) };
        if let Some((other, _)) = set.next() {
            return Err(Error::Conflict(field, other));
        }
        let pattern = || Pattern::new(&value).map_err(|source| Error::Pattern { field, source });
        match field {
            "unencrypted_suffix" => Ok(Self::UnencryptedSuffix(value)),
            "encrypted_suffix" => Ok(Self::EncryptedSuffix(value)),
            "unencrypted_regex" => pattern().map(Self::UnencryptedRegex),
            "encrypted_regex" => pattern().map(Self::EncryptedRegex),
            "unencrypted_comment_regex" => pattern().map(Self::UnencryptedComment),
            _ => pattern().map(Self::EncryptedComment),
        }
    }

    /// Whether the value at `path` is encrypted, `comments` standing before it.
    pub(super) fn selects(&self, path: &Path, comments: &Comments) -> bool {
        let mut keys = path.keys();
        match self {
            Self::UnencryptedSuffix(suffix) => !keys.any(|key| key.ends_with(suffix)),
            Self::EncryptedSuffix(suffix) => keys.any(|key| key.ends_with(suffix)),
            Self::UnencryptedRegex(pattern) => !keys.any(|key| pattern.matches(key)),
            Self::EncryptedRegex(pattern) => keys.any(|key| pattern.matches(key)),
            Self::UnencryptedComment(pattern) => !comments.any(|text| pattern.matches(text)),
            Self::EncryptedComment(pattern) => comments.any(|text| pattern.matches(text)),
        }
    }

    /// Whether the comment `text` in the collection at `path` is encrypted, `comments` standing
    /// before it.
    pub(super) fn selects_comment(&self, path: &Path, comments: &Comments, text: &str) -> bool {
        match self {
            Self::UnencryptedComment(pattern) if pattern.matches(text) => false,
            _ => self.selects(path, comments),
        }
    }

    /// Whether a comment decides something, so that the text of an encrypted one must not.
    pub(super) fn mistakes(&self, sealed: &str) -> bool {
        matches!(self, Self::UnencryptedComment(pattern) if pattern.matches(sealed))
    }

    /// The field that holds this rule, and its value.
    pub fn field(&self) -> (&'static str, &str) {
        match self {
            Self::UnencryptedSuffix(suffix) => ("unencrypted_suffix", suffix),
            Self::EncryptedSuffix(suffix) => ("encrypted_suffix", suffix),
            Self::UnencryptedRegex(pattern) => ("unencrypted_regex", pattern.as_str()),
            Self::EncryptedRegex(pattern) => ("encrypted_regex", pattern.as_str()),
            Self::UnencryptedComment(pattern) => ("unencrypted_comment_regex", pattern.as_str()),
            Self::EncryptedComment(pattern) => ("encrypted_comment_regex", pattern.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::sops::path::Step;

    fn set(field: &str, value: &str) -> Fields {
        let Ok(fields) =
            Fields::read(|name| Ok::<_, Infallible>((name == field).then(|| value.to_owned())));
        fields
    }

    #[test]
    fn one_matching_key_switches_everything_below_it() {
        #[rustfmt::skip]
        let cases = [
            // field                value                  path                 encrypted
            ("",                    "",                    &["a"][..],          true),
            ("",                    "",                    &["a_unencrypted"],  false),
            ("",                    "",                    &["a_unencrypted", "b"], false),
            ("encrypted_suffix",    "_enc",                &["a"],              false),
            ("encrypted_suffix",    "_enc",                &["a_enc", "b"],     true),
            ("unencrypted_regex",   "^meta",               &["metadata", "x"],  false),
            ("unencrypted_regex",   "^meta",               &["x"],              true),
            ("encrypted_regex",     "^(data|stringData)$", &["data", "x"],      true),
            ("encrypted_regex",     "^(data|stringData)$", &["metadata"],       false),
        ];
        for (field, value, keys, encrypted) in cases {
            let selector = Selector::new(set(field, value)).unwrap();
            let path: Path = keys.iter().map(|key| Step::Key((*key).to_owned())).collect();
            assert_eq!(
                selector.selects(&path, &Comments::default()),
                encrypted,
                "{field} `{value}` {keys:?}"
            );
        }
    }

    #[test]
    fn rules_that_would_leave_secrets_in_clear_text_are_refused() {
        let bad = Selector::new(set("encrypted_regex", "(")).unwrap_err();
        assert!(matches!(bad, Error::Pattern { field: "encrypted_regex", .. }));
        let two = Fields {
            encrypted_suffix: Some("x".into()),
            encrypted_regex: Some("y".into()),
            ..Fields::default()
        };
        let expected = Error::Conflict("encrypted_suffix", "encrypted_regex");
        assert_eq!(Selector::new(two).unwrap_err(), expected);
    }

    #[test]
    fn comments_switch_what_follows_and_stay_readable() {
        let at = |comments: &[&[&str]]| {
            let mut stack = Comments::default();
            for level in comments {
                stack.enter();
                level.iter().for_each(|text| stack.push(text));
            }
            stack
        };
        #[rustfmt::skip]
        let cases = [
            // rule                        comments before        value  a comment `x`, a comment `s`
            ("encrypted_comment_regex",   &[&[][..]][..],         (false, false, false)),
            ("encrypted_comment_regex",   &[&["s"]],              (true,  true,  true)),
            ("encrypted_comment_regex",   &[&["s"], &[]],         (true,  true,  true)),
            ("encrypted_comment_regex",   &[&["x"], &["y", "s"]], (true,  true,  true)),
            ("unencrypted_comment_regex", &[&[]],                 (true,  true,  false)),
            ("unencrypted_comment_regex", &[&["s"], &["y"]],      (false, false, false)),
        ];
        for (field, before, expected) in cases {
            let selector = Selector::new(set(field, "^s$")).unwrap();
            let (path, comments) = (Path::default(), at(before));
            let comment = |text| selector.selects_comment(&path, &comments, text);
            let found = (selector.selects(&path, &comments), comment("x"), comment("s"));
            assert_eq!(found, expected, "{field} {before:?}");
        }
    }
}
