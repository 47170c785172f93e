//! The verbs about SealedSecret files that need no cluster.

use sealer_core::{
    age,
    plaintext::Plaintext,
    sealed::{
        certificate,
        native::{PrivateKey, Suite},
    },
};

use super::*;

/// A folder with two RSA keys, two native keys of each suite, and files of values.
struct Desk {
    folder: tempfile::TempDir,
}

const SECRET: &str = "# kept\napiVersion: v1\nkind: Secret\nmetadata: {name: n, namespace: ns}\n\
                      type: Opaque\nstringData: {k: v, l: \"line\\n\"}\n";

impl Desk {
    fn new() -> Self {
        let folder = folder();
        let desk = Self { folder };
        let old = fs::read_to_string(fixture("sealed/k2048.pem")).unwrap();
        desk.rsa("old", &Plaintext::from(old), "2020-01-01T00:00:00Z");
        let other = fs::read_to_string(fixture("sealed/k4096.pem")).unwrap();
        desk.rsa("new", &Plaintext::from(other), "2026-01-01T00:00:00Z");
        for suite in Suite::ALL {
            for (name, created) in [("a", "2026-01-01T00:00:00Z"), ("b", "2026-02-01T00:00:00Z")] {
                let (seed, key) =
                    PrivateKey::generate(suite, created.parse().unwrap(), &mut rand::rng());
                let (seed, public) =
                    (encoded(seed.expose()), encoded(key.public().pem().as_bytes()));
                let secret = format!(
                    "apiVersion: v1\nkind: Secret\nmetadata: {{name: {suite}-{name}, labels: {{signet.dev/sealing-key: active}}}}\ndata: {{seed: {seed}, public: {public}}}\n"
                );
                desk.put(&format!("{suite}-{name}.yaml"), &secret);
                desk.put(&format!("{suite}-{name}.pub"), &key.public().pem());
            }
        }
        desk
    }

    fn rsa(&self, name: &str, private: &Plaintext, from: &str) {
        let century = jiff::SignedDuration::from_hours(24 * 36_500);
        let certificate =
            certificate::certify(private, from.parse().unwrap(), century, &mut rand::rng());
        let certificate = certificate.unwrap();
        self.put(&format!("{name}.crt"), &certificate);
        let (key, crt) = (encoded(private.expose()), encoded(certificate.as_bytes()));
        let secret = format!(
            "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\ndata: {{tls.key: {key}, tls.crt: {crt}}}\n"
        );
        self.put(&format!("{name}.yaml"), &secret);
    }

    fn put(&self, name: &str, text: &str) {
        write(&self.folder, name, text);
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Runs a line in which `@name` is a file of the folder.
    fn run(&self, line: &str, input: &str) -> Shown {
        sealctl(&line.replace('@', &format!("{}/", self.folder.path().display())), input)
    }

    fn tidy(&self, text: &str) -> String {
        let text = text.replace(&format!("{}/", self.folder.path().display()), "@");
        // Fingerprints differ from run to run.
        let words =
            text.split_inclusive([' ', '\n', ',']).map(|word| match word.split_once("SHA256:") {
                Some((before, rest)) => {
                    format!("{before}ID{}", &rest[rest.trim_end_matches([' ', '\n', ',']).len()..])
                }
                None => word.to_owned(),
            });
        words.collect()
    }
}

fn encoded(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes)
}

#[test]
fn unsealing_undoes_sealing_for_every_kind_of_key() {
    let desk = Desk::new();
    #[rustfmt::skip]
    let cases = [
        // sealed with                                         opened with
        ("--cert @old.crt",                                    "-k @new.yaml -k @old.yaml"),
        ("--cert @x25519-a.pub --suite x25519",                "-k @x25519-a.yaml"),
        ("--cert @x-wing-a.pub --cert @x-wing-b.pub --suite x-wing", "-k @x-wing-b.yaml"),
    ];
    for (seal, open) in cases {
        for scope in ["strict", "namespace-wide", "cluster-wide"] {
            let sealed = desk.run(&format!("seal {seal} --scope {scope}"), SECRET).product();
            let opened = desk.run(&format!("unseal {open}"), &sealed).product();
            let opened = yaml::json::documents(&opened, yaml::Schema::Kubernetes).unwrap();
            assert_eq!(
                opened[0]["data"],
                serde_json::json!({"k": "dg==", "l": "bGluZQo="}),
                "{seal}"
            );
            assert_eq!(opened[0]["metadata"].get("ownerReferences"), None);
        }
    }
    let sealed = desk.run("seal --cert @old.crt", SECRET).product();
    insta::assert_snapshot!(desk.run("unseal -k @new.yaml", &sealed).failure(), @"sealctl: error: no key could decrypt secret: it was sealed for an RSA key of 2048 bits, and there is none of that size (k, l)");
    insta::assert_snapshot!(desk.run("unseal", &sealed).failure(), @r"
    sealctl: error: no sealing key was given
    sealctl: hint: name a key or a backup with `--key`
    ");
}

#[test]
fn a_backup_opens_with_its_identity_only() {
    let desk = Desk::new();
    let identity = age::Identity::generate(&mut rand::rng());
    let recipient = age::Identity::parse(&identity).unwrap().recipient().unwrap();
    let recipient = [age::Recipient::parse(&recipient).unwrap()];
    let keys = Plaintext::from(desk.read("old.yaml") + &desk.read("new.yaml"));
    let backup = age::encrypt_armored(&keys, &recipient, None, &mut rand::rng()).unwrap();
    desk.put("keys.age", &backup);
    desk.put("me.txt", &identity);
    let sealed = desk.run("seal --cert @new.crt", SECRET).product();
    let opened = desk.run("unseal -k @keys.age --identity @me.txt", &sealed).product();
    assert!(opened.contains("k: dg=="), "{opened}");
    let refused = desk.run("unseal -k @keys.age", &sealed).failure();
    insta::assert_snapshot!(desk.tidy(&refused), @r"
    sealctl: error: could not open the backup `@keys.age`: no identity matched any of the recipients
    sealctl: hint: name the file of your age identity with `--identity`
    ");
}

#[test]
fn what_can_be_seen_is_shown() {
    let desk = Desk::new();
    desk.put(
        "s/a.yaml",
        &desk.run("seal --cert @old.crt --scope namespace-wide", SECRET).product(),
    );
    let native = desk.run("seal --cert @x25519-a.pub --cert @x25519-b.pub --suite x25519", SECRET);
    desk.put("s/b/b.yml", &native.product());
    desk.put("s/other.yaml", "kind: ConfigMap\n");
    insta::assert_snapshot!(desk.tidy(&desk.run("inspect @s", "").product()), @r"
    ns/n  namespace-wide  @s/a.yaml
      k  rsa-2048       1 bytes
      l  rsa-2048       5 bytes
    ns/n  strict  @s/b/b.yml
      k  x25519         1 bytes  ID ID
      l  x25519         5 bytes  ID ID
    ");
    let with_keys = desk.run("inspect @s -k @old.yaml -k @new.yaml -k @x25519-b.yaml", "");
    insta::assert_snapshot!(desk.tidy(&with_keys.product()), @r"
    ns/n  namespace-wide  @s/a.yaml
      k  rsa-2048       1 bytes  ID (an older key)
      l  rsa-2048       5 bytes  ID (an older key)
    ns/n  strict  @s/b/b.yml
      k  x25519         1 bytes  ID (newest)
      l  x25519         5 bytes  ID (newest)
    ");
    let json = desk.run("inspect --json @s/a.yaml", "").product();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["scope"], &json["values"][1]["bytes"]),
        (&"namespace-wide".into(), &5.into())
    );
    insta::assert_snapshot!(desk.run("inspect @s/other.yaml", "").failure(), @"sealctl: error: no SealedSecret was found");
}

#[test]
fn files_are_sealed_again_for_the_newest_key_and_nothing_else_changes() {
    let desk = Desk::new();
    let old = desk.run("seal --cert @old.crt", SECRET).product();
    let new = desk.run("seal --cert @new.crt", SECRET).product();
    let old = old
        .replace("spec:\n", "# why\nspec: # and how\n")
        .replace("  template:\n", "  template:\n    data: {u: 'x{{ .k }}'}\n");
    let native = desk.run("seal --cert @x25519-a.pub --suite x25519", SECRET).product();
    for (name, text) in
        [("s/old.yaml", &old), ("s/new.yaml", &new), ("s/deep/native.yaml", &native)]
    {
        desk.put(name, text);
    }
    desk.put("s/other.yaml", "a: [b\n");
    let keys = "-k @old.yaml -k @new.yaml -k @x25519-a.yaml -k @x25519-b.yaml";
    let dry = desk.run(&format!("reseal -n {keys} @s"), "").product();
    insta::assert_snapshot!(desk.tidy(&dry), @r"
    @s/deep/native.yaml: 2 of 2 values
    @s/old.yaml: 2 of 2 values
    4 of 6 values would be sealed again
    ");
    assert_eq!(desk.read("s/old.yaml"), old);
    desk.run(&format!("reseal {keys} @s"), "").product();
    let lines = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|it| !it.contains(" k: ") && !it.contains(" l: "))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(lines(&desk.read("s/old.yaml")), lines(&old));
    assert_eq!(desk.read("s/new.yaml"), new, "what is under the newest key is left alone");
    for (file, key) in [("s/old.yaml", "new.yaml"), ("s/deep/native.yaml", "x25519-b.yaml")] {
        let opened = desk.run(&format!("unseal -k @{key} @{file}"), "").product();
        assert!(opened.contains("k: dg=="), "{file}");
    }
    let again = desk.run(&format!("reseal {keys} @s"), "").product();
    assert_eq!(again, "0 of 6 values sealed again\n");
}

#[test]
fn a_file_that_fails_is_named_and_holds_nobody_up() {
    let desk = Desk::new();
    let old = desk.run("seal --cert @old.crt", SECRET).product();
    desk.put("s/good.yaml", &old);
    desk.put("s/moved.yaml", &old.replace("name: \"n\"", "name: m"));
    desk.put("s/broken.yaml", "kind: SealedSecret\na: [b\n");
    let shown = desk.run("reseal -k @old.yaml -k @new.yaml @s", "");
    assert_eq!(shown.code, ExitCode::from(2));
    assert!(shown.output.contains("good.yaml: 2 of 2 values"), "{}", shown.output);
    insta::assert_snapshot!(desk.tidy(&shown.messages), @r"
    sealctl: error: could not read `@s/broken.yaml`: line 2, column 4: not YAML: unclosed bracket '['
    sealctl: error: `@s/moved.yaml`: `ns/m`, key `k`: no key could decrypt secret: it was sealed for another cluster, namespace, name or scope, or is damaged (1 keys tried)
    sealctl: error: 2 of 3 files could not be sealed again
    ");
}

#[test]
fn one_value_is_set_and_taken_out_without_a_private_key() {
    let desk = Desk::new();
    let sealed =
        desk.run("seal --cert @new.crt", SECRET).product().replace("spec:\n", "spec: # c\n");
    desk.put("f.yaml", &sealed);
    desk.run("set --cert @new.crt @f.yaml more", "hunter2").product();
    desk.run("set --cert @x25519-a.pub --suite x25519 @f.yaml k", "other").product();
    desk.run("unset @f.yaml l", "").product();
    let after = desk.read("f.yaml");
    assert!(after.contains("spec: # c\n"), "{after}");
    let opened = desk.run("unseal -k @new.yaml -k @x25519-a.yaml @f.yaml", "").product();
    let opened = yaml::json::documents(&opened, yaml::Schema::Kubernetes).unwrap();
    let expected = serde_json::json!({"k": encoded(b"other"), "more": encoded(b"hunter2")});
    assert_eq!(opened[0]["data"], expected);
    let line = "unset @f.yaml l";
    insta::assert_snapshot!(desk.tidy(&desk.run(line, "").failure()), @"sealctl: error: `@f.yaml` has no value `l`");
    desk.put("two.yaml", &format!("{sealed}{}", sealed.replace("name: \"n\"", "name: m")));
    insta::assert_snapshot!(desk.tidy(&desk.run("unset @two.yaml k", "").failure()), @r"
    sealctl: error: `@two.yaml` holds several SealedSecrets: n, m
    sealctl: hint: say which one with `--name`
    ");
    desk.run("unset @two.yaml k --name m", "").product();
    assert_eq!(desk.read("two.yaml").matches("    k: ").count(), 1);
}

#[test]
fn keys_that_are_not_wanted_are_refused() {
    let desk = Desk::new();
    let shown = desk.run("cert --fingerprint --cert @new.crt", "").product();
    let id = shown.split(' ').next().unwrap();
    desk.run(&format!("seal --cert @new.crt --pin {id}"), SECRET).product();
    let refused = desk.run(&format!("seal --cert @old.crt --pin {id}"), SECRET).failure();
    insta::assert_snapshot!(desk.tidy(&refused), @r"
    sealctl: error: the key ID in `@old.crt` is not one of those that were pinned
    sealctl: hint: find out why the key is another before you seal for it
    ");
    let several = desk.run("seal --cert @old.crt --cert @new.crt", SECRET).failure();
    insta::assert_snapshot!(several, @r"
    sealctl: error: several certificates were given, and a value of sealed-secrets has one
    sealctl: hint: pass `--suite x25519`, for one value for all of them
    ");
    let none = desk.run("seal --cert @old.crt --suite x-wing", SECRET).failure();
    insta::assert_snapshot!(desk.tidy(&none), @r"
    sealctl: error: there is no key of the suite `x-wing` in `@old.crt`
    sealctl: hint: make one with `sealctl keys rotate --suite x-wing`, and fetch it with `sealctl cert`
    ");
}
