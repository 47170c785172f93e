//! Git over http and https: nginx, fcgiwrap and `git http-backend`, with basic authentication or
//! certificates of clients.
//!
//! nginx runs as one process, and four fcgiwraps without children serve it: a master that is killed
//! by the kernel would leave its workers behind.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::Repository;
use crate::bed::Bed;
use crate::process::Process;
use crate::registry::htpasswd;
use crate::{Outcome, port};

/// The running servers.
#[derive(Debug)]
pub struct GitHttp {
    plain: u16,
    tls: u16,
    certified: u16,
    _nginx: Process,
    _backends: Vec<Process>,
}

/// How many requests are served at the same time.
const BACKENDS: usize = 4;

impl GitHttp {
    /// The user that is asked for.
    pub const USER: &str = crate::registry::USER;
    /// Its password.
    pub const PASSWORD: &str = crate::registry::PASSWORD;

    /// Serves every repository of the bed.
    pub async fn start(bed: &Bed) -> Outcome<Self> {
        let folder = bed.folder("git-http")?;
        htpasswd(bed, &folder.join("htpasswd"))?;
        let ports @ [plain, tls, certified] = [port::free(), port::free(), port::free()];
        let mut backends = Vec::new();
        for number in 0..BACKENDS {
            backends.push(backend(bed, &folder.join(format!("{number}.sock"))).await?);
        }
        let config = folder.join("nginx.conf");
        fs::write(&config, configuration(bed, &folder, ports))?;
        let mut command = bed.command("nginx");
        command.arg("-e").arg(folder.join("error.log")).arg("-c").arg(&config);
        let nginx = Process::start("nginx", command, bed.log("nginx"))?;
        let url = format!("http://127.0.0.1:{plain}/");
        nginx.ready(Duration::from_secs(15), async || bed.http().answers(&url, 401).await).await?;
        Ok(Self { plain, tls, certified, _nginx: nginx, _backends: backends })
    }

    /// The http URL of a repository, without credentials.
    pub fn http_url(&self, repository: &Repository) -> String {
        format!("http://127.0.0.1:{}/{}", self.plain, repository.name())
    }

    /// The https URL of a repository, without credentials.
    pub fn https_url(&self, repository: &Repository) -> String {
        format!("https://127.0.0.1:{}/{}", self.tls, repository.name())
    }

    /// The https URL of a repository for those who show a certificate of the bed's authority.
    pub fn certified_url(&self, repository: &Repository) -> String {
        format!("https://127.0.0.1:{}/{}", self.certified, repository.name())
    }
}

async fn backend(bed: &Bed, socket: &Path) -> Outcome<Process> {
    let mut command = bed.command("fcgiwrap");
    command.args(["-f", "-c", "1", "-s", &format!("unix:{}", socket.display())]);
    let process = Process::start("fcgiwrap", command, bed.log("fcgiwrap"))?;
    let listens = async || std::os::unix::net::UnixStream::connect(socket).is_ok();
    process.ready(Duration::from_secs(10), listens).await?;
    Ok(process)
}

fn configuration(bed: &Bed, folder: &Path, [plain, tls, certified]: [u16; 3]) -> String {
    let (dir, repositories) = (folder.display(), bed.path("git"));
    let (authority, repositories) = (bed.authority(), repositories.display());
    let (certificate, key) =
        (authority.server_certificate.display(), authority.server_key.display());
    let trusted = authority.certificate.display();
    let sockets = (0..BACKENDS).map(|number| format!("server unix:{dir}/{number}.sock;"));
    let sockets = sockets.collect::<Vec<_>>().join(" ");
    format!(
        r"
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/error.log; events {{}}
http {{
  access_log off; client_max_body_size 0;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
  uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  upstream git {{ least_conn; {sockets} }}
  ssl_certificate {certificate}; ssl_certificate_key {key};
  fastcgi_request_buffering off; fastcgi_read_timeout 300;
  fastcgi_param REQUEST_METHOD $request_method; fastcgi_param QUERY_STRING $query_string;
  fastcgi_param CONTENT_TYPE $content_type; fastcgi_param CONTENT_LENGTH $content_length;
  fastcgi_param REMOTE_ADDR $remote_addr; fastcgi_param REMOTE_USER $remote_user$ssl_client_s_dn;
  fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
  fastcgi_param PATH_INFO $uri; fastcgi_param GIT_PROJECT_ROOT {repositories};
  fastcgi_param GIT_HTTP_EXPORT_ALL 1;
  server {{
    listen 127.0.0.1:{plain};
    listen 127.0.0.1:{tls} ssl;
    auth_basic git; auth_basic_user_file {dir}/htpasswd;
    location / {{ fastcgi_pass git; }}
  }}
  server {{
    listen 127.0.0.1:{certified} ssl;
    ssl_client_certificate {trusted}; ssl_verify_client on;
    location / {{ fastcgi_pass git; }}
  }}
}}
"
    )
}
