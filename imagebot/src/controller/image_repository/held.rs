//! Lists that are not used because too much of what was known is gone, and how they are after all.
//!
//! What a list is compared with is the one in use: on the disk its tags, and where the disk has
//! lost them, the number that the status shows. Pure.

use std::collections::BTreeSet;

use imagebot_api::{ImageRepository, image_repository::WithheldScan};
use imagebot_core::tags::guard::{self, Known, Limit, Loss};
use kube::ResourceExt as _;

use super::{Error, Valid};
use crate::tags::Scan;

/// The annotation that does what `spec.tagLossLimit` does, where the CRD is Flux's.
pub(super) const LIMIT: &str = "signet.dev/tag-loss-limit";
/// The annotation by which a list is given up.
pub(super) const ACCEPT: &str = "signet.dev/accept-tag-loss";
/// How much of a checksum names a list.
const NAME_LENGTH: usize = 12;

/// How much `object` says may be gone at once.
pub(super) fn limit(object: &ImageRepository) -> Result<Limit, Error> {
    let annotation = || object.annotations().get(LIMIT).map(|text| (LIMIT, text));
    let field = object.spec.tag_loss_limit.as_ref().map(|text| ("spec.tagLossLimit", text));
    match field.or_else(annotation) {
        None => Ok(Limit::default()),
        Some((field, text)) => Limit::parse(text).map_err(|source| Error::Limit { field, source }),
    }
}

/// Whether the list `tags` may take the place of the one in use; `last` is what the disk has of that.
pub(super) fn check(
    object: &ImageRepository,
    valid: &Valid,
    last: Option<&(Scan, Vec<String>)>,
    tags: &[String],
) -> Result<(), Error> {
    let admitted: Vec<String>;
    let (known, revision) = match last {
        Some((scan, known)) => {
            // What the author excludes is not lost.
            admitted = known.iter().filter(|tag| valid.exclusions.admits(tag)).cloned().collect();
            (Known::Tags(&admitted), Some(scan.revision.as_str()))
        }
        None => (Known::Count(shown(object, &valid.image.to_string())), None),
    };
    let Some(loss) = guard::judge(known, tags, valid.limit) else { return Ok(()) };
    let status = object.status.as_ref();
    let result = status.and_then(|status| status.last_scan_result.as_ref());
    let revision = revision.or(result.and_then(|result| result.revision.as_deref()));
    let accept = name(revision.unwrap_or_default());
    let withheld = status.and_then(|status| status.withheld_scan_result.as_ref());
    if object.annotations().get(ACCEPT) == Some(&accept) && is_what_was_seen(withheld, tags, valid)
    {
        return Ok(());
    }
    Err(Error::TagsLost(Box::new(Withheld { loss, accept })))
}

/// A list that is not used.
#[derive(Debug)]
pub struct Withheld {
    pub(super) loss: Loss,
    pub(super) accept: String,
}

impl Withheld {
    /// What the status shows of it.
    pub(super) fn shown(&self) -> WithheldScan {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        WithheldScan {
            tag_count: count(self.loss.listed),
            missing_count: count(self.loss.gone),
            accept: self.accept.clone(),
        }
    }
}

/// How many tags the list has that the status shows, if it was made as one would be now.
fn shown(object: &ImageRepository, image: &str) -> usize {
    let set = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
    let status = object.status.as_ref().filter(|status| {
        status.canonical_image_name.as_deref() == Some(image)
            && set(&status.observed_exclusion_list) == set(&object.spec.exclusion_list)
    });
    let count = status.and_then(|status| status.last_scan_result.as_ref()).map(|it| it.tag_count);
    usize::try_from(count.unwrap_or_default()).unwrap_or_default()
}

/// Whether a list is no worse than the one that was seen by whoever accepted it.
fn is_what_was_seen(withheld: Option<&WithheldScan>, tags: &[String], valid: &Valid) -> bool {
    let seen = withheld.map_or(1, |withheld| usize::try_from(withheld.tag_count).unwrap_or(1));
    guard::judge(Known::Count(seen), tags, valid.limit).is_none()
}

/// What names a list in an annotation.
fn name(revision: &str) -> String {
    let hash = revision.split_once(':').map_or(revision, |(_, hash)| hash);
    hash.chars().take(NAME_LENGTH).collect()
}

#[cfg(test)]
mod tests;
