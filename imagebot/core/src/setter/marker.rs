//! The marker in a comment: `# {"$imagepolicy": "namespace:policy[:tag|:name|:digest]"}`.

use std::{collections::BTreeMap, fmt};

/// What a marker asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The policy's namespace.
    pub namespace: String,
    /// The policy's name.
    pub policy: String,
    /// Which part of the image is wanted.
    pub part: Part,
}

/// Which part of an image a marker wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it: `name:tag`, with the digest if there is one.
    Image,
    /// The repository.
    Name,
    /// The tag.
    Tag,
    /// The digest.
    Digest,
}

/// Why a comment is not a marker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The comment has more or other than one JSON object of strings.
    #[error(
        "the marker is not one JSON object; \
         write nothing but `{{\"$imagepolicy\": \"namespace:policy\"}}` in the comment"
    )]
    Json,
    /// The value does not name a policy.
    #[error("the marker `{0}` does not name a policy; write `namespace:policy`")]
    Policy(String),
    /// The value wants a part that images do not have.
    #[error("the marker wants part `{0}`; write `tag`, `name` or `digest`, or nothing for all")]
    Part(String),
}

impl Marker {
    /// Reads what follows the `#` of a comment. More `#` may follow, and blanks on both sides.
    pub fn parse(comment: &str) -> Result<Self, Error> {
        let json = comment.trim_start_matches(['#', ' ', '\t']).trim_end();
        let object: BTreeMap<String, String> =
            serde_json::from_str(json).map_err(|_| Error::Json)?;
        let value = object.get("$imagepolicy").ok_or(Error::Json)?;
        let mut parts = value.split(':');
        let (namespace, policy) = match (parts.next(), parts.next()) {
            (Some(namespace), Some(policy)) if !namespace.is_empty() && !policy.is_empty() => {
                (namespace.to_owned(), policy.to_owned())
            }
            _ => return Err(Error::Policy(value.clone())),
        };
        let part = match (parts.next(), parts.next()) {
            (None, _) => Part::Image,
            (Some("tag"), None) => Part::Tag,
            (Some("name"), None) => Part::Name,
            (Some("digest"), None) => Part::Digest,
            (Some(part), _) => return Err(Error::Part(part.to_owned())),
        };
        Ok(Self { namespace, policy, part })
    }
}

impl Marker {
    /// What stands in the comment.
    pub fn comment(&self) -> String {
        format!("{{\"$imagepolicy\": \"{self}\"}}")
    }
}

/// The value as it is written.
impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = match self.part {
            Part::Image => "",
            Part::Name => ":name",
            Part::Tag => ":tag",
            Part::Digest => ":digest",
        };
        write!(f, "{}:{}{suffix}", self.namespace, self.policy)
    }
}
