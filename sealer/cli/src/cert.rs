//! `sealctl cert`: the keys for which values are sealed.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sealer_core::sealed::{
    certificate::{self, Certificate, KeyId},
    manifest::Target,
    native::{KeyError, PublicKey, Recipients, RecipientsError, Suite},
};

use crate::{
    cluster, controller, file, local,
    terminal::{Report, Streams, warn},
    web,
};

/// Prints the certificate for which values are sealed.
///
/// Keep it in Git beside the sealed secrets, and nobody who seals needs access to the cluster.
/// Public keys of native values stand behind it.
///
/// Example: `sealctl cert > sealing-cert.pem`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Prints the fingerprints and how long they are valid, instead of the keys.
    #[arg(long)]
    fingerprint: bool,

    #[command(flatten)]
    source: Source,
}

/// Where certificates are.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Source {
    /// A file or URL with the certificate, instead of asking the cluster.
    ///
    /// May be repeated for values that several clusters can open, which need `--suite`.
    #[arg(long, env = "SEALED_SECRETS_CERT", hide_env_values = true, value_name = "FILE")]
    cert: Vec<String>,

    /// Refuses keys with other fingerprints than this; may be repeated.
    #[arg(long, value_name = "FINGERPRINT")]
    pin: Vec<String>,

    /// Keeps what the cluster answers in a file, which is used when the cluster does not answer.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cert", "local"])]
    cache: Option<PathBuf>,

    #[command(flatten)]
    local: local::Target,

    #[command(flatten)]
    cluster: cluster::Target,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] file::Error),
    #[error(transparent)]
    Local(#[from] local::Error),
    #[error(transparent)]
    Controller(#[from] controller::Error),
    #[error(transparent)]
    Web(#[from] web::Error),
    #[error("could not use the certificate {from}")]
    Certificate { from: String, source: certificate::Error },
    #[error("failed to encrypt")]
    Expired(#[source] certificate::Error),
    #[error("several certificates were given, and a value of sealed-secrets has one")]
    Several,
    #[error("could not use the native keys {from}")]
    Native { from: String, source: KeyError },
    #[error("there is no key of the suite `{suite}` {from}")]
    NoSuite { suite: Suite, from: String },
    #[error(transparent)]
    Recipients(#[from] RecipientsError),
    #[error("the key {found} {from} is not one of those that were pinned")]
    Pin { found: KeyId, from: String },
}

/// One place with keys.
struct Bundle {
    text: String,
    /// Where it is from, behind a noun.
    from: String,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<(), Error> {
    let mut printed = String::new();
    for bundle in args.source.bundles(streams)? {
        let certificate = bundle.certificate()?;
        args.source.check(certificate.key_id(), &bundle)?;
        let native = bundle.native().unwrap_or_default();
        if args.fingerprint {
            let (from, until) = (certificate.not_before(), certificate.not_after());
            printed += &line(certificate.key_id(), "rsa", from, Some(until));
            for key in &native {
                printed += &line(&key.id(), key.suite().as_str(), key.created(), None);
            }
        } else {
            printed.push_str(certificate.pem());
            printed.extend(native.iter().map(PublicKey::pem));
        }
    }
    Ok(file::write(None, printed.as_bytes(), file::Readers::AsBefore, streams)?)
}

fn line(id: &KeyId, kind: &str, from: Timestamp, until: Option<Timestamp>) -> String {
    let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
    format!("{id} {kind} from {from}{until}\n")
}

impl Source {
    /// For whom values are sealed: the holder of the one certificate, or of native keys.
    pub(crate) fn target(
        &self,
        suite: Option<Suite>,
        streams: &mut Streams<'_>,
    ) -> Result<Box<dyn Target>, Error> {
        let bundles = self.bundles(streams)?;
        if let Some(suite) = suite {
            return Ok(Box::new(self.recipients(suite, &bundles)?));
        }
        let [bundle] = &bundles[..] else { return Err(Error::Several) };
        let certificate = bundle.certificate()?;
        self.check(certificate.key_id(), bundle)?;
        certificate.check_valid_at(now()).map_err(Error::Expired)?;
        Ok(Box::new(certificate))
    }

    /// The newest key of the suite of every place.
    fn recipients(&self, suite: Suite, bundles: &[Bundle]) -> Result<Recipients, Error> {
        let of = |bundle: &Bundle| {
            let failed = |source| Error::Native { from: bundle.from.clone(), source };
            let keys = match bundle.native() {
                Err(KeyError::NoPem) => Vec::new(),
                other => other.map_err(failed)?,
            };
            let newest = keys.into_iter().filter(|key| key.suite() == suite);
            let newest = newest.max_by_key(PublicKey::created);
            let key = newest.ok_or(Error::NoSuite { suite, from: bundle.from.clone() })?;
            self.check(&key.id(), bundle).map(|()| key)
        };
        let keys: Result<Vec<_>, Error> = bundles.iter().map(of).collect();
        Ok(Recipients::new(keys?)?)
    }

    fn check(&self, found: &KeyId, bundle: &Bundle) -> Result<(), Error> {
        if self.pin.is_empty() || self.pin.iter().any(|pin| pin == found.as_str()) {
            return Ok(());
        }
        Err(Error::Pin { found: found.clone(), from: bundle.from.clone() })
    }

    fn bundles(&self, streams: &mut Streams<'_>) -> Result<Vec<Bundle>, Error> {
        if !self.cert.is_empty() {
            return self.cert.iter().map(|name| named(name, streams)).collect();
        }
        let (text, from) = match self.local.certificate()? {
            Some(text) => (text, "of the directory"),
            None => (self.asked(streams)?, "of the cluster"),
        };
        Ok(vec![Bundle { text, from: from.to_owned() }])
    }

    /// What the cluster answers, or what it answered last.
    fn asked(&self, streams: &mut Streams<'_>) -> Result<String, Error> {
        let answer = self.cluster.controller().and_then(|controller| controller.certificate());
        let Some(cache) = &self.cache else { return Ok(answer?) };
        match answer {
            Ok(text) => {
                file::replace(cache, text.as_bytes(), file::Readers::AsBefore)?;
                Ok(text)
            }
            Err(error) if cache.exists() => {
                warn(streams, &format!("{error}; using `{}`", cache.display()));
                Ok(file::read(Some(cache), streams)?.to_string())
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn named(name: &str, streams: &mut Streams<'_>) -> Result<Bundle, Error> {
    let text = match web::place(name) {
        web::Place::File(path) => file::read(Some(Path::new(path)), streams)?.to_string(),
        web::Place::Url(url) => String::from_utf8_lossy(&web::fetch(url)?).into_owned(),
    };
    Ok(Bundle { text, from: format!("in `{name}`") })
}

#[expect(clippy::disallowed_methods, reason = "a command runs once, and now is when")]
fn now() -> Timestamp {
    Timestamp::now()
}

impl Bundle {
    fn certificate(&self) -> Result<Certificate, Error> {
        let failed = |source| Error::Certificate { from: self.from.clone(), source };
        Certificate::parse(self.text.as_bytes()).map_err(failed)
    }

    fn native(&self) -> Result<Vec<PublicKey>, KeyError> {
        PublicKey::parse_all(self.text.as_bytes())
    }
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Local(error) => error.hint(),
            Self::Controller(error) => error.hint(),
            Self::Expired(_) => Some("fetch the newest one with `sealctl cert`".to_owned()),
            Self::Several => {
                Some("pass `--suite x25519`, for one value for all of them".to_owned())
            }
            Self::NoSuite { suite, .. } => Some(format!(
                "make one with `sealctl keys rotate --suite {suite}`, and fetch it with `sealctl cert`"
            )),
            Self::Pin { .. } => {
                Some("find out why the key is another before you seal for it".to_owned())
            }
            Self::File(_)
            | Self::Web(_)
            | Self::Certificate { .. }
            | Self::Native { .. }
            | Self::Recipients(_) => None,
        }
    }
}
