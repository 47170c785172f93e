//! A home of the real `gpg`, with keys that it makes.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

/// A home whose agent ends with it.
pub(super) struct Home(tempfile::TempDir);

#[expect(clippy::disallowed_methods, reason = "gpg knows the time by itself")]
pub(super) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn run(home: &Path, program: &str, args: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    let mut child = Command::new(program)
        .args(args)
        .env("GNUPGHOME", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!("{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

impl Home {
    pub(super) fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Self(home)
    }

    fn gpg(&self, passphrase: &str, args: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
        let mut all = vec!["--batch", "--quiet", "--yes", "--trust-model", "always"];
        all.extend(["--pinentry-mode", "loopback", "--passphrase", passphrase]);
        all.extend(args);
        run(self.0.path(), "gpg", &all, input)
    }

    /// A new key that certifies and signs; its fingerprint.
    pub(super) fn generate(&self, name: &str, algorithm: &str, passphrase: &str) -> String {
        let args = ["--quick-generate-key", name, algorithm, "sign", "never"];
        self.gpg(passphrase, &args, b"").unwrap();
        let listing = self.gpg("", &["--with-colons", "--list-keys", name], b"").unwrap();
        let listing = String::from_utf8(listing).unwrap();
        let line = listing.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap();
        line.trim_end_matches(':').to_owned()
    }

    /// Gives a key a subkey.
    pub(super) fn add(&self, fingerprint: &str, algorithm: &str, usage: &str, passphrase: &str) {
        let args = ["--quick-add-key", fingerprint, algorithm, usage, "never"];
        self.gpg(passphrase, &args, b"").unwrap();
    }

    /// Gives a key without a passphrase a subkey that expires.
    pub(super) fn add_until(&self, fingerprint: &str, algorithm: &str, usage: &str, until: &str) {
        self.gpg("", &["--quick-add-key", fingerprint, algorithm, usage, until], b"").unwrap();
    }

    /// Revokes a key by the certificate that gpg made with it.
    pub(super) fn revoke(&self, fingerprint: &str) {
        let path = self.0.path().join(format!("openpgp-revocs.d/{fingerprint}.rev"));
        let text = fs::read_to_string(path).unwrap().replace(":-----BEGIN", "-----BEGIN");
        self.gpg("", &["--import"], text.as_bytes()).unwrap();
    }

    pub(super) fn public(&self, name: &str) -> Vec<u8> {
        self.gpg("", &["--export", name], b"").unwrap()
    }

    pub(super) fn private(&self, name: &str, passphrase: &str) -> Vec<u8> {
        self.gpg(passphrase, &["--export-secret-keys", name], b"").unwrap()
    }

    pub(super) fn encrypt(&self, names: &[&str], data: &[u8], options: &[&str]) -> Vec<u8> {
        let mut args = options.to_vec();
        for name in names {
            args.extend(["--recipient", name]);
        }
        args.push("--encrypt");
        self.gpg("", &args, data).unwrap()
    }

    pub(super) fn decrypt(&self, message: &[u8], passphrase: &str) -> Result<Vec<u8>, String> {
        self.gpg(passphrase, &["--decrypt"], message)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = run(self.0.path(), "gpgconf", &["--kill", "all"], b"");
    }
}
