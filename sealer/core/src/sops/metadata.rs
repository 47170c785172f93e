//! The `sops` block: who can open a file, which values are encrypted, and the MAC.

use std::fmt::Write as _;

use serde_json::json;
use yaml::{Node, edit};

use super::{
    age::Wrapped,
    cipher::Cipher,
    selector::{self, Selector},
};

/// The key under which the block stands in every document.
pub const KEY: &str = "sops";
/// The version of sops whose format is written.
const VERSION: &str = "3.11.0";

/// The content of the block.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// The data key, wrapped for each age recipient.
    pub age: Vec<Wrapped>,
    /// Other kinds of keys that the file names and that we cannot use, for messages.
    pub other_keys: Vec<&'static str>,
    /// When the file was last encrypted, byte for byte: the MAC is bound to it.
    pub modified: String,
    /// The encrypted MAC.
    pub mac: Option<String>,
    /// Which values are encrypted.
    pub selector: Selector,
    /// Whether values in clear text may change without breaking the MAC.
    pub mac_only_encrypted: bool,
    /// The cipher of every value. The field is ours: without it the file is one of sops.
    pub cipher: Cipher,
}

/// Why a block cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("sops metadata not found")]
    Missing,
    /// A field has another shape.
    #[error("`{KEY}{field}` is not {expected}")]
    Field {
        /// The field's path below the block.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The data key is split over several groups.
    #[error(
        "`sops.key_groups` splits the data key, which is not supported; encrypt the file for one group"
    )]
    KeyGroups,
    /// A cipher that we do not have.
    #[error("`sops.cipher` names the unknown cipher `{0}`")]
    Cipher(String),
    /// The rule cannot be used.
    #[error("the rule in `sops` cannot be used")]
    Selector(#[from] selector::Error),
}

/// Kinds of keys that only sops has.
const OTHER_KEYS: [&str; 6] = ["pgp", "kms", "gcp_kms", "hckms", "azure_kv", "hc_vault"];

impl Metadata {
    /// Reads the block at the root of a document.
    pub fn read(root: &Node<'_>) -> Result<Self, Error> {
        let block = root.get(KEY).ok_or(Error::Missing)?;
        if block.mapping().is_none() {
            return Err(Error::Field { field: String::new(), expected: "a map" });
        }
        let keys = key_lists(block)?;
        let text = |field: &'static str| text(block, field);
        let selector = Selector::new(selector::Fields::read(text)?)?;
        let cipher = match text("cipher")? {
            None => Cipher::default(),
            Some(name) => Cipher::named(&name).ok_or(Error::Cipher(name))?,
        };
        Ok(Self {
            age: age(keys)?,
            other_keys: OTHER_KEYS.into_iter().filter(|kind| !is_empty(keys.get(kind))).collect(),
            modified: text("lastmodified")?.unwrap_or_default(),
            mac: text("mac")?,
            selector,
            mac_only_encrypted: text("mac_only_encrypted")?.as_deref() == Some("true"),
            cipher,
        })
    }

    /// The block as YAML in block style, every line ended by `newline` and indented by `indent`.
    pub(super) fn block(&self, indent: &str, newline: &str) -> String {
        let mut lines = vec![format!("{KEY}:"), "    age:".to_owned()];
        for copy in &self.age {
            lines.push("        - enc: |".to_owned());
            lines.extend(copy.enc.lines().map(|line| format!("            {line}")));
            lines.push(format!("          recipient: {}", scalar(&copy.recipient)));
        }
        if self.cipher != Cipher::default() {
            lines.push(format!("    cipher: {}", self.cipher.name()));
        }
        let (selector, value) = self.selector.field();
        let line = |field: &str, value: &str| format!("    {field}: {value}");
        if selector.starts_with("encrypted") {
            lines.push(line(selector, &scalar(value)));
        }
        lines.push(line("lastmodified", &edit::double_quoted(&self.modified)));
        lines.push(line("mac", self.mac.as_deref().unwrap_or("\"\"")));
        if self.mac_only_encrypted {
            lines.push(line("mac_only_encrypted", "true"));
        }
        if !selector.starts_with("encrypted") {
            lines.push(line(selector, &scalar(value)));
        }
        lines.push(line("version", VERSION));
        lines.into_iter().fold(String::new(), |mut text, line| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{indent}{line}{newline}");
            text
        })
    }

    /// The block as one pair of a flow mapping, such as a JSON document's.
    pub(super) fn flow(&self) -> String {
        let age: Vec<_> = self
            .age
            .iter()
            .map(|copy| json!({ "recipient": copy.recipient, "enc": copy.enc }))
            .collect();
        let (selector, value) = self.selector.field();
        let mut block = json!({
            "age": age, "lastmodified": self.modified, "mac": self.mac, selector: value,
            "version": VERSION,
        });
        if self.mac_only_encrypted {
            block["mac_only_encrypted"] = true.into();
        }
        if self.cipher != Cipher::default() {
            block["cipher"] = self.cipher.name().into();
        }
        format!("\"{KEY}\": {block}")
    }
}

/// Where the lists of keys stand: at the top, or in the only group.
fn key_lists<'n, 's>(block: &'n Node<'s>) -> Result<&'n Node<'s>, Error> {
    match block.get("key_groups") {
        Some(groups) if !is_empty(Some(groups)) => {
            let groups: Vec<_> =
                groups.sequence().into_iter().flat_map(yaml::tree::Sequence::nodes).collect();
            if let [only] = groups[..] { Ok(only) } else { Err(Error::KeyGroups) }
        }
        _ => Ok(block),
    }
}

fn age(keys: &Node<'_>) -> Result<Vec<Wrapped>, Error> {
    let Some(list) = keys.get("age").filter(|list| !is_empty(Some(list))) else {
        return Ok(Vec::new());
    };
    let list = list
        .sequence()
        .ok_or_else(|| Error::Field { field: ".age".to_owned(), expected: "a list" })?;
    list.nodes()
        .enumerate()
        .map(|(index, entry)| {
            let field = |name| {
                entry.get(name).and_then(Node::as_str).map(str::to_owned).ok_or_else(|| {
                    Error::Field { field: format!(".age[{index}].{name}"), expected: "text" }
                })
            };
            Ok(Wrapped { recipient: field("recipient")?, enc: field("enc")? })
        })
        .collect()
}

/// A field's text; absent, null and empty are all the same in files of old versions.
fn text(block: &Node<'_>, field: &'static str) -> Result<Option<String>, Error> {
    match block.get(field) {
        None => Ok(None),
        Some(node) => match node.as_str() {
            Some("" | "null" | "~") => Ok(None),
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(Error::Field { field: format!(".{field}"), expected: "text" }),
        },
    }
}

fn is_empty(node: Option<&Node<'_>>) -> bool {
    node.is_none_or(|node| match (node.sequence(), node.as_str()) {
        (Some(list), _) => list.nodes().next().is_none(),
        (None, Some(text)) => matches!(text, "" | "null" | "~"),
        (None, None) => false,
    })
}

fn scalar(text: &str) -> String {
    if edit::is_plain(text) { text.to_owned() } else { edit::double_quoted(text) }
}
