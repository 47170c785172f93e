//! Plugins: recipients and identities that a program of their own knows, `age-plugin-NAME`.
//!
//! ```text
//! we:      -> add-recipient age1name1…      -> wrap-file-key     -> done
//! plugin:  -> msg | request-secret | …      -> recipient-stanza 0 TYPE ARG…     -> done
//! ```
//!
//! The two state machines of <https://c2sp.org/age-plugin> run over a pair of pipes. Who starts
//! the program, and speaks with the person at the keyboard, is the [`Host`].

mod dialog;

use std::io::{self, Read, Write};

use super::{seal::FileKey, stanza::Stanza};
use crate::plaintext::Plaintext;
use dialog::Dialog;

/// Starts plugins, and speaks for them with the person at the keyboard.
pub trait Host {
    /// Starts `program` with the one argument `--age-plugin=MACHINE`.
    fn start(&self, program: &str, machine: &str) -> io::Result<Pipes>;

    /// Shows what the plugin has to say.
    fn tell(&self, plugin: &Name, message: &str);

    /// Asks for a value, which is not shown while it is typed if it is `secret`.
    fn ask(&self, plugin: &Name, prompt: &str, secret: bool) -> Option<Plaintext>;

    /// Asks whether to go on: `yes` and `no` are the words for the choices, the latter may be absent.
    fn confirm(&self, plugin: &Name, prompt: &str, yes: &str, no: Option<&str>) -> Option<bool>;
}

/// A started plugin. It ends when both are dropped.
pub struct Pipes {
    /// What it reads.
    pub input: Box<dyn Write>,
    /// What it writes.
    pub output: Box<dyn Read>,
}

/// The name of a plugin: the name of its program, without `age-plugin-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// Why a plugin was of no use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody can start it.
    #[error("a key of the plugin `{0}` is needed, and plugins are not run here; use `sealctl`")]
    NoHost(String),
    /// It does not start.
    #[error("could not start the plugin `age-plugin-{plugin}`; is it installed and in `PATH`?")]
    Start {
        /// Its name.
        plugin: String,
        /// What went wrong.
        source: io::Error,
    },
    /// It ended, or cannot be talked to.
    #[error("the plugin `age-plugin-{plugin}` broke off")]
    Broken {
        /// Its name.
        plugin: String,
        /// What went wrong.
        source: io::Error,
    },
    /// It does not keep to the protocol.
    #[error("the plugin `age-plugin-{plugin}` does not keep to the protocol: {why}")]
    Protocol {
        /// Its name.
        plugin: String,
        /// What it did.
        why: &'static str,
    },
    /// It says why it failed.
    #[error("the plugin `age-plugin-{plugin}` failed: {message}")]
    Failed {
        /// Its name.
        plugin: String,
        /// What it says.
        message: String,
    },
}

impl Name {
    /// A name of letters, digits and `+-._`. Nothing else becomes a part of a program's path.
    pub(super) fn new(name: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
        (!name.is_empty() && name.bytes().all(allowed)).then(|| Self(name.to_ascii_lowercase()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn start<'h>(&'h self, machine: &str, host: Option<&'h dyn Host>) -> Result<Dialog<'h>, Error> {
        let host = host.ok_or_else(|| Error::NoHost(self.0.clone()))?;
        let pipes = host
            .start(&format!("age-plugin-{}", self.0), machine)
            .map_err(|source| Error::Start { plugin: self.0.clone(), source })?;
        Ok(Dialog::new(self, host, pipes))
    }
}

/// The stanzas that the plugin makes of a file key, and the labels of its recipient.
pub(super) fn wrap(
    name: &Name,
    recipient: &str,
    file_key: &FileKey,
    host: Option<&dyn Host>,
) -> Result<(Vec<Stanza>, Vec<String>), Error> {
    let mut dialog = name.start("recipient-v1", host)?;
    dialog.send("add-recipient", &[recipient], &[])?;
    dialog.send("extension-labels", &[], &[])?;
    dialog.send("wrap-file-key", &[], file_key.expose())?;
    dialog.send("done", &[], &[])?;
    let (mut stanzas, mut labels) = (Vec::new(), None);
    while let Some(stanza) = dialog.hear()? {
        match stanza.kind.as_str() {
            "recipient-stanza" => {
                let mut args = stanza.args.into_iter();
                if args.next().as_deref() != Some("0") {
                    return Err(dialog.breach("it answers for a file that there is not"));
                }
                let kind = args.next().ok_or_else(|| dialog.breach("a stanza has no type"))?;
                stanzas.push(Stanza { kind, args: args.collect(), body: stanza.body });
                dialog.send("ok", &[], &[])?;
            }
            "labels" if labels.is_none() => {
                labels = Some(stanza.args);
                dialog.send("ok", &[], &[])?;
            }
            "labels" => return Err(dialog.breach("it sends its labels twice")),
            _ => dialog.send("unsupported", &[], &[])?,
        }
    }
    if stanzas.is_empty() {
        return Err(dialog.breach("it wraps nothing"));
    }
    Ok((stanzas, labels.unwrap_or_default()))
}

/// The file key, if the plugin finds one in the stanzas.
pub(super) fn unwrap(
    name: &Name,
    identity: &str,
    stanzas: &[Stanza],
    host: Option<&dyn Host>,
) -> Result<Option<FileKey>, Error> {
    let mut dialog = name.start("identity-v1", host)?;
    dialog.send("add-identity", &[identity], &[])?;
    for stanza in stanzas {
        let args = ["0", &stanza.kind].into_iter().chain(stanza.args.iter().map(String::as_str));
        dialog.send("recipient-stanza", &args.collect::<Vec<_>>(), &stanza.body)?;
    }
    dialog.send("done", &[], &[])?;
    let mut file_key = None;
    while let Some(stanza) = dialog.hear()? {
        match stanza.kind.as_str() {
            "file-key" => {
                if stanza.args != ["0"] || file_key.is_some() {
                    return Err(dialog.breach("it answers for a file that there is not"));
                }
                let body = zeroize::Zeroizing::new(stanza.body);
                let key = FileKey::new(&body);
                file_key = Some(key.ok_or_else(|| dialog.breach("its file key is none"))?);
                dialog.send("ok", &[], &[])?;
            }
            _ => dialog.send("unsupported", &[], &[])?,
        }
    }
    Ok(file_key)
}
