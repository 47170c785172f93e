//! The digest that a tag names.

use reqwest::{Method, Response};
use sha2::{Digest as _, Sha256};

use super::{
    Error, client,
    gate::Kind,
    session::{Question, Session},
};

/// Indexes before images, so that a tag of several platforms has one digest.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, */*;q=0.1";
/// How long a manifest may be.
const LONGEST_MANIFEST: usize = 4 << 20;

/// The digest that `tag` of the session's repository names; asked for without the manifest where the
/// registry allows it.
pub(super) async fn digest(session: &Session<'_>, tag: &str) -> Result<String, Error> {
    let url = session.url(&format!("manifests/{tag}"))?;
    let head = Question {
        method: Method::HEAD,
        url: &url,
        accept: ACCEPT,
        kind: Kind::Content,
        unless: None,
    };
    match session.ask(&head).await {
        Ok(response) => {
            if let Some(digest) = named(session, &response)? {
                return Ok(digest);
            }
        }
        // Some registries have no HEAD.
        Err(Error::Refused { .. }) => {}
        Err(error) => return Err(error),
    }
    let mut response = session.ask(&Question { method: Method::GET, ..head }).await?;
    let host = &session.key.host;
    let body = client::body(&mut response, host, LONGEST_MANIFEST).await?;
    if client::is_web_page(response.headers(), &body) {
        return Err(Error::WebPage { host: host.clone() });
    }
    if let Some(digest) = named(session, &response)? {
        return Ok(digest);
    }
    let hash = Sha256::digest(&body);
    Ok(hash.iter().fold("sha256:".to_owned(), |digest, byte| digest + &format!("{byte:02x}")))
}

/// The digest that the answer's header names.
fn named(session: &Session<'_>, response: &Response) -> Result<Option<String>, Error> {
    let Some(value) = response.headers().get("docker-content-digest") else { return Ok(None) };
    let digest = value.to_str().unwrap_or_default();
    let hexadecimal =
        |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let valid = match digest.split_once(':') {
        Some(("sha256", hash)) => hash.len() == 64 && hexadecimal(hash),
        Some(("sha512", hash)) => hash.len() == 128 && hexadecimal(hash),
        _ => false,
    };
    if !valid {
        let host = session.key.host.clone();
        return Err(Error::Garbled { host, what: "`Docker-Content-Digest` is no digest" });
    }
    Ok(Some(digest.to_owned()))
}
