//! Which servers are trusted: the lines of a `known_hosts` file.
//!
//! See the section of that name in [sshd(8)](https://man.openbsd.org/sshd.8#SSH_KNOWN_HOSTS_FILE_FORMAT).
//! A line that cannot be read is an error, not a line less.

use aws_lc_rs::{digest, hmac};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};

use crate::Error;

/// The servers that are trusted.
pub(crate) struct KnownHosts {
    text: Vec<u8>,
    lines: Vec<Line>,
}

struct Line {
    number: usize,
    marker: Marker,
    hosts: Hosts,
    key: HostKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    None,
    Authority,
    Revoked,
}

enum Hosts {
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
    Patterns(Vec<String>),
}

/// A public key, as a server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostKey {
    pub(super) algorithm: String,
    pub(super) blob: Vec<u8>,
}

/// What is known about one server.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Its keys, with the numbers of their lines.
    pub(super) keys: Vec<(usize, HostKey)>,
    /// The keys of authorities that may vouch for it.
    pub(super) authorities: Vec<HostKey>,
    /// Keys that are no longer trusted.
    pub(super) revoked: Vec<HostKey>,
}

impl KnownHosts {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Error::KnownHosts { line: None, why: "it is not text" })?;
        let mut lines = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let number = index + 1;
            let wrong = |why| Error::KnownHosts { line: Some(number), why };
            lines.push(Line::parse(number, line).map_err(wrong)?);
        }
        if lines.is_empty() {
            let why = "it is empty; put there what `ssh-keyscan HOST` prints, and compare it";
            return Err(Error::KnownHosts { line: None, why });
        }
        Ok(Self { text: bytes.to_vec(), lines })
    }

    /// What it was made of.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// What is known about the server at `host` and `port`.
    pub(super) fn of(&self, host: &str, port: u16) -> Known {
        let name = name(host, port);
        let mut known = Known::default();
        for line in self.lines.iter().filter(|line| line.hosts.has(&name)) {
            match line.marker {
                Marker::None => known.keys.push((line.number, line.key.clone())),
                Marker::Authority => known.authorities.push(line.key.clone()),
                Marker::Revoked => known.revoked.push(line.key.clone()),
            }
        }
        known
    }
}

/// How `known_hosts` calls a server.
pub(super) fn name(host: &str, port: u16) -> String {
    if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") }
}

impl Line {
    fn parse(number: usize, line: &str) -> Result<Self, &'static str> {
        let mut fields = line.split_ascii_whitespace().peekable();
        let marker = match fields.peek() {
            Some(&"@cert-authority") => Marker::Authority,
            Some(&"@revoked") => Marker::Revoked,
            Some(marker) if marker.starts_with('@') => {
                return Err("has a marker other than `@cert-authority` and `@revoked`");
            }
            _ => Marker::None,
        };
        if marker != Marker::None {
            fields.next();
        }
        let (Some(hosts), Some(algorithm), Some(blob)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return Err("is not `HOST TYPE KEY`");
        };
        let blob = STANDARD.decode(blob).map_err(|_| "has a key that is no base64")?;
        let key = HostKey { algorithm: algorithm.to_owned(), blob };
        if key.inner() != Some(algorithm) {
            return Err("has a key of another type than it says");
        }
        Ok(Self { number, marker, hosts: Hosts::parse(hosts)?, key })
    }
}

impl Hosts {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let Some(hashed) = text.strip_prefix('|') else {
            return Ok(Self::Patterns(text.split(',').map(str::to_lowercase).collect()));
        };
        let parts: Vec<&str> = hashed.split('|').collect();
        let ["1", salt, hash] = parts[..] else {
            return Err("has a host that is hashed in an unknown way");
        };
        match (STANDARD.decode(salt), STANDARD.decode(hash)) {
            (Ok(salt), Ok(hash)) => Ok(Self::Hashed { salt, hash }),
            _ => Err("has a hashed host that is no base64"),
        }
    }

    /// Whether these are the hosts of a line that speaks of `name`.
    fn has(&self, name: &str) -> bool {
        match self {
            Self::Hashed { salt, hash } => {
                let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
                hmac::verify(&key, name.as_bytes(), hash).is_ok()
            }
            Self::Patterns(patterns) => {
                let matches = |pattern: &str| glob(pattern.as_bytes(), name.as_bytes());
                let denied = patterns.iter().filter_map(|pattern| pattern.strip_prefix('!'));
                let mut allowed = patterns.iter().filter(|pattern| !pattern.starts_with('!'));
                !denied.into_iter().any(matches) && allowed.any(|pattern| matches(pattern))
            }
        }
    }
}

impl HostKey {
    /// The type that the key itself says.
    fn inner(&self) -> Option<&str> {
        let (length, rest) = self.blob.split_at_checked(4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?);
        std::str::from_utf8(rest.get(..usize::try_from(length).ok()?)?).ok()
    }

    /// The fingerprint that `ssh-keygen -l` prints, and the type.
    pub(super) fn fingerprint(&self) -> String {
        let digest = digest::digest(&digest::SHA256, &self.blob);
        format!("SHA256:{} ({})", STANDARD_NO_PAD.encode(digest.as_ref()), self.algorithm)
    }
}

/// Whether `pattern`, in which `*` is any text and `?` any character, is `text`.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || *wanted == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match &mut star {
                Some((before, from)) => {
                    *from += 1;
                    (at, seen) = (*before + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests;
