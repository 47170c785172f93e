//! sealctl called as kubeseal does what kubeseal does: the same words given to both.
//!
//! Sealed values are random, so both products are compared with each value replaced by one word, and
//! each program opens what the other sealed. What differs on purpose is a table of its own.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::{Engine as _, prelude::BASE64_STANDARD as STANDARD};
use jiff::{SignedDuration, Timestamp};
use libtest_mimic::Trial;
use sealer_core::sealed::certificate;
use serde_json::{Value, json};
use tests::trial::trial;
use tests::{Bed, Need, Outcome, process};

use crate::seal_stage::Key;

const NEEDS: &[Need] = &[Need::Kubeseal];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "kubeseal_persona::the_same_words_do_the_same", NEEDS, same),
        trial(bed, "kubeseal_persona::what_differs_does_so_on_purpose", NEEDS, different),
        trial(bed, "kubeseal_persona::each_opens_what_the_other_seals", NEEDS, opened),
        trial(bed, "kubeseal_persona::raw_values_keep_every_byte", NEEDS, raw),
        trial(bed, "kubeseal_persona::files_are_written_whole_or_not_at_all", NEEDS, files),
        trial(bed, "kubeseal_persona::a_merge_changes_only_its_pairs", NEEDS, merged),
    ]
}

/// What one run of a program was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) code: i32,
    pub(crate) output: String,
    pub(crate) messages: String,
}

/// Both programs, in a folder with the files that the cases name.
pub(crate) struct Pair {
    bed: Bed,
    pub(crate) folder: PathBuf,
    linked: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Kubeseal,
    Sealctl,
}

impl Pair {
    pub(crate) fn new(bed: &Bed) -> Outcome<Self> {
        let folder = bed.folder("persona")?;
        let linked = folder.join("kubeseal");
        std::os::unix::fs::symlink(bed.daemon("sealctl")?, &linked)?;
        let key = Key::number(0);
        let pair = Self { bed: bed.clone(), folder, linked };
        pair.put("k.crt", &key.certificate)?;
        pair.put("k.pem", key.private())?;
        pair.put("garbage", "no certificate")?;
        let past: Timestamp = "2020-01-01T00:00:00Z".parse()?;
        let day = SignedDuration::from_hours(24);
        let expired =
            certificate::certify(&key.private().to_owned().into(), past, day, &mut rand::rng())?;
        pair.put("expired.crt", &expired)?;
        let ec = rcgen::generate_simple_self_signed(["x".to_owned()])?;
        pair.put("ec.crt", &ec.cert.pem())?;
        pair.put("context", CONTEXT)?;
        pair.put("x=y", "value of a file")?;
        Ok(pair)
    }

    pub(crate) fn put(&self, name: &str, text: &str) -> Outcome {
        Ok(std::fs::write(self.folder.join(name), text)?)
    }

    pub(crate) fn read(&self, name: &str) -> Outcome<String> {
        Ok(std::fs::read_to_string(self.folder.join(name))?)
    }

    /// Runs one line; `NAME=VALUE` words before the first flag are its environment.
    pub(crate) fn run(&self, who: Who, line: &str, input: &str) -> Outcome<Shown> {
        let mut command = match who {
            Who::Kubeseal => self.bed.command("kubeseal"),
            Who::Sealctl => process::command(&self.linked, &self.folder),
        };
        let mut words = line.split(' ').filter(|word| !word.is_empty()).peekable();
        command.env("HOME", &self.folder).env("SSL_CERT_FILE", &self.bed.authority().certificate);
        while let Some((name, value)) = words
            .peek()
            .and_then(|word| word.split_once('='))
            .filter(|(name, _)| !name.starts_with('-'))
        {
            command.env(name, value);
            words.next();
        }
        shown(command.args(words).current_dir(&self.folder), input)
    }

    fn both(&self, line: &str, input: &str) -> Outcome<(Shown, Shown)> {
        Ok((self.run(Who::Kubeseal, line, input)?, self.run(Who::Sealctl, line, input)?))
    }
}

fn shown(command: &mut Command, input: &str) -> Outcome<Shown> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    // A program that fails early does not read its input.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let output = child.wait_with_output()?;
    Ok(Shown {
        code: output.status.code().unwrap_or(-1),
        output: masked(&String::from_utf8(output.stdout)?),
        messages: String::from_utf8(output.stderr)?,
    })
}

/// `text` with a word in place of each sealed value.
fn masked(text: &str) -> String {
    let is_base64 = |char: char| char.is_ascii_alphanumeric() || "+/=".contains(char);
    let mut out = String::new();
    for part in text.split_inclusive(|char| !is_base64(char)) {
        let run = part.trim_end_matches(|char| !is_base64(char));
        let sealed = run.len() > 300 && run.starts_with('A');
        out.push_str(if sealed { "SEALED" } else { run });
        out.push_str(&part[run.len()..]);
    }
    out
}

const CONTEXT: &str = "apiVersion: v1
kind: Config
current-context: c
clusters: [{name: k, cluster: {server: 'http://127.0.0.1:1'}}]
contexts: [{name: c, context: {cluster: k, user: u, namespace: ctx}}]
users: [{name: u, user: {}}]
";

const SECRET: &str = r#"{"apiVersion":"v1","kind":"Secret","type":"Opaque","immutable":true,
    "metadata":{"name":"n","namespace":"ns","labels":{"z":"1","a":"<&>"},"annotations":{"note":"kept"}},
    "data":{"a":"aGVsbG8=","b":"aGV\nsbG8="},"stringData":{"b":"wins","empty":""}}"#;

const NOWHERE: &str = r#"{"metadata":{"name":"n"},"stringData":{"a":"x"}}"#;

#[expect(clippy::too_many_lines, reason = "most of it is one table")]
async fn same(bed: Bed) -> Outcome {
    let pair = Pair::new(&bed)?;
    let applied = SECRET.replace("\"note\":", "\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\",\"note\":")
        .replace("\"labels\"", "\"uid\":\"u\",\"resourceVersion\":\"7\",\"selfLink\":\"/x\",\"generation\":3,\"creationTimestamp\":\"2020-01-01T00:00:00Z\",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"q\"}],\"finalizers\":[\"x/y\"],\"labels\"");
    let yaml = "metadata: {name: a, namespace: ns}\nstringData: {k: v}\n---\n# nothing\n---\nmetadata:\n  name: yes\n  namespace: ns\n  labels: {i: 5, f: 1.50, t: true}\nstringData: {n: 1}\n";
    let lines = SECRET.replace("kept", "line\\nline\\u2028 \\u0001 é");
    let two = format!("{SECRET}\n{SECRET}");
    let wide =
        SECRET.replace("\"note\"", "\"sealedsecrets.bitnami.com/cluster-wide\":\"true\",\"note\"");
    let wide_nowhere = wide.replace(",\"namespace\":\"ns\"", "");
    let unnamed = SECRET.replace("\"name\":\"n\",", "");
    let empty = r#"{"metadata":{"name":"n","namespace":"ns"}}"#;
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str)] = &[
        // which                    words                                                              input
        ("K1 JSON",                 "--cert k.crt",                                                    SECRET),
        ("K1 many kinds of text",   "--cert k.crt",                                                    &lines),
        ("K2 YAML",                 "--cert k.crt -o yaml",                                            SECRET),
        ("K2 by the name",          "--cert k.crt --format=YAML",                                      SECRET),
        ("K4 server's fields",      "--cert k.crt",                                                    &applied),
        ("K4 in YAML",              "--cert k.crt -o yaml",                                            &applied),
        ("K5 documents",            "--cert k.crt",                                                    yaml),
        ("K5 documents as YAML",    "--cert k.crt -oyaml",                                             yaml),
        ("K6 concatenated",         "--cert k.crt",                                                    &two),
        ("K7 nothing",              "--cert k.crt",                                                    ""),
        ("K7 a bare word",          "--cert k.crt",                                                    "hello"),
        ("K8 empty",                "--cert k.crt",                                                    empty),
        ("K8 empty, allowed",       "--cert k.crt --allow-empty-data",                                 empty),
        ("K8 empty, as YAML",       "--cert k.crt --allow-empty-data -o yaml",                         empty),
        ("K9 no name",              "--cert k.crt",                                                    &unnamed),
        ("K9 named",                "--cert k.crt --name x",                                           &unnamed),
        ("K10 mismatch",            "--kubeconfig context --cert k.crt -n b",                          SECRET),
        ("K10 cluster-wide",        "--kubeconfig context --cert k.crt -n b --scope cluster-wide",     SECRET),
        ("K11 of the context",      "--kubeconfig context --cert k.crt",                               NOWHERE),
        ("K11 by the environment",  "KUBECONFIG=context --cert k.crt",                                 NOWHERE),
        ("K11 given",               "--kubeconfig context --cert k.crt --namespace b",                 NOWHERE),
        ("K11 nowhere",             "--cert k.crt",                                                    NOWHERE),
        ("K12 namespace-wide",      "--cert k.crt --scope namespace-wide",                             SECRET),
        ("K12 over the annotation", "--cert k.crt --scope namespace-wide",                             &wide),
        ("K13 annotated",           "--cert k.crt",                                                    &wide),
        ("K13 annotated, nowhere",  "--cert k.crt",                                                    &wide_nowhere),
        ("K14 no format",           "--cert k.crt -o toml",                                            SECRET),
        ("K15 expired",             "--cert expired.crt",                                              SECRET),
        ("K15 garbage",             "--cert garbage",                                                  SECRET),
        ("K15 no file",             "--cert none",                                                     SECRET),
        ("K17 environment",         "SEALED_SECRETS_CERT=k.crt SEALED_SECRETS_FORMAT=yaml ",           SECRET),
        ("K17 a value that is none","SEALED_SECRETS_CERT=k.crt SEALED_SECRETS_SCOPE=x ",               SECRET),
        ("K18 raw",                 "--cert k.crt --kubeconfig context --raw --name n --from-file k=x=y", "x"),
        ("K18 raw, cluster-wide",   "--cert k.crt --raw --scope cluster-wide",                         "x"),
        ("K18 raw, of the context", "--cert k.crt --kubeconfig context --raw --name n",                "x"),
        ("K19 no name",             "--cert k.crt --kubeconfig context --raw",                         "x"),
        ("K19 two files",           "--cert k.crt --raw --scope cluster-wide --from-file a,b",         "x"),
        ("K19 not raw",             "--cert k.crt --from-file a",                                      SECRET),
        ("K19 nowhere",             "--cert k.crt --raw --name n",                                     "x"),
        ("no such input",           "--cert k.crt -f none",                                            SECRET),
        ("an input",                "--cert k.crt -f x=y",                                             ""),
        ("no such file to merge",   "--cert k.crt --merge-into none",                                  SECRET),
        ("words and logs",          "--cert k.crt some words --v=3 --logtostderr -v 9 --vmodule=a=1",  SECRET),
        ("the certificate",         "--cert k.crt --fetch-cert",                                       ""),
        ("no cluster",              "--fetch-cert",                                                    ""),
    ];
    let mut differing = String::new();
    for (which, words, input) in cases {
        let (theirs, ours) = pair.both(words, input)?;
        if theirs != ours {
            writeln!(differing, "{which}\n  theirs: {theirs:?}\n  ours:   {ours:?}")?;
        }
    }
    assert!(differing.is_empty(), "{differing}");
    Ok(())
}

async fn different(bed: Bed) -> Outcome {
    let pair = Pair::new(&bed)?;
    let broken = "metadata: {name: a, namespace: ns}\nstringData: {k: v}\n---\na: [b\n";
    let list = format!(r#"{{"kind":"List","items":[{SECRET}]}}"#);
    #[rustfmt::skip]
    let cases = [
        // words                          input   their code  our code  ours says
        ("--nonsense",                    SECRET, 2,          2,        "unknown flag: --nonsense\n"),
        ("--cert k.crt -z",               SECRET, 2,          2,        "unknown shorthand flag: 'z' in -z\n"),
        ("--cert",                        SECRET, 2,          2,        "flag needs an argument: --cert\n"),
        ("--cert k.crt --scope nonsense", SECRET, 2,          2,        "must be one of: strict, namespace-wide, cluster-wide\n"),
        ("--cert ec.crt",                 SECRET, 1,          1,        "error: expected RSA public key but found an EC key\n"),
        ("--cert k.crt",                  broken, 0,          1,        "error: could not read the input: line 4"),
        ("--cert k.crt",                  &list,  1,          0,        ""),
        ("--cert k.crt",                  "kind: ConfigMap\napiVersion: v1\nmetadata: {name: n, namespace: ns}\ndata: {a: eA==}", 0, 1, "error: expected a v1 Secret but found `v1` `ConfigMap`\n"),
    ];
    for (words, input, theirs, ours, message) in cases {
        assert_eq!(pair.run(Who::Kubeseal, words, input)?.code, theirs, "{words}");
        let shown = pair.run(Who::Sealctl, words, input)?;
        assert_eq!(shown.code, ours, "{words}: {shown:?}");
        assert!(shown.messages.contains(message), "{words}: {shown:?}");
        assert_eq!(shown.output.is_empty(), ours != 0, "a failure has no product: {shown:?}");
    }
    let (theirs, ours) = pair.both("--version", "")?;
    assert!(ours.output.starts_with(theirs.output.trim_end()), "{ours:?}");
    // Every flag that theirs has, ours has with the same letter and kind of value.
    let (theirs, ours) = pair.both("--help", "")?;
    assert_eq!(ours.code, 0);
    let flags = |help: &str| -> Vec<String> {
        let head =
            |line: &str| line.trim_start().split("   ").next().unwrap_or_default().to_owned();
        help.lines().skip(1).map(head).collect()
    };
    assert_eq!(flags(&ours.output), flags(&theirs.output));
    Ok(())
}

async fn opened(bed: Bed) -> Outcome {
    let pair = Pair::new(&bed)?;
    let other = Key::number(1);
    pair.put("other.pem", other.private())?;
    let key = Key::number(0);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "kube-system"},
        "data": {"tls.key": STANDARD.encode(key.private()), "tls.crt": STANDARD.encode(&key.certificate)},
    });
    pair.put("secret.json", &secret.to_string())?;
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [secret]});
    pair.put("list.json", &list.to_string())?;
    let one = |who| match who {
        Who::Kubeseal => Who::Sealctl,
        Who::Sealctl => Who::Kubeseal,
    };
    for sealer in [Who::Kubeseal, Who::Sealctl] {
        for scope in ["strict", "namespace-wide", "cluster-wide"] {
            for format in ["json", "yaml"] {
                let seal = format!("--cert k.crt --scope {scope} -o {format} -w sealed");
                let shown = pair.run(sealer, &seal, SECRET)?;
                assert_eq!((shown.code, shown.messages.as_str()), (0, ""), "{seal}");
                let sealed = pair.read("sealed")?;
                for keys in ["k.pem", "secret.json", "list.json", "other.pem,k.pem"] {
                    let words =
                        format!("--recovery-unseal --recovery-private-key {keys} -o {format}");
                    let by_them = pair.run(one(sealer), &words, &sealed)?;
                    assert_eq!(by_them.code, 0, "{sealer:?} {words}: {by_them:?}");
                    let by_itself = pair.run(sealer, &words, &sealed)?;
                    // kubeseal writes an empty value as null.
                    let plain = |shown: &Shown| shown.output.replace("null", "\"\"");
                    assert_eq!(plain(&by_them), plain(&by_itself), "{sealer:?} {words}");
                }
            }
        }
    }
    let sealed = pair.read("sealed")?;
    for words in ["--recovery-private-key other.pem", "", "--recovery-private-key none"] {
        let shown = pair.run(Who::Sealctl, &format!("--recovery-unseal {words}"), &sealed)?;
        assert_eq!((shown.code, shown.output.as_str()), (1, ""), "{words}");
        assert!(shown.messages.starts_with("error: "), "{shown:?}");
    }
    let refused =
        pair.run(Who::Sealctl, "--recovery-unseal --recovery-private-key other.pem", &sealed)?;
    assert!(refused.messages.contains("key could decrypt secret"), "{refused:?}");
    assert!(refused.messages.ends_with("(a, b, empty)\n"), "{refused:?}");
    Ok(())
}

async fn raw(bed: Bed) -> Outcome {
    let pair = Pair::new(&bed)?;
    let words = "--cert k.crt --kubeconfig context --raw --name n -w";
    for (sealer, opener) in [(Who::Kubeseal, Who::Sealctl), (Who::Sealctl, Who::Kubeseal)] {
        for value in ["s3cret\n", "", "a\r\n\tb\u{0}\u{e9}"] {
            let shown = pair.run(sealer, &format!("{words} raw"), value)?;
            assert_eq!((shown.code, shown.messages.as_str()), (0, ""), "{sealer:?}");
            let sealed = pair.read("raw")?;
            assert_eq!(sealed.trim_end(), sealed, "no line break behind it");
            let object = json!({
                "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
                "metadata": {"name": "n", "namespace": "ctx"},
                "spec": {"encryptedData": {"k": sealed}, "template": {}},
            });
            let open = "--recovery-unseal --recovery-private-key k.pem";
            let opened = pair.run(opener, open, &object.to_string())?;
            let opened: Value = serde_json::from_str(&opened.output)?;
            let found = opened["data"]["k"].as_str().unwrap_or_default();
            assert_eq!(STANDARD.decode(found)?, value.as_bytes(), "{sealer:?}");
        }
    }
    Ok(())
}

async fn files(bed: Bed) -> Outcome {
    let pair = Pair::new(&bed)?;
    for who in [Who::Kubeseal, Who::Sealctl] {
        pair.put("out.yaml", "old")?;
        let failed = pair.run(who, "--cert k.crt -w out.yaml", "")?;
        assert_eq!((failed.code, pair.read("out.yaml")?.as_str()), (1, "old"), "{who:?}");
        let done = pair.run(who, "--cert k.crt -w out.yaml -o json", SECRET)?;
        assert_eq!((done.code, done.output.as_str()), (0, ""), "{who:?}");
        assert!(pair.read("out.yaml")?.starts_with("---\napiVersion: "), "{who:?}");
        let nowhere = pair.run(who, "--cert k.crt -w none/x.yaml", SECRET)?;
        assert_eq!(nowhere.code, 1, "{who:?}");
    }
    let mut left = entries(&pair.folder)?;
    left.retain(|name| name.starts_with('.'));
    assert!(left.is_empty(), "temporary files are left: {left:?}");
    Ok(())
}

fn entries(folder: &Path) -> Outcome<Vec<String>> {
    let names = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().into_string()));
    let names: Result<Vec<_>, std::io::Error> = names.collect();
    Ok(names?.into_iter().flatten().collect())
}

async fn merged(bed: Bed) -> Outcome {
    let pair = Pair::new(&bed)?;
    let more = r#"{"metadata":{"name":"q","namespace":"zz","labels":{"x":"y"}},"data":{"c":"eA==","a":"eA=="}}"#;
    let open = "--recovery-unseal --recovery-private-key k.pem";
    for scope in ["strict", "namespace-wide", "cluster-wide"] {
        for format in ["json", "yaml"] {
            let seal = format!("--cert k.crt --scope {scope} -o {format} -w file");
            assert_eq!(pair.run(Who::Kubeseal, &seal, SECRET)?.code, 0);
            let before = pair.read("file")?;
            if format == "yaml" {
                pair.put("file", &before.replace("spec:\n", "# kept\nspec: # kept too\n"))?;
            }
            let shown = pair.run(Who::Sealctl, "--cert k.crt --merge-into file", more)?;
            assert_eq!(shown, Shown { code: 0, output: String::new(), messages: String::new() });
            let after = pair.read("file")?;
            // The same program that wrote the file reads it, in the scope of the file.
            let opened = pair.run(Who::Kubeseal, &format!("{open} -o json"), &after)?;
            assert_eq!(opened.code, 0, "{scope} {format}: {opened:?}");
            let opened: Value = serde_json::from_str(&opened.output)?;
            assert_eq!(
                (&opened["data"]["a"], &opened["data"]["c"]),
                (&json!("eA=="), &json!("eA=="))
            );
            assert_eq!(opened["data"]["b"], STANDARD.encode("wins"));
            assert_eq!(
                (&opened["metadata"]["name"], &opened["metadata"]["labels"]["x"]),
                (&json!("n"), &json!("y"))
            );
            if format == "yaml" {
                assert!(after.contains("# kept\nspec: # kept too\n"), "{after}");
            }
            // Every line that was there and is not of `a` is there still.
            let old = before.lines().filter(|line| {
                !line.contains("    a: ") && !line.contains("\"a\"") && *line != "spec:"
            });
            for line in old.filter(|line| !line.trim_end_matches(',').is_empty()) {
                let line = line.trim_end_matches(',');
                assert!(after.contains(line), "{format}: {line}");
            }
        }
    }
    let wrong =
        pair.run(Who::Sealctl, "--cert k.crt --merge-into file --scope namespace-wide", more)?;
    assert_eq!(wrong.code, 1);
    assert!(wrong.messages.contains("has the scope cluster-wide"), "{wrong:?}");
    Ok(())
}
