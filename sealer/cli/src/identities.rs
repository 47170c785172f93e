//! The age identities of the person at the keyboard, where sops looks for them.
//!
//! Of what sops reads only ssh keys are missing, and who lacks a key is told so.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    str::FromStr,
    sync::Arc,
};

use sealer_core::{
    plaintext::Plaintext,
    sops::{
        age::{self, Identities},
        yaml::{self as sops, Decrypted, MacCheck},
    },
};

use crate::{keychain::Places, persona::Environment};

/// Where identities are. All that are found are used.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Sources {
    /// A file of age identities, one a line.
    ///
    /// Without it, `sops/age/keys.txt` in the user's configuration directory is read if it is
    /// there.
    #[arg(long, env = "SOPS_AGE_KEY_FILE", hide_env_values = true, value_name = "FILE")]
    age_key_file: Option<PathBuf>,

    /// The identities themselves, one a line. Only from the environment: other users can see
    /// the arguments of a process.
    #[arg(long = "age-key", env = "SOPS_AGE_KEY", hide = true, hide_env_values = true)]
    age_key: Option<KeyText>,

    /// A command that prints identities, one a line. It runs only when no other identity opens
    /// the file, once for each recipient, which it finds in `SOPS_AGE_RECIPIENT`; no shell
    /// reads it.
    #[arg(long, env = "SOPS_AGE_KEY_CMD", hide_env_values = true, value_name = "COMMAND")]
    age_key_cmd: Option<String>,

    #[arg(long, env = "XDG_CONFIG_HOME", hide = true)]
    config_home: Option<PathBuf>,

    #[arg(long, env = "HOME", hide = true)]
    home: Option<PathBuf>,
}

/// Identities as text, kept from every log.
#[derive(Clone, Debug)]
struct KeyText(Arc<Plaintext>);

impl FromStr for KeyText {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // sops takes blanks as separators too.
        let lines: String = text.split_whitespace().flat_map(|word| [word, "\n"]).collect();
        let lines = if text.contains('#') { text.to_owned() } else { lines };
        Ok(Self(Arc::new(lines.into())))
    }
}

/// Why identities cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not read the age identities in `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not use the age identities in `{}`", .path.display())]
    File { path: PathBuf, source: age::Error },
    #[error("could not use the age identities in `SOPS_AGE_KEY`")]
    Environment(#[source] age::Error),
    #[error("`SOPS_AGE_KEY_CMD` is no command: it is empty, or a quote is not closed")]
    NoCommand,
    #[error("could not run `{program}` of `SOPS_AGE_KEY_CMD`")]
    Run { program: String, source: io::Error },
    #[error("`{program}` of `SOPS_AGE_KEY_CMD` gave no identity for any recipient: {status}")]
    Failed { program: String, status: ExitStatus },
    #[error("could not use the age identities that `SOPS_AGE_KEY_CMD` printed")]
    Printed(#[source] age::Error),
}

/// What to try when a file cannot be opened for want of a key: every place that sops looks at.
pub(crate) const REMEDY: &str = "put your identity into `SOPS_AGE_KEY`, its file into \
    `SOPS_AGE_KEY_FILE` or `sops/age/keys.txt` of your configuration directory, or a command that \
    prints it into `SOPS_AGE_KEY_CMD`; ssh keys (`SOPS_AGE_SSH_PRIVATE_KEY_FILE`, \
    `SOPS_AGE_SSH_PRIVATE_KEY_CMD`, `~/.ssh/id_ed25519`, `~/.ssh/id_rsa`) are not read: have an \
    `age1…` recipient added, or use sops";

impl Sources {
    /// The same places, for keys of every kind. ssh keys are where only variables say.
    pub(crate) fn places(&self, environment: &Environment) -> Places {
        Places {
            key: self.age_key.as_ref().map(|KeyText(text)| Arc::clone(text)),
            key_file: self.age_key_file.clone(),
            key_cmd: self.age_key_cmd.clone(),
            home: self.home.clone(),
            config_home: self.config_home.clone(),
            ..Places::of(environment)
        }
    }

    /// Decrypts a file with the identities of all sources.
    pub(crate) fn decrypt(
        &self,
        source: &str,
        check: MacCheck,
    ) -> Result<Result<Decrypted, sops::Error>, Error> {
        let mut identities = self.load()?;
        let opened = sops::decrypt(source, &identities, check);
        let (Some(command), Err(sops::Error::Age(wanting))) = (&self.age_key_cmd, &opened) else {
            return Ok(opened);
        };
        let (age::Error::NoIdentities { recipients } | age::Error::NoMatch { recipients, .. }) =
            wanting
        else {
            return Ok(opened);
        };
        identities.extend(ask(command, recipients)?);
        Ok(sops::decrypt(source, &identities, check))
    }

    /// The identities of all sources that are there without asking.
    fn load(&self) -> Result<Identities, Error> {
        let mut identities = Identities::default();
        if let Some(KeyText(text)) = &self.age_key {
            identities.extend(Identities::parse(text).map_err(Error::Environment)?);
        }
        if let Some(path) = &self.age_key_file {
            identities.extend(read(path)?);
        }
        // Asked for nowhere, so its absence is no error.
        if let Some(path) = self.default_file().filter(|path| path.exists()) {
            identities.extend(read(&path)?);
        }
        Ok(identities)
    }

    fn default_file(&self) -> Option<PathBuf> {
        let given = self.config_home.clone().filter(|path| !path.as_os_str().is_empty());
        let place =
            if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
        let folder = given.or_else(|| self.home.as_ref().map(|home| home.join(place)))?;
        Some(folder.join("sops/age/keys.txt"))
    }
}

fn read(path: &Path) -> Result<Identities, Error> {
    let bytes = fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    Identities::parse(&Plaintext::new(bytes))
        .map_err(|source| Error::File { path: path.to_owned(), source })
}

/// The identities that a command prints. As with sops, no shell reads it, it is told the recipient,
/// and it may know some recipients and fail for others.
fn ask(command: &str, recipients: &[String]) -> Result<Identities, Error> {
    let words = shlex::split(command).ok_or(Error::NoCommand)?;
    let (program, arguments) = words.split_first().ok_or(Error::NoCommand)?;
    let mut identities = Identities::default();
    let mut failed = None;
    for recipient in recipients {
        let output = Command::new(program)
            .args(arguments)
            .env("SOPS_AGE_RECIPIENT", recipient)
            .stdin(Stdio::null())
            // What it has to say, and what it asks, is for the person at the keyboard.
            .stderr(Stdio::inherit())
            .output()
            .map_err(|source| Error::Run { program: program.clone(), source })?;
        let printed = Plaintext::new(output.stdout);
        if !output.status.success() {
            failed = Some(Error::Failed { program: program.clone(), status: output.status });
            continue;
        }
        identities.extend(Identities::parse(&printed).map_err(Error::Printed)?);
        if identities.recipients().contains(recipient) {
            break;
        }
    }
    match failed {
        Some(failed) if identities.is_empty() => Err(failed),
        _ => Ok(identities),
    }
}
