//! Certificates as `ssh-keygen` signs them.

use std::{fs, path::Path, process::Command};

use super::*;
use crate::ssh::known_hosts::KnownHosts;

/// Runs `ssh-keygen`, which must succeed.
fn keygen(dir: &Path, args: &[&str]) {
    let output = Command::new("ssh-keygen").current_dir(dir).arg("-q").args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
}

#[test]
fn a_certificate_vouches_for_hosts_that_it_names_while_it_is_valid() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for name in ["ca", "other", "host"] {
        keygen(dir, &["-t", "ed25519", "-N", "", "-C", "", "-f", name]);
    }
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let trusts = |name: &str| format!("@cert-authority * {}", read(&format!("{name}.pub")));
    let revoked =
        |name: &str| format!("@revoked * {}", read(&format!("{name}.pub"))) + &trusts("ca");
    // 2026-01-01T00:00:00Z, within the validity below.
    let now = 1_767_225_600;
    let (valid, past) = ("20250601:20270101", "20250101:20250601");
    #[rustfmt::skip]
    let cases: [(&[&str], &str, String, Option<&str>); 9] = [
        // signed with                                 host      known_hosts       why not
        (&["-h", "-n", "a,b", "-V", valid],            "b",      trusts("ca"),     None),
        (&["-h", "-n", "a", "-V", valid],              "A",      trusts("ca"),     None),
        (&["-h", "-n", "a", "-V", valid],              "c",      trusts("ca"),     Some("is for `a`, not for `c`")),
        (&["-h", "-V", valid],                         "a",      trusts("ca"),     Some("is for ``, not for `a`")),
        (&["-h", "-n", "a", "-V", past],               "a",      trusts("ca"),     Some("has expired")),
        (&["-n", "a", "-V", valid],                    "a",      trusts("ca"),     Some("is one for users")),
        (&["-h", "-n", "a", "-V", valid],              "a",      trusts("other"),  Some("its certificate is by SHA256:")),
        (&["-h", "-n", "a", "-V", valid],              "a",      revoked("ca"),    Some("revokes SHA256:")),
        (&["-h", "-n", "a", "-V", valid],              "a",      revoked("host"),  Some("revokes SHA256:")),
    ];
    for (args, host, known, why) in cases {
        keygen(dir, &[&["-s", "ca", "-I", "id"], args, &["host.pub"]].concat());
        let certificate = Certificate::from_openssh(&read("host-cert.pub")).unwrap();
        let known = KnownHosts::parse(known.as_bytes()).unwrap().of(host, 22);
        let shown = PublicKeyOrCertificate::Certificate(certificate);
        let judged = known.judge(&shown, &host.to_lowercase(), now);
        match (&judged, why) {
            (Ok(()), None) => {}
            (Err(said), Some(why)) if said.contains(why) => {}
            _ => panic!("{args:?} {host}: {judged:?}, not {why:?}"),
        }
    }
}

#[test]
fn a_server_is_asked_for_the_types_of_key_that_are_known() {
    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
    let dss = "h ssh-dss AAAAB3NzaC1kc3M=";
    #[rustfmt::skip]
    let cases = [
        // known_hosts                              keys  certificates
        (format!("h {ED25519}"),                    Ok((1, 0))),
        (format!("@cert-authority h {ED25519}"),    Ok((6, 6))),
        (format!("@cert-authority h {ED25519}\nh {ED25519}"), Ok((1, 6))),
        (format!("other {ED25519}"),                Err("no line for `h`")),
        (dss.to_owned(),                            Err("type `ssh-dss`, which is not supported")),
    ];
    for (known, expected) in cases {
        let found = KnownHosts::parse(known.as_bytes()).unwrap().of("h", 22).algorithms("h", 22);
        match (found, expected) {
            (Ok((keys, certified)), Ok(counts)) => {
                assert_eq!((keys.len(), certified.len()), counts, "{known}");
            }
            (Err(said), Err(why)) => assert!(said.contains(why), "{known}: {said}"),
            (found, _) => panic!("{known}: {found:?}"),
        }
    }
}
