//! `sealctl cert`: the certificate for which values are sealed.

use std::path::PathBuf;

use sealer_core::sealed::certificate::{self, Certificate};

use crate::{
    cluster, file,
    terminal::{Report, Streams},
};

/// Prints the certificate for which values are sealed.
///
/// Keep it in Git beside the sealed secrets, and nobody who seals needs access to the cluster.
///
/// Example: sealctl cert > sealing-cert.pem
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
}

/// Where the certificate is.
#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// A file with the certificate, instead of asking the cluster.
    #[arg(long, env = "SEALED_SECRETS_CERT", value_name = "FILE")]
    cert: Option<PathBuf>,

    #[command(flatten)]
    cluster: cluster::Target,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] file::Error),
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    #[error("could not use the certificate {from}")]
    Certificate { from: String, source: certificate::Error },
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<(), Error> {
    let certificate = args.source.load(streams)?;
    Ok(file::write(None, certificate.pem().as_bytes(), streams)?)
}

impl Source {
    /// The certificate, parsed.
    pub(crate) fn load(&self, streams: &mut Streams<'_>) -> Result<Certificate, Error> {
        let (text, from) = match &self.cert {
            Some(path) => {
                let text = file::read(Some(path), streams)?.to_string();
                (text, format!("in `{}`", path.display()))
            }
            None => (self.cluster.certificate()?, "of the cluster".to_owned()),
        };
        Certificate::parse(text.as_bytes()).map_err(|source| Error::Certificate { from, source })
    }
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Cluster(error) => error.hint(),
            Self::File(_) | Self::Certificate { .. } => None,
        }
    }
}
