//! Files of a commit as the Secrets they hold.
//!
//! A file that has not changed is neither read nor decrypted again: its entries in the inventory say
//! from which blob they were made, and a memory says which blobs hold nothing for us or cannot be
//! opened by the keys that there are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::iter;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reconcile::Class;
use repo::ObjectId;
use sealer_api::git_secret_sync::{InventoryEntry, MacCheck};
use sealer_core::sops::age::{self, Identities};
use sealer_core::sops::yaml as sops;

use crate::controller::object::{self, Destination};
use crate::secrets::Desired;

/// The largest file that is read, as in Flux.
const LARGEST: usize = 5 << 20;

/// A file that was selected.
#[derive(Debug)]
pub(super) struct File {
    /// Its path in the repository.
    pub(super) path: String,
    /// The id of its content.
    pub(super) blob: ObjectId,
    /// Its content, if it has to be looked at.
    pub(super) content: Content,
}

/// What is known about a file's content.
#[derive(Debug)]
pub(super) enum Content {
    /// The Secrets made of it are as they were made.
    Settled,
    /// It holds nothing for us.
    Nothing,
    /// It could not be used, and nothing has changed since.
    Failed(Failure),
    /// It must be looked at.
    Bytes(Vec<u8>),
}

/// What is to blame for a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The file.
    File,
    /// The keys: others may help.
    Keys,
    /// The Secret that is there, or whoever guards it; and who can help.
    Secret(Class),
}

/// Why a file or an object of it could not be used, on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What is to blame.
    pub(super) cause: Cause,
    /// The story, with the remedy.
    pub(super) message: String,
}

/// A Secret of a file.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The Secret.
    pub(super) desired: Desired,
    /// The path of its file.
    pub(super) file: String,
    /// The blob that it is made of.
    pub(super) blob: ObjectId,
}

/// What the files amount to.
#[derive(Debug, Default)]
pub(super) struct Yield {
    /// Entries of the inventory that stay as they are.
    pub(super) kept: Vec<InventoryEntry>,
    /// Secrets to write, by namespace and name.
    pub(super) wanted: BTreeMap<(String, String), Wanted>,
    /// Files that cannot be used, by path.
    pub(super) failures: BTreeMap<String, Failure>,
    /// What should be told without stopping anything.
    pub(super) warnings: Vec<String>,
    /// How many files were decrypted.
    pub(super) decrypted: u64,
}

/// What is remembered about blobs, for one set of keys.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    settings: String,
    keys: Vec<String>,
    blobs: HashMap<ObjectId, Option<Failure>>,
    afar: HashSet<(String, String)>,
}

impl Memory {
    /// What is known of `blob` when opened with `keys`: that it holds nothing, or cannot be used.
    pub(super) fn of(&self, blob: ObjectId, keys: &[String]) -> Option<Content> {
        let remembered = self.lock();
        match remembered.blobs.get(&blob)? {
            None => Some(Content::Nothing),
            Some(failure) if failure.cause != Cause::Keys || remembered.keys == keys => {
                Some(Content::Failed(failure.clone()))
            }
            Some(_) => None,
        }
    }

    /// Keeps only what is known of `blobs`, and of them only what holds for these settings and keys.
    pub(super) fn retain(
        &self,
        settings: &str,
        keys: &[String],
        blobs: impl Fn(&ObjectId) -> bool,
    ) {
        let mut remembered = self.lock();
        if remembered.settings != settings {
            remembered.blobs.clear();
            settings.clone_into(&mut remembered.settings);
        }
        if remembered.keys != keys {
            remembered.blobs.retain(|_, failure| {
                failure.as_ref().is_none_or(|failure| failure.cause != Cause::Keys)
            });
            remembered.keys = keys.to_vec();
        }
        remembered.blobs.retain(|blob, _| blobs(blob));
    }

    /// Remembers which Secrets were written where no watch of ours sees them.
    pub(super) fn wrote_afar<'e>(&self, entries: impl Iterator<Item = &'e InventoryEntry>) {
        self.lock().afar = entries.map(version).collect();
    }

    /// Whether this process wrote the Secret of `entry`, where no watch of ours sees it.
    pub(super) fn has_afar(&self, entry: &InventoryEntry) -> bool {
        self.lock().afar.contains(&version(entry))
    }

    fn learn(&self, blob: ObjectId, failure: Option<Failure>) {
        self.lock().blobs.insert(blob, failure);
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        // Every change is one call, so a panic elsewhere leaves it sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn version(entry: &InventoryEntry) -> (String, String) {
    (entry.uid.clone(), entry.resource_version.clone())
}

/// How files are opened.
#[derive(Debug)]
pub(super) struct Opener<'o> {
    /// With which keys.
    pub(super) identities: &'o Identities,
    /// Where the keys come from, for messages.
    pub(super) secret: Option<&'o str>,
    /// What a wrong MAC means.
    pub(super) mac: MacCheck,
    /// Where Secrets may go.
    pub(super) destination: &'o Destination,
    /// What is known about blobs.
    pub(super) memory: &'o Memory,
}

impl Opener<'_> {
    /// Opens what has to be opened. `inventory` is what was applied before.
    pub(super) fn open(&self, files: Vec<File>, inventory: &[InventoryEntry]) -> Yield {
        let mut result = Yield::default();
        for file in files {
            match file.content {
                Content::Settled => {
                    result
                        .kept
                        .extend(inventory.iter().filter(|entry| entry.file == file.path).cloned());
                }
                Content::Nothing => {}
                Content::Failed(failure) => drop(result.failures.insert(file.path, failure)),
                Content::Bytes(ref bytes) => match self.secrets(&file, bytes, &mut result) {
                    Ok(secrets) if secrets.is_empty() => self.memory.learn(file.blob, None),
                    Ok(secrets) => place(secrets, &file, &mut result),
                    Err(failure) => {
                        self.memory.learn(file.blob, Some(failure.clone()));
                        result.failures.insert(file.path, failure);
                    }
                },
            }
        }
        result
    }

    fn secrets(
        &self,
        file: &File,
        bytes: &[u8],
        result: &mut Yield,
    ) -> Result<Vec<Desired>, Failure> {
        if bytes.len() > LARGEST {
            return Err(told("is larger than 5 MiB; split it"));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| told("is not UTF-8; exclude it or convert it"))?;
        if !sops::is_encrypted(text).map_err(|error| self.explain(&error))? {
            return Ok(Vec::new());
        }
        let decrypted = self.decrypt(file, text, &mut result.warnings)?;
        result.decrypted += 1;
        // A parser's error could quote what was decrypted.
        let documents = decrypted.documents();
        let documents = documents
            .map_err(|_| told("is not YAML any more once it is decrypted; encrypt it again"))?;
        let secrets = documents
            .iter()
            .enumerate()
            .filter(|(_, document)| object::is_secret(document.expose()));
        let made = secrets.map(|(index, document)| {
            let made = object::secret(document.expose(), self.destination);
            made.map_err(|error| told(format!("document {}: {error}", index + 1)))
        });
        made.collect()
    }

    fn decrypt(
        &self,
        file: &File,
        text: &str,
        warnings: &mut Vec<String>,
    ) -> Result<sops::Decrypted, Failure> {
        let first = match self.mac {
            MacCheck::Off => sops::MacCheck::Ignored,
            MacCheck::Enforce | MacCheck::Warn => sops::MacCheck::Enforced,
        };
        match sops::decrypt(text, self.identities, first) {
            Err(error @ sops::Error::Mac(_)) if self.mac == MacCheck::Warn => {
                warnings.push(format!("`{}`: {}", file.path, chain(&error)));
                sops::decrypt(text, self.identities, sops::MacCheck::Ignored)
            }
            other => other,
        }
        .map_err(|error| self.explain(&error))
    }

    /// The failure with its remedy.
    fn explain(&self, error: &sops::Error) -> Failure {
        let keys = matches!(
            error,
            sops::Error::Age(age::Error::NoIdentities { .. } | age::Error::NoMatch { .. })
        );
        let remedy = match (error, self.secret) {
            (sops::Error::Mac(_), _) => {
                "; restore the file, or encrypt it again with `sops` or `sealctl encrypt`"
                    .to_owned()
            }
            (_, Some(secret)) if keys => {
                format!(
                    "; add an identity to Secret `{secret}` under a key that ends in `.agekey`, or run `sops updatekeys`"
                )
            }
            (_, None) if keys => {
                "; name a Secret with age identities in `spec.decryption.secretRef`".to_owned()
            }
            _ => String::new(),
        };
        let cause = if keys { Cause::Keys } else { Cause::File };
        Failure { cause, message: chain(error) + &remedy }
    }
}

/// Puts the Secrets of `file` into `result`, unless another file has one of them already.
fn place(secrets: Vec<Desired>, file: &File, result: &mut Yield) {
    for desired in secrets {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let at = (part(&desired.metadata.namespace), part(&desired.metadata.name));
        let taken = result.wanted.get(&at).map(|wanted| wanted.file.clone());
        let taken = taken.or_else(|| {
            let id = super::status::id(&at.0, &at.1);
            result.kept.iter().find(|entry| entry.id == id).map(|entry| entry.file.clone())
        });
        if let Some(other) = taken {
            let message =
                format!("Secret `{}` is in `{other}` too; remove it from one of them", at.1);
            result.failures.insert(file.path.clone(), told(message));
            continue;
        }
        let wanted = Wanted { desired, file: file.path.clone(), blob: file.blob };
        result.wanted.insert(at, wanted);
    }
}

fn told(message: impl Into<String>) -> Failure {
    Failure { cause: Cause::File, message: message.into() }
}

/// An error with its causes on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
