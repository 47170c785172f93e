//! `.sops.yaml`: for whom a new file is encrypted, and which of its values.

use yaml::{Document, Node};

use super::{
    age::{self, Recipient},
    pattern::{self, Pattern},
    selector::{self, Selector},
};

/// The creation rules of one `.sops.yaml`.
#[derive(Debug)]
pub struct Config {
    rules: Vec<Rule>,
}

/// How files are encrypted that match.
#[derive(Debug)]
struct Rule {
    path: Option<Pattern>,
    creation: Result<Creation, Error>,
}

/// How one file is encrypted.
#[derive(Clone, Debug, PartialEq)]
pub struct Creation {
    /// For whom.
    pub recipients: Vec<Recipient>,
    /// Which values.
    pub selector: Selector,
    /// Whether values in clear text may change without breaking the MAC.
    pub mac_only_encrypted: bool,
}

/// Why a `.sops.yaml` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not YAML.
    #[error(transparent)]
    Yaml(#[from] yaml::Error),
    /// A field has another shape.
    #[error("`{field}` is not {expected}")]
    Field {
        /// The field's path.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A path expression does not compile.
    #[error("`creation_rules[{rule}].path_regex` cannot be used")]
    PathRegex {
        /// The rule's position.
        rule: usize,
        /// What is wrong with it.
        source: pattern::Error,
    },
    /// A selector cannot be used.
    #[error("`creation_rules[{rule}]` cannot be used")]
    Selector {
        /// The rule's position.
        rule: usize,
        /// What is wrong with it.
        source: selector::Error,
    },
    /// A recipient cannot be used.
    #[error("`creation_rules[{rule}].age` cannot be used")]
    Age {
        /// The rule's position.
        rule: usize,
        /// What is wrong with it.
        source: age::Error,
    },
    /// A kind of key that we do not have.
    #[error("`creation_rules[{rule}].{field}` is not supported; encrypt for `age` recipients")]
    Unsupported {
        /// The rule's position.
        rule: usize,
        /// The field.
        field: &'static str,
    },
    /// No rule is for this file.
    #[error("error loading config: no matching creation rules found")]
    NoMatch,
}

const UNSUPPORTED: [&str; 9] = [
    "kms",
    "pgp",
    "gcp_kms",
    "hckms",
    "azure_keyvault",
    "hc_vault_transit_uri",
    "hc_vault",
    "key_groups",
    "shamir_threshold",
];

impl Config {
    /// Reads a `.sops.yaml`.
    ///
    /// A rule that uses what we do not have is an error only for the files that it is for.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let documents = yaml::parse(text)?;
        let list = documents.first().map(|Document { root, .. }| root);
        let rules = match list.and_then(|root| root.get("creation_rules")) {
            None => Vec::new(),
            Some(list) => list
                .sequence()
                .ok_or_else(|| Error::Field {
                    field: "creation_rules".to_owned(),
                    expected: "a list",
                })?
                .nodes()
                .enumerate()
                .map(|(index, node)| rule(index, node))
                .collect::<Result<_, _>>()?,
        };
        Ok(Self { rules })
    }

    /// How the file at `path` is encrypted; `path` is relative to the directory of `.sops.yaml`.
    pub fn creation(&self, path: &str) -> Result<Creation, Error> {
        self.rules
            .iter()
            .find(|rule| rule.path.as_ref().is_none_or(|pattern| pattern.matches(path)))
            .ok_or(Error::NoMatch)?
            .creation
            .clone()
    }
}

fn rule(index: usize, node: &Node<'_>) -> Result<Rule, Error> {
    if node.mapping().is_none() {
        let field = format!("creation_rules[{index}]");
        return Err(Error::Field { field, expected: "a map" });
    }
    let path = text(index, node, "path_regex")?
        .map(|source| Pattern::new(&source))
        .transpose()
        .map_err(|source| Error::PathRegex { rule: index, source })?;
    Ok(Rule { path, creation: creation(index, node) })
}

fn creation(rule: usize, node: &Node<'_>) -> Result<Creation, Error> {
    if let Some(field) = UNSUPPORTED.into_iter().find(|field| node.get(field).is_some()) {
        return Err(Error::Unsupported { rule, field });
    }
    let text = |field| text(rule, node, field);
    let selector = Selector::new(selector::Fields::read(text)?)
        .map_err(|source| Error::Selector { rule, source })?;
    let recipients = Recipient::parse_list(&recipients(rule, node)?)
        .map_err(|source| Error::Age { rule, source: source.into() })?;
    let mac_only_encrypted = text("mac_only_encrypted")?.as_deref() == Some("true");
    Ok(Creation { recipients, selector, mac_only_encrypted })
}

/// `age` is one text with commas, or a list of such texts.
fn recipients(rule: usize, node: &Node<'_>) -> Result<String, Error> {
    match node.get("age").map(|age| (age.sequence(), age)) {
        None => Ok(String::new()),
        Some((None, _)) => Ok(text(rule, node, "age")?.unwrap_or_default()),
        Some((Some(list), _)) => {
            let texts: Option<Vec<&str>> = list.nodes().map(Node::as_str).collect();
            let field = || format!("creation_rules[{rule}].age");
            let texts = texts.ok_or_else(|| Error::Field { field: field(), expected: "text" })?;
            Ok(texts.join(","))
        }
    }
}

fn text(rule: usize, node: &Node<'_>, field: &str) -> Result<Option<String>, Error> {
    match node.get(field) {
        None => Ok(None),
        Some(value) => value.as_str().map(|text| Some(text.to_owned())).ok_or_else(|| {
            Error::Field { field: format!("creation_rules[{rule}].{field}"), expected: "text" }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    const B: &str = "age1tgyuvdlmpejqsdf847hevurz9szk7vf3j7ytfyqecgzvphvu2d8qrtaxl6";

    fn creation(config: &str, path: &str) -> Result<Creation, Error> {
        Config::parse(config)?.creation(path)
    }

    #[test]
    fn the_first_rule_whose_path_matches_counts() {
        let config = format!(
            "creation_rules:\n- path_regex: .*/production/.*\\.yaml\n  encrypted_regex: ^(data|stringData)$\n  age: >-\n    {A},\n    {B},\n- path_regex: ^dev/\n  age:\n  - {A}\n  - {B}\n  mac_only_encrypted: true\n- age: {A}\n"
        );
        #[rustfmt::skip]
        let cases = [
            // path                     recipients  rule                  MAC over encrypted only
            ("apps/production/a.yaml",  2,          "encrypted_regex",    false),
            ("dev/a.yaml",              2,          "unencrypted_suffix", true),
            ("other.yaml",              1,          "unencrypted_suffix", false),
        ];
        for (path, recipients, selector, mac_only_encrypted) in cases {
            let creation = creation(&config, path).unwrap();
            assert_eq!(creation.recipients.len(), recipients, "{path}");
            assert_eq!(creation.selector.field().0, selector, "{path}");
            assert_eq!(creation.mac_only_encrypted, mac_only_encrypted, "{path}");
        }
    }

    #[test]
    fn rules_that_cannot_be_used_say_which_and_why() {
        #[rustfmt::skip]
        let cases = [
            ("creation_rules: []",                              "error loading config: no matching creation rules found"),
            ("creation_rules:\n- path_regex: ^b",               "error loading config: no matching creation rules found"),
            ("creation_rules: {}",                              "`creation_rules` is not a list"),
            ("creation_rules: [x]",                             "`creation_rules[0]` is not a map"),
            ("creation_rules:\n- path_regex: (",                "`creation_rules[0].path_regex` cannot be used"),
            ("creation_rules:\n- pgp: AB",                      "`creation_rules[0].pgp` is not supported; encrypt for `age` recipients"),
            ("creation_rules:\n- age: nobody",                  "`creation_rules[0].age` cannot be used"),
            ("creation_rules:\n- age: {}",                      "`creation_rules[0].age` is not text"),
            ("creation_rules:\n- encrypted_regex: (",           "`creation_rules[0]` cannot be used"),
            ("creation_rules:\n- path_regex: ^b\n  pgp: AB\n- kms: x", "`creation_rules[1].kms` is not supported; encrypt for `age` recipients"),
        ];
        for (config, message) in cases {
            assert_eq!(creation(config, "a.yaml").unwrap_err().to_string(), message, "{config}");
        }
    }
}
