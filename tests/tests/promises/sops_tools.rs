//! What sealctl encrypts sops decrypts, what sops encrypts sealctl decrypts, and both refuse the same.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::Value;
use tests::process::{self, run};
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

const NEEDS: &[Need] = &[Need::Sops, Need::Age];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "sops_tools::sealctl_decrypts_what_sops_encrypts", NEEDS, from_sops),
        trial(bed, "sops_tools::sops_decrypts_what_sealctl_encrypts", NEEDS, to_sops),
        trial(bed, "sops_tools::the_same_values_are_encrypted_by_the_same_rules", NEEDS, rules),
        trial(bed, "sops_tools::both_ask_a_command_for_identities", NEEDS, asked),
        trial(bed, "sops_tools::both_refuse_what_was_tampered_with", NEEDS, tampered),
        trial(
            bed,
            "sops_tools::a_native_file_is_opened_by_sealctl_and_by_nobody_else",
            NEEDS,
            native,
        ),
    ]
}

/// Files as people write them: what stands in it, what is encrypted, and comments that must stay.
struct Sample {
    name: &'static str,
    text: &'static str,
    flags: &'static [&'static str],
    /// Flags that sops has in its configuration only.
    ours: &'static [&'static str],
    comments: &'static [&'static str],
    /// Whether decrypting gives every byte back: the spelling of a number and the style of a block
    /// are no part of an encrypted value, in either tool.
    exact: bool,
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "secret",
        text: "# who owns it\napiVersion: v1\nkind: Secret\nmetadata:\n    name: db\n    labels:\n        app: db\nstringData:\n    # changed every month\n    password: hunter2\n    user: app\n",
        flags: &["--encrypted-regex", "^(data|stringData)$"],
        ours: &[],
        comments: &["# who owns it", "# changed every month"],
        exact: true,
    },
    Sample {
        name: "types",
        text: "text: hello\nempty: \"\"\ninteger: 42\nnegative: -7\nlong: 9007199254740993\nfloat: 1.5\nbig: 1e+30\nyes: true\nno: false\nnothing: null\nlooks: \"0123\"\nlike: \"true\"\nwhen: \"2026-01-02T03:04:05Z\"\n",
        flags: &[],
        ours: &[],
        comments: &[],
        exact: true,
    },
    Sample {
        name: "shapes",
        text: "list:\n    - one\n    - 2\n    - - nested\n      - deeper\n    - key: value\n      other: 3\nflow: {a: 1, b: [x, z]}\nfree: {}\nnone: []\ndeep:\n    er:\n        est: here\n",
        flags: &[],
        ours: &[],
        comments: &[],
        exact: true,
    },
    Sample {
        name: "blocks",
        text: "literal: |\n    line one\n    line two\nkept: |+\n    ends with\n\nstripped: |-\n    no end\nfolded: >\n    these words\n    are one line\nquoted: \"tab\\there \\u00e9\"\nsingle: 'it''s'\nunicode: grüße 🔑\n",
        flags: &[],
        ours: &[],
        comments: &[],
        exact: false,
    },
    Sample {
        name: "comments",
        text: "# head\na: one\n# above b\nb:\n    # inside\n    c: two\n    # at the end of b\nd:\n    - x\n    # between\n    - y\n",
        flags: &["--encrypted-suffix", "a"],
        ours: &[],
        comments: &["# head", "# above b", "# inside", "# between"],
        exact: true,
    },
    Sample {
        name: "clear",
        text: "replicas_unencrypted: 3\nhost_unencrypted: db.example.com\npassword: hunter2\nnest_unencrypted:\n    deep: seen\n",
        flags: &[],
        ours: &[],
        comments: &[],
        exact: true,
    },
    Sample {
        name: "spelled",
        text: "hex: 0x1F\nbig: 1e30\noctal: 0o17\nsigned: +5\nshort: .5\ntilde: ~\nshout: TRUE\n",
        flags: &[],
        ours: &[],
        comments: &[],
        exact: false,
    },
    Sample {
        name: "documents",
        text: "a: one\nb: 2\n---\nc: three\n---\nd:\n    - four\n",
        flags: &[],
        ours: &[],
        comments: &[],
        exact: true,
    },
    Sample {
        name: "quiet-mac",
        text: "image: app:1\nenv:\n    TOKEN: hunter2\n",
        flags: &["--encrypted-regex", "^env$"],
        ours: &["--mac-only-encrypted"],
        comments: &[],
        exact: true,
    },
];

/// Somebody who can decrypt, and the two tools in their hands.
struct Person<'b> {
    bed: &'b Bed,
    home: PathBuf,
    identity: PathBuf,
    recipient: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Sops,
    Sealctl,
}

impl<'b> Person<'b> {
    fn new(bed: &'b Bed) -> Outcome<Self> {
        let home = bed.folder("person")?;
        let identity = home.join("keys.txt");
        bed.run("age-keygen", &["-o", &identity.display().to_string()], b"")?;
        let recipient = bed.run("age-keygen", &["-y", &identity.display().to_string()], b"")?;
        let recipient = String::from_utf8(recipient)?.trim().to_owned();
        Ok(Self { bed, home, identity, recipient })
    }

    fn command(&self, tool: Tool) -> Outcome<Command> {
        let mut command = match tool {
            Tool::Sops => self.bed.command("sops"),
            Tool::Sealctl => process::command(self.bed.daemon("sealctl")?, &self.home),
        };
        command.current_dir(&self.home).env("SOPS_AGE_KEY_FILE", &self.identity);
        Ok(command)
    }

    fn encrypt(&self, tool: Tool, text: &str, flags: &[&str]) -> Outcome<String> {
        let file = self.write("plain.yaml", text)?;
        let mut command = self.command(tool)?;
        command.arg("encrypt").args(["--age", &self.recipient]).args(flags).arg(file);
        Ok(String::from_utf8(run(command, b"")?)?)
    }

    fn decrypt(&self, tool: Tool, text: &str) -> Outcome<String> {
        let file = self.write("encrypted.yaml", text)?;
        let mut command = self.command(tool)?;
        command.arg("decrypt").arg(file);
        Ok(String::from_utf8(run(command, b"")?)?)
    }

    fn write(&self, name: &str, text: &str) -> Outcome<PathBuf> {
        let path = self.home.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

/// The documents of a file as Go's yaml.v3 reads them, by the real sops: nobody else counts here.
fn values(person: &Person<'_>, text: &str) -> Outcome<Vec<Value>> {
    let mut values = Vec::new();
    for document in text.split("\n---\n") {
        // Encrypted and decrypted again as JSON, so that one program reads every file.
        let file = person.write("document.yaml", &format!("{document}\n"))?;
        let mut command = person.command(Tool::Sops)?;
        command.args(["encrypt", "--age", &person.recipient, "--output-type", "yaml"]).arg(&file);
        let encrypted = run(command, b"")?;
        let file = person.write("document.enc.yaml", &String::from_utf8(encrypted)?)?;
        let mut command = person.command(Tool::Sops)?;
        command.args(["decrypt", "--output-type", "json"]).arg(&file);
        values.push(serde_json::from_slice(&run(command, b"")?)?);
    }
    Ok(values)
}

async fn from_sops(bed: Bed) -> Outcome {
    let person = Person::new(&bed)?;
    for sample in SAMPLES {
        let name = sample.name;
        let encrypted = person.encrypt(Tool::Sops, sample.text, sample.flags)?;
        assert!(encrypted.contains("ENC[AES256_GCM,"), "{name}: {encrypted}");
        let theirs = person.decrypt(Tool::Sops, &encrypted)?;
        let ours = person.decrypt(Tool::Sealctl, &encrypted)?;
        assert_eq!(values(&person, &ours)?, values(&person, &theirs)?, "{name}: {ours}");
        for comment in sample.comments {
            assert!(ours.contains(comment), "{name} lost `{comment}`: {ours}");
        }
    }
    Ok(())
}

async fn to_sops(bed: Bed) -> Outcome {
    let person = Person::new(&bed)?;
    for sample in SAMPLES {
        let name = sample.name;
        let flags = [sample.flags, sample.ours].concat();
        let encrypted = person.encrypt(Tool::Sealctl, sample.text, &flags)?;
        assert!(encrypted.contains("ENC[AES256_GCM,"), "{name}: {encrypted}");
        let theirs =
            person.decrypt(Tool::Sops, &encrypted).map_err(|err| format!("{name}: {err}"))?;
        assert_eq!(values(&person, &theirs)?, values(&person, sample.text)?, "{name}: {theirs}");
        for comment in sample.comments {
            assert!(theirs.contains(comment), "{name} lost `{comment}`: {theirs}");
        }
        // Ours changes nothing at all.
        let opened = person.decrypt(Tool::Sealctl, &encrypted)?;
        assert!(opened == sample.text || !sample.exact, "{name}: {opened}");
        if sample.ours.is_empty() {
            continue;
        }
        // Values in clear text may change; the real sops agrees.
        let edited = encrypted.replace("image: app:1", "image: app:2");
        assert_ne!(edited, encrypted);
        for tool in [Tool::Sops, Tool::Sealctl] {
            assert!(person.decrypt(tool, &edited)?.contains("app:2"), "{tool:?}");
        }
    }
    Ok(())
}

/// Which lines of a file hold something encrypted, by what stands before it.
fn pattern(encrypted: &str) -> Vec<String> {
    let body = encrypted.split("\nsops:").next().unwrap_or_default();
    let lines = body.lines().filter(|line| line.contains("ENC["));
    lines
        .map(|line| line.split("ENC[").next().unwrap_or_default().replace(['\'', '"'], ""))
        .collect()
}

async fn rules(bed: Bed) -> Outcome {
    let person = Person::new(&bed)?;
    let text = "password: a\nuser: b\nhost_unencrypted: c\nkeep:\n    password: d\n    other: e\nlist:\n    - f\n";
    #[rustfmt::skip]
    let cases: &[&[&str]] = &[
        &[],
        &["--unencrypted-suffix", "_unencrypted"],
        &["--encrypted-suffix", "word"],
        &["--encrypted-regex", "^(password|list)$"],
        &["--unencrypted-regex", "^(keep|user)$"],
    ];
    for flags in cases {
        let [theirs, ours] =
            [Tool::Sops, Tool::Sealctl].map(|tool| person.encrypt(tool, text, flags));
        assert_eq!(pattern(&ours?), pattern(&theirs?), "{flags:?}");
    }
    // The rules of a repository, in both tools.
    let Person { recipient, home, .. } = &person;
    let config = format!(
        "creation_rules:\n- path_regex: prod/.*\\.yaml$\n  encrypted_regex: ^password$\n  age: {recipient}\n- path_regex: \\.yaml$\n  age: {recipient}\n"
    );
    person.write(".sops.yaml", &config)?;
    fs::create_dir(home.join("prod"))?;
    for name in ["prod/a.yaml", "b.yaml"] {
        person.write(name, text)?;
        let by = |tool| -> Outcome<String> {
            let mut command = person.command(tool)?;
            command.args(["encrypt", name]);
            Ok(String::from_utf8(run(command, b"")?)?)
        };
        let (theirs, ours) = (by(Tool::Sops)?, by(Tool::Sealctl)?);
        assert_eq!(pattern(&ours), pattern(&theirs), "{name}");
        let opened = person.decrypt(Tool::Sops, &ours)?;
        assert_eq!(values(&person, &opened)?, values(&person, text)?, "{name}");
    }
    Ok(())
}

async fn asked(bed: Bed) -> Outcome {
    let person = Person::new(&bed)?;
    let file = person.home.join("encrypted.yaml");
    fs::write(&file, person.encrypt(Tool::Sops, "a: b\n", &[])?)?;
    let keys = person.home.join("all keys");
    fs::create_dir(&keys)?;
    fs::rename(&person.identity, keys.join(&person.recipient))?;
    let ask = format!("sh -c 'cat \"$0/$SOPS_AGE_RECIPIENT\"' \"{}\"", keys.display());
    for tool in [Tool::Sops, Tool::Sealctl] {
        let mut command = person.command(tool)?;
        command.env_remove("SOPS_AGE_KEY_FILE").env("SOPS_AGE_KEY_CMD", &ask);
        command.arg("decrypt").arg(&file);
        let opened = run(command, b"").map_err(|err| format!("{tool:?}: {err}"))?;
        assert_eq!(String::from_utf8(opened)?, "a: b\n", "{tool:?}");
    }
    Ok(())
}

async fn tampered(bed: Bed) -> Outcome {
    let person = Person::new(&bed)?;
    let text =
        "a: hunter2\nb: hunter3\nlist:\n    - hunter4\n    - hunter5\nhost_unencrypted: db\n";
    for tool in [Tool::Sops, Tool::Sealctl] {
        let good = person.encrypt(tool, text, &[])?;
        let line = |start: &str| {
            good.lines().find(|line| line.trim_start().starts_with(start)).unwrap_or_default()
        };
        let (first, second) = (line("a:"), line("b:"));
        let value = |line: &str| line.split_once(": ").map_or("", |(_, value)| value).to_owned();
        let mac = line("mac:");
        let items: Vec<_> =
            good.lines().filter(|line| line.trim_start().starts_with("- ENC")).collect();
        #[rustfmt::skip]
        let cases = [
            ("a clear value",    good.replace("host_unencrypted: db", "host_unencrypted: evil")),
            ("a key that is new", good.replace("host_unencrypted: db", "host_unencrypted: db\nmore_unencrypted: x")),
            ("a key that is gone", good.replace(&format!("{first}\n"), "")),
            ("a value elsewhere", good.replace(second, &format!("b: {}", value(first)))),
            ("items that swapped", good.replacen(items[0], "ITEM", 1).replacen(items[1], items[0], 1).replacen("ITEM", items[1], 1)),
            ("another value",    good.replace("data:", "data:AAAA")),
            ("no MAC",           good.replace(&format!("{mac}\n"), "")),
            ("another time",     good.replace("lastmodified: \"2", "lastmodified: \"1")),
        ];
        for (what, bad) in &cases {
            assert_ne!(*bad, good, "{what} of {tool:?}");
            for reader in [Tool::Sops, Tool::Sealctl] {
                let refused = person.decrypt(reader, bad);
                let told = refused.expect_err(&format!("{reader:?} takes {what} of {tool:?}"));
                assert!(!told.to_string().contains("hunter"), "{reader:?} tells {told}");
            }
        }
    }
    // Somebody else opens nothing.
    let other = Person::new(&bed)?;
    let file = person.encrypt(Tool::Sealctl, text, &[])?;
    for reader in [Tool::Sops, Tool::Sealctl] {
        assert!(other.decrypt(reader, &file).is_err(), "{reader:?}");
    }
    Ok(())
}

async fn native(bed: Bed) -> Outcome {
    let person = Person::new(&bed)?;
    let flags = ["--cipher", "chacha20-poly1305"];
    for sample in SAMPLES {
        let flags = [&flags[..], sample.flags, sample.ours].concat();
        let encrypted = person.encrypt(Tool::Sealctl, sample.text, &flags)?;
        assert!(!encrypted.contains("AES256_GCM"), "{}: {encrypted}", sample.name);
        let opened = person.decrypt(Tool::Sealctl, &encrypted)?;
        assert!(opened == sample.text || !sample.exact, "{}: {opened}", sample.name);
        assert!(person.decrypt(Tool::Sops, &encrypted).is_err(), "{}", sample.name);
    }
    Ok(())
}
