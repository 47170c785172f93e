//! ssh keys that the real `ssh-keygen` made, and a plugin in the process.

use std::{
    cell::RefCell,
    fs,
    io::{self, Read, Write},
    process::Command,
    rc::Rc,
};

use super::*;
use plugin::{Name, Pipes};

/// The private key and the public line of a new ssh key.
fn ssh_key(args: &[&str]) -> (Plaintext, String) {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new("ssh-keygen")
        .current_dir(dir.path())
        .args(["-q", "-C", "robot@x", "-f", "key"])
        .args(args)
        .status();
    assert!(made.unwrap().success(), "{args:?}");
    let read = |name| fs::read_to_string(dir.path().join(name)).unwrap();
    (read("key").into(), read("key.pub"))
}

#[test]
fn ssh_keys_open_what_is_for_their_public_half() {
    for kind in [&["-t", "ed25519"][..], &["-t", "rsa", "-b", "2048"]] {
        let (private, public) = ssh_key(&[kind, &["-N", ""]].concat());
        let identities = parse_identities(&private).unwrap();
        let recipient = Recipient::parse(&public).unwrap();
        assert!(public.starts_with(&identities[0].recipient().unwrap()), "{kind:?}");
        let file = encrypt(&plain(b"x"), &[recipient], None, &mut rand::rng()).unwrap();
        assert_eq!(decrypt(&file, &identities, None).unwrap().expose(), b"x", "{kind:?}");
        let (other, _) = ssh_key(&[kind, &["-N", ""]].concat());
        let other = parse_identities(&other).unwrap();
        assert!(matches!(decrypt(&file, &other, None), Err(Error::NoMatch)), "{kind:?}");
    }
}

#[test]
fn an_encrypted_ssh_key_is_named_and_unlocked_when_it_is_needed() {
    let (private, public) = ssh_key(&["-t", "ed25519", "-a", "2", "-N", "open sesame"]);
    let identities = parse_identities(&private).unwrap();
    let recipient = Recipient::parse(&public).unwrap();
    let file = encrypt(&plain(b"x"), &[recipient], None, &mut rand::rng()).unwrap();
    let Err(Error::Locked { public: named }) = decrypt(&file, &identities, None) else {
        panic!("a locked key opens nothing")
    };
    assert!(public.starts_with(&named));
    let locked = identities[0].is_locked().unwrap();
    let unlock = |passphrase: &str| locked.unlock(&passphrase.to_owned().into());
    assert_eq!(unlock("wrong").unwrap_err(), keyfile::ssh::Error::Password);
    let unlocked = unlock("open sesame").unwrap();
    assert_eq!(decrypt(&file, &[unlocked], None).unwrap().expose(), b"x");
    // A file for somebody else asks for no passphrase.
    let file = encrypt(&plain(b"x"), &[x25519().1], None, &mut rand::rng()).unwrap();
    assert!(matches!(decrypt(&file, &identities, None), Err(Error::NoMatch)));
}

#[test]
fn ssh_keys_that_age_does_not_take_are_refused_by_name() {
    let (private, public) = ssh_key(&["-t", "ecdsa", "-N", ""]);
    let refused = parse_identities(&private).unwrap_err().to_string();
    assert!(refused.contains("`ecdsa` is not supported; use ed25519"), "{refused}");
    assert!(Recipient::parse(&public).is_err());
    let (_, small) = ssh_key(&["-t", "rsa", "-b", "1024", "-N", ""]);
    assert!(Recipient::parse(&small).is_err());
}

/// A host whose plugin says what was written down, whatever it hears.
struct Script {
    says: &'static str,
    heard: Rc<RefCell<Vec<u8>>>,
    asked: RefCell<Vec<String>>,
}

impl Script {
    fn new(says: &'static str) -> Self {
        Self { says, heard: Rc::default(), asked: RefCell::default() }
    }

    fn heard(&self) -> String {
        String::from_utf8(self.heard.borrow().clone()).unwrap()
    }
}

struct Ear(Rc<RefCell<Vec<u8>>>);

impl Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Host for Script {
    fn start(&self, program: &str, machine: &str) -> io::Result<Pipes> {
        self.asked.borrow_mut().push(format!("{program} {machine}"));
        let output: Box<dyn Read> = Box::new(self.says.as_bytes());
        Ok(Pipes { input: Box::new(Ear(Rc::clone(&self.heard))), output })
    }

    fn tell(&self, _: &Name, message: &str) {
        self.asked.borrow_mut().push(message.to_owned());
    }

    fn ask(&self, _: &Name, prompt: &str, secret: bool) -> Option<Plaintext> {
        self.asked.borrow_mut().push(format!("{prompt} {secret}"));
        secret.then(|| "1234".to_owned().into())
    }

    fn confirm(&self, _: &Name, prompt: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        self.asked.borrow_mut().push(format!("{prompt} {yes}/{no:?}"));
        Some(true)
    }
}

fn plugin_recipient() -> Recipient {
    Recipient::parse(&bech32::encode("age1dummy", b"data")).unwrap()
}

fn plugin_identity() -> Identity {
    let text = bech32::encode("age-plugin-dummy-", b"data").to_ascii_uppercase();
    Identity::parse(&text).unwrap()
}

#[test]
fn a_plugin_wraps_and_unwraps() {
    let host = Script::new(
        "-> msg\nVG91Y2ggaXQ\n-> request-secret\nUElO\n-> confirm eWVz bm8\nU3VyZT8\n\
         -> request-public\nTmFtZQ\n-> newfangled x\n\n\
         -> recipient-stanza 0 dummy arg\nYm9keQ\n-> labels blue\n\n-> done\n\n",
    );
    let file = encrypt(&plain(b"x"), &[plugin_recipient()], Some(&host), &mut rand::rng()).unwrap();
    assert!(String::from_utf8_lossy(&file).contains("-> dummy arg\nYm9keQ\n"));
    let asked = [
        "age-plugin-dummy recipient-v1",
        "Touch it",
        "PIN true",
        "Sure? yes/Some(\"no\")",
        "Name false",
    ];
    assert_eq!(*host.asked.borrow(), asked);
    let heard = host.heard();
    assert!(heard.starts_with(&format!("-> add-recipient {}\n\n", plugin_recipient().as_str())));
    let end = heard.split("-> done\n\n").nth(1).unwrap();
    assert_eq!(
        end,
        "-> ok\n\n-> ok\nMTIzNA\n-> ok yes\n\n-> fail\n\n-> unsupported\n\n-> ok\n\n-> ok\n\n"
    );

    // A file key of zeros is not the one of this file, so the header does not verify.
    let host = Script::new("-> file-key 0\nAAAAAAAAAAAAAAAAAAAAAA\n-> done\n\n");
    let opened = decrypt(&file, &[plugin_identity()], Some(&host));
    assert!(matches!(opened, Err(Error::Hmac)), "{opened:?}");
    assert!(host.heard().contains("-> recipient-stanza 0 dummy arg\nYm9keQ\n-> done\n\n"));
    let host = Script::new("-> done\n\n");
    let opened = decrypt(&file, &[plugin_identity()], Some(&host));
    assert!(matches!(opened, Err(Error::NoMatch)), "{opened:?}");
}

#[test]
fn a_plugin_that_misbehaves_is_named() {
    #[rustfmt::skip]
    let cases = [
        // it says                                                       and the error has
        ("",                                                             "broke off"),
        ("-> done\n\n",                                                  "it wraps nothing"),
        ("-> error internal\nbm8gdG9rZW4\n",                             "failed: no token"),
        ("-> recipient-stanza 1 x\n\n-> done\n\n",                       "a file that there is not"),
        ("hello\n",                                                      "a line is no stanza"),
        ("-> labels a\n\n-> labels a\n\n",                               "its labels twice"),
        ("-> confirm\n\n",                                               "without choices"),
    ];
    for (says, part) in cases {
        let host = Script::new(says);
        let error = encrypt(&plain(b"x"), &[plugin_recipient()], Some(&host), &mut rand::rng());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("age-plugin-dummy") && error.contains(part), "{says:?}: {error}");
    }
    let error = encrypt(&plain(b"x"), &[plugin_recipient()], None, &mut rand::rng()).unwrap_err();
    assert!(error.to_string().contains("use `sealctl`"), "{error}");
}

#[test]
fn the_name_of_a_plugin_is_no_path() {
    for name in ["../x", "a/b", "a b", ""] {
        let text = bech32::encode(&format!("age1{name}"), b"data");
        assert!(Recipient::parse(&text).is_err(), "{name}");
    }
}
