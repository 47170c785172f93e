//! Which lists are held back, and how they are let through.

use imagebot_api::image_repository::{ImageRepositoryStatus, ScanResult};
use imagebot_core::{reference::Repository, tags::Exclusions};
use std::time::Duration;

use super::*;

const REVISION: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const ACCEPTS: &str = "0123456789ab";

fn tags(range: std::ops::Range<usize>) -> Vec<String> {
    range.rev().map(|number| format!("v{number:04}")).collect()
}

fn valid(exclusions: &[&str]) -> Valid {
    let exclusions = Exclusions::parse(exclusions).unwrap();
    let image = Repository::parse("r.example/web").unwrap();
    let (interval, limit) = (Duration::from_secs(60), Limit::default());
    Valid { image, interval, timeout: interval, exclusions, limit }
}

/// An image whose status shows a list of `count` tags.
fn object(count: i64) -> ImageRepository {
    let mut object = ImageRepository::default();
    let result = ScanResult {
        revision: Some(REVISION.to_owned()),
        tag_count: count,
        ..ScanResult::default()
    };
    object.status = Some(ImageRepositoryStatus {
        canonical_image_name: Some("r.example/web".to_owned()),
        last_scan_result: Some(result),
        ..ImageRepositoryStatus::default()
    });
    object
}

fn annotate(object: &mut ImageRepository, name: &str, value: &str) {
    object.annotations_mut().insert(name.to_owned(), value.to_owned());
}

fn last(tags: Vec<String>) -> (Scan, Vec<String>) {
    let scan = Scan {
        uid: "u".into(),
        image: "r.example/web".into(),
        exclusion_list: Vec::new(),
        at: 0,
        revision: REVISION.into(),
        count: tags.len(),
    };
    (scan, tags)
}

fn withheld(
    object: &ImageRepository,
    last: Option<&(Scan, Vec<String>)>,
    tags: &[String],
) -> Option<WithheldScan> {
    match check(object, &valid(&[]), last, tags) {
        Ok(()) => None,
        Err(Error::TagsLost(withheld)) => Some(withheld.shown()),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_list_is_compared_with_the_disk_and_without_one_with_the_status() {
    let (object, disk) = (object(100), last(tags(0..100)));
    let held = |tag_count, missing_count| {
        Some(WithheldScan { tag_count, missing_count, accept: ACCEPTS.to_owned() })
    };
    assert_eq!(withheld(&object, Some(&disk), &tags(0..40)), held(40, 60));
    assert_eq!(withheld(&object, None, &tags(0..40)), held(40, 60), "the disk is lost");
    assert_eq!(withheld(&object, Some(&disk), &tags(100..200)), held(100, 100));
    assert_eq!(withheld(&object, None, &tags(100..200)), None, "a number tells no tags apart");
    assert_eq!(withheld(&object, Some(&disk), &tags(20..120)), None);
}

#[test]
fn what_the_author_changes_is_no_loss() {
    let disk = last(tags(0..100));
    assert!(check(&object(100), &valid(&["^v00[1-9]"]), Some(&disk), &tags(0..10)).is_ok());
    let mut moved = object(100);
    moved.status.as_mut().unwrap().canonical_image_name = Some("r.example/other".to_owned());
    assert_eq!(withheld(&moved, None, &tags(0..1)), None, "another image");
    let mut excluding = object(100);
    excluding.spec.exclusion_list = vec!["^v0".to_owned()];
    assert_eq!(withheld(&excluding, None, &tags(0..1)), None, "other exclusions");
}

#[test]
fn a_list_is_given_up_by_its_name_and_only_for_what_was_seen() {
    let disk = last(tags(0..100));
    let seen = |tag_count| {
        let mut object = object(100);
        let missing_count = 100 - tag_count;
        let status = object.status.as_mut().unwrap();
        status.withheld_scan_result =
            Some(WithheldScan { tag_count, missing_count, accept: ACCEPTS.to_owned() });
        object
    };
    #[rustfmt::skip]
    let cases = [
        // seen      annotation     listed          used
        (seen(40),   ACCEPTS,       tags(0..40),    true),
        (seen(40),   ACCEPTS,       tags(0..45),    true),
        (seen(40),   ACCEPTS,       tags(0..35),    true),
        (seen(40),   ACCEPTS,       tags(0..4),     false),
        (seen(40),   ACCEPTS,       tags(0..0),     false),
        (seen(0),    ACCEPTS,       tags(0..0),     true),
        (object(100), ACCEPTS,      tags(0..40),    true),
        (object(100), ACCEPTS,      tags(0..0),     false),
        (seen(40),   "ffffffffffff", tags(0..40),   false),
        (seen(40),   "",            tags(0..40),    false),
    ];
    for (mut object, annotation, listed, used) in cases {
        annotate(&mut object, ACCEPT, annotation);
        let row = format!("{annotation} {}", listed.len());
        assert_eq!(withheld(&object, Some(&disk), &listed).is_none(), used, "{row}");
    }
}

#[test]
fn the_limit_is_the_fields_then_the_annotations() {
    let mut object = object(100);
    assert_eq!(limit(&object).unwrap(), Limit::default());
    annotate(&mut object, LIMIT, "10%");
    assert_eq!(limit(&object).unwrap(), Limit::parse("10%").unwrap());
    object.spec.tag_loss_limit = Some("20%".to_owned());
    assert_eq!(limit(&object).unwrap(), Limit::parse("20%").unwrap());
    object.spec.tag_loss_limit = Some("much".to_owned());
    let error = limit(&object).unwrap_err();
    assert_eq!(
        reconcile::error::describe(&error),
        "`spec.tagLossLimit` is not valid: `much` is not a share from `0%` to `100%`; write it as `50%`"
    );
}

#[test]
fn the_condition_says_how_to_accept() {
    let error =
        check(&object(100), &valid(&[]), Some(&last(tags(0..100))), &tags(0..3)).unwrap_err();
    assert_eq!(
        reconcile::error::describe(&error),
        "the registry lists 3 tags, and 97 of the 100 that were known are gone, such as `v0099`, `v0098`, `v0097`: \
         the list before stays in use; see whether the registry has lost something; if the tags were removed on \
         purpose, annotate this object with `signet.dev/accept-tag-loss: 0123456789ab`"
    );
}
