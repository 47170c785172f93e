//! Files of a commit as the Secrets they hold.
//!
//! What is opened is opened in [`clear`](super::clear); here Secrets are made of it.
//!
//! A file that has not changed is neither read nor decrypted again: its entries in the inventory say
//! from which blob they were made, and a memory says which blobs hold nothing for us or cannot be
//! opened by the keys that there are.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use repo::ObjectId;
use sealer_api::git_secret_sync::InventoryEntry;

use super::Salt;
use super::kustomize::Dress;
use crate::controller::batch::{self, Cause, Failure, Planned, Wanted};
use crate::controller::object::{self, Destination};
use crate::decryption::Document;
use crate::secrets::Desired;

/// A file that was selected.
#[derive(Debug)]
pub(super) struct File {
    /// Its path in the repository.
    pub(super) path: String,
    /// The id of its content.
    pub(super) blob: ObjectId,
    /// What is done to every object of it.
    pub(super) dress: Dress,
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
    /// It was opened.
    Clear(Clear),
}

/// A file in clear text.
#[derive(Debug, Default)]
pub(super) struct Clear {
    /// Its documents.
    pub(super) documents: Vec<Document>,
    /// What should be told of it without stopping anything.
    pub(super) warning: Option<String>,
}

/// What the files amount to.
#[derive(Debug, Default)]
pub(in crate::controller) struct Yield {
    /// What should be there.
    pub(super) planned: Planned,
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

    pub(super) fn learn(&self, blob: ObjectId, failure: Option<Failure>) {
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

/// What is made of files.
#[derive(Debug)]
pub(super) struct Maker<'o> {
    /// Where Secrets may go.
    pub(super) destination: &'o Destination,
    /// What else decides what Secrets look like.
    pub(super) salt: &'o Salt,
    /// What is known about blobs.
    pub(super) memory: &'o Memory,
}

impl Maker<'_> {
    /// Makes Secrets of what was opened. `inventory` is what was applied before.
    pub(super) fn make(&self, files: Vec<File>, inventory: &[InventoryEntry]) -> Yield {
        let mut result = Yield::default();
        for mut file in files {
            match std::mem::replace(&mut file.content, Content::Nothing) {
                Content::Settled => {
                    result
                        .planned
                        .kept
                        .extend(inventory.iter().filter(|entry| entry.file == file.path).cloned());
                }
                Content::Nothing => {}
                Content::Failed(failure) => {
                    drop(result.planned.failures.insert(file.path, failure));
                }
                Content::Clear(clear) => {
                    result.decrypted += 1;
                    result.warnings.extend(clear.warning);
                    match self.secrets(&file, &clear.documents) {
                        Ok(secrets) if secrets.is_empty() => self.memory.learn(file.blob, None),
                        Ok(secrets) => self.place(secrets, &file, &mut result.planned),
                        Err(failure) => {
                            self.memory.learn(file.blob, Some(failure.clone()));
                            result.planned.failures.insert(file.path, failure);
                        }
                    }
                }
            }
        }
        result
    }

    fn secrets(&self, file: &File, documents: &[Document]) -> Result<Vec<Desired>, Failure> {
        let secrets = documents.iter().enumerate().filter(|(_, document)| {
            object::is_secret(document.expose()) && !object::is_left_alone(document.expose())
        });
        let destination = Destination {
            target: self.destination.target.clone().or_else(|| file.dress.namespace.clone()),
            ..self.destination.clone()
        };
        let made = secrets.map(|(index, document)| {
            let made = object::secret(document.expose(), &destination);
            let mut made =
                made.map_err(|error| told(format!("document {}: {error}", index + 1)))?;
            file.dress.put_on(&mut made);
            Ok(made)
        });
        made.collect()
    }

    /// Puts the Secrets of `file` into `planned`, unless another file has one of them already.
    fn place(&self, secrets: Vec<Desired>, file: &File, planned: &mut Planned) {
        for desired in secrets {
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            let at = (part(&desired.metadata.namespace), part(&desired.metadata.name));
            let taken = planned.wanted.get(&at).map(|wanted| wanted.file.clone());
            let taken = taken.or_else(|| {
                let id = batch::id(&at.0, &at.1);
                planned.kept.iter().find(|entry| entry.id == id).map(|entry| entry.file.clone())
            });
            if let Some(other) = taken {
                let message =
                    format!("Secret `{}` is in `{other}` too; remove it from one of them", at.1);
                planned.failures.insert(file.path.clone(), told(message));
                continue;
            }
            let source = self.salt.hash(file.blob, &file.dress);
            planned.wanted.insert(at, Wanted { desired, file: file.path.clone(), source });
        }
    }
}

pub(super) fn told(message: impl Into<String>) -> Failure {
    Failure { cause: Cause::File, message: message.into() }
}
