//! Keys that the real `ssh-keygen` made, in every form and with every protection that we read.

use std::{fs, path::Path, process::Command};

use super::*;

fn keygen(dir: &Path, name: &str, args: &[&str]) -> String {
    let output = Command::new("ssh-keygen")
        .current_dir(dir)
        .args(["-q", "-C", "robot@x", "-f", name])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    fs::read_to_string(dir.join(name)).unwrap()
}

/// The public half, as `ssh-keygen` wrote it beside the private one.
fn published(dir: &Path, name: &str) -> String {
    let line = fs::read_to_string(dir.join(format!("{name}.pub"))).unwrap();
    line.split(' ').nth(1).unwrap().trim().to_owned()
}

#[test]
fn every_form_of_a_key_opens_with_its_password_and_only_with_it() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for kind in
        [&["-t", "ed25519"][..], &["-t", "ecdsa", "-b", "384"], &["-t", "rsa", "-b", "2048"]]
    {
        for (form, password) in
            ["RFC4716", "PKCS8", "PEM"].map(|form| [(form, ""), (form, "sesame")]).concat()
        {
            let name = format!("{}-{form}-{password}", kind[1]);
            let text = keygen(dir, &name, &[kind, &["-m", form, "-N", password]].concat());
            assert!(is_key(&text), "{name}");
            if kind[1] == "ecdsa" && form == "PEM" && !password.is_empty() {
                let refused = Key::unlock(&text, Some(b"sesame")).err().unwrap();
                assert!(matches!(refused, Error::Encryption(_)), "{name}: {refused}");
                continue;
            }
            let key = Key::unlock(&text, Some(password.as_bytes()))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(STANDARD.encode(key.public()), published(dir, &name), "{name}");
            if text.contains("OPENSSH") {
                assert_eq!(public_half(&text).unwrap(), key.public(), "{name}");
            }
            let unlock = |password| Key::unlock(&text, password).err();
            if password.is_empty() {
                assert_eq!(unlock(Some(b"not needed")), None, "{name}");
            } else {
                assert_eq!(unlock(None), Some(Error::Locked), "{name}");
                assert_eq!(unlock(Some(b"wrong")), Some(Error::Password), "{name}");
            }
        }
    }
}

#[test]
fn every_cipher_of_openssh_opens_or_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for cipher in ["aes256-ctr", "aes128-ctr", "aes256-cbc", "aes128-cbc"] {
        let text =
            keygen(dir.path(), cipher, &["-t", "ed25519", "-a", "2", "-N", "p", "-Z", cipher]);
        assert!(Key::unlock(&text, Some(b"p")).is_ok(), "{cipher}");
    }
    let text = keygen(dir.path(), "odd", &["-t", "ed25519", "-N", "sesame", "-Z", "3des-cbc"]);
    let refused = Key::unlock(&text, Some(b"sesame")).err();
    assert_eq!(refused, Some(Error::Encryption("3des-cbc".to_owned())));
}

#[test]
fn what_is_no_key_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let dsa = keygen(dir, "dsa", &["-t", "dsa", "-N", ""]);
    let public = fs::read_to_string(dir.join("dsa.pub")).unwrap();
    #[rustfmt::skip]
    let cases = [
        (dsa,                                                                     Error::Algorithm("ssh-dss".to_owned())),
        (keygen(dir, "old-dsa", &["-t", "dsa", "-N", "", "-m", "PEM"]),           Error::Algorithm("ssh-dss".to_owned())),
        (keygen(dir, "small", &["-t", "rsa", "-b", "1024", "-N", ""]),            Error::Rejected),
        ("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n".to_owned(), Error::Rejected),
        (public,                                                                  Error::NotAKey),
        (String::new(),                                                           Error::NotAKey),
    ];
    for (text, error) in cases {
        assert_eq!(Key::unlock(&text, None).err(), Some(error));
    }
}
