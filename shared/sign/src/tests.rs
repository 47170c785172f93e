//! Signatures that the real `gpg`, `ssh-keygen` and `openssl` of this machine check, with keys that they made.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{openpgp, ssh};

const MESSAGE: &[u8] = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nUpdate\n";

fn run(dir: &Path, program: &str, args: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    let mut child = Command::new(program)
        .args(args)
        .current_dir(dir)
        .env("GNUPGHOME", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!("{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[expect(clippy::disallowed_methods, reason = "a signature is no older than its key")]
fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// A home of gpg whose agent ends with it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Self(home)
    }

    fn gpg(&self, args: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
        let mut all = vec!["--batch", "--quiet", "--pinentry-mode", "loopback"];
        all.extend(args);
        run(self.0.path(), "gpg", &all, input)
    }

    fn generate(&self, name: &str, passphrase: &str, algorithm: &str, usage: &str) {
        let made = self.gpg(
            &["--passphrase", passphrase, "--quick-generate-key", name, algorithm, usage, "never"],
            b"",
        );
        made.unwrap();
    }

    fn export(&self, name: &str, passphrase: &str) -> String {
        let args = ["--passphrase", passphrase, "--armor", "--export-secret-keys", name];
        String::from_utf8(self.gpg(&args, b"").unwrap()).unwrap()
    }

    /// Whether gpg finds the signature good.
    fn check(&self, signature: &str, message: &[u8]) -> Result<Vec<u8>, String> {
        let file = self.0.path().join("signature.asc");
        fs::write(&file, signature).unwrap();
        self.gpg(&["--verify", file.to_str().unwrap(), "-"], message)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = run(self.0.path(), "gpgconf", &["--kill", "all"], b"");
    }
}

#[test]
fn gpg_finds_the_signatures_of_its_keys_good() {
    let home = Home::new();
    #[rustfmt::skip]
    let cases = [
        // name         algorithm    usage    passphrase
        ("ed@x",       "ed25519",   "sign",  ""),
        ("rsa@x",      "rsa2048",   "sign",  "open sesame"),
        ("p256@x",     "nistp256",  "sign",  "open sesame"),
        ("p384@x",     "nistp384",  "sign",  ""),
        ("p521@x",     "nistp521",  "sign",  "open sesame"),
    ];
    for (name, algorithm, usage, passphrase) in cases {
        home.generate(name, passphrase, algorithm, usage);
        let armored = home.export(name, passphrase);
        let given = (!passphrase.is_empty()).then_some(passphrase.as_bytes());
        let key = openpgp::Key::unlock(&armored, given, now())
            .unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        // Numbers have leading zeros now and then.
        for number in 0..8 {
            let signature = key.sign(&[number], now()).unwrap();
            home.check(&signature, &[number])
                .unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        }
        let other = key.sign(b"other", now()).unwrap();
        assert!(home.check(&other, MESSAGE).is_err());
        if !passphrase.is_empty() {
            let unlock = |passphrase| openpgp::Key::unlock(&armored, passphrase, now()).err();
            assert!(matches!(unlock(None), Some(openpgp::Error::Locked)));
            assert!(matches!(unlock(Some(&b"wrong"[..])), Some(openpgp::Error::Passphrase)));
        }
    }
}

#[test]
fn the_part_of_a_key_that_signs_is_taken() {
    let home = Home::new();
    home.generate("sub@x", "", "ed25519", "cert");
    let listing = home.gpg(&["--with-colons", "--list-keys", "sub@x"], b"").unwrap();
    let listing = String::from_utf8(listing).unwrap();
    let fingerprint = listing.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap();
    let fingerprint = fingerprint.trim_end_matches(':').to_owned();
    let armored = home.export("sub@x", "");
    let unlock = |armored: &str| openpgp::Key::unlock(armored, None, now());
    assert!(matches!(unlock(&armored).err(), Some(openpgp::Error::NotForSigning)));
    for (algorithm, usage) in [("cv25519", "encr"), ("rsa2048", "sign")] {
        let args = ["--passphrase", "", "--quick-add-key", &fingerprint, algorithm, usage, "1y"];
        home.gpg(&args, b"").unwrap();
    }
    let armored = home.export("sub@x", "");
    home.check(&unlock(&armored).unwrap().sign(MESSAGE, now()).unwrap(), MESSAGE).unwrap();
    let later = now() + 2 * 366 * 86_400;
    let expired = openpgp::Key::unlock(&armored, None, later).err();
    assert!(matches!(expired, Some(openpgp::Error::Expired)), "{expired:?}");
    // Without its primary key, which stays in a safe.
    let args = ["--passphrase", "", "--armor", "--export-secret-subkeys", "sub@x"];
    let armored = String::from_utf8(home.gpg(&args, b"").unwrap()).unwrap();
    home.check(&unlock(&armored).unwrap().sign(MESSAGE, now()).unwrap(), MESSAGE).unwrap();
}

#[test]
fn what_is_no_signing_key_is_refused_by_name() {
    let home = Home::new();
    home.generate("one@x", "", "ed25519", "sign");
    home.generate("two@x", "", "ed25519", "sign");
    home.generate("dsa@x", "", "dsa2048", "sign");
    let both = home.gpg(&["--armor", "--export-secret-keys", "one@x", "two@x"], b"").unwrap();
    let public = home.gpg(&["--armor", "--export", "one@x"], b"").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let cut: String = home.export("one@x", "").lines().take(4).collect::<Vec<_>>().join("\n");
    #[rustfmt::skip]
    let cases = [
        (text(both),               "it holds 2 keys; exactly one is needed"),
        (text(public),             "it is a public key; export the private key with `gpg --armor --export-secret-keys`"),
        (home.export("dsa@x", ""), "keys of the OpenPGP algorithm 17 (DSA) cannot sign here; ed25519, ECDSA on a NIST curve and RSA can"),
        (cut,                      "it is not an armored OpenPGP private key"),
        (String::new(),            "it is not an armored OpenPGP private key"),
    ];
    for (armored, expected) in cases {
        let error = openpgp::Key::unlock(&armored, None, now()).err().unwrap();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn ssh_keygen_finds_the_signatures_of_its_keys_good() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    #[rustfmt::skip]
    let cases: [(&str, &[&str], &str); 11] = [
        ("ed25519",   &["-t", "ed25519"],                        ""),
        ("locked",    &["-t", "ed25519", "-a", "2"],             "open sesame"),
        ("chained",   &["-t", "ed25519", "-Z", "aes256-cbc"],    "open sesame"),
        ("p256",      &["-t", "ecdsa", "-b", "256"],             "open sesame"),
        ("p384",      &["-t", "ecdsa", "-b", "384"],             ""),
        ("p521",      &["-t", "ecdsa", "-b", "521"],             ""),
        ("rsa",       &["-t", "rsa", "-b", "2048"],              "open sesame"),
        ("rsa-pem",   &["-t", "rsa", "-b", "2048", "-m", "PEM"], ""),
        ("ec-pkcs8",  &["-t", "ecdsa", "-b", "384", "-m", "PKCS8"], ""),
        ("rsa-old",   &["-t", "rsa", "-b", "2048", "-m", "PEM"],   "open sesame"),
        ("rsa-pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"], "open sesame"),
    ];
    for (name, args, password) in cases {
        let args = [args, &["-q", "-N", password, "-C", "robot@x", "-f", name]].concat();
        run(dir, "ssh-keygen", &args, b"").unwrap();
        let text = fs::read_to_string(dir.join(name)).unwrap();
        let given = (!password.is_empty()).then_some(password.as_bytes());
        let key = ssh::Key::unlock(&text, given).unwrap_or_else(|error| panic!("{name}: {error}"));
        let public = fs::read_to_string(dir.join(format!("{name}.pub"))).unwrap();
        fs::write(dir.join("allowed"), format!("robot@x {public}")).unwrap();
        let check = ["-Y", "verify", "-f", "allowed", "-I", "robot@x", "-n", "git", "-s", "sig"];
        for _ in 0..8 {
            fs::write(dir.join("sig"), key.sign(MESSAGE).unwrap()).unwrap();
            run(dir, "ssh-keygen", &check, MESSAGE)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        assert!(run(dir, "ssh-keygen", &check, b"other").is_err());
        if !password.is_empty() {
            let unlock = |password| ssh::Key::unlock(&text, password).err();
            assert!(matches!(unlock(None), Some(ssh::Error::Locked)));
            assert!(matches!(unlock(Some(&b"wrong"[..])), Some(ssh::Error::Password)));
        }
    }
}

#[test]
fn what_is_no_ssh_key_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let make = |name: &str, args: &[&str]| {
        let args = [args, &["-q", "-C", "", "-f", name]].concat();
        run(dir, "ssh-keygen", &args, b"").unwrap();
        fs::read_to_string(dir.join(name)).unwrap()
    };
    let public = || fs::read_to_string(dir.join("dsa.pub")).unwrap();
    #[rustfmt::skip]
    let cases = [
        (make("dsa", &["-t", "dsa", "-N", ""]),                          "a key of the type `ssh-dss` is not supported; use ed25519, ecdsa or rsa"),
        (make("small", &["-t", "rsa", "-b", "1024", "-N", ""]),          "the key is damaged, or is an RSA key of less than 2048 bits"),
        (make("odd", &["-t", "ed25519", "-Z", "3des-cbc", "-N", "sesame"]), "the key is encrypted as `3des-cbc`, which is not supported; convert it with `ssh-keygen -p`"),
        (public(),                                                        "it is not a private SSH key in PEM"),
    ];
    for (text, expected) in cases {
        let error = ssh::Key::unlock(&text, Some(b"open sesame")).err().unwrap();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn no_bytes_panic() {
    let home = Home::new();
    home.generate("x@x", "p", "ed25519", "sign");
    let armored = home.export("x@x", "p");
    run(
        home.0.path(),
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "p", "-a", "1", "-f", "k"],
        b"",
    )
    .unwrap();
    let pem = fs::read_to_string(home.0.path().join("k")).unwrap();
    for (text, is_pgp) in [(armored, true), (pem, false)] {
        for at in (0..text.len()).step_by(7) {
            let mut torn = text.clone().into_bytes();
            torn[at] = if torn[at] == b'A' { b'B' } else { b'A' };
            let torn = String::from_utf8(torn).unwrap();
            for torn in [torn.as_str(), &text[..at]] {
                if is_pgp {
                    let _ = openpgp::Key::unlock(torn, Some(b"p"), now());
                } else if at % 5 == 0 {
                    let _ = ssh::Key::unlock(torn, Some(b"p"));
                }
            }
        }
    }
}
