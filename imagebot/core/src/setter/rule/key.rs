//! Keys as `helm --set` writes them: `image.tag`, `sidecars[0].image`, `a\.b`.

use std::fmt;

use yaml::tree::Node;

/// The way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// A text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no key; write it as `image.tag` or `sidecars[0].image`")]
pub struct InvalidKey(String);

impl Key {
    /// Reads a key.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let invalid = || InvalidKey(text.to_owned());
        let mut steps = Vec::new();
        let mut name = String::new();
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            match char {
                '\\' => name.push(chars.next().ok_or_else(invalid)?),
                '.' if name.is_empty() && !matches!(steps.last(), Some(Step::Index(_))) => {
                    return Err(invalid());
                }
                '.' if chars.peek().is_none() => return Err(invalid()),
                '.' => steps.extend(take(&mut name)),
                '[' => {
                    steps.extend(take(&mut name));
                    let digits: String = chars.by_ref().take_while(|char| *char != ']').collect();
                    steps.push(Step::Index(digits.parse().map_err(|_| invalid())?));
                    if !matches!(chars.peek(), None | Some('.' | '[')) {
                        return Err(invalid());
                    }
                }
                char => name.push(char),
            }
        }
        steps.extend(take(&mut name));
        if steps.is_empty() { Err(invalid()) } else { Ok(Self { text: text.to_owned(), steps }) }
    }

    /// The value below `root`.
    pub(super) fn find<'a, 's>(&self, root: &'a Node<'s>) -> Option<&'a Node<'s>> {
        self.steps.iter().try_fold(root, |node, step| match step {
            Step::Key(key) => node.get(key),
            Step::Index(index) => node.sequence()?.nodes().nth(*index),
        })
    }
}

fn take(name: &mut String) -> Option<Step> {
    (!name.is_empty()).then(|| Step::Key(std::mem::take(name)))
}

/// The key as it was written.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
