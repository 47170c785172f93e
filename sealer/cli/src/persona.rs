//! Which program the binary is called as.
//!
//! Linked as `sops` or `kubeseal`, or called as `sealctl sops …` or `sealctl kubeseal …`, it takes
//! exactly that program's words. As any other name it is sealctl.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::ExitCode,
};

use crate::{kubeseal, sops, terminal::Streams};

/// A program of others whose words the binary understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persona {
    Sops,
    Kubeseal,
}

/// The words of a persona, which its own grammar reads.
#[derive(Debug, clap::Args)]
pub(crate) struct Words {
    /// The words that the program takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORDS")]
    words: Vec<OsString>,
}

/// How a persona is called: its words, without the name of the program, and its surroundings.
pub(crate) struct Call<'c, 's> {
    pub(crate) words: &'c [OsString],
    pub(crate) environment: &'c Environment,
    pub(crate) streams: &'c mut Streams<'s>,
}

/// The environment of the process, read once; tests make their own.
#[derive(Default, Clone)]
pub(crate) struct Environment(Vec<(OsString, OsString)>);

impl Persona {
    /// Whom the name of the program means: the first of `argv`, without folders and `.exe`.
    pub(crate) fn named(program: &OsStr) -> Option<Self> {
        match Path::new(program).file_stem()?.to_str()? {
            "sops" => Some(Self::Sops),
            "kubeseal" => Some(Self::Kubeseal),
            _ => None,
        }
    }

    /// Does what the words say; failures are told as the program tells them.
    pub(crate) fn run(self, call: &mut Call<'_, '_>) -> ExitCode {
        match self {
            Self::Sops => sops::run(call),
            Self::Kubeseal => kubeseal::run(call),
        }
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self::from(&variables[..])
    }
}

#[cfg(test)]
impl From<&[(&str, &str)]> for Environment {
    fn from(variables: &[(&str, &str)]) -> Self {
        Self(variables.iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Words {
    pub(crate) fn as_slice(&self) -> &[OsString] {
        &self.words
    }
}

impl Environment {
    /// The variables of this process.
    pub(crate) fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// All variables, as a child inherits them.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The value of a variable that is set, even to nothing.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_os_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_program_says_whose_words_it_takes() {
        #[rustfmt::skip]
        let cases = [
            ("sops",                   Some(Persona::Sops)),
            ("/usr/local/bin/sops",    Some(Persona::Sops)),
            ("./kubeseal",             Some(Persona::Kubeseal)),
            ("sealctl",                None),
            ("sops-old",               None),
            ("",                       None),
        ];
        for (program, persona) in cases {
            assert_eq!(Persona::named(OsStr::new(program)), persona, "{program}");
        }
    }
}
