//! Plugins of age, and what is asked of the person at the keyboard on their behalf.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use nix::sys::termios::{self, LocalFlags, SetArg};
use sealer_core::{
    age::plugin::{Host, Name, Pipes},
    plaintext::Plaintext,
};
use zeroize::Zeroizing;

/// The terminal of this process, if it has one: whatever its standard streams are.
pub(crate) struct Terminal;

impl Terminal {
    /// A passphrase, which is not shown while it is typed.
    pub(super) fn passphrase(prompt: &str) -> Option<Plaintext> {
        let (mut terminal, typed) = answer(prompt, true)?;
        writeln!(terminal).ok()?;
        Some(Plaintext::new(typed.as_bytes().to_vec()))
    }
}

impl Terminal {
    /// Asks until the answer is `y` or `n`; nothing without a terminal.
    pub(crate) fn agrees(question: &str) -> Option<bool> {
        loop {
            let (_, typed) = answer(question, false)?;
            match typed.trim() {
                "y" => return Some(true),
                "n" => return Some(false),
                _ => {}
            }
        }
    }
}

/// What is typed behind `prompt`, without its line break.
fn answer(prompt: &str, secret: bool) -> Option<(File, Zeroizing<String>)> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
    write!(terminal, "{prompt} ").ok()?;
    let before = termios::tcgetattr(&terminal).ok()?;
    if secret {
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        termios::tcsetattr(&terminal, SetArg::TCSAFLUSH, &silent).ok()?;
    }
    let mut typed = Zeroizing::new(String::new());
    let read = BufReader::new(terminal.try_clone().ok()?).read_line(&mut typed);
    // Whatever was typed, the terminal shows again what is typed next.
    let restored = termios::tcsetattr(&terminal, SetArg::TCSAFLUSH, &before);
    read.ok()?;
    restored.ok()?;
    let length = typed.trim_end_matches(['\n', '\r']).len();
    typed.truncate(length);
    Some((terminal, typed))
}

impl Host for Terminal {
    fn start(&self, program: &str, machine: &str) -> io::Result<Pipes> {
        let mut child = Command::new(program)
            .arg(format!("--age-plugin={machine}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("the plugin has no pipes");
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = child.stdout.take().ok_or_else(missing)?;
        Ok(Pipes { input: Box::new(input), output: Box::new(output) })
    }

    fn tell(&self, plugin: &Name, message: &str) {
        // Without a terminal there is nobody to tell.
        if let Ok(mut terminal) = OpenOptions::new().write(true).open("/dev/tty") {
            let _ = writeln!(terminal, "age-plugin-{}: {message}", plugin.as_str());
        }
    }

    fn ask(&self, plugin: &Name, prompt: &str, secret: bool) -> Option<Plaintext> {
        let prompt = format!("age-plugin-{}: {prompt}", plugin.as_str());
        if secret {
            return Self::passphrase(&prompt);
        }
        answer(&prompt, false).map(|(_, typed)| Plaintext::new(typed.as_bytes().to_vec()))
    }

    fn confirm(&self, plugin: &Name, prompt: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let choices = match no {
            Some(no) => format!("y: {yes}, n: {no}"),
            None => format!("y: {yes}"),
        };
        loop {
            let (_, typed) =
                answer(&format!("age-plugin-{}: {prompt} ({choices})", plugin.as_str()), false)?;
            match typed.trim() {
                "y" => return Some(true),
                "n" if no.is_some() => return Some(false),
                _ => {}
            }
        }
    }
}
