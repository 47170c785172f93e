//! Stanzas: how one recipient reaches the file key, and what plugins say.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

const COLUMNS: usize = 64;

/// A line `-> KIND ARGUMENT…` and a body in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stanza {
    pub(super) kind: String,
    pub(super) args: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Stanza {
    /// The stanza that begins with `line`; `next` gives the lines that follow, without their ends.
    pub(super) fn read(
        line: &[u8],
        mut next: impl FnMut() -> Option<Vec<u8>>,
    ) -> Result<Self, &'static str> {
        let words = line.strip_prefix(b"-> ").ok_or("a line is no stanza")?;
        let words: Option<Vec<String>> = words.split(|byte| *byte == b' ').map(word).collect();
        let mut words = words.ok_or("a stanza has an argument that is none")?.into_iter();
        let kind = words.next().ok_or("a stanza has no type")?;
        let mut base64 = Vec::new();
        loop {
            let line = next().ok_or("a stanza is cut off")?;
            if line.len() > COLUMNS {
                return Err("a line of a stanza is too long");
            }
            base64.extend_from_slice(&line);
            if line.len() < COLUMNS {
                break;
            }
        }
        let body = STANDARD_NO_PAD.decode(base64).map_err(|_| "a stanza is not in base64")?;
        Ok(Self { kind, args: words.collect(), body })
    }

    /// Appends the stanza as text.
    pub(super) fn write(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(b"->");
        for word in std::iter::once(&self.kind).chain(&self.args) {
            into.push(b' ');
            into.extend_from_slice(word.as_bytes());
        }
        into.push(b'\n');
        let base64 = STANDARD_NO_PAD.encode(&self.body);
        for line in base64.as_bytes().chunks(COLUMNS) {
            into.extend_from_slice(line);
            into.push(b'\n');
        }
        if base64.len().is_multiple_of(COLUMNS) {
            // The last line is shorter than the others, or else empty.
            into.push(b'\n');
        }
    }

    /// The arguments, if there are so many.
    pub(super) fn args<const N: usize>(&self) -> Option<[&str; N]> {
        let args: Vec<_> = self.args.iter().map(String::as_str).collect();
        args.try_into().ok()
    }
}

fn word(bytes: &[u8]) -> Option<String> {
    let printable = !bytes.is_empty() && bytes.iter().all(|byte| (33..=126).contains(byte));
    printable.then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// An argument of bytes.
pub(super) fn bytes<const N: usize>(arg: &str) -> Option<[u8; N]> {
    STANDARD_NO_PAD.decode(arg).ok()?.try_into().ok()
}

/// Bytes as an argument.
pub(super) fn arg(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}
