//! What kubeseal says when it fails.

use std::{io, iter};

use sealer_core::sealed::{certificate, manifest};

use super::shape::Mismatch;
use crate::{controller, file, recovery, sealed_file, web};

/// Why kubeseal failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("--from-file requires --raw")]
    FromFileWithoutRaw,
    #[error("Could not read file specified with --secret-file")]
    SecretFile,
    #[error("unsupported output format: {0}")]
    Format(String),
    #[error("open {path}: {}", go_says(.why))]
    Open { path: String, why: io::Error },
    #[error(transparent)]
    File(#[from] file::Error),
    #[error(transparent)]
    Web(#[from] web::Error),
    #[error("{}", in_its_words(.0))]
    Certificate(certificate::Error),
    #[error("{}", with_advice(.0))]
    Controller(controller::Error),
    #[error("could not read the input")]
    Yaml(#[source] yaml::Error),
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    #[error("no secrets found. Ensure the input is valid and UTF-8 encoded")]
    NoSecrets,
    #[error(
        "namespace mismatch: input secret is in namespace {found:?} but {asked:?} was specified"
    )]
    NamespaceMismatch { found: String, asked: String },
    #[error("secret must declare a namespace")]
    NoNamespace,
    #[error(
        "secret.data is empty in input Secret, assuming this is an error and aborting. To work with empty data, --allow-empty-data can be used"
    )]
    Empty,
    #[error(transparent)]
    Manifest(manifest::Error),
    #[error("must provide the --{flag} flag with --raw and --scope {scope}")]
    Raw { flag: &'static str, scope: String },
    #[error("must provide only one --from-file when encrypting a single item with --raw")]
    ManyFiles,
    #[error("`{path}` holds no single SealedSecret")]
    NotSealed { path: String },
    #[error(
        "`{path}` has the scope {file}, so a value sealed with --scope {asked} could not be unsealed there"
    )]
    OtherScope { path: String, file: String, asked: String },
    #[error("could not change `{path}`")]
    Edit { path: String, source: yaml::edit::Error },
    #[error("invalid value {0:?} for --request-timeout: use 1s, 2m or 3h")]
    Timeout(String),
    #[error(transparent)]
    Sealed(#[from] sealed_file::Error),
    #[error(transparent)]
    Recovery(#[from] recovery::Error),
    #[error(transparent)]
    Unsealable(#[from] manifest::Unsealable),
    #[error("the input holds no SealedSecret")]
    NoSealedSecret,
    #[error("unable to decrypt sealed secret{}", .0.as_ref().map(|name| format!(": {name}")).unwrap_or_default())]
    Undecryptable(Option<String>),
    #[error("cannot re-encrypt secret: the controller's answer has no value for {0:?}")]
    Incomplete(String),
}

impl From<controller::Error> for Error {
    fn from(error: controller::Error) -> Self {
        Self::Controller(error)
    }
}

impl From<manifest::Error> for Error {
    fn from(error: manifest::Error) -> Self {
        match error {
            manifest::Error::NoNamespace { .. } => Self::NoNamespace,
            manifest::Error::Empty => Self::Empty,
            other => Self::Manifest(other),
        }
    }
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = iter::successors(Some(error), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Go's words for what the system says.
fn go_says(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    }
}

fn in_its_words(error: &certificate::Error) -> String {
    match error {
        certificate::Error::NoPem | certificate::Error::Malformed => {
            "data does not contain any valid RSA or ECDSA certificates".to_owned()
        }
        certificate::Error::NotRsa { found } => {
            format!("expected RSA public key but found {found}")
        }
        certificate::Error::Expired { not_after } => {
            let day = not_after.strftime("%B %-d, %Y");
            format!("failed to encrypt using an expired certificate on {day}")
        }
        other @ certificate::Error::Generate => other.to_string(),
    }
}

/// kubeseal gives its advice in the message.
fn with_advice(error: &controller::Error) -> String {
    match error {
        controller::Error::Service { cause, .. } => format!(
            "cannot get sealed secret service: {cause}.\nPlease, use the flag --controller-name and \
             --controller-namespace to set up the name and namespace of the sealed secrets controller"
        ),
        controller::Error::Certificate { cause, .. } => {
            format!("cannot fetch certificate: {cause}")
        }
        controller::Error::Connection(controller::ConnectionError::Nowhere) => {
            format!("{error}, try setting KUBERNETES_MASTER environment variable")
        }
        other => chain(other),
    }
}
