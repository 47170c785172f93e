//! Why a remote could not be read or written.

use std::{error::Error as StdError, io, path::PathBuf, time::Duration};

use crate::SafeUrl;

/// A cause from a library below.
pub(crate) type Source = Box<dyn StdError + Send + Sync>;

/// Why a remote could not be read or written.
///
/// No variant prints a credential. A refused or raced push is not here: it is an
/// [`Outcome`](crate::Outcome).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is not one.
    #[error(
        "the repository's URL cannot be parsed; write `https://host/path` or `ssh://user@host/path`"
    )]
    Url(#[source] url::ParseError),
    /// The URL's scheme is not spoken here.
    #[error("`{scheme}` repositories are not supported; use `https`, `ssh`, `http` or `file`")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// The URL has a query or fragment.
    #[error("a repository's URL has neither `?` nor `#`; remove them")]
    Query,
    /// The proxy's scheme is not spoken here.
    #[error("`{scheme}` proxies are not supported; use `http`, `https` or `socks5`")]
    ProxyScheme {
        /// The scheme.
        scheme: String,
    },
    /// Credentials would be readable on the way.
    #[error("credentials for `{url}` would travel in clear text; use `https`")]
    ClearText {
        /// Where to.
        url: SafeUrl,
    },
    /// An ssh URL carries a password.
    #[error("an ssh URL carries no password; put the key and its passphrase into the Secret")]
    Password,
    /// The URL and the credentials do not belong together.
    #[error("`{url}` cannot be used as it is: {need}")]
    Mismatch {
        /// Where to.
        url: SafeUrl,
        /// What it takes.
        need: &'static str,
    },
    /// The private key cannot be used.
    #[error("the ssh key in `identity` cannot be used: {why}")]
    Key {
        /// What is wrong, and what to do.
        why: &'static str,
        /// Why, when somebody below knows more.
        #[source]
        source: Option<Source>,
    },
    /// The list of known hosts cannot be used.
    #[error("`known_hosts` cannot be used: {}", at(*.line, .why))]
    KnownHosts {
        /// Which line, counted from 1, unless it is about all of them.
        line: Option<usize>,
        /// What is wrong, and what to do.
        why: &'static str,
    },
    /// The server is not the one that the list of known hosts knows.
    #[error("the server of `{url}` is not trusted: {why}")]
    HostKey {
        /// Which remote.
        url: SafeUrl,
        /// What it showed, and what was expected.
        why: String,
    },
    /// The remote does not let our key in.
    #[error("`{url}` does not let user `{user}` in with key {key}; add its public key there")]
    Login {
        /// Which remote.
        url: SafeUrl,
        /// As whom.
        user: String,
        /// The key's fingerprint and type.
        key: String,
    },
    /// The remote takes no push options.
    #[error(
        "`{url}` takes no push options; allow them there (`receive.advertisePushOptions`) or send none"
    )]
    PushOptions {
        /// Which remote.
        url: SafeUrl,
    },
    /// The remote refuses, in its own words.
    #[error("`{url}` refuses: {words}")]
    Refused {
        /// Which remote.
        url: SafeUrl,
        /// What it said; untrusted text, at most 4 KiB.
        words: String,
    },
    /// The HTTP client cannot be built from what was given.
    #[error("the {what} cannot be used")]
    Client {
        /// Which part.
        what: &'static str,
        /// Why.
        source: Source,
    },
    /// The remote does not accept our credentials, or wants some.
    #[error("`{url}` answered {status}: the credentials are missing, wrong or not enough")]
    Denied {
        /// Which remote.
        url: SafeUrl,
        /// 401 or 403.
        status: u16,
    },
    /// There is no repository, or none that these credentials may see.
    #[error("there is no repository at `{url}`, or these credentials may not see it")]
    NotFound {
        /// Which remote.
        url: SafeUrl,
    },
    /// Something answered, but not a Git server.
    #[error("`{url}` is not a Git repository: it answered `{answer}`")]
    NotGit {
        /// Which remote.
        url: SafeUrl,
        /// The content type or status.
        answer: String,
    },
    /// The remote sent us somewhere we do not go.
    #[error(
        "`{url}` redirects to `{to}`, which is not followed: {why}; put the final URL in the object"
    )]
    Redirected {
        /// Which remote.
        url: SafeUrl,
        /// Where to.
        to: SafeUrl,
        /// Why not.
        why: &'static str,
    },
    /// The remote cannot be reached.
    #[error("cannot reach `{url}`")]
    Unreachable {
        /// Which remote.
        url: SafeUrl,
        /// Why.
        source: Source,
    },
    /// The remote took too long.
    #[error("`{url}` took longer than {}s", .limit.as_secs_f32())]
    Timeout {
        /// Which remote.
        url: SafeUrl,
        /// The time it had.
        limit: Duration,
    },
    /// The remote is not able to answer now.
    #[error("`{url}` answered {status}")]
    Unavailable {
        /// Which remote.
        url: SafeUrl,
        /// 429 or 5xx.
        status: u16,
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
    },
    /// The conversation with the remote broke off.
    #[error("could not {doing} at `{url}`")]
    Protocol {
        /// Which remote.
        url: SafeUrl,
        /// What we were doing.
        doing: &'static str,
        /// Why.
        source: Source,
    },
    /// What was asked for is not there.
    #[error("{} at `{url}`", absent(.reference, *.empty))]
    NoSuchReference {
        /// Which remote.
        url: SafeUrl,
        /// What was asked for.
        reference: String,
        /// Whether the repository has no commit at all.
        empty: bool,
    },
    /// The reference leads to something that is no commit.
    #[error("{reference} at `{url}` does not lead to a commit")]
    NotACommit {
        /// Which remote.
        url: SafeUrl,
        /// What was asked for.
        reference: String,
    },
    /// The name is none that Git allows.
    #[error("`{name}` is not a full reference name, such as `refs/heads/main`")]
    Name {
        /// The name.
        name: String,
    },
    /// The range of versions is not one.
    #[error("`{text}` is no range of versions")]
    Range {
        /// The text.
        text: String,
        /// Why.
        source: golang::semver::Error,
    },
    /// A path cannot be edited.
    #[error("`{path}` cannot be edited: {why}")]
    Path {
        /// The path.
        path: String,
        /// Why.
        why: &'static str,
    },
    /// The signer failed.
    #[error("could not sign the commit")]
    Sign(#[source] Source),
    /// The repository is larger than it may be.
    #[error("`{url}` sends more than {limit} bytes, which is the cache's budget")]
    TooLarge {
        /// Which remote.
        url: SafeUrl,
        /// The budget.
        limit: u64,
    },
    /// An object cannot be read. The next fetch makes the mirror anew.
    #[error("object `{what}` of the repository cannot be read")]
    Corrupt {
        /// Which object.
        what: String,
        /// Why.
        source: Source,
    },
    /// The cache cannot be read or written.
    #[error("could not use `{}` in the Git cache", .path.display())]
    Disk {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A local repository cannot be opened or written.
    #[error("could not use the local repository at `{}`", .path.display())]
    Local {
        /// Which directory.
        path: PathBuf,
        /// Why.
        source: Source,
    },
    /// The cache belongs to another process.
    #[error("the Git cache `{}` is in use by another process", .path.display())]
    Busy {
        /// Which directory.
        path: PathBuf,
    },
}

fn absent(reference: &str, empty: bool) -> String {
    if empty {
        format!("{reference} does not exist, for there is no commit")
    } else {
        format!("{reference} does not exist")
    }
}

fn at(line: Option<usize>, why: &str) -> String {
    line.map_or_else(|| why.to_owned(), |line| format!("line {line} {why}"))
}

/// Who can mend an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Time will: retry with back-off.
    Transient,
    /// Another system, or a Secret, must change first: retry slowly.
    Waiting,
    /// The author of the object must change it.
    Stalled,
}

impl Error {
    /// Who can mend this.
    pub fn class(&self) -> Class {
        match self {
            Self::Url(_) | Self::Scheme { .. } | Self::Query | Self::ClearText { .. } => {
                Class::Stalled
            }
            Self::Password => Class::Stalled,
            Self::Mismatch { .. } | Self::Key { .. } | Self::KnownHosts { .. } => Class::Waiting,
            Self::HostKey { .. } | Self::Login { .. } | Self::Refused { .. } => Class::Waiting,
            Self::PushOptions { .. } => Class::Waiting,
            Self::Name { .. } | Self::Range { .. } | Self::Path { .. } => Class::Stalled,
            Self::Redirected { .. } => Class::Stalled,
            Self::ProxyScheme { .. } | Self::Client { .. } | Self::Sign(_) => Class::Waiting,
            Self::Denied { .. } | Self::NotFound { .. } | Self::NotGit { .. } => Class::Waiting,
            Self::NoSuchReference { .. } | Self::NotACommit { .. } => Class::Waiting,
            Self::TooLarge { .. } | Self::Local { .. } => Class::Waiting,
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Unavailable { .. } => {
                Class::Transient
            }
            Self::Protocol { .. } | Self::Corrupt { .. } => Class::Transient,
            Self::Disk { .. } | Self::Busy { .. } => Class::Transient,
        }
    }

    /// How long the remote asked us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Names the file of a disk error.
    pub(crate) fn disk(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Disk { path, source }
    }
}
