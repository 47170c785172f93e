//! Which keys are asked, in which order, and what people are told when none opens.

use std::cell::RefCell;

use super::*;
use crate::sops::selector::Selector;

/// Wraps by spelling bytes out; opens only what it is told to.
struct Fake {
    opens: &'static [&'static str],
    asked: RefCell<Vec<String>>,
}

impl Fake {
    fn new(opens: &'static [&'static str]) -> Self {
        Self { opens, asked: RefCell::default() }
    }
}

impl KeyService for Fake {
    fn decrypt(&self, wrapped: &Wrapped) -> Result<Plaintext, KeyError> {
        let name = wrapped.key.to_string();
        self.asked.borrow_mut().push(name.clone());
        if self.opens.contains(&name.as_str()) {
            let bytes = wrapped.enc.split(' ').map(|byte| byte.parse().unwrap());
            return Ok(Plaintext::new(bytes.collect()));
        }
        Err(KeyError::Missing(
            "there is no such key on this machine, and nobody knows where it is".into(),
        ))
    }

    fn encrypt(&self, key: &MasterKey, part: &Plaintext) -> Result<String, KeyError> {
        if key.to_string() == "age1broken" {
            return Err(KeyError::Failed("no".into()));
        }
        let bytes: Vec<_> = part.expose().iter().map(u8::to_string).collect();
        Ok(bytes.join(" "))
    }
}

fn keys(names: &[&str]) -> Vec<MasterKey> {
    let key = |name: &&str| {
        if name.starts_with("age") { MasterKey::age(name) } else { MasterKey::pgp(name) }
    };
    names.iter().map(key).collect()
}

fn wrapped(groups: &[&[&str]], threshold: Option<usize>) -> Result<(DataKey, Metadata), WrapError> {
    let key = DataKey::generate(&mut rand::rng());
    let groups: Vec<_> = groups.iter().map(|names| keys(names)).collect();
    let now = "2026-01-02T03:04:05.9Z".parse().unwrap();
    let readers = Readers { groups, threshold };
    let groups = wrap(&key, &readers, now, &Fake::new(&[]), &mut rand::rng())?;
    let metadata = Metadata {
        groups,
        threshold,
        modified: String::new(),
        mac: None,
        selector: Selector::default(),
        mac_only_encrypted: false,
        version: None,
        layout: None,
    };
    Ok((key, metadata))
}

#[test]
fn a_file_opens_with_one_key_of_as_many_groups_as_it_takes() {
    #[rustfmt::skip]
    let cases = [
        // groups                          threshold  we have            opens
        (&[&["age1a", "AB"][..]][..],      None,      &["AB"][..],       true),
        (&[&["age1a", "AB"]],              None,      &["CD"],           false),
        (&[&["age1a"][..], &["age1b"]],       None,      &["age1a"],        false),
        (&[&["age1a"][..], &["age1b"]],       None,      &["age1a", "age1b"], true),
        (&[&["age1a"][..], &["AB"], &["CD"]], Some(2),   &["CD", "AB"],     true),
        (&[&["age1a"][..], &["AB"], &["CD"]], Some(2),   &["CD"],           false),
        (&[&["age1a"][..], &["AB"], &["CD"]], None,      &["CD", "AB"],     false),
    ];
    for (groups, threshold, opens, expected) in cases {
        let (key, metadata) = wrapped(groups, threshold).unwrap();
        let recovered = recover(&metadata, &DEFAULT_ORDER, &Fake::new(opens));
        assert_eq!(recovered.is_ok(), expected, "{groups:?} {threshold:?} {opens:?}");
        if let Ok(recovered) = recovered {
            assert_eq!(recovered.expose(), key.expose());
        }
    }
}

#[test]
fn keys_are_asked_in_the_order_wanted() {
    let (_, metadata) = wrapped(&[&["AB", "age1a", "CD", "age1b"]], None).unwrap();
    for (order, expected) in [
        (&DEFAULT_ORDER[..], ["age1a", "age1b", "AB", "CD"]),
        (&[], ["AB", "age1a", "CD", "age1b"]),
        (&[Kind::Pgp], ["AB", "CD", "age1a", "age1b"]),
    ] {
        let service = Fake::new(&[]);
        recover(&metadata, order, &service).unwrap_err();
        assert_eq!(*service.asked.borrow(), expected);
    }
}

#[test]
fn who_cannot_open_a_file_reads_what_became_of_every_key() {
    let (_, metadata) = wrapped(&[&["age1a", "AB"]], None).unwrap();
    let error = recover(&metadata, &DEFAULT_ORDER, &Fake::new(&[])).unwrap_err();
    let expected = "Failed to get the data key required to decrypt the SOPS file.

Group 0: FAILED
  age1a: FAILED
    - | there is no such key on this machine, and nobody knows where
      | it is
  
  AB: FAILED
    - | there is no such key on this machine, and nobody knows where
      | it is

Recovery failed because no master key was able to decrypt the file. In
order for SOPS to recover the file, at least one key has to be successful,
but none were.";
    assert_eq!(error.to_string(), expected);
    let (_, metadata) = wrapped(&[&["age1a"], &["age1b"]], Some(2)).unwrap();
    let error = recover(&metadata, &DEFAULT_ORDER, &Fake::new(&["age1a"])).unwrap_err().to_string();
    assert!(error.contains("Group 0: SUCCESS\n\nGroup 1: FAILED\n"), "{error}");
    assert!(error.contains("Shamir threshold of\n2, but only 1 part(s)"), "{error}");
}

#[test]
fn a_key_that_cannot_be_wrapped_is_an_error_with_its_name() {
    let message =
        |groups: &[&[&str]], threshold| wrapped(groups, threshold).unwrap_err().to_string();
    assert_eq!(message(&[], None), "no key groups provided");
    assert_eq!(message(&[&[]], None), "empty key group provided");
    assert_eq!(message(&[&["AB"], &[]], None), "empty key group provided");
    assert_eq!(
        message(&[&["AB", "age1broken"]], None),
        "failed to encrypt new data key with master key \"age1broken\": no"
    );
    assert!(wrapped(&[&["AB"], &["CD"]], Some(1)).is_err());
    assert!(wrapped(&[&["AB"], &["CD"]], Some(3)).is_err());
    let (_, metadata) = wrapped(&[&["AB", "age1a"]], None).unwrap();
    let stamps: Vec<_> =
        metadata.groups[0].0.iter().map(|wrapped| wrapped.created_at.as_deref()).collect();
    assert_eq!(stamps, [Some("2026-01-02T03:04:05Z"), None]);
}
