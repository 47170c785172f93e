//! What both state machines of a plugin have in common: stanzas back and forth.

use std::io::{self, BufReader, Read, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use super::{Error, Host, Name, Pipes};
use crate::age::stanza::Stanza;

/// More than any stanza has; a plugin cannot fill the memory.
const MOST_BYTES: u64 = 1 << 20;

/// A conversation with one plugin.
pub(super) struct Dialog<'h> {
    name: &'h Name,
    host: &'h dyn Host,
    input: Box<dyn io::Write>,
    output: BufReader<Box<dyn Read>>,
}

impl<'h> Dialog<'h> {
    pub(super) fn new(name: &'h Name, host: &'h dyn Host, pipes: Pipes) -> Self {
        Self { name, host, input: pipes.input, output: BufReader::new(pipes.output) }
    }

    /// Says one stanza.
    pub(super) fn send(&mut self, kind: &str, args: &[&str], body: &[u8]) -> Result<(), Error> {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let mut text = zeroize::Zeroizing::new(Vec::new());
        let mut stanza = Stanza { kind: kind.to_owned(), args, body: body.to_vec() };
        stanza.write(&mut text);
        zeroize::Zeroize::zeroize(&mut stanza.body);
        let written = self.input.write_all(&text).and_then(|()| self.input.flush());
        written.map_err(|source| self.broken(source))
    }

    /// The next stanza that is no question to the person at the keyboard; none at the end.
    pub(super) fn hear(&mut self) -> Result<Option<Stanza>, Error> {
        loop {
            let stanza = self.read()?;
            match stanza.kind.as_str() {
                "done" => return Ok(None),
                "error" => {
                    self.send("ok", &[], &[])?;
                    let message = shown(&stanza.body);
                    return Err(Error::Failed { plugin: self.name.as_str().to_owned(), message });
                }
                "msg" => {
                    self.host.tell(self.name, &shown(&stanza.body));
                    self.send("ok", &[], &[])?;
                }
                "request-public" | "request-secret" => {
                    let secret = stanza.kind == "request-secret";
                    match self.host.ask(self.name, &shown(&stanza.body), secret) {
                        Some(answer) => self.send("ok", &[], answer.expose())?,
                        None => self.send("fail", &[], &[])?,
                    }
                }
                "confirm" => self.confirm(&stanza)?,
                _ => return Ok(Some(stanza)),
            }
        }
    }

    fn confirm(&mut self, stanza: &Stanza) -> Result<(), Error> {
        let word =
            |arg: &String| STANDARD_NO_PAD.decode(arg).map(|word| shown(&word)).map_err(|_| ());
        let words: Result<Vec<_>, ()> = stanza.args.iter().map(word).collect();
        let words = words.map_err(|()| self.breach("a choice is not in base64"))?;
        let (yes, no) = match words.as_slice() {
            [yes] => (yes, None),
            [yes, no] => (yes, Some(no.as_str())),
            _ => return Err(self.breach("it asks without choices, or with too many")),
        };
        match self.host.confirm(self.name, &shown(&stanza.body), yes, no) {
            Some(true) => self.send("ok", &["yes"], &[]),
            Some(false) => self.send("ok", &["no"], &[]),
            None => self.send("fail", &[], &[]),
        }
    }

    fn read(&mut self) -> Result<Stanza, Error> {
        let mut output = self.output.by_ref().take(MOST_BYTES);
        let mut failure = None;
        let mut next = || match line(&mut output) {
            Ok(line) => Some(line),
            Err(error) => {
                failure = Some(error);
                None
            }
        };
        let read = match next() {
            Some(first) => Stanza::read(&first, &mut next),
            None => Err("it says nothing"),
        };
        match failure {
            Some(source) => Err(self.broken(source)),
            None => read.map_err(|why| self.breach(why)),
        }
    }

    fn broken(&self, source: io::Error) -> Error {
        Error::Broken { plugin: self.name.as_str().to_owned(), source }
    }

    pub(super) fn breach(&self, why: &'static str) -> Error {
        Error::Protocol { plugin: self.name.as_str().to_owned(), why }
    }
}

/// A line without its end.
fn line(output: &mut impl io::BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    output.read_until(b'\n', &mut line)?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// What a plugin says, without what would move the cursor of a terminal.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.chars().filter(|it| !it.is_control() || *it == '\n').collect()
}
