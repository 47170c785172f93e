//! `sealctl completions` and `sealctl man`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{
    args, file,
    terminal::{Report, Streams},
};

/// Prints the completions of a shell.
///
/// Example: `sealctl completions bash > /etc/bash_completion.d/sealctl`
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

/// Prints the manual page of sealctl, or of one of its commands.
///
/// Example: `sealctl man encrypt | man -l -`
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The command; without it, sealctl itself.
    name: Option<String>,
}

/// Why nothing could be generated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no command `{0}`")]
    Unknown(String),
    #[error("could not render the manual page")]
    Render(#[source] std::io::Error),
    #[error(transparent)]
    File(#[from] file::Error),
}

impl Report for Error {}

pub(crate) fn completions(args: &Completions, streams: &mut Streams<'_>) -> Result<(), Error> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut args::Args::command(), "sealctl", &mut text);
    Ok(file::write(None, &text, file::Readers::AsBefore, streams)?)
}

pub(crate) fn man(args: &Man, streams: &mut Streams<'_>) -> Result<(), Error> {
    let mut command = args::Args::command();
    command.build();
    if let Some(name) = &args.name {
        let found = command.find_subcommand(name).ok_or_else(|| Error::Unknown(name.clone()))?;
        command = found.clone().display_name(format!("sealctl-{name}"));
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text).map_err(Error::Render)?;
    Ok(file::write(None, &text, file::Readers::AsBefore, streams)?)
}
