//! `sealctl decrypt`: a SOPS file in clear text.

use std::path::PathBuf;

use sealer_core::sops::yaml::{self as sops, MacCheck};

use crate::{
    extract, file, identities,
    terminal::{Report, Streams, warn},
};

/// Decrypts a SOPS file.
///
/// The file's MAC is checked first, so nothing is printed of a file that was tampered with.
/// Formatting and comments stay as they are.
///
/// Example: `sealctl decrypt secrets.yaml`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file; standard input if absent or `-`.
    file: Option<PathBuf>,

    /// Writes the result back into the file.
    #[arg(short, long, requires = "file", conflicts_with_all = ["output", "extract"])]
    in_place: bool,

    /// Writes the result into another file, which only the user may read.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Prints one value only, such as `["db"]["password"]` or `["hosts"][0]`.
    #[arg(long, value_name = "PATH")]
    extract: Option<String>,

    /// Decrypts even if the file was changed since it was encrypted.
    #[arg(long)]
    ignore_mac: bool,

    #[command(flatten)]
    format: Format,

    #[command(flatten)]
    identities: identities::Sources,
}

/// What kind of file it is.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Format {
    /// The file's format, if its name does not say it.
    #[arg(long, value_name = "TYPE")]
    input_type: Option<String>,
}

/// Why decrypting failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] file::Error),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error(transparent)]
    Identities(#[from] identities::Error),
    #[error("could not decrypt {name}")]
    Decrypt { name: String, source: sops::Error },
    #[error("could not extract `{path}`")]
    Extract { path: String, source: extract::Error },
}

/// The file is of a kind that we do not have.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` files are not supported, only `yaml`")]
pub(crate) struct FormatError(String);

impl Format {
    /// Refuses what is not YAML. Standard input is taken for YAML.
    pub(crate) fn check(&self, file: Option<&PathBuf>) -> Result<(), FormatError> {
        let extension = || {
            let extension = file?.extension()?.to_str()?.to_owned();
            Some(if extension == "yml" { "yaml".to_owned() } else { extension })
        };
        let kind = self.input_type.clone().or_else(extension).unwrap_or("yaml".to_owned());
        if kind == "yaml" { Ok(()) } else { Err(FormatError(kind)) }
    }
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<(), Error> {
    args.format.check(args.file.as_ref())?;
    let source = file::read(args.file.as_deref(), streams)?;
    let check = if args.ignore_mac { MacCheck::Ignored } else { MacCheck::Enforced };
    let decrypted = (args.identities.decrypt(&source, check)?)
        .map_err(|source| Error::Decrypt { name: name(args.file.as_ref()), source })?;
    if args.ignore_mac {
        warn(streams, "the MAC was not checked: anybody may have changed this file");
    }
    let target = if args.in_place { &args.file } else { &args.output };
    let extracted;
    let text = match &args.extract {
        None => decrypted.expose(),
        Some(path) => {
            let failed = |source| Error::Extract { path: path.clone(), source };
            extracted = extract::extract(&decrypted, path).map_err(failed)?;
            &extracted
        }
    };
    Ok(file::write(target.as_deref(), text.as_bytes(), file::Readers::Owner, streams)?)
}

pub(crate) fn name(file: Option<&PathBuf>) -> String {
    file.map_or("standard input".to_owned(), |file| format!("`{}`", file.display()))
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        use sealer_core::sops::{age, mac};
        match self {
            Self::Decrypt { source: sops::Error::Age(age::Error::NoIdentities { .. }), .. } => {
                Some(identities::REMEDY.to_owned())
            }
            Self::Decrypt { source: sops::Error::Age(age::Error::NoMatch { .. }), .. } => {
                Some(format!("have one of these recipients add yours, or {}", identities::REMEDY))
            }
            Self::Decrypt { source: sops::Error::Mac(mac::Error::Mismatch), .. } => Some(
                "restore the file from Git; if you know what changed, pass `--ignore-mac`"
                    .to_owned(),
            ),
            Self::Decrypt { source: sops::Error::Metadata(_), .. } => {
                Some("is the file encrypted? `sealctl encrypt` adds the `sops` block".to_owned())
            }
            _ => None,
        }
    }
}
