//! What `sealer --local DIR` makes of the SOPS files of its directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libtest_mimic::Trial;
use tests::process::run;
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually};

const NEEDS: &[Need] = &[Need::Git, Need::Sops, Need::Age];
const SOON: Duration = Duration::from_secs(30);

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![trial(bed, "sops_local::a_file_of_several_secrets_is_opened_as_a_whole", NEEDS, whole)]
}

/// The file's second Secret is the key of a GitSecretSync: what that one writes proves that the file
/// was opened.
async fn whole(bed: Bed) -> Outcome {
    let home = bed.folder("sops-local")?;
    let (directory, state) = (home.join("manifests"), home.join("state"));
    fs::create_dir(&directory)?;
    let (ours, theirs) = (identity(&bed, &home, "ours")?, identity(&bed, &home, "theirs")?);
    let in_git = encrypt(&bed, &home, &theirs, &secret("from-git", "value: hunter2"))?;
    let repository = bed.repository("sops-local", &[("secrets.yaml", &in_git)])?;
    let key = fs::read_to_string(&theirs)?.replace('\n', "\n    ");
    let stack = [
        secret("first", "value: hunter3"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: nobody-serves-it\n".to_owned(),
        secret("sops-age", &format!("git.agekey: |-\n    {}", key.trim_end())),
    ];
    let stack = encrypt(&bed, &home, &ours, &stack.join("---\n"))?;
    fs::write(directory.join("stack.yaml"), &stack)?;
    let sync = format!(
        "apiVersion: signet.dev/v1alpha1\nkind: GitSecretSync\nmetadata: {{name: sync}}\nspec:\n  git: {{url: \"{}\"}}\n  decryption: {{secretRef: {{name: sops-age}}}}\n",
        repository.file_url()
    );
    fs::write(directory.join("sync.yaml"), sync)?;

    let (keys, directory) = (ours.display().to_string(), directory.display().to_string());
    let (state_dir, cache) =
        (state.display().to_string(), home.join("cache").display().to_string());
    let args = ["--local", &directory, "--state-dir", &state_dir, "--cache-dir", &cache];
    let sealer =
        Daemon::start(&bed, "sealer", None, &[&args[..], &["--age-key-file", &keys]].concat())
            .await?;
    let written = state.join("sealer/secrets/default/from-git.yaml");
    eventually(SOON, "the Secret of the repository", async || {
        if written.exists() { Ok(()) } else { Err(sealer.log().into()) }
    })
    .await?;
    assert!(!sealer.log().contains("hunter"), "{}", sealer.log());

    // One value of another document is exchanged: the file as a whole is refused.
    let tampered = stack.replacen("name: first", "name: second", 1);
    assert_ne!(tampered, stack);
    fs::write(Path::new(&directory).join("stack.yaml"), tampered)?;
    eventually(SOON, "the MAC mismatch", async || {
        let log = sealer.log();
        if log.contains("MAC mismatch") { Ok(()) } else { Err(log.into()) }
    })
    .await
}

fn secret(name: &str, data: &str) -> String {
    format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\nstringData:\n  {data}\n")
}

fn identity(bed: &Bed, home: &Path, name: &str) -> Outcome<PathBuf> {
    let file = home.join(name);
    bed.run("age-keygen", &["-o", &file.display().to_string()], b"")?;
    Ok(file)
}

/// Encrypted by the real sops, with every `metadata` left readable.
fn encrypt(bed: &Bed, home: &Path, identity: &Path, text: &str) -> Outcome<String> {
    let recipient = bed.run("age-keygen", &["-y", &identity.display().to_string()], b"")?;
    let file = home.join("plain.yaml");
    fs::write(&file, text)?;
    let mut sops = bed.command("sops");
    sops.args(["encrypt", "--encrypted-regex", "^(data|stringData)$", "--age"]);
    sops.arg(String::from_utf8(recipient)?.trim()).arg(&file);
    Ok(String::from_utf8(run(sops, b"")?)?)
}
