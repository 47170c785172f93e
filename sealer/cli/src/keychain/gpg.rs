//! PGP keys that live with GnuPG: it is asked in a process of its own, as by sops.

use std::{
    ffi::OsString,
    io::Write as _,
    process::{Command, Stdio},
    thread,
};

use sealer_core::{plaintext::Plaintext, sops::key::KeyError};

use crate::persona::Environment;

/// The program `gpg` and its surroundings.
pub(super) struct Gpg {
    program: OsString,
}

impl Gpg {
    /// `SOPS_GPG_EXEC`, else `gpg`. It finds `GNUPGHOME` by itself.
    pub(super) fn new(environment: &Environment) -> Self {
        let given = environment.get("SOPS_GPG_EXEC").filter(|program| !program.is_empty());
        Self { program: given.unwrap_or("gpg".as_ref()).to_owned() }
    }

    /// What an armored message holds.
    pub(super) fn open(&self, message: &str) -> Result<Plaintext, KeyError> {
        let opened = self.run(&["-d"], message.as_bytes())?;
        if opened.expose().is_empty() {
            // Old versions drop packets that they do not know, and call that success.
            return Err(KeyError::Failed("gpg decrypted nothing at all".to_owned()));
        }
        Ok(opened)
    }

    /// `part` as an armored message for a key of the user's keyring.
    pub(super) fn wrap(&self, fingerprint: &str, part: &Plaintext) -> Result<String, KeyError> {
        let long = fingerprint.get(fingerprint.len().saturating_sub(16)..).unwrap_or(fingerprint);
        #[rustfmt::skip]
        let arguments = [
            "--no-default-recipient", "--yes", "--encrypt", "-a", "-r", fingerprint,
            "--trusted-key", long, "--no-encrypt-to",
        ];
        let message = self.run(&arguments, part.expose())?;
        let text = std::str::from_utf8(message.expose()).map(str::trim);
        let text = text.map_err(|_| KeyError::Failed("gpg printed no armor".to_owned()))?;
        Ok(text.to_owned())
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Result<Plaintext, KeyError> {
        let failed = |what: String| KeyError::Failed(format!("GnuPG binary error: {what}"));
        let mut child = Command::new(&self.program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|err| {
                failed(format!("could not start `{}`: {err}", self.program.display()))
            })?;
        let stdin = child.stdin.take();
        let output = thread::scope(|scope| {
            // It may refuse before it has read all: then its message says why.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
            child.wait_with_output()
        });
        let output = output.map_err(|err| failed(err.to_string()))?;
        let printed = Plaintext::new(output.stdout);
        if output.status.success() {
            return Ok(printed);
        }
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}
