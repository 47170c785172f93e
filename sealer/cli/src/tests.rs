//! What a person sees: help, products, and every error with its hint.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{CommandFactory as _, FromArgMatches as _, Parser as _};

use super::*;

mod cluster;
mod help;
mod rules;
mod seal;
mod sealed;
mod sops;

/// What one run printed.
struct Shown {
    code: ExitCode,
    output: String,
    messages: String,
}

impl Shown {
    #[track_caller]
    fn product(self) -> String {
        assert_eq!((self.code, self.messages.as_str()), (ExitCode::SUCCESS, ""));
        self.output
    }

    /// The messages of a failed run, which has no product.
    #[track_caller]
    fn failure(self) -> String {
        assert_eq!((self.code, self.output.as_str()), (ExitCode::from(2), ""));
        self.messages
    }
}

/// Runs one command line; words are separated by blanks.
#[track_caller]
fn sealctl(line: &str, input: &str) -> Shown {
    let line: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    words(&line, input)
}

/// Runs one command line of these words.
#[track_caller]
fn words(line: &[&str], input: &str) -> Shown {
    let matches = hermetic().try_get_matches_from([&["sealctl"][..], line].concat());
    let args = matches.and_then(|matches| Args::from_arg_matches(&matches));
    let args = args.unwrap_or_else(|err| panic!("{line:?}: {err}"));
    let (mut output, mut messages) = (Vec::new(), Vec::new());
    let mut streams = Streams {
        interactive: false,
        input: &mut input.as_bytes(),
        output: &mut output,
        messages: &mut messages,
    };
    let result = run(&args, &mut streams);
    let code = result.unwrap_or_else(|err| explain(&*err, streams.messages));
    let text = |bytes| String::from_utf8(bytes).expect("what is printed is text");
    Shown { code, output: text(output), messages: text(messages) }
}

/// The command line without the environment of the person who runs the tests.
fn hermetic() -> clap::Command {
    let no_variable = |arg: clap::Arg| arg.env(None::<&'static str>);
    Args::command().mut_subcommands(move |command| command.mut_args(no_variable))
}

/// A fixture of sealer-core.
fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/fixtures");
    folder.join(name).to_str().expect("the path is text").to_owned()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("the test may write to the temporary directory")
}

fn write(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn public(file: &str) -> String {
    let text = fs::read_to_string(fixture(file)).unwrap();
    text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned()
}
