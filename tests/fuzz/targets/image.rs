//! Names of images, policies and markers.
#![no_main]

use imagebot_core::{
    policy::semver::{Range, Version},
    reference::{Reference, Repository},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (one, two) = input;
    let _ = Repository::parse(one);
    if let Ok(reference) = Reference::parse(one) {
        // What we write, we can read.
        assert!(Reference::parse(&reference.canonical()).is_ok());
    }
    if let (Ok(range), Some(version)) = (Range::parse(one), Version::parse(two)) {
        let _ = range.matches(&version);
    }
});
