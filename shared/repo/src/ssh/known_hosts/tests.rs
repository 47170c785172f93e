//! Tables of what `ssh` accepts.

use super::*;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
/// What `ssh-keygen -H` makes of `git.example` and `[git.example]:2222`.
const HASHED: &str = "|1|AZZJodoq+KWcqqk9Nk1twyQQcy8=|1zRCb76+tQNOCHj1YDx/tDBepJo=";
const HASHED_PORT: &str = "|1|fZpvJmBcNVWlqPhJxfNNL6nmr9k=|xP29IPA5M64I4Gktwy60wn7aVA4=";

#[test]
fn a_line_speaks_of_the_hosts_that_it_names() {
    #[rustfmt::skip]
    let cases = [
        // hosts                          host           port  speaks
        ("git.example",                   "git.example", 22,   true),
        ("git.example",                   "git.example", 2222, false),
        ("[git.example]:2222",            "git.example", 2222, true),
        ("[git.example]:2222",            "git.example", 22,   false),
        ("GIT.example,10.0.0.1",          "git.example", 22,   true),
        ("a.example,10.0.0.1",            "10.0.0.1",    22,   true),
        ("*.example",                     "git.example", 22,   true),
        ("g?t.*",                         "git.example", 22,   true),
        ("*.example,!git.example",        "git.example", 22,   false),
        ("!git.example",                  "git.example", 22,   false),
        ("*",                             "::1",         22,   true),
        ("[*]:2222",                      "::1",         2222, true),
        ("git.exampl",                    "git.example", 22,   false),
        (HASHED,                          "git.example", 22,   true),
        (HASHED,                          "git.example", 2222, false),
        (HASHED_PORT,                     "git.example", 2222, true),
        (HASHED,                          "not.example", 22,   false),
    ];
    for (hosts, host, port, speaks) in cases {
        let known = KnownHosts::parse(format!("{hosts} {KEY} a comment\n").as_bytes()).unwrap();
        assert_eq!(known.of(host, port).keys.len(), usize::from(speaks), "{hosts} {host}:{port}");
    }
}

#[test]
fn markers_make_authorities_and_revocations() {
    let text = format!(
        "# all\n\n@cert-authority *.example {KEY}\r\n@revoked * {KEY}\ngit.example {KEY}\n"
    );
    let known = KnownHosts::parse(text.as_bytes()).unwrap().of("git.example", 22);
    assert_eq!((known.authorities.len(), known.revoked.len()), (1, 1));
    assert_eq!(known.keys[0].0, 5, "lines are counted from 1");
    let print = "SHA256:gNSIRW+2Iyiuvsdp/bgjy38bvWHw6wQm3tuoXrl3WjQ (ssh-ed25519)";
    assert_eq!(known.keys[0].1.fingerprint(), print, "as `ssh-keygen -l` prints it");
}

#[test]
fn a_list_that_cannot_be_read_is_no_shorter_list() {
    #[rustfmt::skip]
    let cases = [
        // text                                          complaint
        (String::new(),                                  "it is empty"),
        ("# nothing\n".to_owned(),                       "it is empty"),
        (format!("a {KEY}\ngit.example\n"),              "line 2 is not `HOST TYPE KEY`"),
        ("a ssh-ed25519 %%%".to_owned(),                 "line 1 has a key that is no base64"),
        (format!("a {}", KEY.replace("ssh-ed25519", "ssh-rsa")), "line 1 has a key of another type"),
        (format!("@trusted a {KEY}"),                    "line 1 has a marker other than"),
        (format!("|2|AAAA|AAAA {KEY}"),                  "hashed in an unknown way"),
        (format!("|1|AAAA|% {KEY}"),                     "hashed host that is no base64"),
    ];
    for (text, complaint) in cases {
        let error = KnownHosts::parse(text.as_bytes()).err().unwrap();
        assert!(error.to_string().contains(complaint), "{text}: {error}");
    }
}
