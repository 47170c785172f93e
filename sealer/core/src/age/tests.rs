//! The official vectors, and what is made here for every kind of recipient.

use std::{collections::BTreeMap, fs, path::Path};

use aws_lc_rs::digest;
use proptest::prelude::*;
use zlib_rs::{Inflate, InflateFlush};

use super::*;

/// A vector: what is expected, with which identities, of which file.
struct Vector {
    expect: String,
    payload: Option<String>,
    identities: Vec<Identity>,
    armored: bool,
    file: Vec<u8>,
}

impl Vector {
    /// Lines `name: value`, an empty line, and the file.
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
        let (head, file) = (std::str::from_utf8(&bytes[..end]).unwrap(), &bytes[end + 2..]);
        let mut vector = Self {
            expect: String::new(),
            payload: None,
            identities: Vec::new(),
            armored: false,
            file: file.to_vec(),
        };
        for line in head.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            match name {
                "expect" => value.clone_into(&mut vector.expect),
                "payload" => vector.payload = Some(value.to_owned()),
                "identity" => vector.identities.push(Identity::parse(value).unwrap()),
                "passphrase" => {
                    let passphrase = Passphrase::new(value.to_owned().into());
                    vector.identities.push(Identity::passphrase(passphrase));
                }
                "armored" => vector.armored = true,
                "compressed" => vector.file = inflate(&vector.file),
                "file key" | "comment" => {}
                other => panic!("`{other}` is unknown"),
            }
        }
        vector
    }

    /// The class of what happens, in the words of the vectors, and the hash of the payload.
    fn outcome(&self) -> (&'static str, Option<String>) {
        match decrypt(&self.file, &self.identities, None) {
            Ok(plain) => ("success", Some(hex(&digest::digest(&digest::SHA256, plain.expose())))),
            Err(Error::Armor(_)) => ("armor failure", None),
            Err(Error::Header(_)) if self.armored && !is_file(&self.file) => {
                ("armor failure", None)
            }
            Err(Error::Header(_)) => ("header failure", None),
            Err(Error::Hmac) => ("HMAC failure", None),
            Err(Error::NoMatch) => ("no match", None),
            Err(Error::Payload) => ("payload failure", None),
            Err(other) => panic!("{other}"),
        }
    }
}

fn inflate(bytes: &[u8]) -> Vec<u8> {
    let mut output = vec![0; 32 << 20];
    let mut inflate = Inflate::new(true, 15);
    inflate.decompress(bytes, &mut output, InflateFlush::Finish).unwrap();
    output.truncate(usize::try_from(inflate.total_out()).unwrap());
    output
}

fn hex(bytes: &digest::Digest) -> String {
    bytes.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[test]
fn every_official_vector_does_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/age");
    let mut seen = BTreeMap::new();
    let mut wrong = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some() {
            continue;
        }
        let vector = Vector::read(&fs::read(&path).unwrap());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (outcome, payload) = vector.outcome();
        *seen.entry(vector.expect.clone()).or_insert(0) += 1;
        // Of what fails in its payload, others give out a part: we do not.
        let payload_differs = outcome == "success" && payload != vector.payload;
        if outcome != vector.expect || payload_differs {
            wrong.push(format!("{name}: {outcome} instead of {}", vector.expect));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let counts: Vec<_> = seen.iter().map(|(expect, count)| (expect.as_str(), *count)).collect();
    #[rustfmt::skip]
    assert_eq!(counts, [
        ("HMAC failure", 1), ("armor failure", 22), ("header failure", 62), ("no match", 13),
        ("payload failure", 19), ("success", 26),
    ]);
}

fn x25519() -> (Identity, Recipient) {
    let text = Identity::generate(&mut rand::rng());
    let identity = Identity::parse(&text).unwrap();
    let recipient = Recipient::parse(&identity.recipient().unwrap()).unwrap();
    (identity, recipient)
}

fn plain(bytes: &[u8]) -> Plaintext {
    Plaintext::new(bytes.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn decrypting_undoes_encrypting_and_notices_every_change(
        bytes: Vec<u8>, at: prop::sample::Index, bit in 0..8u8,
    ) {
        let (identity, recipient) = x25519();
        let identities = [identity];
        let file = encrypt(&plain(&bytes), &[recipient], None, &mut rand::rng()).unwrap();
        let opened = decrypt(&file, &identities, None).unwrap();
        prop_assert_eq!(opened.expose(), &bytes[..]);
        let mut altered = file.clone();
        altered[at.index(file.len())] ^= 1 << bit;
        prop_assert!(decrypt(&altered, &identities, None).is_err());
        prop_assert!(decrypt(&file[..at.index(file.len())], &identities, None).is_err());
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, text in "-> [ -~\n]{0,99}") {
        let (identity, _) = x25519();
        let identities = [identity];
        let _ = decrypt(&bytes, &identities, None);
        let _ = decrypt(format!("age-encryption.org/v1\n{text}").as_bytes(), &identities, None);
        let _ = Recipient::parse(&text);
        let _ = parse_identities(&text.into());
    }
}

#[test]
fn chunks_end_where_they_should() {
    let (identity, recipient) = x25519();
    for size in [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000] {
        let bytes = vec![7; size];
        let recipients = std::slice::from_ref(&recipient);
        let text = encrypt_armored(&plain(&bytes), recipients, None, &mut rand::rng()).unwrap();
        let opened = decrypt(text.as_bytes(), std::slice::from_ref(&identity), None).unwrap();
        assert_eq!(opened.expose(), bytes, "{size}");
    }
}

#[test]
fn each_recipient_opens_and_nobody_else() {
    let ((alice, to_alice), (bob, to_bob), (eve, _)) = (x25519(), x25519(), x25519());
    let file = encrypt(&plain(b"x"), &[to_alice, to_bob], None, &mut rand::rng()).unwrap();
    for identity in [alice, bob] {
        assert_eq!(decrypt(&file, &[identity], None).unwrap().expose(), b"x");
    }
    assert!(matches!(decrypt(&file, &[eve], None), Err(Error::NoMatch)));
    assert!(matches!(decrypt(&file, &[], None), Err(Error::NoMatch)));
    let nobody = encrypt(&plain(b"x"), &[], None, &mut rand::rng());
    assert!(matches!(nobody, Err(Error::NoRecipients)));
}

#[test]
fn a_passphrase_opens_alone() {
    let words = |words: &str| Passphrase::with_work(words.to_owned().into(), 2);
    let right = Recipient::passphrase(words("open"));
    let (identity, other) = x25519();
    let file = encrypt(&plain(b"x"), std::slice::from_ref(&right), None, &mut rand::rng()).unwrap();
    let open = |text| decrypt(&file, &[Identity::passphrase(words(text))], None);
    assert_eq!(open("open").unwrap().expose(), b"x");
    assert!(matches!(open("wrong"), Err(Error::NoMatch)));
    assert!(matches!(decrypt(&file, &[identity], None), Err(Error::NoMatch)));
    for others in [[right.clone(), other], [right.clone(), right]] {
        let mixed = encrypt(&plain(b"x"), &others, None, &mut rand::rng());
        let words = mixed.unwrap_err().to_string();
        assert!(words.contains("opened by a passphrase"), "{words}");
    }
}

/// From `age-keygen -pq` of age 1.3.2.
const HYBRID: &str =
    "AGE-SECRET-KEY-PQ-1SVQ5HG0367E36RZQ5YEKW73UX4DMSUFHD96MEJZ232DT78G6TC2QVXJCLY";

#[test]
fn post_quantum_keys_are_not_mixed_with_others() {
    let identity = Identity::parse(HYBRID).unwrap();
    let text = identity.recipient().unwrap();
    assert_eq!(hex(&digest::digest(&digest::SHA256, text.as_bytes())), HYBRID_RECIPIENT);
    let recipient = Recipient::parse(&text).unwrap();
    let both = [recipient.clone(), recipient];
    let file = encrypt(&plain(b"x"), &both, None, &mut rand::rng()).unwrap();
    assert_eq!(decrypt(&file, &[identity], None).unwrap().expose(), b"x");
    let [recipient, _] = both;
    for mixed in [[recipient.clone(), x25519().1], [x25519().1, recipient]] {
        let error = encrypt(&plain(b"x"), &mixed, None, &mut rand::rng()).unwrap_err();
        assert!(error.to_string().contains("postquantum"), "{error}");
    }
}

/// The SHA-256 of the recipient that `age-keygen -y` printed for it.
const HYBRID_RECIPIENT: &str = "4b6e14c08f4b5c0a511ed7580b2efd807231bce3379a10d9be49f9ac64516b2e";

#[test]
fn files_of_identities_have_comments_and_say_the_line_of_a_mistake() {
    let key = Identity::generate(&mut rand::rng());
    let parse = |text: &str| parse_identities(&text.to_owned().into());
    let file = format!("# created: today\n\n{}\r\n  {HYBRID}  \nAGE-PLUGIN-SE-1QQQQ9P5AWP\n", *key);
    let refused = parse(&file).unwrap_err();
    assert!(refused.to_string().starts_with("line 5 of"), "{refused}");
    let file = file.lines().take(4).collect::<Vec<_>>().join("\n");
    assert_eq!(parse(&file).unwrap().len(), 2);
    for sealed in ["-----BEGIN AGE ENCRYPTED FILE-----\n", "age-encryption.org/v1\n-> scrypt"] {
        assert_eq!(parse(sealed).unwrap_err(), Malformed::Encrypted);
    }
    let lower = key.to_ascii_lowercase();
    assert!(parse(&lower).is_err());
}

#[test]
fn a_private_key_given_as_recipient_is_not_repeated() {
    let key = Identity::generate(&mut rand::rng());
    for text in [key.to_string(), key.to_ascii_lowercase(), format!("x {}", *key)] {
        let error = Recipient::parse(&text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&text));
    }
    #[rustfmt::skip]
    let cases = [
        // text                     remedy
        ("ssh-ed25519 AAAA",        "ed25519 and rsa"),
        ("ecdsa-sha2-nistp256 AA",  "ed25519 and rsa"),
        ("age1qqqq",                "a letter of it"),
        ("x",                       "age-keygen -y"),
    ];
    for (text, remedy) in cases {
        let error = Recipient::parse(text).unwrap_err().to_string();
        assert!(error.contains(remedy), "{error}");
    }
}

mod keys;
