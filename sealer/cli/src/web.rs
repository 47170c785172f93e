//! Certificates from URLs, for which nobody needs access to a cluster.

use std::time::Duration;

/// More than any certificate has.
const LONGEST: usize = 1 << 20;

/// Why a URL gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not start the network")]
    Runtime(#[source] std::io::Error),
    #[error("cannot fetch {url:?}")]
    Fetch { url: String, source: reqwest::Error },
    #[error("cannot fetch {url:?}: {status}")]
    Status { url: String, status: String },
    #[error("cannot fetch {url:?}: it is longer than a certificate")]
    Long { url: String },
}

/// The body at an http or https URL, through the proxies that the environment names.
pub(crate) fn fetch(url: &str) -> Result<Vec<u8>, Error> {
    // Fails when the process has one already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::Runtime)?.block_on(async {
        let failed = |source: reqwest::Error| Error::Fetch {
            url: url.to_owned(),
            source: source.without_url(),
        };
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build();
        let mut response = client.map_err(failed)?.get(url).send().await.map_err(failed)?;
        if response.status() != reqwest::StatusCode::OK {
            let status = response.status().to_string();
            return Err(Error::Status { url: url.to_owned(), status });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST {
                return Err(Error::Long { url: url.to_owned() });
            }
        }
        Ok(body)
    })
}

/// What a `--cert` names.
pub(crate) enum Place<'p> {
    /// A file, named by its path or by a `file:` URL.
    File(&'p str),
    /// Something that is fetched.
    Url(&'p str),
}

/// Tells files and URLs apart, as kubeseal does: a scheme of one letter is a drive.
pub(crate) fn place(name: &str) -> Place<'_> {
    let scheme = name.split_once("://").map(|(scheme, _)| scheme);
    let is_scheme = |scheme: &&str| {
        scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    };
    match scheme.filter(is_scheme) {
        Some(scheme) if scheme.eq_ignore_ascii_case("file") => {
            let path = &name[scheme.len() + "://".len()..];
            Place::File(path.strip_prefix("localhost").unwrap_or(path))
        }
        Some(_) => Place::Url(name),
        None => Place::File(name),
    }
}
