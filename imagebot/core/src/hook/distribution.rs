//! The notifications of docker-registry, versions 2 and 3, and of what embeds it.
//!
//! ```json
//! {"events": [{"id": "…", "action": "push", "request": {"host": "registry:5000"}, "target":
//!   {"mediaType": "…manifest…", "repository": "team/app", "tag": "1.2.3", "digest": "sha256:…"}}]}
//! ```
//!
//! The registry repeats a delivery forever until it is answered with success, and nothing behind it
//! is delivered meanwhile. So an event that says nothing to us is passed over, never an error.

use serde::Deserialize;

use super::Push;
use crate::reference::{is_digest, is_tag};

/// Why a delivery cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is something else.
    #[error("the delivery is not an envelope of registry events; check the receiver's `spec.type`")]
    Envelope(#[source] serde_json::Error),
    /// The header says that the body is something else.
    #[error(
        "a delivery of content type `{0}` is not an envelope of registry events; \
         check the receiver's `spec.type`"
    )]
    ContentType(String),
}

#[derive(Deserialize)]
struct Envelope {
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    id: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    target: Target,
    #[serde(default)]
    request: Request,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Target {
    media_type: String,
    repository: String,
    tag: String,
    digest: String,
    url: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Request {
    host: String,
}

/// The pushes of manifests with tags in `body`. The rest of a valid envelope is passed over.
///
/// `content_type` is that of the request, if it has one.
pub fn pushes(content_type: Option<&str>, body: &[u8]) -> Result<Vec<Push>, Error> {
    if let Some(content_type) = content_type {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let media_type = media_type.to_ascii_lowercase();
        let json = media_type == "application/json" || media_type.ends_with("+json");
        if !json && !media_type.is_empty() {
            return Err(Error::ContentType(content_type.to_owned()));
        }
    }
    let envelope: Envelope = serde_json::from_slice(body).map_err(Error::Envelope)?;
    Ok(envelope.events.into_iter().filter_map(push).collect())
}

fn push(event: Event) -> Option<Push> {
    let Event { id, action, target, request } = event;
    let wanted = action == "push"
        && is_manifest(&target.media_type)
        && is_tag(&target.tag)
        && !is_attachment(&target.tag)
        && !target.repository.is_empty();
    if !wanted {
        return None;
    }
    let host = if request.host.is_empty() { host_of(&target.url) } else { request.host };
    let digest = is_digest(&target.digest).then_some(target.digest);
    Some(Push { id, host, repository: target.repository, tag: target.tag, digest })
}

/// Manifests, lists of them and OCI indexes, but not blobs. Old registries may not say.
fn is_manifest(media_type: &str) -> bool {
    media_type.is_empty() || media_type.contains("manifest") || media_type.contains("image.index")
}

/// Signatures and the like, which are kept under tags that only name what they belong to.
fn is_attachment(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("sha256-") else { return false };
    let digest = rest.split('.').next().unwrap_or_default();
    digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn host_of(url: &str) -> String {
    let after = url.split_once("://").map_or("", |(_, after)| after);
    after.split('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: &str = "sha256:0f3b1e2c4d5a69788796a5b4c3d2e1f00f3b1e2c4d5a69788796a5b4c3d2e1f0";

    /// One event, of which `change` says how it differs from a push that counts.
    fn envelope(change: &[(&str, &str)]) -> String {
        let mut event = serde_json::json!({
            "id": "e1", "timestamp": "2026-11-21T10:00:00Z", "action": "push",
            "target": {
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "size": 528, "length": 528, "digest": DIGEST, "repository": "team/app",
                "url": "http://127.0.0.1:5981/v2/team/app/manifests/sha256:0f", "tag": "1.2.3",
                "references": [{"mediaType": "application/octet-stream", "size": 1, "digest": DIGEST}],
            },
            "request": {
                "id": "r", "addr": "127.0.0.1:4", "host": "127.0.0.1:5981", "method": "PUT",
                "useragent": "x",
            },
            "actor": {}, "source": {"addr": "host:5981", "instanceID": "i"},
        });
        for (pointer, value) in change {
            *event.pointer_mut(pointer).unwrap() = (*value).into();
        }
        serde_json::json!({ "events": [event] }).to_string()
    }

    #[test]
    fn a_push_of_a_tagged_manifest_counts() {
        let expected = Push {
            id: "e1".into(),
            host: "127.0.0.1:5981".into(),
            repository: "team/app".into(),
            tag: "1.2.3".into(),
            digest: Some(DIGEST.into()),
        };
        #[rustfmt::skip]
        let types = [
            None, Some("application/vnd.docker.distribution.events.v1+json"), Some("application/json; charset=utf-8"),
            Some("application/vnd.docker.distribution.events.v2+json"), Some(""),
        ];
        for content_type in types {
            let found = pushes(content_type, envelope(&[]).as_bytes()).unwrap();
            assert_eq!(found, std::slice::from_ref(&expected), "{content_type:?}");
        }
        let index = "application/vnd.oci.image.index.v1+json";
        for change in
            [("/target/mediaType", index), ("/target/mediaType", ""), ("/request/host", "")]
        {
            let found = pushes(None, envelope(&[change]).as_bytes()).unwrap();
            assert_eq!(found, std::slice::from_ref(&expected), "{change:?}");
        }
    }

    #[test]
    fn other_events_are_passed_over() {
        let signature = format!("{}.sig", DIGEST.replace(':', "-"));
        #[rustfmt::skip]
        let changes = [
            ("/action", "pull"), ("/action", "mount"), ("/action", "delete"), ("/target/tag", ""),
            ("/target/mediaType", "application/octet-stream"), ("/target/tag", signature.as_str()),
            ("/target/repository", ""), ("/target/tag", "not a tag"),
        ];
        for change in changes {
            assert_eq!(pushes(None, envelope(&[change]).as_bytes()).unwrap(), [], "{change:?}");
        }
        assert_eq!(pushes(None, br#"{"events": []}"#).unwrap(), []);
        assert_eq!(pushes(None, br#"{"events": [{"unknown": 1}], "more": 2}"#).unwrap(), []);
    }

    #[test]
    fn other_bodies_are_refused() {
        for body in [&b""[..], b"{}", b"[]", b"events=1", b"{\"events\": 1}", b"\xff"] {
            assert!(matches!(pushes(None, body), Err(Error::Envelope(_))), "{body:?}");
        }
        let form = Some("application/x-www-form-urlencoded");
        assert!(matches!(pushes(form, envelope(&[]).as_bytes()), Err(Error::ContentType(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..64), header in "\\PC{0,16}") {
            let _ = pushes(Some(&header), &body);
        }
    }
}
