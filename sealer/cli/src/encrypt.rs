//! `sealctl encrypt`: a plain YAML file as a SOPS file.

use std::path::PathBuf;

use jiff::Timestamp;
use sealer_core::sops::{
    cipher::Cipher,
    yaml::{self as sops, Options},
};

use crate::{
    decrypt::{Format, FormatError, name},
    file, rules,
    terminal::{Report, Streams, warn},
};

/// Encrypts the values of a YAML file as sops does.
///
/// Only values change: formatting and the order of keys stay as they are, and real sops reads
/// the result. Comments beside encrypted values are encrypted too.
///
/// Example: `sealctl encrypt --in-place --encrypted-regex '^(data|stringData)$' secret.yaml`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file; standard input if absent or `-`.
    file: Option<PathBuf>,

    /// Writes the result back into the file.
    #[arg(short, long, requires = "file", conflicts_with = "output")]
    in_place: bool,

    /// Writes the result into another file.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The name by which `.sops.yaml` finds the rule for standard input.
    #[arg(long, value_name = "NAME")]
    filename_override: Option<PathBuf>,

    /// The cipher of the values.
    #[arg(long, value_enum, default_value_t)]
    cipher: CipherName,

    #[command(flatten)]
    format: Format,

    #[command(flatten)]
    rules: rules::Flags,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum CipherName {
    /// What sops reads.
    #[default]
    Aes256Gcm,
    /// Signet's own, which sops does not read: binds positions in lists, and types.
    Chacha20Poly1305,
}

/// Why encrypting failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] file::Error),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error(transparent)]
    Rules(#[from] rules::Error),
    #[error("could not encrypt {name}")]
    Encrypt { name: String, source: sops::Error },
}

#[expect(clippy::disallowed_methods, reason = "a command runs once, and now is when")]
pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<(), Error> {
    let named = args.filename_override.as_ref().or(args.file.as_ref());
    args.format.check(named)?;
    let creation = args.rules.creation(named.map(PathBuf::as_path))?;
    let source = file::read(args.file.as_deref(), streams)?;
    let options = Options {
        recipients: creation.recipients,
        selector: creation.selector,
        mac_only_encrypted: creation.mac_only_encrypted,
        cipher: match args.cipher {
            CipherName::Aes256Gcm => Cipher::Aes256Gcm,
            CipherName::Chacha20Poly1305 => Cipher::ChaCha20Poly1305,
        },
        now: Timestamp::now(),
    };
    let encrypted = sops::encrypt(&source, &options, &mut rand::rng())
        .map_err(|source| Error::Encrypt { name: name(args.file.as_ref()), source })?;
    if encrypted.values == 0 {
        let (field, value) = options.selector.field();
        warn(streams, &format!("no value was encrypted: `{field}: {value}` selects none"));
    }
    let target = if args.in_place { &args.file } else { &args.output };
    file::write(target.as_deref(), encrypted.text.as_bytes(), file::Readers::AsBefore, streams)?;
    Ok(())
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Rules(error) => error.hint(),
            Self::Encrypt { source: sops::Error::AlreadyEncrypted, .. } => {
                Some("decrypt it first, or rename the key if it is yours and not sops'".to_owned())
            }
            _ => None,
        }
    }
}
