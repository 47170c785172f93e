//! How names of remote values become keys of a Secret.

use std::{collections::BTreeMap, fmt::Write as _, str::FromStr};

/// `conversionStrategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// `_` for every character that a Secret's key cannot hold.
    #[default]
    Default,
    /// `_U0024_` and the like.
    Unicode,
}

/// Why names do not become keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name is no strategy.
    #[error("`conversionStrategy` is `{0}`; use `Default` or `Unicode`")]
    Unknown(String),
    /// Two names become the same key.
    #[error(
        "secret name collision during conversion: `{first}` and `{second}` both become `{key}`; use `conversionStrategy: Unicode`"
    )]
    Collision {
        /// The key.
        key: String,
        /// One name.
        first: String,
        /// The other.
        second: String,
    },
    /// A key is not one that a Secret can have.
    #[error("`{0}` is not a key of a Secret: use letters, digits, `-`, `_` and `.`, at most 253")]
    Key(String),
}

impl FromStr for Strategy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "" | "Default" => Ok(Self::Default),
            "Unicode" => Ok(Self::Unicode),
            other => Err(Error::Unknown(other.to_owned())),
        }
    }
}

impl Strategy {
    /// Renames all values.
    pub fn rename<T>(self, values: BTreeMap<String, T>) -> Result<BTreeMap<String, T>, Error> {
        let mut renamed: BTreeMap<String, (String, T)> = BTreeMap::new();
        for (name, value) in values {
            let key = self.key(&name);
            if let Some((first, _)) = renamed.get(&key) {
                return Err(Error::Collision { key, first: first.clone(), second: name });
            }
            renamed.insert(key, (name, value));
        }
        Ok(renamed.into_iter().map(|(key, (_, value))| (key, value)).collect())
    }

    fn key(self, name: &str) -> String {
        name.chars().fold(String::with_capacity(name.len()), |mut key, char| {
            if is_allowed(char) {
                key.push(char);
            } else if self == Self::Default {
                key.push('_');
            } else {
                // Writing to a string cannot fail.
                let _ = write!(key, "_U{:04x}_", u32::from(char));
            }
            key
        })
    }
}

/// Refuses what kube-apiserver would refuse as a key of a Secret.
pub fn check_key(key: &str) -> Result<(), Error> {
    let sound = (1..=253).contains(&key.len())
        && key.chars().all(is_allowed)
        && !matches!(key, "." | "..")
        && !key.starts_with("..");
    if sound { Ok(()) } else { Err(Error::Key(key.to_owned())) }
}

fn is_allowed(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '.' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_keys_and_never_collide_silently() {
        #[rustfmt::skip]
        let cases = [
            // strategy   names                                              keys
            ("Default",   &["foo$bar%baz*bing"][..],                         Some(vec!["foo_bar_baz_bing"])),
            ("",          &["foo$bar%baz*bing"],                             Some(vec!["foo_bar_baz_bing"])),
            ("Default",   &["foo$bar%baz*bing", "foo_bar_baz$bing"],         None),
            ("Default",   &["/foo/bar/baz/bing", "foo/bar/baz/bing/"],       Some(vec!["_foo_bar_baz_bing", "foo_bar_baz_bing_"])),
            ("Unicode",   &["😀foo😁bar"],                                   Some(vec!["_U1f600_foo_U1f601_bar"])),
            ("Unicode",   &["foo$bar", "foo_bar"],                           Some(vec!["foo_U0024_bar", "foo_bar"])),
        ];
        for (strategy, names, keys) in cases {
            let values = names.iter().map(|name| ((*name).to_owned(), ())).collect();
            let renamed = strategy.parse::<Strategy>().unwrap().rename(values).ok();
            let renamed = renamed.map(|renamed| renamed.into_keys().collect::<Vec<_>>());
            assert_eq!(
                renamed,
                keys.map(|keys| keys.into_iter().map(String::from).collect()),
                "{names:?}"
            );
        }
    }

    #[test]
    fn keys_that_the_api_would_refuse_are_refused_first() {
        for (key, sound) in [
            ("a.b-c_D1", true),
            ("", false),
            ("é", false),
            ("a/b", false),
            ("..", false),
            ("..a", false),
            (".a", true),
        ] {
            assert_eq!(check_key(key).is_ok(), sound, "`{key}`");
        }
        assert!(check_key(&"k".repeat(254)).is_err());
    }
}
