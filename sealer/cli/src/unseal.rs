//! `sealctl unseal`: the Secret that a SealedSecret holds, without a cluster.

use std::path::{Path, PathBuf};

use sealer_core::{
    plaintext::wipe,
    sealed::{keyring, manifest},
};
use zeroize::Zeroizing;

use crate::{
    emit, file, recovery, sealed_file,
    terminal::{Report, Streams},
};

/// Opens SealedSecrets with sealing keys from files.
///
/// Example: `sealctl unseal --key backup.age --identity me.txt < sealed.yaml`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The SealedSecret; standard input if absent or `-`.
    file: Option<PathBuf>,

    /// Writes the Secret into a file, which only the user may read.
    #[arg(short = 'w', long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// How the result is printed [default: as the input].
    #[arg(short = 'o', long, value_enum)]
    format: Option<emit::Format>,

    #[command(flatten)]
    keys: recovery::Sources,
}

/// Why nothing was opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] file::Error),
    #[error(transparent)]
    Sealed(#[from] sealed_file::Error),
    #[error(transparent)]
    Keys(#[from] recovery::Error),
    #[error("no sealing key was given")]
    NoKeys,
    #[error(transparent)]
    Unsealable(#[from] manifest::Unsealable),
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<(), Error> {
    if !args.keys.are_given() {
        return Err(Error::NoKeys);
    }
    let keyring = args.keys.keyring(streams)?;
    let text = file::read(args.file.as_deref(), streams)?;
    let path = args.file.as_deref().unwrap_or(Path::new("standard input"));
    let objects = sealed_file::objects(path, &text)?;
    if objects.is_empty() {
        return Err(sealed_file::Error::None { path: path.to_owned() }.into());
    }
    let like_input = || emit::Format::of(&text);
    let format = args.format.unwrap_or_else(like_input);
    let mut shown = Zeroizing::new(String::new());
    for object in &objects {
        let mut secret = manifest::unseal(object, &keyring)?;
        // Nobody owns what is printed.
        if let Some(metadata) = secret["metadata"].as_object_mut() {
            metadata.remove("ownerReferences");
        }
        let printed = Zeroizing::new(emit::manifests(std::slice::from_ref(&secret), format));
        shown.push_str(&printed);
        wipe(&mut secret);
    }
    Ok(file::write(args.output.as_deref(), shown.as_bytes(), file::Readers::Owner, streams)?)
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Keys(error) => error.hint(),
            Self::NoKeys => Some("name a key or a backup with `--key`".to_owned()),
            Self::Unsealable(manifest::Unsealable::Values(errors)) => {
                let missing = |error: &keyring::Error| {
                    matches!(error, keyring::Error::NoKey { .. } | keyring::Error::NoNativeKey(_))
                };
                errors.values().all(missing).then(|| {
                    "pass all keys that the cluster ever had, and leave name and namespace as they \
                     were"
                        .to_owned()
                })
            }
            _ => None,
        }
    }
}
