//! age identities, and where they are: variables, files, commands and plugins.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, OnceLock},
};

use sealer_core::{
    age::{self, Identity, Malformed, Passphrase, Recipient},
    plaintext::Plaintext,
    sops::key::KeyError,
};

use super::host::Terminal;
use crate::persona::Environment;

/// Where identities are looked for. All that are found are used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// Identities as text: `SOPS_AGE_KEY`.
    pub(crate) key: Option<Arc<Plaintext>>,
    /// A file of them: `SOPS_AGE_KEY_FILE`.
    pub(crate) key_file: Option<PathBuf>,
    /// A command that prints them: `SOPS_AGE_KEY_CMD`.
    pub(crate) key_cmd: Option<String>,
    /// A private key of OpenSSH: `SOPS_AGE_SSH_PRIVATE_KEY_FILE`.
    pub(crate) ssh_file: Option<PathBuf>,
    /// A command that prints one: `SOPS_AGE_SSH_PRIVATE_KEY_CMD`.
    pub(crate) ssh_cmd: Option<String>,
    /// The home of the user, for keys that nobody named: `HOME`.
    pub(crate) home: Option<PathBuf>,
    /// The folder of configuration, if not below the home: `XDG_CONFIG_HOME`.
    pub(crate) config_home: Option<PathBuf>,
}

/// The identities that were found, read when they are first needed.
pub(super) struct Chain {
    places: Places,
    found: OnceLock<Found>,
    terminal: Terminal,
}

/// What the places hold, and what is wrong with them. One that is broken does not hide the others.
#[derive(Default)]
struct Found {
    identities: Vec<Identity>,
    /// Files of identities that a passphrase protects: asked for only if nothing else opens.
    encrypted: Vec<(String, Plaintext)>,
    broken: Vec<String>,
}

impl Places {
    /// The places that variables name.
    pub(crate) fn of(environment: &Environment) -> Self {
        let path = |name| environment.get(name).map(PathBuf::from);
        let text = |name| environment.get(name).map(|text| text.to_string_lossy().into_owned());
        Self {
            key: text("SOPS_AGE_KEY").map(|text| Arc::new(text.into())),
            key_file: path("SOPS_AGE_KEY_FILE"),
            key_cmd: text("SOPS_AGE_KEY_CMD"),
            ssh_file: path("SOPS_AGE_SSH_PRIVATE_KEY_FILE"),
            ssh_cmd: text("SOPS_AGE_SSH_PRIVATE_KEY_CMD"),
            home: path("HOME"),
            config_home: path("XDG_CONFIG_HOME"),
        }
    }

    /// `sops/age/keys.txt` in the user's folder of configuration.
    fn default_file(&self) -> Option<PathBuf> {
        let given = self.config_home.clone().filter(|path| !path.as_os_str().is_empty());
        let place =
            if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
        let folder = given.or_else(|| self.home.as_ref().map(|home| home.join(place)))?;
        Some(folder.join("sops/age/keys.txt"))
    }

    /// The user's own ssh keys, of which age takes these kinds.
    fn own_ssh_keys(&self) -> impl Iterator<Item = PathBuf> {
        let home = self.home.clone().filter(|home| !home.as_os_str().is_empty());
        let names = ["id_ed25519", "id_rsa"];
        home.into_iter().flat_map(move |home| names.map(|name| home.join(".ssh").join(name)))
    }
}

impl Chain {
    pub(super) fn new(places: Places) -> Self {
        Self { places, found: OnceLock::new(), terminal: Terminal }
    }

    /// What is wrapped for `recipient`. Commands run, and passphrases are asked for, only if nothing
    /// else opens it.
    pub(super) fn open(&self, recipient: &str, enc: &str) -> Result<Plaintext, KeyError> {
        let found = self.found.get_or_init(|| Found::at(&self.places));
        let file = enc.trim().as_bytes();
        let mut broken = found.broken.clone();
        let refused = match age::decrypt(file, &found.identities, Some(&self.terminal)) {
            Ok(part) => return Ok(part),
            Err(error) => error,
        };
        let mut more = Found::default();
        let commands = [
            ("SOPS_AGE_SSH_PRIVATE_KEY_CMD", &self.places.ssh_cmd),
            ("SOPS_AGE_KEY_CMD", &self.places.key_cmd),
        ];
        for (name, command) in commands {
            let Some(command) = command else { continue };
            match ask(command, recipient) {
                Ok(printed) => more.add(name, printed),
                Err(reason) => more.broken.push(reason),
            }
        }
        if let Ok(part) = age::decrypt(file, &more.identities, Some(&self.terminal)) {
            return Ok(part);
        }
        broken.append(&mut more.broken);
        let unlocked = unlocked(found, &more, &refused, &mut broken);
        if let Ok(part) = age::decrypt(file, &unlocked, Some(&self.terminal)) {
            return Ok(part);
        }
        let nobody = found.identities.is_empty() && more.identities.is_empty();
        Err(refusal(nobody, &refused, &broken))
    }
}

/// The identities that a passphrase protects, of which one may be the right one.
fn unlocked(
    found: &Found,
    more: &Found,
    refused: &age::Error,
    broken: &mut Vec<String>,
) -> Vec<Identity> {
    let mut unlocked = Vec::new();
    for (place, text) in found.encrypted.iter().chain(&more.encrypted) {
        let prompt = format!("Enter passphrase for identity '{place}':");
        let Some(words) = Terminal::passphrase(&prompt) else {
            broken.push(format!("'{place}' is encrypted, and there is no terminal to ask on"));
            continue;
        };
        let key = Identity::passphrase(Passphrase::new(words));
        let opened = age::decrypt(text.expose(), &[key], None);
        match opened
            .map_err(|_| "incorrect passphrase".to_owned())
            .and_then(|text| age::parse_identities(&text).map_err(|error| error.to_string()))
        {
            Ok(identities) => unlocked.extend(identities),
            Err(reason) => broken.push(format!("failed to open '{place}': {reason}")),
        }
    }
    let age::Error::Locked { public } = refused else { return unlocked };
    for locked in found.identities.iter().filter_map(Identity::is_locked) {
        if locked.public() != *public {
            continue;
        }
        let prompt = format!("Enter passphrase for the ssh key '{public}':");
        match Terminal::passphrase(&prompt).map(|words| locked.unlock(&words)) {
            Some(Ok(identity)) => unlocked.push(identity),
            Some(Err(error)) => broken.push(error.to_string()),
            None => broken.push("there is no terminal to ask for its passphrase".to_owned()),
        }
    }
    unlocked
}

fn refusal(nobody: bool, refused: &age::Error, broken: &[String]) -> KeyError {
    let broken = match broken {
        [] => String::new(),
        broken => format!(". Errors while loading age identities: {}", broken.join("; ")),
    };
    match refused {
        age::Error::NoMatch if nobody => KeyError::Missing(format!(
            "failed to load age identities: {}{broken}",
            crate::identities::REMEDY
        )),
        age::Error::NoMatch => KeyError::Missing(format!("{refused}{broken}")),
        other => KeyError::Failed(format!("{other}{broken}")),
    }
}

impl Found {
    /// What is there without asking anybody.
    fn at(places: &Places) -> Self {
        let mut found = Self::default();
        if let Some(path) = &places.ssh_file {
            found.read(path);
        }
        // Nobody named these, so their absence is no error.
        for path in places.own_ssh_keys().filter(|path| path.exists()) {
            found.read(&path);
        }
        if let Some(text) = &places.key {
            found.add("SOPS_AGE_KEY", one_a_line(text));
        }
        if let Some(path) = &places.key_file {
            found.read(path);
        }
        if let Some(path) = places.default_file().filter(|path| path.exists()) {
            found.read(&path);
        }
        found
    }

    fn read(&mut self, path: &Path) {
        let place = path.display().to_string();
        match fs::read(path) {
            Ok(bytes) => self.add(&place, Plaintext::new(bytes)),
            Err(err) => self.broken.push(format!("could not read {place}: {err}")),
        }
    }

    fn add(&mut self, place: &str, text: Plaintext) {
        match age::parse_identities(&text) {
            Ok(identities) => self.identities.extend(identities),
            Err(Malformed::Encrypted) => self.encrypted.push((place.to_owned(), text)),
            Err(error) => self.broken.push(format!("failed to parse '{place}': {error}")),
        }
    }
}

/// The text with one identity a line: the variable takes blanks between them too.
fn one_a_line(text: &Plaintext) -> Plaintext {
    let text = text.expose();
    if text.contains(&b'#') || text.starts_with(b"-----BEGIN") {
        return Plaintext::new(text.to_vec());
    }
    let words: Vec<&[u8]> =
        text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    Plaintext::new(words.join(&b'\n'))
}

/// What a command prints, which is told the recipient. No shell reads it.
fn ask(command: &str, recipient: &str) -> Result<Plaintext, String> {
    let words = shlex::split(command).unwrap_or_default();
    let [program, arguments @ ..] = &words[..] else {
        return Err(format!("`{command}` is no command: it is empty, or a quote is not closed"));
    };
    let output = Command::new(program)
        .args(arguments)
        .env("SOPS_AGE_RECIPIENT", recipient)
        .stdin(Stdio::null())
        // What it has to say, and what it asks, is for the person at the keyboard.
        .stderr(Stdio::inherit())
        .output()
        .map_err(|err| format!("could not run `{program}`: {err}"))?;
    let printed = Plaintext::new(output.stdout);
    if output.status.success() {
        return Ok(printed);
    }
    Err(format!("`{program}` gave no identity for {recipient}: {}", output.status))
}

/// `part` as an armored age file for a recipient.
pub(super) fn wrap(recipient: &str, part: &Plaintext) -> Result<String, KeyError> {
    let failed = |error: &dyn std::error::Error| KeyError::Failed(error.to_string());
    let recipient = Recipient::parse(recipient).map_err(|error| failed(&error))?;
    age::encrypt_armored(part, &[recipient], Some(&Terminal), &mut rand::rng())
        .map_err(|error| failed(&error))
}
