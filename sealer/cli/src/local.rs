//! The sealing certificate of `sealer --local DIR`.
//!
//! The daemon exports the Secrets that it writes, its keys among them, as files below its state;
//! people may also keep a key in the directory itself. Only certificates are read out of them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sealer_core::{plaintext::wipe, sealed::certificate::Certificate};
use serde_json::Value;
use yaml::Schema;
use zeroize::Zeroizing;

/// The label of a key Secret that is in use.
const LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";

/// Which directory the daemon looks after, and where it keeps its state.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Target {
    /// The directory that `sealer --local` looks after, instead of a cluster.
    #[arg(long, value_name = "DIR", conflicts_with = "cert", help_heading = "Local directory")]
    local: Option<PathBuf>,

    /// Where that daemon keeps its state, if not in the user's state home.
    #[arg(
        long,
        env = "SIGNET_STATE_DIR",
        hide_env_values = true,
        value_name = "DIR",
        requires = "local",
        help_heading = "Local directory"
    )]
    state_dir: Option<PathBuf>,

    #[arg(long, env = "XDG_STATE_HOME", hide = true)]
    state_home: Option<PathBuf>,

    #[arg(long, env = "HOME", hide = true)]
    home: Option<PathBuf>,
}

/// Why a directory gave no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not read `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("there is no sealing key for `{}`", .directory.display())]
    NoKey { directory: PathBuf, state: PathBuf },
    #[error("it is not known where the state of `--local` is")]
    NoState,
}

impl Error {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::NoKey { directory, state } => Some(format!(
                "start `sealer --local {}` once, which makes a key below `{}`; if its state is \
                 elsewhere, pass `--state-dir`",
                directory.display(),
                state.display()
            )),
            Self::NoState => Some("pass `--state-dir`, or set `HOME`".to_owned()),
            Self::Read { .. } => None,
        }
    }
}

impl Target {
    /// The newest certificate in PEM, or `None` if no directory is named.
    pub(crate) fn certificate(&self) -> Result<Option<String>, Error> {
        let Some(directory) = &self.local else { return Ok(None) };
        let state = self.state(directory)?;
        let mut files = Vec::new();
        collect(directory, 0, &mut files)?;
        if state.exists() {
            collect(&state, 0, &mut files)?;
        }
        let certificates = files.iter().filter_map(|file| certificates(file).ok()).flatten();
        let newest = certificates.max_by_key(Certificate::not_before);
        let missing = || Error::NoKey { directory: directory.clone(), state };
        newest.map(|newest| Some(newest.pem().to_owned())).ok_or_else(missing)
    }

    fn state(&self, directory: &Path) -> Result<PathBuf, Error> {
        if let Some(state) = &self.state_dir {
            return Ok(state.clone());
        }
        let given = self.state_home.clone().filter(|path| !path.as_os_str().is_empty());
        let home = || self.home.as_ref().map(|home| home.join(".local/state"));
        let state_home = given.or_else(home).ok_or(Error::NoState)?;
        Ok(embedded::state_directory(&state_home, directory))
    }
}

/// The YAML files below a directory, hidden ones aside.
fn collect(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    /// Deeper than anybody nests manifests; a loop of links ends here.
    const DEPTH: usize = 16;
    let failed = |source| Error::Read { path: directory.to_owned(), source };
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if path.is_dir() && depth < DEPTH {
            collect(&path, depth + 1, files)?;
        } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            files.push(path);
        }
    }
    Ok(())
}

/// The certificates of the key Secrets in a file. What cannot be read holds none.
fn certificates(file: &Path) -> io::Result<Vec<Certificate>> {
    let text = Zeroizing::new(fs::read_to_string(file)?);
    if !text.contains(LABEL) {
        return Ok(Vec::new());
    }
    let mut documents = yaml::json::documents(&text, Schema::Kubernetes).unwrap_or_default();
    let found = documents.iter().filter_map(certificate).collect();
    documents.iter_mut().for_each(wipe);
    Ok(found)
}

fn certificate(secret: &Value) -> Option<Certificate> {
    if secret["kind"] != "Secret" || secret["metadata"]["labels"][LABEL] != "active" {
        return None;
    }
    let pem = match (&secret["stringData"]["tls.crt"], &secret["data"]["tls.crt"]) {
        (Value::String(text), _) => text.clone().into_bytes(),
        (_, Value::String(encoded)) => BASE64_STANDARD.decode(encoded).ok()?,
        _ => return None,
    };
    Certificate::parse(&pem).ok()
}
