//! `sealctl set` and `sealctl unset`: one value of a SealedSecret file.

use std::path::{Path, PathBuf};

use sealer_core::sealed::native::Suite;

use crate::{
    cert, file, sealed_file,
    terminal::{Report, Streams},
};

/// Seals one value into a SealedSecret file.
///
/// The value comes from standard input as it is, a last line break included. No private key is
/// needed, and no other value changes. The file fixes namespace, name and scope.
///
/// Example: `printf %s "$password" | sealctl set sealed.yaml password`
#[derive(Debug, clap::Args)]
pub(crate) struct Set {
    /// The file with the SealedSecret.
    file: PathBuf,

    /// The key of the value.
    key: String,

    /// The file with the value, instead of standard input.
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,

    /// Which SealedSecret of the file, if there are several.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Seals in the format of Signet: `x25519` or `x-wing`.
    #[arg(long, value_name = "SUITE")]
    suite: Option<Suite>,

    #[command(flatten)]
    certificate: cert::Source,
}

/// Takes one value out of a SealedSecret file.
///
/// Example: `sealctl unset sealed.yaml password`
#[derive(Debug, clap::Args)]
pub(crate) struct Unset {
    /// The file with the SealedSecret.
    file: PathBuf,

    /// The key of the value.
    key: String,

    /// Which SealedSecret of the file, if there are several.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Why the file was left as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] file::Error),
    #[error(transparent)]
    Sealed(#[from] sealed_file::Error),
    #[error(transparent)]
    Certificate(#[from] cert::Error),
    #[error("`{}` holds several SealedSecrets: {names}", .path.display())]
    Several { path: PathBuf, names: String },
    #[error("`{}` holds no SealedSecret of the name `{name}`", .path.display())]
    NoSuch { path: PathBuf, name: String },
    #[error("`{}` has no value `{key}`", .path.display())]
    NoValue { path: PathBuf, key: String },
}

pub(crate) fn set(args: &Set, streams: &mut Streams<'_>) -> Result<(), Error> {
    let text = file::read(Some(&args.file), streams)?;
    let name = chosen(&args.file, &text, args.name.as_deref())?;
    let target = args.certificate.target(args.suite, streams)?;
    let value = file::read_bytes(args.from_file.as_deref(), streams)?;
    let changed = sealed_file::rewrite(&args.file, &text, |object| {
        if object["metadata"]["name"] != name.as_str() {
            return Ok::<_, Error>(Vec::new());
        }
        let (_, label) = sealed_file::label(object);
        let sealed = target.seal(&label.of(&args.key), &value, &mut rand::rng());
        Ok(vec![(args.key.clone(), Some(sealed))])
    })?;
    Ok(file::replace(&args.file, changed.as_bytes(), file::Readers::AsBefore)?)
}

pub(crate) fn unset(args: &Unset, streams: &mut Streams<'_>) -> Result<(), Error> {
    let text = file::read(Some(&args.file), streams)?;
    let name = chosen(&args.file, &text, args.name.as_deref())?;
    let changed = sealed_file::rewrite(&args.file, &text, |object| {
        if object["metadata"]["name"] != name.as_str() {
            return Ok::<_, Error>(Vec::new());
        }
        Ok(vec![(args.key.clone(), None)])
    })?;
    if changed == *text {
        return Err(Error::NoValue { path: args.file.clone(), key: args.key.clone() });
    }
    Ok(file::replace(&args.file, changed.as_bytes(), file::Readers::AsBefore)?)
}

/// The name of the one SealedSecret that is meant.
fn chosen(path: &Path, text: &str, asked: Option<&str>) -> Result<String, Error> {
    let path = path.to_owned();
    let objects = sealed_file::objects(&path, text)?;
    let names = || objects.iter().filter_map(|object| object["metadata"]["name"].as_str());
    match (asked, objects.len()) {
        (_, 0) => Err(sealed_file::Error::None { path }.into()),
        (Some(asked), _) if names().any(|name| name == asked) => Ok(asked.to_owned()),
        (Some(asked), _) => Err(Error::NoSuch { path, name: asked.to_owned() }),
        (None, 1) => Ok(names().next().unwrap_or_default().to_owned()),
        (None, _) => Err(Error::Several { path, names: names().collect::<Vec<_>>().join(", ") }),
    }
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Certificate(error) => error.hint(),
            Self::Several { .. } => Some("say which one with `--name`".to_owned()),
            Self::Sealed(sealed_file::Error::None { .. }) => {
                Some("for SOPS files there is `sealctl sops set`".to_owned())
            }
            _ => None,
        }
    }
}
