//! Private keys as `ssh-keygen` and `openssl` write them.

use std::{fs, path::Path, process::Command};

use base64::{Engine, engine::general_purpose::STANDARD};
use repo::{Class, Error, Secret, Ssh};

const KNOWN: &[u8] =
    b"h ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n";

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
}

/// A key file of every type and form, with the passphrase that opens it.
fn forms(dir: &Path) -> Vec<(String, Vec<u8>, Option<&'static str>)> {
    let mut forms = Vec::new();
    for (kind, bits) in [("ed25519", ""), ("ecdsa", "256"), ("ecdsa", "521"), ("rsa", "2048")] {
        for phrase in ["", "open sesame"] {
            for form in ["RFC4716", "PKCS8", "PEM"] {
                let name = format!("{kind}{bits} {form} `{phrase}`");
                let path = dir.join(forms.len().to_string());
                let file = path.to_str().unwrap();
                let mut args = vec!["-q", "-t", kind, "-m", form, "-N", phrase, "-f", file];
                args.extend(if bits.is_empty() { vec![] } else { vec!["-b", bits] });
                run("ssh-keygen", &args);
                let text = fs::read(&path).unwrap();
                forms.push((name, text, (!phrase.is_empty()).then_some(phrase)));
            }
        }
    }
    forms
}

fn read(key: &[u8], phrase: Option<&str>) -> Result<Ssh, Error> {
    let phrase = phrase.map(Secret::new);
    Ssh::new(&Secret::new(key), phrase.as_ref(), KNOWN)
}

#[test]
fn every_form_of_a_key_is_read_with_its_passphrase_and_only_with_it() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text, phrase) in forms(dir.path()) {
        // The old form of an elliptic key is encrypted as nothing else is.
        if name.starts_with("ecdsa") && name.contains("PEM") && phrase.is_some() {
            let error = read(&text, phrase).err().unwrap();
            assert!(error.to_string().contains("ssh-keygen -p"), "{name}: {error}");
            continue;
        }
        let opened = read(&text, phrase);
        assert!(opened.is_ok(), "{name}: {:?}", opened.err());
        let crlf = String::from_utf8(text.clone()).unwrap().replace('\n', "\r\n");
        assert!(read(crlf.as_bytes(), phrase).is_ok(), "{name} with CRLF");
        if phrase.is_none() {
            assert!(read(&text, Some("not needed")).is_ok(), "{name}");
            continue;
        }
        for (wrong, complaint) in [(None, "put its passphrase into"), (Some("x"), "does not open")]
        {
            let error = read(&text, wrong).err().unwrap();
            assert!(error.to_string().contains(complaint), "{name}: {error}");
            assert_eq!(error.class(), Class::Waiting, "{name}");
        }
    }
}

#[test]
fn what_is_no_key_is_refused_with_a_remedy() {
    let public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
    let empty = "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n";
    #[rustfmt::skip]
    let cases: [(&[u8], &str); 5] = [
        (b"",                "it is no private key"),
        (public.as_bytes(),  "it is no private key"),
        (b"\xff\xfe",        "it is not text"),
        (empty.as_bytes(),   "it cannot be read"),
        (b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", "it cannot be read"),
    ];
    for (text, complaint) in cases {
        let error = read(text, None).err().unwrap();
        assert!(error.to_string().contains(complaint), "{error:?}");
    }
}

#[test]
fn the_halves_of_a_key_must_belong_together() {
    let dir = tempfile::tempdir().unwrap();
    let made = ["mine", "theirs"].map(|name| {
        let path = dir.path().join(name);
        run(
            "ssh-keygen",
            &["-q", "-t", "ed25519", "-N", "", "-C", "c", "-f", path.to_str().unwrap()],
        );
        let text = fs::read_to_string(&path).unwrap();
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(body).unwrap()
    });
    // The public half follows the type's name and its length, and stands there three times.
    let public = |key: &[u8]| {
        let name = b"ssh-ed25519\0\0\0\x20";
        let at = key.windows(name.len()).position(|window| window == name).unwrap() + name.len();
        key[at..at + 32].to_vec()
    };
    let [mut mine, theirs] = made;
    let (own, other) = (public(&mine), public(&theirs));
    while let Some(at) = mine.windows(32).position(|window| window == own) {
        mine[at..at + 32].copy_from_slice(&other);
    }
    let pem = format!(
        "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
        STANDARD.encode(mine)
    );
    let error = read(pem.as_bytes(), None).err().unwrap();
    let words = error.to_string();
    assert!(
        words.contains("do not belong together") || words.contains("cannot be read"),
        "{words}"
    );
}
