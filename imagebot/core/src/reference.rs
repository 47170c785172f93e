//! Names of images: which registry, which repository, which tag or digest.
//!
//! Docker Hub has three names and an implied folder; here it is always `index.docker.io` and
//! `library/`, as Flux writes it, so that two spellings of one image are equal.

use std::fmt;

/// A repository of a registry, such as `ghcr.io/acme/web`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    registry: String,
    path: String,
}

/// An image: a repository with a tag, a digest or both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Where it is kept.
    pub repository: Repository,
    /// What it is called.
    pub tag: Option<String>,
    /// What it is.
    pub digest: Option<String>,
    text: String,
}

/// Why a text is not the name of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It begins with a scheme.
    #[error("image '{image}' should not include URL scheme; remove '{scheme}://'")]
    Scheme {
        /// What was written.
        image: String,
        /// The scheme.
        scheme: String,
    },
    /// A repository was wanted, and a tag follows it.
    #[error("image '{image}' should not include a tag; remove ':{tag}'")]
    Tagged {
        /// What was written.
        image: String,
        /// The tag.
        tag: String,
    },
    /// A repository was wanted, and a digest follows it.
    #[error("image '{image}' should not include a digest; remove '@{digest}'")]
    Digested {
        /// What was written.
        image: String,
        /// The digest.
        digest: String,
    },
    /// The registry is not a host with an optional port.
    #[error("image '{0}' does not begin with a valid registry; write it as `host[:port]/name`")]
    Registry(String),
    /// The repository has characters that no registry takes.
    #[error(
        "image '{0}' has a repository name with other than `a-z 0-9 . _ - /`, or of over 255 characters"
    )]
    Path(String),
    /// The tag is not a tag.
    #[error("image '{0}' has a tag with other than `A-Z a-z 0-9 . _ -`, or of over 128 characters")]
    Tag(String),
    /// The digest is not a digest.
    #[error("image '{0}' has a digest that is not of the form `sha256:<64 hex digits>`")]
    Digest(String),
}

const HUB: &str = "index.docker.io";
const HUB_ALIASES: [&str; 3] = ["docker.io", HUB, "registry-1.docker.io"];

impl Repository {
    /// Reads a repository without tag and digest, as `ImageRepository.spec.image` has it.
    pub fn parse(image: &str) -> Result<Self, Error> {
        let reference = Reference::parse(image)?;
        let image = image.to_owned();
        match (reference.tag, reference.digest) {
            (_, Some(digest)) => Err(Error::Digested { image, digest }),
            (Some(tag), None) => Err(Error::Tagged { image, tag }),
            (None, None) => Ok(reference.repository),
        }
    }

    /// The repository `path` of the registry at `host`, as a registry calls itself.
    pub fn at(host: &str, path: &str) -> Result<Self, Error> {
        Self::parse(&format!("{host}/{path}"))
    }

    fn from_name(name: &str) -> Result<Self, Error> {
        let (registry, path) = match name.split_once('/') {
            Some((first, rest)) if first == "localhost" || first.contains(['.', ':']) => {
                (first, rest)
            }
            _ => (HUB, name),
        };
        if !is_host(registry) {
            return Err(Error::Registry(name.to_owned()));
        }
        // Hosts know no case.
        let registry = registry.to_ascii_lowercase();
        let hub = HUB_ALIASES.contains(&registry.as_str());
        let path =
            if hub && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        // The implied folder counts.
        if !is_path(&path) {
            return Err(Error::Path(name.to_owned()));
        }
        Ok(Self { registry: if hub { HUB.to_owned() } else { registry }, path })
    }

    /// The registry: a host with an optional port.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository within the registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the registry is one that is spoken to without TLS although nobody said `insecure`:
    /// one on this machine or in a private IPv4 network.
    pub fn is_local(&self) -> bool {
        let host = match self.registry.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.registry,
        };
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        match address {
            Ok(core::net::IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
            Ok(core::net::IpAddr::V6(address)) => address.is_loopback(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        }
    }
}

/// The canonical name: `index.docker.io/library/alpine` for `alpine`.
impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl Reference {
    /// Reads `[registry/]repository[:tag][@digest]`.
    pub fn parse(image: &str) -> Result<Self, Error> {
        let text = image.to_owned();
        if let Some((scheme, _)) = image.split_once("://") {
            return Err(Error::Scheme { image: text, scheme: scheme.to_owned() });
        }
        let (name, digest) = match image.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (image, None),
        };
        // A colon before a slash begins a port.
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (name, None),
        };
        let repository = Repository::from_name(name)?;
        if !tag.is_none_or(is_tag) {
            return Err(Error::Tag(text));
        }
        if !digest.is_none_or(is_digest) {
            return Err(Error::Digest(text));
        }
        let [tag, digest] = [tag, digest].map(|part| part.map(str::to_owned));
        Ok(Self { repository, tag, digest, text })
    }

    /// The digest, or the tag, or what registries take for the tag when there is none.
    pub fn identifier(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// The canonical name with the digest, or else with the tag.
    pub fn canonical(&self) -> String {
        let mark = if self.digest.is_some() { '@' } else { ':' };
        format!("{}{mark}{}", self.repository, self.identifier())
    }
}

/// The text as it was written.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether `text` can be a tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
pub fn is_tag(text: &str) -> bool {
    let body = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=128).contains(&text.len()) && !text.starts_with(['.', '-']) && text.bytes().all(body)
}

/// Whether `text` is a digest: `sha256:` and 64 hex digits, or `sha512:` and 128.
pub fn is_digest(text: &str) -> bool {
    let hex = |digits: &str| digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match text.split_once(':') {
        Some(("sha256", digits)) => digits.len() == 64 && hex(digits),
        Some(("sha512", digits)) => digits.len() == 128 && hex(digits),
        _ => false,
    }
}

fn is_path(text: &str) -> bool {
    let body = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'_' | b'-' | b'.' | b'/')
    };
    let walks = |part: &str| part.is_empty() || part == "." || part == "..";
    (1..=255).contains(&text.len()) && text.bytes().all(body) && !text.split('/').any(walks)
}

fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let ipv6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let named = if let Some(address) = ipv6 {
        address.parse::<core::net::Ipv6Addr>().is_ok()
    } else {
        let body = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        !host.is_empty() && host.bytes().all(body) && !host.starts_with(['.', '-'])
    };
    named && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests;
