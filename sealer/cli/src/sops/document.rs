//! A file between its encrypted and its clear form, as commands move it.

use std::{cell::OnceCell, path::Path, rc::Rc};

use jiff::Timestamp;
use sealer_core::sops::{
    cipher::{Cipher, DataKey},
    content::{self, Content, Indents},
    datakey::{self, RecoverError, WrapError},
    key::{Group, Kind, MasterKey},
    mac, metadata,
    path::Step,
    store::{self, File, Format, FormatError, MacCheck, Options, Plain},
};
use zeroize::Zeroizing;

use super::{
    Done,
    context::{Context, Named, read},
    creation::Creation,
    failure::{Code, Failure},
    services::Services,
};

/// What a file is read as, and what is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Formats {
    pub(super) input: Format,
    pub(super) output: Format,
    /// How deep what is written is indented, if somebody says so.
    pub(super) indents: Option<Indents>,
}

/// An encrypted file that a command opened.
pub(super) struct Document {
    file: File,
    formats: Formats,
    services: Rc<Services>,
    order: Vec<Kind>,
    check: MacCheck,
    /// Recovered when it is first needed.
    key: OnceCell<DataKey>,
}

/// One value that becomes another, or goes.
pub(super) enum Change<'c> {
    Set(Vec<Step>, &'c str),
    Unset { steps: Vec<Step>, idempotent: bool },
}

impl Context<'_, '_> {
    /// Reads an encrypted file. Nothing is decrypted yet.
    pub(super) fn open(&mut self, named: &Named) -> Result<Document, Failure> {
        let formats = self.formats(&named.name)?;
        let services = self.services();
        let order = self.order()?;
        let ignored = self.flags.switch("ignore-mac");
        let bytes = self.read(named.path.as_deref())?;
        let file = File::read(formats.input, bytes.to_vec()).map_err(unread)?;
        let check = if ignored { MacCheck::Ignored } else { MacCheck::Enforced };
        Ok(Document { file, formats, services, order, check, key: OnceCell::new() })
    }
}

impl Document {
    fn key(&self) -> Result<&DataKey, Failure> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let key = datakey::recover(self.file.metadata(), &self.order, &*self.services);
        let key =
            key.map_err(|error: RecoverError| Failure::new(Code::NoDataKey, error.to_string()))?;
        Ok(self.key.get_or_init(|| key))
    }

    pub(super) fn metadata(&self) -> &metadata::Metadata {
        self.file.metadata()
    }

    /// The keys of every group.
    pub(super) fn groups(&self) -> Vec<Vec<MasterKey>> {
        let keys = |group: &Group| group.0.iter().map(|wrapped| wrapped.key.clone()).collect();
        self.metadata().groups.iter().map(keys).collect()
    }

    pub(super) fn threshold(&self) -> Option<usize> {
        self.metadata().threshold.filter(|threshold| *threshold > 0)
    }

    /// The file in clear text, once its MAC was checked.
    pub(super) fn decrypt(&self) -> Result<Plain, Failure> {
        let opened =
            self.file.decrypt(self.key()?, self.check).map_err(|error| undecrypted(&error))?;
        Ok(opened.plain)
    }

    /// The clear text as it is to be written.
    pub(super) fn emit(&self, plain: &Plain) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let Formats { output, indents, .. } = self.formats;
        if output == plain.format() && indents.is_none() {
            return Ok(Zeroizing::new(plain.expose().to_vec()));
        }
        let content = Content::read(plain).map_err(|error| undumped(&error))?;
        let written = content
            .write(output, &indents.unwrap_or_default())
            .map_err(|error| undumped(&error))?;
        Ok(Zeroizing::new(written.expose().to_vec()))
    }

    /// One value of the clear text.
    pub(super) fn extract(
        &self,
        plain: &Plain,
        steps: &[Step],
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let Formats { output, indents, .. } = self.formats;
        let content = Content::read(plain).map_err(|error| undumped(&error))?;
        let found = content.extract(steps, output, &indents.unwrap_or_default());
        let found = found.map_err(|error| match error {
            content::Error::Missing(_) | content::Error::Shape(_) => {
                Failure::generic(format!("error truncating tree: {error}"))
            }
            error => undumped(&error),
        })?;
        Ok(Zeroizing::new(found.expose().to_vec()))
    }

    /// The file with another content, under the same data key.
    pub(super) fn update(&self, plain: &Plain) -> Result<Vec<u8>, Failure> {
        if self.formats.output != plain.format() {
            return self.converted(plain);
        }
        let edited = self.file.edit(self.key()?, plain, (self.check, now()), &mut rand::rng());
        let edited = edited.map_err(|error| unencrypted(&error))?;
        Ok(edited.as_ref().unwrap_or(&self.file).bytes().to_vec())
    }

    /// The file with another content in another format, for the same keys.
    fn converted(&self, plain: &Plain) -> Result<Vec<u8>, Failure> {
        let content = Content::read(plain).map_err(|error| undumped(&error))?;
        let indents = self.formats.indents.unwrap_or_default();
        let plain =
            content.write(self.formats.output, &indents).map_err(|error| undumped(&error))?;
        let metadata = self.metadata();
        let options = Options {
            groups: metadata.groups.clone(),
            threshold: metadata.threshold,
            selector: metadata.selector.clone(),
            mac_only_encrypted: metadata.mac_only_encrypted,
            cipher: metadata.cipher(),
            now: now(),
        };
        let encrypted = store::encrypt(&plain, self.key()?, &options, &mut rand::rng());
        Ok(encrypted.map_err(|error| unencrypted(&error))?.file.bytes().to_vec())
    }

    /// What the editor left, as the file's new content.
    pub(super) fn edited(&self, bytes: &[u8]) -> Result<Plain, Failure> {
        let edited = plain(self.formats.output, bytes)?;
        encryptable(&edited)?;
        let input = self.formats.input;
        if self.formats.output == input {
            return Ok(edited);
        }
        let content = Content::read(&edited).map_err(|error| undumped(&error))?;
        content.write(input, &Indents::default()).map_err(|error| undumped(&error))
    }

    /// The file with every value under a new data key, for these keys.
    pub(super) fn rotate(&self, groups: Vec<Vec<MasterKey>>) -> Result<Vec<u8>, Failure> {
        let new = DataKey::generate(&mut rand::rng());
        let threshold = self.threshold();
        let groups = self.services.wrap(&new, groups, threshold)?;
        let metadata = self.metadata();
        let options = Options {
            groups,
            threshold,
            selector: metadata.selector.clone(),
            mac_only_encrypted: metadata.mac_only_encrypted,
            cipher: metadata.cipher(),
            now: now(),
        };
        let keys = (self.key()?, &new);
        let rotated = self.file.rotate(keys, &options, self.check, &mut rand::rng());
        let rotated = rotated.map_err(|error| undecrypted(&error))?;
        if self.formats.output == self.formats.input {
            return Ok(rotated.bytes().to_vec());
        }
        let opened = rotated.decrypt(&new, self.check).map_err(|error| undecrypted(&error))?;
        let content = Content::read(&opened.plain).map_err(|error| undumped(&error))?;
        let plain = content.write(self.formats.output, &self.formats.indents.unwrap_or_default());
        let plain = plain.map_err(|error| undumped(&error))?;
        let encrypted = store::encrypt(&plain, &new, &options, &mut rand::rng());
        Ok(encrypted.map_err(|error| unencrypted(&error))?.file.bytes().to_vec())
    }

    /// The file with the same data key wrapped for these keys. No value changes.
    pub(super) fn regroup(
        &self,
        groups: Vec<Vec<MasterKey>>,
        threshold: Option<usize>,
    ) -> Result<Vec<u8>, Failure> {
        let groups = self.services.wrap(self.key()?, groups, threshold)?;
        let file = self.file.with_keys(groups, threshold).map_err(|error| unencrypted(&error))?;
        Ok(file.bytes().to_vec())
    }
}

/// What a file that is to be encrypted needs.
pub(super) struct NewFile<'n> {
    pub(super) creation: Creation,
    pub(super) formats: Formats,
    pub(super) services: &'n Services,
}

/// Encrypts a file under a new data key.
pub(super) fn encrypt(plain: &Plain, new: NewFile<'_>) -> Result<Vec<u8>, Failure> {
    let NewFile { creation, formats, services } = new;
    let converted;
    let plain = if formats.output == plain.format() {
        plain
    } else {
        let content = Content::read(plain).map_err(unread_plain)?;
        let written = content.write(formats.output, &formats.indents.unwrap_or_default());
        converted = written.map_err(|error| undumped(&error))?;
        &converted
    };
    let key = DataKey::generate(&mut rand::rng());
    let groups = services.wrap(&key, creation.groups, creation.threshold)?;
    let options = Options {
        groups,
        threshold: creation.threshold,
        selector: creation.selector,
        mac_only_encrypted: creation.mac_only_encrypted,
        cipher: Cipher::Aes256Gcm,
        now: now(),
    };
    let encrypted = store::encrypt(plain, &key, &options, &mut rand::rng());
    Ok(encrypted.map_err(|error| unencrypted(&error))?.file.bytes().to_vec())
}

/// A file in clear text, once it was found to be of its format.
pub(super) fn plain(format: Format, bytes: &[u8]) -> Result<Plain, Failure> {
    let plain = Plain::new(format, bytes.to_vec());
    Content::read(&plain).map_err(unread_plain)?;
    Ok(plain)
}

/// Refuses what has a `sops` block already.
pub(super) fn encryptable(plain: &Plain) -> Done {
    match store::is_encrypted(plain.format(), plain.expose()) {
        Ok(true) if plain.format() != Format::Binary => {
            Err(unencrypted(&store::Error::AlreadyEncrypted))
        }
        Ok(_) => Ok(()),
        Err(store::Error::Format(error)) => Err(unread_plain(error.into())),
        Err(error) => Err(unencrypted(&error)),
    }
}

/// The clear text with a value changed, and whether that differs.
pub(super) fn change(plain: &Plain, change: &Change<'_>) -> Result<(Plain, bool), Failure> {
    let changed = match change {
        Change::Set(steps, value) => plain.set(steps, value),
        Change::Unset { steps, .. } => plain.unset(steps).map(|plain| (plain, true)),
    };
    match (changed, change) {
        (Err(content::Error::Missing(_)), Change::Unset { idempotent: true, .. }) => {
            Ok((Plain::new(plain.format(), plain.expose().to_vec()), false))
        }
        (changed, _) => changed.map_err(unset),
    }
}

/// Whether a file is encrypted. One with metadata but no MAC or version is not, as sops has it.
pub(super) fn is_encrypted(format: Format, path: &Path) -> Result<bool, Failure> {
    let bytes = read(path)?;
    match File::read(format, bytes.to_vec()) {
        Ok(file) => {
            let metadata = file.metadata();
            Ok(metadata.mac.is_some() && metadata.version.is_some())
        }
        Err(store::Error::Metadata(metadata::Error::Missing)) => Ok(false),
        Err(error) => Err(unread(error)),
    }
}

/// What the editor shows for a file that does not exist yet.
pub(super) fn example(format: Format) -> &'static [u8] {
    content::example(format)
}

/// The first document as variables.
pub(super) fn variables(plain: &Plain) -> Result<Vec<(String, Zeroizing<String>)>, Failure> {
    let content = Content::read(plain).map_err(|error| undumped(&error))?;
    content.variables().map_err(|error| Failure::generic(error.to_string()))
}

#[expect(clippy::disallowed_methods, reason = "a command runs once, and now is when")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

impl From<WrapError> for Failure {
    fn from(error: WrapError) -> Self {
        Self::generic(format!("Could not generate data key: [{error}]"))
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// An encrypted file that cannot be read.
fn unread(error: store::Error) -> Failure {
    match error {
        store::Error::Metadata(metadata::Error::Missing) => Failure::generic(error.to_string()),
        error => Failure::generic(format!("Error unmarshalling input: {}", chain(&error))),
    }
}

/// A plain file that cannot be read.
fn unread_plain(error: content::Error) -> Failure {
    match error {
        content::Error::Format(FormatError::Empty) => Failure::new(
            Code::NoDocument,
            "File cannot be completely empty, it must contain at least one document",
        ),
        content::Error::Value { .. } => {
            Failure::new(Code::EncryptTree, format!("Error encrypting tree: {}", chain(&error)))
        }
        error => {
            Failure::new(Code::CannotRead, format!("Error unmarshalling file: {}", chain(&error)))
        }
    }
}

fn undecrypted(error: &store::Error) -> Failure {
    match error {
        store::Error::Mac(mac::Error::Undecryptable(_) | mac::Error::Layout(_)) => {
            Failure::new(Code::MacMismatch, format!("Cannot decrypt MAC: {}", chain(error)))
        }
        store::Error::Mac(mac::Error::Missing) => {
            Failure::new(Code::MacMismatch, "MAC mismatch. File has no MAC")
        }
        store::Error::Mac(_) => Failure::new(Code::MacMismatch, chain(error)),
        _ => Failure::new(Code::DecryptTree, format!("Error decrypting tree: {}", chain(error))),
    }
}

fn unencrypted(error: &store::Error) -> Failure {
    match error {
        store::Error::AlreadyEncrypted => Failure::new(Code::AlreadyEncrypted, ALREADY),
        store::Error::Format(FormatError::Empty) => {
            unread_plain(content::Error::Format(FormatError::Empty))
        }
        store::Error::Mac(_) => undecrypted(error),
        _ => Failure::new(Code::EncryptTree, format!("Error encrypting tree: {}", chain(error))),
    }
}

const ALREADY: &str = "\
The file has a top-level entry called 'sops', or, in a flat format, entries
that begin with 'sops_'. That is where the metadata of an encrypted file is,
so most likely the file is encrypted already.

If it is not, give the entry another name. If it is, and you want to change
it, open it in an editor, for example: `sops edit my_file.yaml`";

fn undumped(error: &content::Error) -> Failure {
    let hint = match error {
        content::Error::NotBinary => {
            "\n\nThis is likely not an encrypted binary file? If not, use --output-type to select the correct output type."
        }
        _ => "",
    };
    Failure::new(Code::CannotDump, format!("Error dumping file: {}{hint}", chain(error)))
}

fn unset(error: content::Error) -> Failure {
    match error {
        content::Error::Missing(message) => Failure::generic(message),
        content::Error::Shape(message) => Failure::new(Code::TreePath, message),
        content::Error::Reserved => Failure::new(Code::AlreadyEncrypted, ALREADY),
        content::Error::Json(_) => {
            Failure::new(Code::SetFormat, "Value for --set is not valid JSON")
        }
        error => Failure::generic(chain(&error)),
    }
}
