//! One SOPS file, opened.

use sealer_core::plaintext::wipe;
use sealer_core::sops::datakey::{DEFAULT_ORDER, RecoverError, recover};
use sealer_core::sops::key::{KeyError, KeyService};
use sealer_core::sops::store::{self, File, Format, Plain};
use serde_json::Value;

pub use sealer_core::sops::store::MacCheck;

/// A document in clear text, wiped on drop. It has no `Display`, `Clone` or `Serialize`.
pub struct Document(pub(super) Value);

/// Why a file cannot be opened. No message repeats a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] store::Error),
    /// No key opens it: there is no identity or credential for any.
    #[error("no key opens it: {0}")]
    NoKey(String),
    /// A key that is there was refused, or could not be asked.
    #[error("a key did not open it: {0}")]
    Refused(String),
    /// What the keys hold is not of this file.
    #[error("the data key cannot be put together")]
    DataKey(#[source] RecoverError),
    /// What was decrypted is not what the file's name says. The parser's words could quote it.
    #[error("is not YAML any more once it is decrypted; encrypt it again")]
    NoDocuments,
}

/// Whether a file has a `sops` block.
pub fn is_encrypted(format: Format, bytes: &[u8]) -> Result<bool, Failure> {
    Ok(store::is_encrypted(format, bytes)?)
}

/// Opens a file. It blocks while services are asked.
pub fn decrypt(
    format: Format,
    bytes: &[u8],
    keys: &dyn KeyService,
    check: MacCheck,
) -> Result<Plain, Failure> {
    let file = File::read(format, bytes.to_vec())?;
    let key = recover(file.metadata(), &DEFAULT_ORDER, keys).map_err(refused)?;
    Ok(file.decrypt(&key, check)?.plain)
}

/// The documents of a YAML or JSON file in clear text, as Kubernetes reads them.
pub fn documents(plain: &Plain) -> Result<Vec<Document>, Failure> {
    let text = std::str::from_utf8(plain.expose()).map_err(|_| Failure::NoDocuments)?;
    let documents = yaml::json::documents(text, yaml::Schema::Kubernetes);
    let documents = documents.map_err(|_| Failure::NoDocuments)?;
    Ok(documents.into_iter().map(Document).collect())
}

/// What became of the keys, on one line.
fn refused(error: RecoverError) -> Failure {
    let RecoverError::Refused(report) = &error else { return Failure::DataKey(error) };
    let failures = report.groups.iter().filter_map(|group| group.as_ref().err()).flatten();
    let failures: Vec<_> = failures.collect();
    let each = failures.iter().map(|failure| format!("`{}`: {}", failure.key, failure.error));
    let story = each.collect::<Vec<_>>().join("; ").replace('\n', " ");
    let missing = failures.iter().all(|failure| matches!(failure.error, KeyError::Missing(_)));
    if missing { Failure::NoKey(story) } else { Failure::Refused(story) }
}

impl Failure {
    /// Whether other keys, or the same at another time, may open it.
    pub fn is_for_want_of_keys(&self) -> bool {
        matches!(self, Self::NoKey(_) | Self::Refused(_))
    }
}

impl Document {
    /// The document's content.
    pub fn expose(&self) -> &Value {
        &self.0
    }

    /// The content, to be changed.
    pub fn expose_mut(&mut self) -> &mut Value {
        &mut self.0
    }

    /// A document of a file that is not encrypted as a whole.
    pub fn new(content: Value) -> Self {
        Self(content)
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Document([redacted])")
    }
}
