//! `sealctl encrypt` and `sealctl decrypt`.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// Identities only from the fixture: not from the person who runs the tests.
fn with_key(key: &str) -> String {
    format!("--age-key-file {} --config-home /nonexistent", fixture(key))
}

fn to_us() -> String {
    format!("--age {} --config /dev/null", public("sops/key.txt"))
}

#[test]
fn a_file_is_encrypted_and_decrypted_in_place() {
    let folder = folder();
    let plain = "# note\na: 'x'\nb: [1, \"two\"]\n";
    let file = write(&folder, "a.yaml", plain);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let path = file.display();

    sealctl(&format!("encrypt -i {} {path}", to_us()), "").product();
    let sealed = fs::read_to_string(&file).unwrap();
    assert!(sealed.contains("a: 'ENC[AES256_GCM,") && !sealed.contains("note"), "{sealed}");
    let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o640);
    sealctl(&format!("-d -i {} {path}", with_key("sops/key.txt")), "").product();
    assert_eq!(fs::read_to_string(&file).unwrap(), plain);
    assert_eq!(mode(), 0o600, "plaintext is for its owner");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn files_of_sops_are_decrypted_and_extracted_from() {
    let decrypt =
        format!("decrypt {} {}", with_key("sops/key.txt"), fixture("sops/all.3.13.3.enc.yaml"));
    assert!(sealctl(&decrypt, "").product().contains("\nstr: hello\n"));
    #[rustfmt::skip]
    let cases = [
        (r#"["str"]"#,                "hello"),
        (r#"["list"][1]["b"]"#,       "c"),
        (r#"["int"]"#,                "5\n"),
        (r#"["multi"]"#,              "line one\nline two\n"),
        (r#"["flow"]["c"]"#,          "d: e\n"),
        (r#"["flow"]["b"]"#,          "- x\n- \"y\"\n"),
    ];
    for (path, value) in cases {
        let shown = sealctl(&format!("{decrypt} --extract {path}"), "").product();
        assert_eq!(shown, value, "{path}");
    }
    insta::assert_snapshot!(sealctl(&format!(r#"{decrypt} --extract ["nope"]"#), "").failure(), @r#"sealctl: error: could not extract `["nope"]`: there is no `["nope"]`"#);
    insta::assert_snapshot!(sealctl(&format!("{decrypt} --extract nope"), "").failure(), @r#"sealctl: error: could not extract `nope`: a path looks like `["key"][0]`"#);
}

#[test]
fn the_nearest_rules_say_for_whom_and_what() {
    let folder = folder();
    let rules = format!(
        "creation_rules:\n- path_regex: prod/.*\n  encrypted_regex: ^data$\n  age: {}\n- path_regex: none\n  pgp: AB\n",
        public("sops/key.txt")
    );
    let config = write(&folder, ".sops.yaml", &rules);
    let encrypt = |name: &str| {
        let file = write(&folder, name, "data: x\nother: z\n");
        sealctl(&format!("encrypt --config {} {}", config.display(), file.display()), "")
    };
    let sealed = encrypt("prod/a.yaml").product();
    assert!(sealed.contains("data: ENC[") && sealed.contains("other: z"), "{sealed}");

    let shown = |shown: Shown| shown.failure().replace(folder.path().to_str().unwrap(), "DIR");
    insta::assert_snapshot!(shown(encrypt("dev/a.yaml")), @r"
    sealctl: error: could not use `DIR/.sops.yaml`: error loading config: no matching creation rules found
    sealctl: hint: add a rule whose `path_regex` matches the file, or pass `--age age1…`
    ");
    insta::assert_snapshot!(shown(encrypt("none.yaml")), @"sealctl: error: could not use `DIR/.sops.yaml`: `creation_rules[1].pgp` is not supported; encrypt for `age` recipients");
}

#[test]
fn flags_win_over_rules() {
    let folder = folder();
    let rules = format!(
        "creation_rules:\n- age: {}\n  encrypted_regex: ^data$\n",
        public("sops/other.txt")
    );
    let config = write(&folder, ".sops.yaml", &rules);
    let flags = format!(
        "--config {} --age {} --encrypted-regex ^other$",
        config.display(),
        public("sops/key.txt")
    );
    let sealed = sealctl(&format!("encrypt {flags}"), "data: x\nother: z\n").product();
    assert!(sealed.contains("data: x") && sealed.contains("other: ENC["), "{sealed}");
    let opened = sealctl(&format!("decrypt {}", with_key("sops/key.txt")), &sealed).product();
    assert_eq!(opened, "data: x\nother: z\n");
}

#[test]
fn the_native_cipher_is_a_flag_away() {
    let sealed =
        sealctl(&format!("encrypt --cipher chacha20-poly1305 {}", to_us()), "a: b\n").product();
    assert!(sealed.contains("ENC[CHACHA20_POLY1305,"), "{sealed}");
    assert_eq!(
        sealctl(&format!("decrypt {}", with_key("sops/key.txt")), &sealed).product(),
        "a: b\n"
    );
}

#[test]
fn a_selector_that_selects_nothing_is_remarked_upon() {
    let shown = sealctl(&format!("encrypt --encrypted-regex ^x$ {}", to_us()), "a: b\n");
    assert_eq!(shown.code, ExitCode::SUCCESS);
    insta::assert_snapshot!(shown.messages, @"sealctl: warning: no value was encrypted: `encrypted_regex: ^x$` selects none");
}

#[test]
fn failures_explain_themselves() {
    let encrypt = |flags: &str, input: &str| sealctl(&format!("encrypt {flags}"), input).failure();
    let (us, them) = (public("sops/key.txt"), public("sops/other.txt"));
    let sealed = sealctl(&format!("encrypt {}", to_us()), "a: b\nc_unencrypted: d\n").product();
    let decrypt = |flags: &str, input: &str| {
        let shown = sealctl(&format!("decrypt {flags}"), input).failure();
        shown.replace(&us, "US").replace(&them, "THEM")
    };
    insta::assert_snapshot!(encrypt("--config /dev/null", "a: b"), @r"
    sealctl: error: could not use `/dev/null`: error loading config: no matching creation rules found
    sealctl: hint: add a rule whose `path_regex` matches the file, or pass `--age age1…`
    ");
    insta::assert_snapshot!(encrypt(&to_us(), &sealed), @r"
    sealctl: error: could not encrypt standard input: the file is already encrypted: it has a top-level key `sops`
    sealctl: hint: decrypt it first, or rename the key if it is yours and not sops'
    ");
    insta::assert_snapshot!(encrypt(&format!("{} --encrypted-regex (", to_us()), "a: b"), @"sealctl: error: could not use the flags: `encrypted_regex` cannot be used: `(` is not a regular expression that Go accepts");
    insta::assert_snapshot!(encrypt("--age nobody --config /dev/null", "a: b"), @"sealctl: error: could not use the recipients of `--age`: `nobody` is not an age recipient; it starts with `age1` and is printed by `age-keygen -y`");
    insta::assert_snapshot!(encrypt(&format!("{} --filename-override a.env", to_us()), "a=b"), @"sealctl: error: `env` files are not supported, only `yaml`");
    insta::assert_snapshot!(decrypt("--config-home /nonexistent", &sealed), @r"
    sealctl: error: could not decrypt standard input: there are no age identities; the file is encrypted for US
    sealctl: hint: put your identity into `SOPS_AGE_KEY`, its file into `SOPS_AGE_KEY_FILE` or `sops/age/keys.txt` of your configuration directory, or a command that prints it into `SOPS_AGE_KEY_CMD`; ssh keys (`SOPS_AGE_SSH_PRIVATE_KEY_FILE`, `SOPS_AGE_SSH_PRIVATE_KEY_CMD`, `~/.ssh/id_ed25519`, `~/.ssh/id_rsa`) are not read: have an `age1…` recipient added, or use sops
    ");
    insta::assert_snapshot!(decrypt(&with_key("sops/other.txt"), &sealed), @r"
    sealctl: error: could not decrypt standard input: none of the age identities (THEM) can open the file; it is encrypted for US
    sealctl: hint: have one of these recipients add yours, or put your identity into `SOPS_AGE_KEY`, its file into `SOPS_AGE_KEY_FILE` or `sops/age/keys.txt` of your configuration directory, or a command that prints it into `SOPS_AGE_KEY_CMD`; ssh keys (`SOPS_AGE_SSH_PRIVATE_KEY_FILE`, `SOPS_AGE_SSH_PRIVATE_KEY_CMD`, `~/.ssh/id_ed25519`, `~/.ssh/id_rsa`) are not read: have an `age1…` recipient added, or use sops
    ");
    insta::assert_snapshot!(decrypt(&with_key("sops/key.txt"), &sealed.replace(": d", ": e")), @r"
    sealctl: error: could not decrypt standard input: MAC mismatch: values were changed, added, removed or reordered after the file was encrypted
    sealctl: hint: restore the file from Git; if you know what changed, pass `--ignore-mac`
    ");
    insta::assert_snapshot!(decrypt(&with_key("sops/key.txt"), &sealed.replace("a: ", "b: ")), @"sealctl: error: could not decrypt standard input: line 1: `b`: the value does not authenticate: it was altered or moved");
    insta::assert_snapshot!(decrypt(&with_key("sops/key.txt"), "a: b"), @r"
    sealctl: error: could not decrypt standard input: sops metadata not found
    sealctl: hint: is the file encrypted? `sealctl encrypt` adds the `sops` block
    ");
}

#[test]
fn a_command_is_asked_for_what_is_missing() {
    let folder = folder();
    let sealed = sealctl(&format!("encrypt {}", to_us()), "a: b\n").product();
    let file = write(&folder, "a.yaml", &sealed);
    let keys = folder.path().join("the keys");
    fs::create_dir(&keys).unwrap();
    fs::copy(fixture("sops/key.txt"), keys.join(public("sops/key.txt"))).unwrap();
    let asker =
        write(&folder, "ask", "#!/bin/sh\necho \"$1\" >> asked\ncat \"$1/$SOPS_AGE_RECIPIENT\"\n");
    fs::set_permissions(&asker, fs::Permissions::from_mode(0o700)).unwrap();
    let ask = format!("sh -c 'cd {}; ./ask \"the keys\"'", folder.path().display());

    let decrypt = |command: &str, more: &[&str]| {
        let line = ["decrypt", "--config-home", "/nonexistent", "--age-key-cmd", command];
        let file = file.display().to_string();
        words(&[&line[..], more, &[&file]].concat(), "")
    };
    assert_eq!(decrypt(&ask, &[]).product(), "a: b\n");
    let asked = || fs::read_to_string(folder.path().join("asked")).unwrap();
    assert_eq!(asked(), "the keys\n");
    // Who has the key asks nobody.
    assert_eq!(decrypt(&ask, &["--age-key-file", &fixture("sops/key.txt")]).product(), "a: b\n");
    assert_eq!(asked(), "the keys\n");
    insta::assert_snapshot!(decrypt("false", &[]).failure(), @"sealctl: error: `false` of `SOPS_AGE_KEY_CMD` gave no identity for any recipient: exit status: 1");
    insta::assert_snapshot!(decrypt("echo 'AGE", &[]).failure(), @"sealctl: error: `SOPS_AGE_KEY_CMD` is no command: it is empty, or a quote is not closed");
    insta::assert_snapshot!(decrypt("/no/such/program", &[]).failure(), @"sealctl: error: could not run `/no/such/program` of `SOPS_AGE_KEY_CMD`: No such file or directory (os error 2)");
    let private = "echo -----BEGIN OPENSSH PRIVATE KEY-----";
    insta::assert_snapshot!(decrypt(private, &[]).failure(), @"sealctl: error: could not use the age identities that `SOPS_AGE_KEY_CMD` printed: the ssh key cannot open age files: it is not a private SSH key in PEM");
}

#[test]
fn a_broken_mac_can_be_ignored_in_so_many_words() {
    let sealed = sealctl(&format!("encrypt {}", to_us()), "c_unencrypted: d\na: b\n").product();
    let shown = sealctl(
        &format!("decrypt --ignore-mac {}", with_key("sops/key.txt")),
        &sealed.replace(": d", ": e"),
    );
    assert_eq!(shown.output, "c_unencrypted: e\na: b\n");
    insta::assert_snapshot!(shown.messages, @"sealctl: warning: the MAC was not checked: anybody may have changed this file");
}
