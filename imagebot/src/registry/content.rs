//! What a registry keeps under tags and digests: manifests, configurations, signatures.
//!
//! What is asked for by its digest is compared with it, so a registry can withhold content and not
//! change it.

use imagebot_core::{policy::platform::Platform, reference::Repository};
use jiff::Timestamp;
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, LAST_MODIFIED},
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha512};

use super::{
    Access, Error, Registry, client,
    gate::Kind,
    session::{Question, Session},
};

/// How long a manifest may be.
const LONGEST_MANIFEST: usize = 4 << 20;
/// How long an image's configuration may be.
const LONGEST_CONFIG: usize = 1 << 20;
/// How many of an index's entries count.
const MOST_ENTRIES: usize = 100;

const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const ANY: &str = "*/*";

/// A manifest as it was read.
#[derive(Clone, Debug)]
pub struct Content {
    /// The digest of the bytes.
    pub digest: String,
    /// What the manifest says.
    pub manifest: Manifest,
    /// When the registry got it, where it says so.
    pub pushed: Option<Timestamp>,
}

/// An image, an index of images, or what somebody keeps in the form of one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The images of an index.
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
    /// The configuration of an image.
    pub config: Option<Descriptor>,
    /// The layers of an image.
    #[serde(default)]
    pub layers: Vec<Descriptor>,
}

/// What names a content.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// What it is as an artifact.
    #[serde(default)]
    pub artifact_type: String,
    /// Notes on it.
    #[serde(default)]
    pub annotations: std::collections::BTreeMap<String, String>,
    platform: Option<Runs>,
}

#[derive(Clone, Debug, Deserialize)]
struct Runs {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// What is known of an image without running it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The digest that its tag names.
    pub digest: String,
    /// What it runs on.
    pub platforms: Vec<Platform>,
    /// When it was built, as it says itself.
    pub created: Option<Timestamp>,
    /// When it was pushed, where the registry says so.
    pub pushed: Option<Timestamp>,
    /// Whether it was looked up when it was built.
    pub dated: bool,
}

#[derive(Deserialize)]
struct Configuration {
    created: Option<String>,
    #[serde(flatten)]
    runs: Option<Runs>,
}

impl Registry {
    /// The manifest under a tag or a digest, if there is one.
    pub async fn manifest(
        &self,
        repository: &Repository,
        reference: &str,
        access: &Access,
    ) -> Result<Option<Content>, Error> {
        let path = format!("manifests/{reference}");
        let (headers, body) =
            match self.fetch(repository, &path, (MANIFESTS, LONGEST_MANIFEST), access).await {
                Ok(found) => found,
                Err(Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
        let host = repository.registry();
        if client::is_web_page(&headers, &body) {
            return Err(Error::WebPage { host: host.to_owned() });
        }
        let digest = if reference.contains(':') {
            check(host, reference, &body)?;
            reference.to_owned()
        } else {
            sha256(&body)
        };
        let manifest = serde_json::from_slice(&body)
            .map_err(|_| garbled(host, "a manifest that is not JSON of that form"))?;
        Ok(Some(Content { digest, manifest, pushed: pushed(&headers) }))
    }

    /// The content under a digest, of at most `most` bytes.
    pub async fn blob(
        &self,
        repository: &Repository,
        digest: &str,
        most: usize,
        access: &Access,
    ) -> Result<Vec<u8>, Error> {
        let path = format!("blobs/{digest}");
        let (_, body) = self.fetch(repository, &path, (ANY, most), access).await?;
        check(repository.registry(), digest, &body)?;
        Ok(body)
    }

    /// What refers to the content under a digest. A registry without an API for that keeps the list
    /// under a tag made from the digest.
    pub async fn referrers(
        &self,
        repository: &Repository,
        digest: &str,
        access: &Access,
    ) -> Result<Vec<Descriptor>, Error> {
        let path = format!("referrers/{digest}");
        let listed = self.fetch(repository, &path, (INDEX, LONGEST_MANIFEST), access).await;
        let host = repository.registry();
        match listed {
            Ok((headers, body)) if is_index(&headers) => {
                let list: Manifest = serde_json::from_slice(&body)
                    .map_err(|_| garbled(host, "a list of referrers that is not JSON"))?;
                return Ok(list.manifests);
            }
            // Old registries answer 404, or a page of their own.
            Ok(_) | Err(Error::NotFound { .. } | Error::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
        let list = self.manifest(repository, &digest.replacen(':', "-", 1), access).await?;
        Ok(list.map(|list| list.manifest.manifests).unwrap_or_default())
    }

    /// What is known of the image under a tag, if there is one. `dated` asks when it was built, which
    /// costs an index two requests more.
    pub async fn image(
        &self,
        repository: &Repository,
        tag: &str,
        dated: bool,
        access: &Access,
    ) -> Result<Option<Image>, Error> {
        let Some(content) = self.manifest(repository, tag, access).await? else { return Ok(None) };
        let Content { digest, mut manifest, pushed } = content;
        manifest.manifests.truncate(MOST_ENTRIES);
        let mut platforms: Vec<_> = manifest.manifests.iter().filter_map(runs_on).collect();
        let single = manifest.manifests.is_empty();
        let mut created = None;
        if single || dated {
            let config = if single {
                manifest.config
            } else {
                let first = manifest.manifests.iter().find(|entry| runs_on(entry).is_some());
                let first = first.or(manifest.manifests.first()).map(|entry| entry.digest.clone());
                let first = match first {
                    Some(digest) => self.manifest(repository, &digest, access).await?,
                    None => None,
                };
                first.and_then(|first| first.manifest.config)
            };
            if let Some(config) = config {
                let config = self.blob(repository, &config.digest, LONGEST_CONFIG, access).await?;
                let (at, on) = configured(&config);
                created = at;
                if single {
                    platforms.extend(on);
                }
            }
        }
        Ok(Some(Image { digest, platforms, created, pushed, dated: single || dated }))
    }

    /// A good answer, as a whole.
    async fn fetch(
        &self,
        repository: &Repository,
        path: &str,
        (accept, most): (&'static str, usize),
        access: &Access,
    ) -> Result<(HeaderMap, Vec<u8>), Error> {
        let gate = self.shared.gates.of(repository.registry(), access.whom(repository));
        let _room = gate.enter().await;
        let mut failed = None;
        for scheme in self.shared.schemes(repository.registry(), access) {
            let session = Session::open(&self.shared, repository, access, scheme).await?;
            let url = session.url(path)?;
            let (method, kind) = (Method::GET, Kind::Content);
            let question = Question { method, url: &url, accept, kind, unless: None };
            match session.ask(&question).await {
                Err(error) if error.is_about_connecting() => failed = failed.or(Some(error)),
                Err(error) => return Err(error),
                Ok(mut response) => {
                    let body = client::body(&mut response, repository.registry(), most).await?;
                    return Ok((response.headers().clone(), body));
                }
            }
        }
        Err(failed.unwrap_or_else(|| Error::no_scheme(repository.registry())))
    }
}

fn garbled(host: &str, what: &'static str) -> Error {
    Error::Garbled { host: host.to_owned(), what }
}

fn is_index(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(INDEX.as_bytes()))
}

/// When the registry got the content.
fn pushed(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(LAST_MODIFIED)?.to_str().ok()?;
    jiff::fmt::rfc2822::parse(date).ok().map(|date| date.timestamp())
}

/// What an entry of an index runs on; none for what only accompanies an image.
fn runs_on(entry: &Descriptor) -> Option<Platform> {
    entry.platform.as_ref().and_then(Runs::platform)
}

impl Runs {
    fn platform(&self) -> Option<Platform> {
        let real = |word: &str| !word.is_empty() && word != "unknown";
        (real(&self.os) && real(&self.architecture)).then(|| Platform {
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            variant: self.variant.clone().filter(|variant| !variant.is_empty()),
        })
    }
}

/// When an image says that it was built, and what it says that it runs on.
fn configured(config: &[u8]) -> (Option<Timestamp>, Option<Platform>) {
    let Ok(config) = serde_json::from_slice::<Configuration>(config) else { return (None, None) };
    let created = config.created.and_then(|created| created.parse::<Timestamp>().ok());
    // Builds that can be repeated say year 0 or 1970, which is no time.
    let created = created.filter(|created| created.as_second() > 0);
    (created, config.runs.as_ref().and_then(Runs::platform))
}

fn check(host: &str, digest: &str, body: &[u8]) -> Result<(), Error> {
    let found = match digest.split_once(':') {
        Some(("sha256", _)) => sha256(body),
        Some(("sha512", _)) => hex("sha512:", &Sha512::digest(body)),
        _ => return Err(garbled(host, "a digest that is neither of SHA-256 nor of SHA-512")),
    };
    if found == digest { Ok(()) } else { Err(garbled(host, "content with another digest")) }
}

fn sha256(body: &[u8]) -> String {
    hex("sha256:", &Sha256::digest(body))
}

fn hex(prefix: &str, hash: &[u8]) -> String {
    hash.iter().fold(prefix.to_owned(), |digest, byte| digest + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_says_when_and_on_what() {
        #[rustfmt::skip]
        let cases = [
            (r#"{"created":"2026-01-02T03:04:05.6Z","os":"linux","architecture":"arm","variant":"v7"}"#, Some(1_767_323_045), Some("linux/arm/v7")),
            (r#"{"created":"0001-01-01T00:00:00Z","os":"linux","architecture":"amd64"}"#, None, Some("linux/amd64")),
            (r#"{"created":"1970-01-01T00:00:00Z"}"#, None, None),
            (r#"{"os":"unknown","architecture":"unknown"}"#, None, None),
            ("[]", None, None),
        ];
        for (config, created, platform) in cases {
            let (at, on) = configured(config.as_bytes());
            assert_eq!(at.map(Timestamp::as_second), created, "{config}");
            assert_eq!(on.map(|on| on.to_string()).as_deref(), platform, "{config}");
        }
    }

    #[test]
    fn content_must_have_its_digest() {
        let digest = sha256(b"a");
        assert!(check("r", &digest, b"a").is_ok());
        assert!(check("r", &digest, b"b").is_err());
        assert!(check("r", "md5:0", b"b").is_err());
    }
}
