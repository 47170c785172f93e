//! Whether an image is due for a scan. Pure.

use std::collections::BTreeSet;

use imagebot_api::ImageRepository;
use imagebot_core::tags::{self, Exclusions};

use crate::tags::Scan;

/// Why the registry is read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It never was.
    First,
    /// Someone asked.
    Requested,
    /// The last scan was of another image.
    NewName,
    /// The last scan was made with other exclusions.
    NewExclusions,
    /// The tags of the last scan are lost.
    NoTags,
    /// What is on the disk is older than what the status has shown.
    OldTags,
    /// The last scan failed.
    Retry,
    /// The spec changed in another way, which shows best by trying.
    NewSpec,
    /// The interval has passed.
    Interval,
}

impl Reason {
    /// The reason, in upstream's words where it has some.
    pub fn text(self) -> &'static str {
        match self {
            Self::First => "first scan",
            Self::Requested => "reconcile requested",
            Self::NewName => "new image name",
            Self::NewExclusions => "updated exclusion list",
            Self::NoTags => "no tags in database",
            Self::OldTags => "tags in database are older than the last scan",
            Self::Retry => "the last scan failed",
            Self::NewSpec => "updated spec",
            Self::Interval => "triggered by interval",
        }
    }
}

/// Why `object`, whose last scan on this disk is `scan`, is to be scanned now, if it is.
///
/// `due` says whether its interval has passed since `scan`.
pub(super) fn reason(
    object: &ImageRepository,
    image: &str,
    scan: Option<&Scan>,
    requested: bool,
    due: bool,
) -> Option<Reason> {
    let status = object.status.as_ref();
    let shown = status.and_then(|status| status.last_scan_result.as_ref());
    let Some(scan) = scan.filter(|scan| Some(&scan.uid) == object.metadata.uid.as_ref()) else {
        return Some(if shown.is_some() { Reason::NoTags } else { Reason::First });
    };
    let set = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
    let shown_at = shown.and_then(|shown| shown.scan_time.as_ref()).map(|time| time.0.as_second());
    let ready = status.is_some_and(|status| {
        status.conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True")
    });
    if requested {
        Some(Reason::Requested)
    } else if scan.image != image {
        Some(Reason::NewName)
    } else if set(&scan.exclusion_list) != set(&object.spec.exclusion_list) {
        Some(Reason::NewExclusions)
    } else if shown_at.is_some_and(|shown_at| shown_at > scan.time().as_second()) {
        Some(Reason::OldTags)
    } else if !ready {
        Some(Reason::Retry)
    } else if status.and_then(|status| status.observed_generation) != object.metadata.generation {
        Some(Reason::NewSpec)
    } else {
        due.then_some(Reason::Interval)
    }
}

/// The tags that are not excluded, each once, in the order in which they are kept.
pub(super) fn keep(listed: &[String], exclusions: &Exclusions) -> Vec<String> {
    let mut kept: Vec<_> = listed.iter().filter(|tag| exclusions.admits(tag)).cloned().collect();
    tags::sort(&mut kept);
    kept.dedup();
    kept
}

#[cfg(test)]
mod tests {
    use imagebot_api::image_repository::{ImageRepositoryStatus, ScanResult};
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

    use super::*;

    fn scan(at: i64) -> Scan {
        Scan {
            uid: "u".into(),
            image: "r/a".into(),
            exclusion_list: vec!["b".into(), "a".into()],
            at: at * 1000,
            revision: String::new(),
            count: 0,
        }
    }

    fn object(shown_at: Option<i64>, ready: &str) -> ImageRepository {
        let time = |second| Time(Timestamp::from_second(second).unwrap());
        let mut object = ImageRepository::default();
        object.metadata.uid = Some("u".into());
        object.spec.exclusion_list = vec!["a".into(), "b".into()];
        object.status = Some(ImageRepositoryStatus {
            last_scan_result: shown_at
                .map(|at| ScanResult { scan_time: Some(time(at)), ..ScanResult::default() }),
            conditions: vec![Condition {
                type_: "Ready".into(),
                status: ready.into(),
                reason: String::new(),
                message: String::new(),
                last_transition_time: time(0),
                observed_generation: None,
            }],
            ..ImageRepositoryStatus::default()
        });
        object
    }

    #[test]
    fn a_scan_has_a_reason() {
        #[rustfmt::skip]
        let cases = [
            // shown     ready    on disk         image  requested due    reason
            (None,       "False", None,           "r/a", false,    true,  Some(Reason::First)),
            (Some(5),    "True",  None,           "r/a", false,    false, Some(Reason::NoTags)),
            (Some(5),    "True",  Some(scan(5)),  "r/a", false,    false, None),
            (Some(5),    "True",  Some(scan(5)),  "r/a", false,    true,  Some(Reason::Interval)),
            (Some(5),    "True",  Some(scan(5)),  "r/a", true,     false, Some(Reason::Requested)),
            (Some(5),    "True",  Some(scan(5)),  "r/b", false,    false, Some(Reason::NewName)),
            (Some(5),    "True",  Some(scan(4)),  "r/a", false,    false, Some(Reason::OldTags)),
            (Some(5),    "True",  Some(scan(9)),  "r/a", false,    false, None),
            (Some(5),    "False", Some(scan(5)),  "r/a", false,    false, Some(Reason::Retry)),
        ];
        for (shown, ready, on_disk, image, requested, due, expected) in cases {
            let object = object(shown, ready);
            let reason = reason(&object, image, on_disk.as_ref(), requested, due);
            assert_eq!(reason, expected, "{shown:?} {on_disk:?}");
        }
    }

    #[test]
    fn a_changed_spec_is_tried_at_once() {
        let mut object = object(Some(5), "True");
        object.metadata.generation = Some(2);
        assert_eq!(reason(&object, "r/a", Some(&scan(5)), false, false), Some(Reason::NewSpec));
    }

    #[test]
    fn another_object_of_the_same_name_begins_anew() {
        let mut object = object(None, "True");
        object.metadata.uid = Some("other".into());
        assert_eq!(reason(&object, "r/a", Some(&scan(5)), false, false), Some(Reason::First));
    }

    #[test]
    fn a_registry_may_list_in_any_order_and_twice() {
        let tags = |list: &[&str]| list.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        let exclusions = Exclusions::parse(&[r"^.*\.sig$"]).unwrap();
        let kept = keep(&tags(&["1.0", "sha256-a.sig", "2.0", "1.0"]), &exclusions);
        assert_eq!(kept, tags(&["2.0", "1.0"]));
    }
}
