//! For whom a file is encrypted: what the flags say, or else the nearest `.sops.yaml`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use sealer_core::sops::{
    age::{self, Recipient},
    config::{self, Config, Creation},
    content::Indents,
    selector::{self, Fields, Selector},
    store::Format,
};

/// The name of the file with creation rules.
const CONFIG: &str = ".sops.yaml";
/// How far up it is looked for.
const LEVELS: usize = 100;

/// The flags that say for whom and what.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Flags {
    /// The recipients, separated by commas. Without them `.sops.yaml` says who.
    #[arg(
        short,
        long,
        env = "SOPS_AGE_RECIPIENTS",
        hide_env_values = true,
        value_name = "AGE1…,AGE1…"
    )]
    age: Option<String>,

    /// Encrypts only values below a key that matches.
    #[arg(long, value_name = "REGEX", help_heading = "What is encrypted")]
    encrypted_regex: Option<String>,

    /// Leaves values below a key that matches in clear text.
    #[arg(long, value_name = "REGEX", help_heading = "What is encrypted")]
    unencrypted_regex: Option<String>,

    /// Encrypts only values below a key with this ending.
    #[arg(long, value_name = "SUFFIX", help_heading = "What is encrypted")]
    encrypted_suffix: Option<String>,

    /// Leaves values below a key with this ending in clear text [default: _unencrypted].
    #[arg(long, value_name = "SUFFIX", help_heading = "What is encrypted")]
    unencrypted_suffix: Option<String>,

    /// Lets values in clear text change without breaking the MAC.
    #[arg(long, help_heading = "What is encrypted")]
    mac_only_encrypted: bool,

    /// The file with creation rules, instead of the nearest `.sops.yaml` upwards from here.
    #[arg(long, env = "SOPS_CONFIG", hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Why it is not known for whom a file is encrypted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not find the current directory")]
    Here(#[source] io::Error),
    #[error("could not read `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not use `{}`", .path.display())]
    Config { path: PathBuf, source: config::Error },
    #[error("nothing says for whom to encrypt")]
    Nobody,
    #[error("could not use the recipients of `--age`")]
    Age(#[source] age::Error),
    #[error("could not use the flags")]
    Selector(#[source] selector::Error),
}

impl Error {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Nobody => {
                Some("pass `--age age1…`, or write a `.sops.yaml` with `creation_rules`".to_owned())
            }
            Self::Config { source: config::Error::NoMatch, .. } => Some(
                "add a rule whose `path_regex` matches the file, or pass `--age age1…`".to_owned(),
            ),
            _ => None,
        }
    }
}

impl Flags {
    /// How the file `name` is encrypted. Flags win over the file with rules, field by field.
    pub(crate) fn creation(&self, name: Option<&Path>) -> Result<Creation, Error> {
        let here = std::env::current_dir().map_err(Error::Here)?;
        let recipients = self.age.as_deref().filter(|age| !age.trim().is_empty());
        let recipients = recipients
            .map(Recipient::parse_list)
            .transpose()
            .map_err(|source| Error::Age(source.into()))?;
        let ruled = match (self.ruled(name, &here), &recipients) {
            (Ok(ruled), _) => ruled,
            // With recipients given, a file for which no rule is made is no error.
            (Err(Error::Config { source: config::Error::NoMatch, .. }), Some(_)) => None,
            (Err(error), _) => return Err(error),
        };
        let selector = self.selector()?;
        let creation = match (ruled, recipients) {
            (None, None) => return Err(Error::Nobody),
            (None, Some(recipients)) => {
                Creation { recipients, selector: Selector::default(), mac_only_encrypted: false }
            }
            (Some(ruled), recipients) => {
                Creation { recipients: recipients.unwrap_or(ruled.recipients.clone()), ..ruled }
            }
        };
        if creation.recipients.is_empty() {
            return Err(Error::Nobody);
        }
        Ok(Creation {
            selector: selector.unwrap_or(creation.selector),
            mac_only_encrypted: self.mac_only_encrypted || creation.mac_only_encrypted,
            ..creation
        })
    }

    fn selector(&self) -> Result<Option<Selector>, Error> {
        let fields = Fields {
            unencrypted_suffix: self.unencrypted_suffix.clone(),
            encrypted_suffix: self.encrypted_suffix.clone(),
            unencrypted_regex: self.unencrypted_regex.clone(),
            encrypted_regex: self.encrypted_regex.clone(),
            ..Fields::default()
        };
        if fields == Fields::default() {
            return Ok(None);
        }
        Selector::new(fields).map(Some).map_err(Error::Selector)
    }

    fn ruled(&self, name: Option<&Path>, here: &Path) -> Result<Option<Creation>, Error> {
        let Some(rules) = Rules::find(self.config.as_deref(), here)? else { return Ok(None) };
        let Rules { path, config, .. } = rules;
        let relative = relative(name.unwrap_or(Path::new("")), here, &path);
        let creation = config.creation(&relative);
        creation.map(Some).map_err(|source| Error::Config { path, source })
    }
}

/// The rules of one `.sops.yaml`.
pub(crate) struct Rules {
    path: PathBuf,
    config: Config,
    here: PathBuf,
}

impl Rules {
    /// The rules of the file that is named, or else of the nearest one upwards from `here`.
    pub(crate) fn find(named: Option<&Path>, here: &Path) -> Result<Option<Self>, Error> {
        let Some(path) = named.map(Path::to_owned).or_else(|| nearest(here, CONFIG)) else {
            return Ok(None);
        };
        let text = fs::read_to_string(&path)
            .map_err(|source| Error::Read { path: path.clone(), source })?;
        let config =
            Config::parse(&text).map_err(|source| Error::Config { path: path.clone(), source })?;
        Ok(Some(Self { path, config, here: here.to_owned() }))
    }

    /// The rule for a file; nothing if there are no rules at all.
    ///
    /// `context` is the encryption context of AWS keys that the rule lists outside of groups.
    pub(crate) fn rule(
        &self,
        name: &Path,
        context: &BTreeMap<String, String>,
    ) -> Result<Option<config::Rule>, Error> {
        if self.config.is_empty() {
            return Ok(None);
        }
        let rule = self.config.rule(&self.seen(name), context);
        rule.map(Some).map_err(|source| Error::Config { path: self.path.clone(), source })
    }

    /// The file that holds them.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file as the rules see it.
    pub(crate) fn seen(&self, name: &Path) -> String {
        relative(name, &self.here, &self.path)
    }

    /// How deep files of a format are indented, where the rules say so.
    pub(crate) fn indents(&self, format: Format) -> Option<Indents> {
        let stores = self.config.stores();
        match format {
            Format::Yaml => stores.yaml_indent?,
            Format::Json => stores.json_indent?,
            Format::Dotenv | Format::Ini | Format::Binary => return None,
        };
        let blanks = |indent: Option<i64>| indent.and_then(|indent| usize::try_from(indent).ok());
        let yaml = blanks(stores.yaml_indent).filter(|indent| *indent > 0);
        Some(Indents {
            yaml: yaml.unwrap_or(Indents::default().yaml),
            json: blanks(stores.json_indent),
        })
    }
}

/// A file that somebody took for the one with rules.
pub(crate) fn misnamed(here: &Path) -> Option<PathBuf> {
    nearest(here, ".sops.yml")
}

fn nearest(here: &Path, name: &str) -> Option<PathBuf> {
    let mut folders = here.ancestors().take(LEVELS);
    folders.find_map(|folder| Some(folder.join(name)).filter(|path| path.is_file()))
}

/// The file's path as the rules see it: from the directory of the file with rules.
fn relative(name: &Path, here: &Path, config: &Path) -> String {
    let absolute = here.join(name);
    let config = here.join(config);
    let folder = config.parent().unwrap_or(here);
    let inside = absolute.strip_prefix(folder).unwrap_or(&absolute);
    inside.components().collect::<PathBuf>().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_see_paths_from_their_own_directory() {
        #[rustfmt::skip]
        let cases = [
            // file            working directory  rules             seen
            ("a.yaml",         "/r/apps",         "/r/.sops.yaml",  "apps/a.yaml"),
            ("./a.yaml",       "/r",              "/r/.sops.yaml",  "a.yaml"),
            ("/r/x/a.yaml",    "/elsewhere",      "/r/.sops.yaml",  "x/a.yaml"),
            ("a.yaml",         "/r",              "rules.yaml",     "a.yaml"),
            ("/other/a.yaml",  "/r",              "/r/.sops.yaml",  "/other/a.yaml"),
        ];
        for (name, here, config, seen) in cases {
            let relative = relative(Path::new(name), Path::new(here), Path::new(config));
            assert_eq!(relative, seen, "{name} in {here}");
        }
    }
}
