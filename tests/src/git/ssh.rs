//! Git over ssh: an sshd with host keys of every type, that lets some keys in and lets them run
//! nothing but Git.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::Repository;
use crate::bed::Bed;
use crate::process::Process;
use crate::{Outcome, port};

/// The running server.
#[derive(Debug)]
pub struct GitSsh {
    port: u16,
    user: String,
    folder: PathBuf,
    sshd: Process,
}

/// What a server is besides the usual.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Speaks the protocol of 2005 only.
    pub old: bool,
    /// Proves itself with a certificate for this name, too; see [`GitSsh::authority`].
    pub certified: Option<&'static str>,
}

/// The types of the server's keys.
pub const HOST_KEYS: [&str; 3] = ["ed25519", "ecdsa", "rsa"];

impl GitSsh {
    /// Serves every repository of the bed to one key.
    pub async fn start(bed: &Bed, options: Options) -> Outcome<Self> {
        let (folder, port) = (bed.folder("git-ssh")?, port::free());
        for kind in HOST_KEYS {
            keygen(bed, &folder.join(kind), &["-t", kind])?;
        }
        keygen(bed, &folder.join("client"), &[])?;
        keygen(bed, &folder.join("authority"), &[])?;
        if let Some(name) = options.certified {
            let (signer, key) = (folder.join("authority"), folder.join("ed25519.pub"));
            let (signer, key) = (signer.display().to_string(), key.display().to_string());
            let args = ["-q", "-s", &signer, "-I", "bed", "-h", "-n", name, "-V", "-5m:+1h", &key];
            bed.run("ssh-keygen", &args, b"")?;
        }
        let config = folder.join("sshd_config");
        fs::write(&config, configuration(&folder, port, options))?;
        let user = String::from_utf8(bed.run("id", &["-un"], b"")?)?.trim().to_owned();
        if user == "root" {
            // Its place to drop privileges in, which a package's service would have made.
            fs::create_dir_all("/run/sshd")?;
        }
        let mut command = bed.command("sshd");
        command.args(["-D", "-e", "-f"]).arg(&config);
        let sshd = Process::start("sshd", command, bed.log("sshd"))?;
        let (known, number) = (folder.join("known_hosts"), port.to_string());
        let answers = async || {
            let scan = ["-t", "ed25519,ecdsa,rsa", "-p", &number, "127.0.0.1"];
            let lines = bed.run("ssh-keyscan", &scan, b"").unwrap_or_default();
            let keys = lines.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"["));
            keys.count() == HOST_KEYS.len() && fs::write(&known, lines).is_ok()
        };
        sshd.ready(Duration::from_secs(15), answers).await?;
        let server = Self { port, user, folder, sshd };
        server.let_in(&server.identity())?;
        Ok(server)
    }

    /// The ssh URL of a repository.
    pub fn url(&self, repository: &Repository) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, repository.path().display())
    }

    /// How `known_hosts` calls this server.
    pub fn name(&self) -> String {
        format!("[127.0.0.1]:{}", self.port)
    }

    /// The private key that is let in.
    pub fn identity(&self) -> PathBuf {
        self.folder.join("client")
    }

    /// The lines of `known_hosts` for this server.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// The line of `known_hosts` for one type of key.
    pub fn known_by(&self, kind: &str) -> Outcome<String> {
        Ok(format!(
            "{} {}",
            self.name(),
            fs::read_to_string(self.folder.join(kind).with_extension("pub"))?
        ))
    }

    /// The public key of the authority that certifies this server.
    pub fn authority(&self) -> Outcome<String> {
        Ok(fs::read_to_string(self.folder.join("authority.pub"))?)
    }

    /// A new private key that nobody lets in; `args` are those of `ssh-keygen`.
    pub fn key(&self, bed: &Bed, args: &[&str]) -> Outcome<PathBuf> {
        let path = self.folder.join(bed.unique("key"));
        keygen(bed, &path, args)?;
        Ok(path)
    }

    /// Lets a key in from now on.
    pub fn let_in(&self, key: &Path) -> Outcome {
        let key = fs::read_to_string(key.with_extension("pub"))?;
        let only_git = r#"restrict,command="git-shell -c \"$SSH_ORIGINAL_COMMAND\"""#;
        let path = self.folder.join("authorized");
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(file.write_all(format!("{only_git} {key}").as_bytes())?)
    }

    /// Ends every connection as a crash would; the server goes on.
    pub fn hang_up(&self) -> Outcome {
        let id = self.sshd.id();
        for child in fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?.split(' ') {
            if let Some(child) = child.trim().parse().ok().and_then(Pid::from_raw) {
                kill_process(child, Signal::KILL)?;
            }
        }
        Ok(())
    }

    /// How many connections were let in so far.
    pub fn logins(&self) -> usize {
        self.sshd.log().matches("Accepted publickey").count()
    }
}

/// Makes a key, ed25519 and without a passphrase unless `args` say otherwise.
fn keygen(bed: &Bed, path: &Path, args: &[&str]) -> Outcome {
    let file = path.display().to_string();
    let mut all = vec!["-q", "-C", "bed", "-f", &file];
    if !args.contains(&"-t") {
        all.extend(["-t", "ed25519"]);
    }
    if !args.contains(&"-N") {
        all.extend(["-N", ""]);
    }
    bed.run("ssh-keygen", &[&all[..], args].concat(), b"").map(drop)
}

fn configuration(folder: &Path, port: u16, options: Options) -> String {
    let dir = folder.display();
    let mut text = format!(
        "Port {port}\nListenAddress 127.0.0.1\nAuthorizedKeysFile {dir}/authorized\n\
         PidFile {dir}/sshd.pid\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nMaxStartups 100\nLogLevel VERBOSE\n"
    );
    for kind in HOST_KEYS {
        let _ = writeln!(text, "HostKey {dir}/{kind}");
    }
    if !options.old {
        text.push_str("AcceptEnv GIT_PROTOCOL\n");
    }
    if options.certified.is_some() {
        let _ = writeln!(text, "HostCertificate {dir}/ed25519-cert.pub");
    }
    text
}
