//! Which commit a reference names.

use repo::{ObjectId, Range, Reference};
use source_api::GitReference;

use crate::{Error, Field};

/// What `reference`, which stands in `field`, names; the branch `fallback` when it names nothing.
pub fn reference(
    reference: &GitReference,
    fallback: &str,
    field: impl FnOnce() -> Field,
) -> Result<Reference, Error> {
    if let Some(commit) = &reference.commit {
        let id = ObjectId::from_hex(commit.as_bytes());
        let wrong = |_| Error::Commit { field: field(), commit: commit.clone() };
        return id.map(Reference::Commit).map_err(wrong);
    }
    if let Some(name) = &reference.name {
        return Ok(Reference::Name(name.clone()));
    }
    if let Some(semver) = &reference.semver {
        let wrong = |source| Error::Semver { field: field(), source: Box::new(source) };
        return Range::parse(semver).map(Reference::SemVer).map_err(wrong);
    }
    Ok(match (&reference.tag, &reference.branch) {
        (Some(tag), _) => Reference::Tag(tag.clone()),
        (None, Some(branch)) => Reference::Branch(branch.clone()),
        (None, None) => Reference::Branch(fallback.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Speaker;

    #[test]
    fn the_most_exact_reference_wins() {
        let named = |json: &str| {
            let read: GitReference = serde_json::from_str(json).expect("the case is a reference");
            let field = || Speaker::Itself.field("ref");
            reference(&read, "master", field).map(|it| it.to_string()).ok()
        };
        let id = "0123456789012345678901234567890123456789";
        #[rustfmt::skip]
        let cases = [
            (r"{}".to_owned(),                                         Some("branch `master`".to_owned())),
            (r#"{"branch":"main"}"#.to_owned(),                        Some("branch `main`".to_owned())),
            (r#"{"branch":"main","tag":"v1"}"#.to_owned(),             Some("tag `v1`".to_owned())),
            (r#"{"tag":"v1","semver":"1.x"}"#.to_owned(),              Some("a tag in `1.x`".to_owned())),
            (r#"{"semver":"one"}"#.to_owned(),                         None),
            (r#"{"semver":"1.x","name":"refs/pull/1/head"}"#.to_owned(), Some("reference `refs/pull/1/head`".to_owned())),
            (format!(r#"{{"name":"refs/heads/a","commit":"{id}"}}"#),  Some(format!("commit `{id}`"))),
            (r#"{"commit":"main"}"#.to_owned(),                        None),
        ];
        for (json, expected) in cases {
            assert_eq!(named(&json), expected, "{json}");
        }
    }
}
