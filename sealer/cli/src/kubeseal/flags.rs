//! kubeseal's words, read as Go's pflag reads them.
//!
//! `--name=value` and `--name value`; `-n value`, `-nvalue` and `-n=value`; a switch takes its value
//! only behind `=`; words that are no flags are let pass, as kubeseal does. Every flag but those of
//! klog may come from `SEALED_SECRETS_NAME`, where a value that cannot be is passed over in silence.

use std::{collections::BTreeMap, ffi::OsString};

use crate::persona::Environment;

mod table;
mod value;

pub(super) use table::usage;
use table::{FLAGS, Flag};
use value::Kind;

/// What the words say: for every flag that was given its values, the last one last.
#[derive(Debug, Default)]
pub(super) struct Flags(BTreeMap<&'static str, Vec<String>>);

/// What kubeseal says of words that it cannot take.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("unknown flag: --{0}")]
    Unknown(String),
    #[error("unknown shorthand flag: {flag:?} in -{word}")]
    UnknownShort { flag: char, word: String },
    #[error("bad flag syntax: {0}")]
    Syntax(String),
    #[error("flag needs an argument: --{0}")]
    NoValue(&'static str),
    #[error("flag needs an argument: {flag:?} in -{word}")]
    NoValueShort { flag: char, word: String },
    #[error("invalid argument {value:?} for {flag:?} flag: {why}")]
    Value { value: String, flag: String, why: String },
    #[error("the word {0:?} is not UTF-8")]
    Encoding(OsString),
}

impl Flags {
    /// Reads the words, over what the environment says.
    pub(super) fn parse(words: &[OsString], environment: &Environment) -> Result<Self, Error> {
        let mut flags = Self::default();
        for flag in FLAGS.iter().filter(|flag| !flag.is_of_klog()) {
            let name = format!("SEALED_SECRETS_{}", flag.name.to_uppercase().replace('-', "_"));
            if let Some(value) = environment.get(&name).and_then(|value| value.to_str()) {
                let _ = flags.take(flag, value);
            }
        }
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let word = word.to_str().ok_or_else(|| Error::Encoding(word.clone()))?;
            if word == "--" {
                break;
            }
            let mut next = || words.next().and_then(|word| word.to_str());
            if let Some(long) = word.strip_prefix("--") {
                flags.long(word, long, &mut next)?;
            } else if let Some(short) = word.strip_prefix('-').filter(|short| !short.is_empty()) {
                flags.shorts(short, &mut next)?;
            }
        }
        Ok(flags)
    }

    fn long<'w>(
        &mut self,
        word: &str,
        long: &str,
        next: &mut dyn FnMut() -> Option<&'w str>,
    ) -> Result<(), Error> {
        if long.starts_with(['-', '=']) {
            return Err(Error::Syntax(word.to_owned()));
        }
        let (name, value) =
            long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let flag = FLAGS.iter().find(|flag| flag.name == name);
        let flag = flag.ok_or_else(|| Error::Unknown(name.to_owned()))?;
        match value.or(flag.kind.without_value()) {
            Some(value) => self.take(flag, value),
            None => self.take(flag, next().ok_or(Error::NoValue(flag.name))?),
        }
    }

    /// Reads `-abc`: switches, the last of which may be a flag with a value.
    fn shorts<'w>(
        &mut self,
        word: &str,
        next: &mut dyn FnMut() -> Option<&'w str>,
    ) -> Result<(), Error> {
        let Some(short) = word.chars().next() else { return Ok(()) };
        if short == 'h' {
            return self.take(table::help(), "true");
        }
        let flag = FLAGS.iter().find(|flag| flag.short == Some(short));
        let unknown = || Error::UnknownShort { flag: short, word: word.to_owned() };
        let flag = flag.ok_or_else(unknown)?;
        // No switch of kubeseal has a letter, so what follows is the value.
        let rest = &word[short.len_utf8()..];
        match rest.strip_prefix('=').filter(|_| rest.len() > 1) {
            Some(value) => self.take(flag, value),
            None if !rest.is_empty() => self.take(flag, rest),
            None => {
                let missing = || Error::NoValueShort { flag: short, word: word.to_owned() };
                self.take(flag, next().ok_or_else(missing)?)
            }
        }
    }

    fn take(&mut self, flag: &'static Flag, value: &str) -> Result<(), Error> {
        let named = match flag.short {
            Some(short) => format!("-{short}, --{}", flag.name),
            None => format!("--{}", flag.name),
        };
        let refused = |why| Error::Value { value: value.to_owned(), flag: named, why };
        let taken = flag.kind.read(value).map_err(refused)?;
        let values = self.0.entry(flag.name).or_default();
        if !matches!(flag.kind, Kind::List | Kind::Each) {
            values.clear();
        }
        values.extend(taken);
        Ok(())
    }

    /// The value of a flag, or its default.
    pub(super) fn text(&self, name: &str) -> &str {
        self.given(name).unwrap_or_else(|| {
            FLAGS.iter().find(|flag| flag.name == name).map_or("", |flag| flag.default)
        })
    }

    /// The value of a flag that was given.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.last().map(String::as_str)
    }

    /// The same, if it is not empty.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.given(name).filter(|value| !value.is_empty())
    }

    /// All values of a list.
    pub(super) fn list(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a switch is on.
    pub(super) fn on(&self, name: &str) -> bool {
        self.switch(name).unwrap_or(false)
    }

    /// What a switch was set to.
    pub(super) fn switch(&self, name: &str) -> Option<bool> {
        self.given(name).map(|value| value == "true")
    }
}

#[cfg(test)]
mod tests;
