//! `sealctl cert`: the certificate for which values are sealed.

use std::path::PathBuf;

use sealer_core::sealed::certificate::{self, Certificate};

use crate::{
    cluster, controller, file, local,
    terminal::{Report, Streams},
};

/// Prints the certificate for which values are sealed.
///
/// Keep it in Git beside the sealed secrets, and nobody who seals needs access to the cluster.
///
/// Example: `sealctl cert > sealing-cert.pem`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
}

/// Where the certificate is.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Source {
    /// A file with the certificate, instead of asking the cluster.
    #[arg(long, env = "SEALED_SECRETS_CERT", hide_env_values = true, value_name = "FILE")]
    cert: Option<PathBuf>,

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
    #[error("could not use the certificate {from}")]
    Certificate { from: String, source: certificate::Error },
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<(), Error> {
    let certificate = args.source.load(streams)?;
    Ok(file::write(None, certificate.pem().as_bytes(), file::Readers::AsBefore, streams)?)
}

impl Source {
    /// The certificate, parsed.
    pub(crate) fn load(&self, streams: &mut Streams<'_>) -> Result<Certificate, Error> {
        let (text, from) = if let Some(path) = &self.cert {
            let text = file::read(Some(path), streams)?.to_string();
            (text, format!("in `{}`", path.display()))
        } else if let Some(text) = self.local.certificate()? {
            (text, "of the directory".to_owned())
        } else {
            (self.cluster.controller()?.certificate()?, "of the cluster".to_owned())
        };
        Certificate::parse(text.as_bytes()).map_err(|source| Error::Certificate { from, source })
    }
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Local(error) => error.hint(),
            Self::Controller(error) => error.hint(),
            Self::File(_) | Self::Certificate { .. } => None,
        }
    }
}
