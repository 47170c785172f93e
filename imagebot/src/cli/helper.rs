//! Programs that keep credentials, as Docker calls them: `docker-credential-NAME get`.
//!
//! ```text
//! stdin:  ghcr.io                                         (the server, as it was logged in to)
//! stdout: {"ServerURL": "ghcr.io", "Username": "ann", "Secret": "…"}
//! ```
//!
//! A program that has nothing for a server says so in one fixed sentence and fails. What it writes
//! to its standard error goes to ours: it may have something to ask.

use std::{
    io::{self, Read as _, Write as _},
    process::{Command, Stdio},
};

use zeroize::Zeroizing;

use crate::registry::{self, Keychain};

/// What a program says that has nothing.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// How long an answer may be.
const LONGEST_ANSWER: u64 = 256 << 10;

/// Why a program gave no credentials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("`{0}` is no name of a credential helper; it has letters, digits, `-`, `_` and `.`")]
    Name(String),
    #[error("could not run `{program}`")]
    Run { program: String, source: io::Error },
    #[error("`{program}` gave no credentials for `{server}`: {said}")]
    Refused { program: String, server: String, said: String },
    #[error("what `{program}` answered is no credential")]
    Answer { program: String, source: registry::Error },
}

/// What the program called `name` has for `host`. Blocks until it has ended.
pub(crate) fn ask(name: &str, host: &str) -> Result<Option<Keychain>, Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !name.bytes().all(fits) {
        return Err(Error::Name(name.to_owned()));
    }
    // Docker logs in to its own registry under this name.
    let server = if host == "index.docker.io" { "https://index.docker.io/v1/" } else { host };
    let program = format!("docker-credential-{name}");
    let (good, answer) =
        run(&program, server).map_err(|source| Error::Run { program: program.clone(), source })?;
    if good {
        let found = Keychain::parse_helped(host, &answer);
        return found.map(Some).map_err(|source| Error::Answer { program, source });
    }
    let said = String::from_utf8_lossy(&answer);
    let said = said.lines().next().unwrap_or_default().trim();
    if said == NOT_FOUND {
        return Ok(None);
    }
    let said = if said.is_empty() { "it failed without a word" } else { said };
    Err(Error::Refused { program, server: server.to_owned(), said: said.to_owned() })
}

/// Whether a program succeeded, and what it wrote.
fn run(program: &str, server: &str) -> io::Result<(bool, Zeroizing<Vec<u8>>)> {
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        match input.write_all(server.as_bytes()) {
            // It need not read what it does not want to know.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    // Room for all of it at once, so that no copy of a secret is left behind.
    let mut answer = Zeroizing::new(Vec::with_capacity(64 << 10));
    if let Some(output) = child.stdout.take() {
        output.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    }
    Ok((child.wait()?.success(), answer))
}
