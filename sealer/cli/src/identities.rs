//! The age identities of the person at the keyboard, where sops looks for them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use sealer_core::{
    plaintext::Plaintext,
    sops::age::{self, Identities},
};

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
}

impl Sources {
    /// All identities of all sources.
    pub(crate) fn load(&self) -> Result<Identities, Error> {
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
        let folder = given.or_else(|| self.home.as_ref().map(|home| home.join(".config")))?;
        Some(folder.join("sops/age/keys.txt"))
    }
}

fn read(path: &Path) -> Result<Identities, Error> {
    let bytes = fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    Identities::parse(&Plaintext::new(bytes))
        .map_err(|source| Error::File { path: path.to_owned(), source })
}
