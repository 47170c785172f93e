//! The user's editor.

use std::{
    env::split_paths,
    io,
    path::Path,
    process::{Command, ExitStatus},
};

use crate::{
    child::{self, End, Signals},
    persona::Environment,
};

/// What is looked for if nothing says which editor to use.
const KNOWN: [&str; 3] = ["vim", "nano", "vi"];

/// An editor that can be started.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Editor(Vec<String>);

/// Why there is no editor, or why it failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "no editor available: set SOPS_EDITOR or EDITOR, or install one of {}", KNOWN.join(", ")
    )]
    None,
    #[error("invalid ${variable}: {command}")]
    Command { variable: &'static str, command: String },
    #[error("could not start `{program}`")]
    Start { program: String, source: io::Error },
    #[error("{}", child::said(*.0))]
    Failed(ExitStatus),
    #[error("User canceled operation")]
    Interrupted,
}

impl Editor {
    /// `SOPS_EDITOR`, else `EDITOR`, else one that is installed.
    pub(crate) fn of(environment: &Environment) -> Result<Self, Error> {
        for variable in ["SOPS_EDITOR", "EDITOR"] {
            let command = environment.get(variable).map(|command| command.to_string_lossy());
            let Some(command) = command.filter(|command| !command.is_empty()) else { continue };
            let words = shlex::split(&command).filter(|words| !words.is_empty());
            let refuse = || Error::Command { variable, command: command.into_owned() };
            return words.map(Self).ok_or_else(refuse);
        }
        let path = environment.get("PATH").unwrap_or_default();
        let installed =
            |name: &&str| split_paths(path).any(|folder| is_program(&folder.join(name)));
        let name = KNOWN.into_iter().find(installed).ok_or(Error::None)?;
        Ok(Self(vec![name.to_owned()]))
    }

    /// Lets the user edit a file, and waits.
    pub(crate) fn open(&self, file: &Path) -> Result<(), Error> {
        let (program, arguments) = self.0.split_first().ok_or(Error::None)?;
        let mut command = Command::new(program);
        command.args(arguments).arg(file);
        let started = child::run(command, Signals::End);
        match started.map_err(|source| Error::Start { program: program.clone(), source })? {
            End::Interrupted => Err(Error::Interrupted),
            End::Exited(status) if status.success() => Ok(()),
            End::Exited(status) => Err(Error::Failed(status)),
        }
    }
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_say_which_editor_with_which_words() {
        type Case<'c> = (&'c [(&'c str, &'c str)], &'c [&'c str]);
        #[rustfmt::skip]
        let cases: &[Case<'_>] = &[
            (&[("SOPS_EDITOR", "code --wait"), ("EDITOR", "vi")], &["code", "--wait"]),
            (&[("SOPS_EDITOR", ""), ("EDITOR", "'my editor' -n")], &["my editor", "-n"]),
            (&[("PATH", "/nowhere"), ("EDITOR", "")],             &[]),
            (&[("EDITOR", "vi 'open")],                           &[]),
        ];
        for (variables, words) in cases {
            let found = Editor::of(&Environment::from(*variables));
            let found = found.map(|Editor(words)| words).unwrap_or_default();
            assert_eq!(found, *words, "{variables:?}");
        }
    }
}
