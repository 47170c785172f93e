//! `sealctl explain`: which rule is for a file, and what it comes to.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use sealer_core::sops::{
    config::Rule,
    key::MasterKey,
    metadata,
    store::{self, File, Format},
};

use crate::{
    file,
    rules::{self, Rules},
    terminal::{Report, Streams},
};

/// Says which rule of `.sops.yaml` is for a file, for whom and how it encrypts, and whether the file
/// is as the rule says.
///
/// Exits with 1 if no rule is for the file, or the file differs from its rule.
///
/// Example: `sealctl explain secrets/prod.yaml`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file. It need not be there yet.
    file: PathBuf,

    /// The file with creation rules, instead of the nearest `.sops.yaml` upwards from here.
    #[arg(long, env = "SOPS_CONFIG", hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Why a file cannot be explained.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not find the current directory")]
    Here(#[source] std::io::Error),
    #[error(transparent)]
    Rules(#[from] rules::Error),
    #[error(transparent)]
    File(#[from] file::Error),
    #[error("could not read `{}`", .path.display())]
    Metadata { path: PathBuf, source: store::Error },
    #[error("no rule is for `{}`", .path.display())]
    NoRule { path: PathBuf },
    #[error("`{}` is not as its rule says", .path.display())]
    Differs { path: PathBuf },
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Rules(error) => error.hint(),
            Self::NoRule { .. } => {
                Some("write a `.sops.yaml` with `creation_rules` above it".to_owned())
            }
            Self::Differs { path } => Some(format!(
                "`sealctl sops updatekeys {}` gives it the keys of the rule; other rules hold for new files only",
                path.display()
            )),
            _ => None,
        }
    }

    fn is_finding(&self) -> bool {
        matches!(self, Self::NoRule { .. } | Self::Differs { .. })
    }
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<(), Error> {
    let here = std::env::current_dir().map_err(Error::Here)?;
    let path = &args.file;
    let rules = Rules::find(args.config.as_deref(), &here)?;
    let rules = rules.ok_or_else(|| Error::NoRule { path: path.clone() })?;
    let rule = rules.rule(path, &BTreeMap::new())?;
    let rule = rule.ok_or_else(|| Error::NoRule { path: path.clone() })?;
    let (field, value) = rule.selector.field();
    let mut text = format!(
        "rules    {}\npath     {}\nrule     creation_rules[{}]\nformat   {}\nvalues   {field}: {value}\n",
        rules.path().display(),
        rules.seen(path),
        rule.index,
        Format::of(&path.to_string_lossy()).name(),
    );
    if rule.mac_only_encrypted {
        text.push_str("MAC      over encrypted values only\n");
    }
    keys(&rule, &mut text);
    let differs = path.is_file() && compare(path, &rule, &mut text)?;
    file::write(None, text.as_bytes(), file::Readers::AsBefore, streams)?;
    if differs { Err(Error::Differs { path: path.clone() }) } else { Ok(()) }
}

fn keys(rule: &Rule, text: &mut String) {
    let several = rule.groups.len() > 1;
    if several {
        let needed = rule.threshold.unwrap_or(rule.groups.len());
        // Writing to a string does not fail.
        let _ = writeln!(text, "groups   {needed} of {} open it", rule.groups.len());
    }
    for (index, key) in rule
        .groups
        .iter()
        .enumerate()
        .flat_map(|(index, group)| group.iter().map(move |key| (index, key)))
    {
        let kind = key.kind().name();
        let group = if several { format!(" (group {index})") } else { String::new() };
        let _ = writeln!(text, "key      {kind} {key}{group}");
    }
}

/// Says what is different in the file, and whether anything is.
fn compare(path: &Path, rule: &Rule, text: &mut String) -> Result<bool, Error> {
    let bytes = std::fs::read(path)
        .map_err(|source| file::Error::Read { path: path.to_owned(), source })?;
    let file = match File::read(Format::of(&path.to_string_lossy()), bytes) {
        Ok(file) => file,
        Err(store::Error::Metadata(metadata::Error::Missing)) => {
            text.push_str("file     is in clear text\n");
            return Ok(false);
        }
        Err(source) => return Err(Error::Metadata { path: path.to_owned(), source }),
    };
    let metadata = file.metadata();
    let names = |groups: &mut dyn Iterator<Item = &MasterKey>| -> Vec<String> {
        groups.map(ToString::to_string).collect()
    };
    let ruled = names(&mut rule.groups.iter().flatten());
    let there =
        names(&mut metadata.groups.iter().flat_map(|group| group.0.iter().map(|one| &one.key)));
    let before = text.len();
    for key in ruled.iter().filter(|key| !there.contains(key)) {
        let _ = writeln!(text, "missing  {key}");
    }
    for key in there.iter().filter(|key| !ruled.contains(key)) {
        let _ = writeln!(text, "extra    {key}");
    }
    if metadata.selector != rule.selector {
        let (field, value) = metadata.selector.field();
        let _ = writeln!(text, "file     was encrypted with {field}: {value}");
    }
    let differs = text.len() > before;
    if !differs {
        text.push_str("file     is as the rule says\n");
    }
    Ok(differs)
}
