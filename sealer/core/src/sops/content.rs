//! What a file in clear text holds, in the one shape that all formats share.
//!
//! Decrypting edits a text and keeps every byte of it. Here is what that cannot do: write a file in
//! another format or with other indentation, look a value up, change one.
//!
//! ```text
//! Plain ──read──▶ Content ──write──▶ any format, as sops writes it
//!   └──set, unset──▶ Plain: only the lines concerned change
//! ```

use zeroize::Zeroizing;

use super::{
    format::{self, Format},
    path::Step,
    store::Plain,
    value::{self, Kind, Leaf},
};

mod change;
mod dotenv;
mod example;
mod ini;
mod json;
mod look;
mod yaml;

pub use example::example;

/// The documents of a file. It has no `Display`, `Clone` or `Serialize`, and is wiped on drop.
pub struct Content(Vec<Map>);

/// Pairs and comments, in order. Keys may occur twice.
type Map = Vec<Entry>;

/// A line of a map.
enum Entry {
    Pair(String, Node),
    Comment(Comment),
}

/// A line of a list.
enum Item {
    Node(Node),
    Comment(Comment),
}

/// What follows a `#` or `;`.
struct Comment {
    text: Leaf,
    /// Whether it stands at the end of a value's line.
    inline: bool,
}

/// A value.
enum Node {
    Null,
    Leaf(Leaf),
    List(Vec<Item>),
    Map(Map),
}

/// What Go makes of nothing where there are texts only.
const NIL: &str = "<nil>";

/// How deep a level is indented where text is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indents {
    /// Of YAML, in blanks.
    pub yaml: usize,
    /// Of JSON, in blanks; a tab if nothing is said.
    pub json: Option<usize>,
}

/// Why a content cannot be read, written, looked up or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not of its format.
    #[error(transparent)]
    Format(#[from] format::Error),
    /// A value cannot be used.
    #[error("`{key}`")]
    Value {
        /// The key it stands at.
        key: String,
        /// What is wrong with it.
        source: value::Error,
    },
    /// The format has no such values.
    #[error("cannot use complex value in {format} file; offending key {key}")]
    Complex {
        /// The name of the format.
        format: &'static str,
        /// Where the value stands.
        key: String,
    },
    /// A value that the format cannot spell.
    #[error("{format} cannot hold the value of `{key}`")]
    Unspellable {
        /// The name of the format.
        format: &'static str,
        /// Where the value stands.
        key: String,
    },
    /// The tree is no binary file.
    #[error("error emitting binary store: no binary data found in tree")]
    NotBinary,
    /// There is no such key or item.
    #[error("{0}")]
    Missing(String),
    /// A key was asked of a list, or a position of a map.
    #[error("{0}")]
    Shape(String),
    /// The value is not JSON.
    #[error("the value is not valid JSON: {0}")]
    Json(#[from] format::JsonError),
    /// sops' own key.
    #[error("`sops` holds the metadata of the file and cannot be set")]
    Reserved,
    /// A variable of the environment cannot have the name or value.
    #[error("{0}")]
    Variable(String),
}

impl Default for Indents {
    fn default() -> Self {
        Self { yaml: 4, json: None }
    }
}

impl Content {
    /// Reads a file.
    pub fn read(plain: &Plain) -> Result<Self, Error> {
        let documents = match plain.format() {
            Format::Binary => vec![vec![data(plain.expose())]],
            format => {
                let text = text(plain)?;
                match format {
                    Format::Yaml => yaml::read(text)?,
                    Format::Json => vec![json::read(text)?],
                    Format::Dotenv => vec![dotenv::read(text)?],
                    _ => vec![ini::read(text)?],
                }
            }
        };
        Ok(Self(documents))
    }

    /// The file in a format, as sops would write it.
    ///
    /// All formats but YAML hold the first document only.
    pub fn write(&self, format: Format, indents: &Indents) -> Result<Plain, Error> {
        let first = self.0.first().map(Vec::as_slice).unwrap_or_default();
        let bytes = match format {
            Format::Yaml => yaml::write(&self.0, indents.yaml).into_bytes(),
            Format::Json => json::file(first, indents.json)?.into_bytes(),
            Format::Dotenv => dotenv::write(first)?.into_bytes(),
            Format::Ini => ini::write(first)?.into_bytes(),
            Format::Binary => binary(first)?,
        };
        Ok(Plain::new(format, bytes))
    }

    /// The value at `path` of the first document: a text as it is, anything else in a format.
    pub fn extract(
        &self,
        path: &[Step],
        format: Format,
        indents: &Indents,
    ) -> Result<Plain, Error> {
        let root = self.0.first().map(Vec::as_slice).unwrap_or_default();
        let bytes = match look::find(root, path)? {
            look::Found::Map(map) => {
                return match format {
                    Format::Yaml => {
                        // The other documents follow, as sops has it.
                        let mut text = yaml::document(map, indents.yaml);
                        for document in &self.0[1..] {
                            text.push_str("---\n");
                            text.push_str(&yaml::document(document, indents.yaml));
                        }
                        Ok(Plain::new(format, text.into_bytes()))
                    }
                    Format::Json => json::file(map, indents.json)
                        .map(|text| Plain::new(format, text.into_bytes())),
                    Format::Dotenv => {
                        dotenv::write(map).map(|text| Plain::new(format, text.into_bytes()))
                    }
                    Format::Ini => {
                        ini::write(map).map(|text| Plain::new(format, text.into_bytes()))
                    }
                    Format::Binary => binary(map).map(|bytes| Plain::new(format, bytes)),
                };
            }
            look::Found::Node(Node::Leaf(leaf)) if leaf.kind == Kind::Str => {
                leaf.bytes.expose().to_vec()
            }
            look::Found::Node(node) => value(node, format, indents)?.into_bytes(),
        };
        Ok(Plain::new(format, bytes))
    }

    /// The first document as variables of an environment: names and values, in order.
    pub fn variables(&self) -> Result<Vec<(String, Zeroizing<String>)>, Error> {
        let mut variables = Vec::new();
        for entry in self.0.first().into_iter().flatten() {
            let Entry::Pair(key, node) = entry else { continue };
            if key.contains(['=', '\0']) {
                let message = format!("cannot use keys with '=' in environment: {key}");
                return Err(Error::Variable(message));
            }
            let value = match node {
                Node::Null => NIL.to_owned(),
                Node::Leaf(leaf) => leaf.go_text(),
                Node::List(_) | Node::Map(_) => {
                    return Err(Error::Variable(format!(
                        "cannot use complex value in environment; offending key {key}"
                    )));
                }
            };
            variables.push((key.clone(), Zeroizing::new(value)));
        }
        Ok(variables)
    }
}

impl Plain {
    /// The file with the value at `path` of its first document set to `json`, and whether that
    /// changed it. Lists grow by one item; maps and lists on the way are made.
    pub fn set(&self, path: &[Step], json: &str) -> Result<(Self, bool), Error> {
        change::set(self, path, json)
    }

    /// The file without the value at `path` of its first document.
    pub fn unset(&self, path: &[Step]) -> Result<Self, Error> {
        change::unset(self, path)
    }
}

fn text(plain: &Plain) -> Result<&str, Error> {
    Ok(std::str::from_utf8(plain.expose()).map_err(|_| format::Error::Encoding)?)
}

/// One value that is no text and no map.
fn value(node: &Node, format: Format, indents: &Indents) -> Result<String, Error> {
    match format {
        Format::Yaml => Ok(yaml::value(node, indents.yaml)),
        Format::Json => json::value(node, indents.json),
        Format::Ini => json::compact(node),
        Format::Dotenv => Err(Error::Complex { format: "dotenv", key: "--extract".to_owned() }),
        Format::Binary => Err(Error::NotBinary),
    }
}

/// The only entry of a binary file.
fn data(bytes: &[u8]) -> Entry {
    let bytes = bytes.to_vec().into_boxed_slice().into_vec();
    let leaf = Leaf { kind: Kind::Str, bytes: crate::plaintext::Plaintext::new(bytes) };
    Entry::Pair("data".to_owned(), Node::Leaf(leaf))
}

fn binary(map: &[Entry]) -> Result<Vec<u8>, Error> {
    let data = map.iter().find_map(|entry| match entry {
        Entry::Pair(key, Node::Leaf(leaf)) if key == "data" && leaf.kind == Kind::Str => Some(leaf),
        _ => None,
    });
    data.map(|leaf| leaf.bytes.expose().to_vec()).ok_or(Error::NotBinary)
}

#[cfg(test)]
mod tests;
