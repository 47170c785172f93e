//! Git over ssh: an sshd that lets one key in, and lets it run nothing but Git.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    _sshd: Process,
}

impl GitSsh {
    /// Serves every repository of the bed to one key.
    pub async fn start(bed: &Bed) -> Outcome<Self> {
        let (folder, port) = (bed.folder("git-ssh")?, port::free());
        for key in ["host", "client"] {
            let path = folder.join(key).display().to_string();
            bed.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", key, "-f", &path], b"")?;
        }
        let key = fs::read_to_string(folder.join("client.pub"))?;
        let only_git = r#"restrict,command="git-shell -c \"$SSH_ORIGINAL_COMMAND\"""#;
        fs::write(folder.join("authorized"), format!("{only_git} {key}"))?;
        let config = folder.join("sshd_config");
        fs::write(&config, configuration(&folder, port))?;
        let user = String::from_utf8(bed.run("id", &["-un"], b"")?)?.trim().to_owned();
        if user == "root" {
            // Its place to drop privileges in, which a package's service would have made.
            fs::create_dir_all("/run/sshd")?;
        }
        let mut command = bed.command("sshd");
        command.args(["-D", "-e", "-f"]).arg(&config);
        let sshd = Process::start("sshd", command, bed.log("sshd"))?;
        let known = folder.join("known_hosts");
        let number = port.to_string();
        let answers = async || {
            let scan = ["-t", "ed25519", "-p", &number, "127.0.0.1"];
            let line = bed.run("ssh-keyscan", &scan, b"").unwrap_or_default();
            !line.is_empty() && fs::write(&known, line).is_ok()
        };
        sshd.ready(Duration::from_secs(15), answers).await?;
        Ok(Self { port, user, folder, _sshd: sshd })
    }

    /// The ssh URL of a repository.
    pub fn url(&self, repository: &Repository) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, repository.path().display())
    }

    /// The private key that is let in.
    pub fn identity(&self) -> PathBuf {
        self.folder.join("client")
    }

    /// The lines of `known_hosts` for this server.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }
}

fn configuration(folder: &Path, port: u16) -> String {
    let dir = folder.display();
    format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {dir}/host\nAuthorizedKeysFile {dir}/authorized\n\
         PidFile {dir}/sshd.pid\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nAcceptEnv GIT_PROTOCOL\n"
    )
}
