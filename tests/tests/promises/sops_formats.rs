//! Files of every format, generated: what we encrypt sops opens, what sops encrypts we open, each
//! to the byte, and what we encrypt we give back as it was.

use std::fs;
use std::path::PathBuf;

use libtest_mimic::Trial;
use sealer_core::plaintext::Plaintext;
use sealer_core::sops::age::{self, Identities, Recipient};
use sealer_core::sops::cipher::{Cipher, DataKey};
use sealer_core::sops::key::{Group, MasterKey, Wrapped};
use sealer_core::sops::selector::{Fields, Selector};
use sealer_core::sops::store::{self, File, Format, MacCheck, Options, Plain};
use tests::process::run;
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

mod corpus;

use corpus::Dice;

const NEEDS: &[Need] = &[Need::Sops, Need::Age];
/// How many files of each format; `make test-full` asks for more.
const FILES: u64 = 50;

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "sops_formats::yaml_goes_both_ways", NEEDS, |bed| both(bed, Format::Yaml)),
        trial(bed, "sops_formats::json_goes_both_ways", NEEDS, |bed| both(bed, Format::Json)),
        trial(bed, "sops_formats::dotenv_goes_both_ways", NEEDS, |bed| both(bed, Format::Dotenv)),
        trial(bed, "sops_formats::ini_goes_both_ways", NEEDS, |bed| both(bed, Format::Ini)),
        trial(bed, "sops_formats::binary_goes_both_ways", NEEDS, binary),
        trial(bed, "sops_formats::sops_may_drop_the_record", NEEDS, dropped),
        trial(bed, "sops_formats::comments_select_the_same_values", NEEDS, commented),
    ]
}

/// Somebody with a key, the real sops, and our code in this process.
struct Person {
    bed: Bed,
    home: PathBuf,
    identities: Identities,
    recipient: String,
}

impl Person {
    fn new(bed: Bed) -> Outcome<Self> {
        let home = bed.folder("formats")?;
        let file = home.join("keys.txt");
        bed.run("age-keygen", &["-o", &file.display().to_string()], b"")?;
        let identities = Identities::parse(&Plaintext::new(fs::read(&file)?))?;
        let recipient = identities.recipients().remove(0);
        Ok(Self { bed, home, identities, recipient })
    }

    fn sops(&self, format: Format, input: &[u8], flags: &[&str]) -> Outcome<Vec<u8>> {
        let file = self.home.join("file");
        fs::write(&file, input)?;
        let mut command = self.bed.command("sops");
        command.current_dir(&self.home).env("SOPS_AGE_KEY_FILE", self.home.join("keys.txt"));
        command.args(flags).args(["--input-type", format.name(), "--output-type", format.name()]);
        command.arg(file);
        run(command, b"")
    }

    fn encrypt(&self, format: Format, text: &[u8], selector: Selector) -> Outcome<(File, DataKey)> {
        let key = DataKey::generate(&mut rand::rng());
        let recipients = [Recipient::parse(&self.recipient)?];
        let copies = age::wrap(&key, &recipients, &mut rand::rng())?;
        let wrapped = copies.into_iter().map(|copy| Wrapped {
            key: MasterKey::age(&copy.recipient),
            enc: copy.enc,
            created_at: None,
        });
        let options = Options {
            groups: vec![Group(wrapped.collect())],
            threshold: None,
            selector,
            mac_only_encrypted: false,
            cipher: Cipher::default(),
            now: "2026-01-02T03:04:05Z".parse()?,
        };
        let plain = Plain::new(format, text.to_vec());
        Ok((store::encrypt(&plain, &key, &options, &mut rand::rng())?.file, key))
    }

    fn decrypt(&self, format: Format, bytes: Vec<u8>) -> Outcome<Vec<u8>> {
        let file = File::read(format, bytes)?;
        let key = self.identities.unwrap(&file.metadata().age())?;
        Ok(file.decrypt(&key, MacCheck::Enforced)?.plain.expose().to_vec())
    }

    /// Everything that is promised of one file.
    fn check(&self, format: Format, text: &[u8]) -> Outcome {
        let (file, key) = self.encrypt(format, text, Selector::default())?;
        let opened = file.decrypt(&key, MacCheck::Enforced)?;
        same("ours by us", opened.plain.expose(), text)?;

        let theirs = self.sops(format, text, &["encrypt", "--age", &self.recipient])?;
        let canonical = self.sops(format, &theirs, &["decrypt"])?;
        same("ours by sops", &self.sops(format, file.bytes(), &["decrypt"])?, &canonical)?;
        same("theirs by us", &self.decrypt(format, theirs)?, &canonical)
    }
}

fn same(what: &str, found: &[u8], expected: &[u8]) -> Outcome {
    if found == expected {
        return Ok(());
    }
    let [found, expected] = [found, expected].map(String::from_utf8_lossy);
    Err(format!("{what}:\n{found}\ninstead of:\n{expected}").into())
}

/// How many files of each format; as many as `SIGNET_SOPS_FILES` says.
#[expect(clippy::disallowed_methods, reason = "how long a test takes is its caller's to say")]
fn files() -> u64 {
    std::env::var("SIGNET_SOPS_FILES").ok().and_then(|files| files.parse().ok()).unwrap_or(FILES)
}

#[expect(clippy::unused_async, reason = "a trial is")]
async fn both(bed: Bed, format: Format) -> Outcome {
    let person = Person::new(bed)?;
    for seed in 0..files() {
        let dice = &mut Dice::new(seed);
        let text = match format {
            Format::Yaml => corpus::yaml(dice),
            Format::Json => corpus::json(dice),
            Format::Dotenv => corpus::dotenv(dice),
            Format::Ini | Format::Binary => corpus::ini(dice),
        };
        let checked = person.check(format, text.as_bytes());
        checked.map_err(|error| format!("file {seed}: {error}\nfor:\n{text}"))?;
    }
    Ok(())
}

async fn binary(bed: Bed) -> Outcome {
    let person = Person::new(bed)?;
    let noise: Vec<u8> =
        (0..1_048_577_u32).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[1]).collect();
    for bytes in [&b""[..], b"x", b"{}", b"\"\"{}this_is_binary_data", b"\0\xff\xfe", &noise] {
        person.check(Format::Binary, bytes)?;
    }
    Ok(())
}

/// The canonical form comes back, and nothing is lost that sops would have kept.
async fn dropped(bed: Bed) -> Outcome {
    let person = Person::new(bed)?;
    let text = b"a: 0x1F\nb: \"quoted\"\nc: &x [1, 'two']\nd: *x\n";
    let (file, _) = person.encrypt(Format::Yaml, text, Selector::default())?;
    assert!(file.metadata().layout.is_some());
    let rotated = person.sops(Format::Yaml, file.bytes(), &["rotate"])?;
    let read = File::read(Format::Yaml, rotated.clone())?;
    assert_eq!(read.metadata().layout, None, "sops drops what it does not know");
    let expected = b"a: 31\nb: quoted\nc:\n    - 1\n    - two\nd:\n    - 1\n    - two\n";
    same("rotated by sops", &person.decrypt(Format::Yaml, rotated)?, expected)
}

async fn commented(bed: Bed) -> Outcome {
    let person = Person::new(bed)?;
    let text = "# other\na: one\n# sops:this\nb:\n    c: two\n    l:\n        - x\ne: four\nl:\n    - five\n    # sops:this\n    - six\n";
    for (field, flag) in [
        ("encrypted_comment_regex", "--encrypted-comment-regex"),
        ("unencrypted_comment_regex", "--unencrypted-comment-regex"),
    ] {
        let given = |name: &str| (name == field).then(|| "sops:this".to_owned());
        let fields = Fields {
            encrypted_comment_regex: given("encrypted_comment_regex"),
            unencrypted_comment_regex: given("unencrypted_comment_regex"),
            ..Fields::default()
        };
        let (file, _) = person.encrypt(Format::Yaml, text.as_bytes(), Selector::new(fields)?)?;
        let flags = [flag, "sops:this", "-e", "--age", &person.recipient];
        let theirs = person.sops(Format::Yaml, text.as_bytes(), &flags)?;
        let shape = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let body = text.split("\nsops:").next().unwrap_or_default().to_owned();
            let lines = body.lines().map(|line| line.split("ENC[").next().unwrap_or_default());
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(shape(file.bytes()), shape(&theirs), "{field}");
        same(field, &person.sops(Format::Yaml, file.bytes(), &["decrypt"])?, text.as_bytes())?;
        same(field, &person.decrypt(Format::Yaml, theirs)?, text.as_bytes())?;
    }
    Ok(())
}
