//! `imagebot completions` and `imagebot man`.

use std::io;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{
    Verdict,
    terminal::{Report, Streams},
};
use crate::args::Typed;

/// Prints the completions of a shell.
///
/// Example: `imagebot completions bash > /etc/bash_completion.d/imagebot`
#[derive(Clone, Debug, clap::Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// Prints the manual page of imagebot, or of one of its commands.
///
/// Example: `imagebot man update | man -l -`
#[derive(Clone, Debug, clap::Args)]
pub struct Man {
    /// The command; without it, imagebot itself
    name: Option<String>,
}

/// Why nothing could be generated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no command `{0}`")]
    Unknown(String),
    #[error("could not render the manual page")]
    Render(#[source] io::Error),
    #[error("could not write standard output")]
    Output(#[source] io::Error),
}

impl Report for Error {}

pub(crate) fn completions(args: &Completions, streams: &mut Streams<'_>) -> Result<Verdict, Error> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Typed::command(), "imagebot", &mut text);
    streams.output.write_all(&text).map_err(Error::Output)?;
    Ok(Verdict::Yes)
}

pub(crate) fn man(args: &Man, streams: &mut Streams<'_>) -> Result<Verdict, Error> {
    let mut command = Typed::command();
    command.build();
    if let Some(name) = &args.name {
        let found = command.find_subcommand(name).ok_or_else(|| Error::Unknown(name.clone()))?;
        command = found.clone().display_name(format!("imagebot-{name}"));
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text).map_err(Error::Render)?;
    streams.output.write_all(&text).map_err(Error::Output)?;
    Ok(Verdict::Yes)
}
