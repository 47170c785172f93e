//! Keys of every kind: what `age`, `sops` and `gpg` encrypt we open, and they open ours.

use std::fs;

use jiff::Timestamp;
use libtest_mimic::Trial;
use sealer_core::age::{self, Identity, Passphrase, Recipient};
use sealer_core::plaintext::Plaintext;
use sealer_core::sops::age::Identities;
use sealer_core::sops::cipher::{Cipher, DataKey};
use sealer_core::sops::datakey::{self, DEFAULT_ORDER, Readers};
use sealer_core::sops::key::MasterKey;
use sealer_core::sops::local::LocalKeys;
use sealer_core::sops::selector::Selector;
use sealer_core::sops::store::{self, File, Format, Plain};
use sealer_core::sops::yaml::MacCheck;
use tests::process;
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

const NEEDS: &[Need] = &[Need::Sops, Need::Age];
const TEXT: &str = "password: hunter2\nlist:\n    - 1\n    - two\n";

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "sops_keys::age_files_go_both_ways_in_every_size", NEEDS, sizes),
        trial(bed, "sops_keys::passphrases_go_to_age", NEEDS, passphrases),
        trial(bed, "sops_keys::sops_and_we_open_each_others_files", NEEDS, files),
        trial(bed, "sops_keys::key_groups_open_with_as_many_as_it_takes", NEEDS, groups),
    ]
}

/// A private key in a file, and its public half.
struct Pair {
    name: &'static str,
    file: String,
    recipient: String,
}

impl Pair {
    /// One of each kind that age itself makes or takes.
    fn all(bed: &Bed) -> Outcome<Vec<Pair>> {
        let folder = bed.folder("pairs")?;
        let mut pairs = Vec::new();
        for (name, args) in [("x25519", &[][..]), ("hybrid", &["-pq"])] {
            let file = folder.join(name).display().to_string();
            bed.run("age-keygen", &[args, &["-o", &file]].concat(), b"")?;
            let recipient = String::from_utf8(bed.run("age-keygen", &["-y", &file], b"")?)?;
            pairs.push(Pair { name, file, recipient: recipient.trim().to_owned() });
        }
        for (name, bits) in [("ed25519", "256"), ("rsa", "2048")] {
            let file = folder.join(name).display().to_string();
            bed.run("ssh-keygen", &["-q", "-t", name, "-b", bits, "-N", "", "-f", &file], b"")?;
            let line = fs::read_to_string(format!("{file}.pub"))?;
            let recipient = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
            pairs.push(Pair { name, file, recipient });
        }
        Ok(pairs)
    }

    fn identities(&self) -> Outcome<Identities> {
        Ok(Identities::parse(&Plaintext::new(fs::read(&self.file)?))?)
    }
}

async fn sizes(bed: Bed) -> Outcome {
    let bed = &bed;
    for pair in Pair::all(bed)? {
        let identities = pair.identities()?;
        assert_eq!(identities.recipients(), std::slice::from_ref(&pair.recipient), "{}", pair.name);
        let recipient = Recipient::parse(&pair.recipient)?;
        for size in [0, 64 << 10, (64 << 10) + 1, 10 << 20] {
            let label = format!("{} {size}", pair.name);
            let plain: Vec<u8> = (0..=250).cycle().take(size).collect();
            let secret = Plaintext::new(plain.clone());
            for armor in [false, true] {
                let mut args = vec!["-r", &pair.recipient];
                args.extend(armor.then_some("-a"));
                let theirs = bed.run("age", &args, &plain)?;
                let opened = age::decrypt(&theirs, identities.as_slice(), None)?;
                assert!(opened.expose() == plain, "{label} {armor}");
                let to = std::slice::from_ref(&recipient);
                let ours = if armor {
                    age::encrypt_armored(&secret, to, None, &mut rand::rng())?.into_bytes()
                } else {
                    age::encrypt(&secret, to, None, &mut rand::rng())?
                };
                assert!(
                    bed.run("age", &["-d", "-i", &pair.file], &ours)? == plain,
                    "{label} {armor}"
                );
            }
        }
    }
    Ok(())
}

/// age asks for passphrases on a terminal only, which `script` gives it.
async fn passphrases(bed: Bed) -> Outcome {
    let bed = &bed;
    let words = || Passphrase::with_work("open sesame".to_owned().into(), 10);
    let folder = bed.folder("passphrase")?;
    let path = |name: &str| folder.join(name).display().to_string();
    let ours = age::encrypt(
        &Plaintext::new(b"from us".to_vec()),
        &[Recipient::passphrase(words())],
        None,
        &mut rand::rng(),
    )?;
    fs::write(path("ours.age"), ours)?;
    let age = bed.programs().join("age").display().to_string();
    let typed = |line: String| {
        bed.run("script", &["-qec", &line, "/dev/null"], b"open sesame\nopen sesame\n")
    };
    typed(format!("{age} -d -o {} {}", path("ours"), path("ours.age")))?;
    assert_eq!(fs::read_to_string(path("ours"))?, "from us");

    fs::write(path("theirs"), "from them")?;
    typed(format!("{age} -p -o {} {}", path("theirs.age"), path("theirs")))?;
    let theirs = fs::read(path("theirs.age"))?;
    let opened = age::decrypt(&theirs, &[Identity::passphrase(words())], None)?;
    assert_eq!(opened.expose(), b"from them");
    Ok(())
}

/// A home of gpg with one key, and the private key as it exports it.
struct Gpg<'b> {
    bed: &'b Bed,
    home: String,
    fingerprint: String,
}

impl<'b> Gpg<'b> {
    fn new(bed: &'b Bed) -> Outcome<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = bed.folder("gnupg")?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        let home = folder.display().to_string();
        let mut gpg = Self { bed, home, fingerprint: String::new() };
        gpg.run(&["--quick-generate-key", "robot@x", "rsa2048", "sign", "never"])?;
        let listing = String::from_utf8(gpg.run(&["--with-colons", "--list-keys"])?)?;
        let line = listing.lines().find_map(|line| line.strip_prefix("fpr:::::::::"));
        line.ok_or("gpg lists its key")?.trim_end_matches(':').clone_into(&mut gpg.fingerprint);
        gpg.run(&["--quick-add-key", &gpg.fingerprint, "cv25519", "encr", "never"])?;
        Ok(gpg)
    }

    /// The private key as gpg exports it.
    fn keys(&self) -> Outcome<Vec<openpgp::Key>> {
        let exported = self.run(&["--armor", "--export-secret-keys", &self.fingerprint])?;
        Ok(openpgp::Key::read_armored(&String::from_utf8(exported)?)?)
    }

    fn run(&self, args: &[&str]) -> Outcome<Vec<u8>> {
        let mut command = self.bed.command("gpg");
        command.env("GNUPGHOME", &self.home);
        command.args(["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]);
        command.args(args);
        process::run(command, b"")
    }

    fn sops(&self, args: &[&str], key_file: Option<&str>, input: &[u8]) -> Outcome<Vec<u8>> {
        let mut command = self.bed.command("sops");
        command.env("GNUPGHOME", &self.home).args(args);
        if let Some(file) = key_file {
            command.env("SOPS_AGE_SSH_PRIVATE_KEY_FILE", file).env("SOPS_AGE_KEY_FILE", file);
        }
        process::run(command, input)
    }
}

impl Drop for Gpg<'_> {
    fn drop(&mut self) {
        let mut command = self.bed.command("gpgconf");
        command.env("GNUPGHOME", &self.home).args(["--kill", "all"]);
        let _ = process::run(command, b"");
    }
}

async fn files(bed: Bed) -> Outcome {
    let bed = &bed;
    let gpg = Gpg::new(bed)?;
    let pgp = MasterKey::Pgp { fingerprint: gpg.fingerprint.clone() };
    let flags = ["encrypt", "--pgp", &gpg.fingerprint, "--filename-override", "a.yaml"];
    let theirs = gpg.sops(&flags, None, TEXT.as_bytes())?;
    let keys = LocalKeys::new(Identities::default(), gpg.keys()?, now());
    assert_eq!(decrypt(&theirs, &keys)?, TEXT);
    let ours = encrypt(&Readers { groups: vec![vec![pgp]], threshold: None }, &keys)?;
    assert_eq!(String::from_utf8(gpg.sops(DECRYPT, None, &ours)?)?, TEXT);

    for pair in Pair::all(bed)? {
        let flags = ["encrypt", "--age", &pair.recipient, "--filename-override", "a.yaml"];
        let theirs = gpg.sops(&flags, None, TEXT.as_bytes())?;
        let keys = LocalKeys::new(pair.identities()?, Vec::new(), now());
        assert_eq!(decrypt(&theirs, &keys)?, TEXT, "{}", pair.name);
        let age = MasterKey::Age { recipient: pair.recipient.clone() };
        let ours = encrypt(&Readers { groups: vec![vec![age]], threshold: None }, &keys)?;
        let opened = gpg.sops(DECRYPT, Some(&pair.file), &ours)?;
        assert_eq!(String::from_utf8(opened)?, TEXT, "{}", pair.name);
    }
    Ok(())
}

async fn groups(bed: Bed) -> Outcome {
    let bed = &bed;
    let gpg = Gpg::new(bed)?;
    let pairs = Pair::all(bed)?;
    let age = |pair: &Pair| MasterKey::Age { recipient: pair.recipient.clone() };
    let pgp = MasterKey::Pgp { fingerprint: gpg.fingerprint.clone() };
    let all = LocalKeys::new(pairs[0].identities()?, gpg.keys()?, now());
    let readers = |threshold| Readers {
        groups: vec![vec![age(&pairs[0])], vec![pgp.clone()], vec![age(&pairs[1])]],
        threshold: Some(threshold),
    };
    let one = LocalKeys::new(pairs[0].identities()?, Vec::new(), now());

    // Two of three, of which sops and we have one each from age and PGP.
    let ours = encrypt(&readers(2), &all)?;
    assert_eq!(String::from_utf8(gpg.sops(DECRYPT, Some(&pairs[0].file), &ours)?)?, TEXT);
    assert_eq!(decrypt(&ours, &all)?, TEXT);
    assert!(decrypt(&ours, &one).is_err());
    let ours = encrypt(&readers(3), &all)?;
    assert!(
        decrypt(&ours, &all).is_err() && gpg.sops(DECRYPT, Some(&pairs[0].file), &ours).is_err()
    );

    let config = format!(
        "creation_rules:\n- shamir_threshold: 2\n  key_groups:\n  - age: [{}]\n  - pgp: [{}]\n  - age: [{}]\n",
        pairs[0].recipient, gpg.fingerprint, pairs[1].recipient
    );
    let folder = bed.folder("groups")?;
    let path = folder.join(".sops.yaml").display().to_string();
    fs::write(&path, config)?;
    let flags = ["--config", &path, "encrypt", "--filename-override", "a.yaml"];
    let theirs = gpg.sops(&flags, None, TEXT.as_bytes())?;
    assert_eq!(decrypt(&theirs, &all)?, TEXT);
    assert!(decrypt(&theirs, &one).is_err());
    Ok(())
}

const DECRYPT: &[&str] = &["decrypt", "--filename-override", "a.yaml"];

#[expect(clippy::disallowed_methods, reason = "gpg knows the time by itself")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn decrypt(file: &[u8], keys: &LocalKeys) -> Outcome<String> {
    let file = File::read(Format::Yaml, file.to_vec())?;
    let key = datakey::recover(file.metadata(), &DEFAULT_ORDER, keys)?;
    let opened = file.decrypt(&key, MacCheck::Enforced)?;
    Ok(String::from_utf8(opened.plain.expose().to_vec())?)
}

fn encrypt(readers: &Readers, keys: &LocalKeys) -> Outcome<Vec<u8>> {
    let mut rng = rand::rng();
    let key = DataKey::generate(&mut rng);
    let options = store::Options {
        groups: datakey::wrap(&key, readers, now(), keys, &mut rng)?,
        threshold: readers.threshold,
        selector: Selector::default(),
        mac_only_encrypted: false,
        cipher: Cipher::default(),
        now: now(),
    };
    let plain = Plain::new(Format::Yaml, TEXT.as_bytes().to_vec());
    Ok(store::encrypt(&plain, &key, &options, &mut rng)?.file.bytes().to_vec())
}
