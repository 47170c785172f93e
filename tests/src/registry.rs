//! Debian's docker-registry, and images that are pushed to it by plain HTTP.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::bed::Bed;
use crate::http::{Answer, Request};
use crate::process::Process;
use crate::{Outcome, port};

/// How a registry is set up. The default is anonymous, without TLS and without notifications.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Demands [`USER`] and [`PASSWORD`].
    pub auth: bool,
    /// Serves https with a certificate of the bed's authority.
    pub tls: bool,
    /// Sends notifications.
    pub notify: Option<Notify>,
}

/// Where a registry sends its notifications.
#[derive(Clone, Debug)]
pub struct Notify {
    /// The URL that gets a POST for each event.
    pub url: String,
    /// The value of the `Authorization` header, when there is to be one.
    pub authorization: Option<String>,
}

/// The user of every server here that asks for one.
pub const USER: &str = "robot";
/// Its password.
pub const PASSWORD: &str = "correct horse";

/// A running registry.
pub struct Registry {
    bed: Bed,
    options: Options,
    port: u16,
    folder: PathBuf,
    process: Process,
}

impl Registry {
    /// Starts a registry of its own.
    pub async fn start(bed: &Bed, options: Options) -> Outcome<Self> {
        let (folder, port) = (bed.folder("registry")?, port::free());
        if options.auth {
            htpasswd(bed, &folder.join("htpasswd"))?;
        }
        let config = folder.join("config.json");
        // The file is YAML, of which JSON is a part.
        fs::write(&config, configuration(bed, &options, &folder, port).to_string())?;
        let mut command = bed.command("docker-registry");
        command.arg("serve").arg(&config).env("OTEL_TRACES_EXPORTER", "none");
        let process = Process::start("docker-registry", command, bed.log("registry"))?;
        let registry = Self { bed: bed.clone(), options, port, folder, process };
        let answers = async || registry.request("GET", "").expect(200).await.is_ok();
        registry.process.ready(Duration::from_secs(15), answers).await?;
        Ok(registry)
    }

    /// `127.0.0.1:PORT`, the first part of an image reference.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `http://127.0.0.1:PORT`, or https.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.options.tls { "https" } else { "http" }, self.host())
    }

    /// Begins a request below `/v2/`, with credentials where they are asked for.
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.request_url(method, &format!("{}/v2/{path}", self.url()))
    }

    fn request_url(&self, method: &str, url: &str) -> Request {
        let request = self.bed.http().request(method, url);
        if self.options.auth { request.basic(USER, PASSWORD) } else { request }
    }

    /// Pushes an image without layers whose content is its own, and returns its digest.
    pub async fn push(&self, repository: &str, tag: &str) -> Outcome<String> {
        self.push_created(repository, tag, "2026-01-01T00:00:00Z").await
    }

    /// The same with a time of creation in its configuration.
    pub async fn push_created(
        &self,
        repository: &str,
        tag: &str,
        created: &str,
    ) -> Outcome<String> {
        let config = json!({
            "architecture": "amd64", "os": "linux", "created": created,
            "config": {"Labels": {"reference": format!("{repository}:{tag}")}},
            "rootfs": {"type": "layers", "diff_ids": []},
        })
        .to_string();
        let config_digest = digest(config.as_bytes());
        let size = config.len();
        self.upload(repository, &config_digest, config).await?;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
            "config": {"mediaType": CONFIG, "digest": config_digest, "size": size},
        });
        self.put_manifest(repository, tag, &manifest.to_string()).await
    }

    /// Puts the same image under another tag.
    pub async fn tag(&self, repository: &str, from: &str, to: &str) -> Outcome<()> {
        let path = format!("{repository}/manifests/{from}");
        let manifest = self.request("GET", &path).header("Accept", MANIFEST).expect(200).await?;
        self.put_manifest(repository, to, &manifest.text()).await.map(drop)
    }

    /// Pushes an index with an image of its own for each platform, such as `linux/arm64`.
    pub async fn push_index(
        &self,
        repository: &str,
        tag: &str,
        platforms: &[&str],
    ) -> Outcome<String> {
        let mut manifests = Vec::new();
        for platform in platforms {
            let (os, architecture) = platform.split_once('/').ok_or("`os/architecture`")?;
            let part = format!("{tag}-{architecture}");
            let digest = self.push(repository, &part).await?;
            let path = format!("{repository}/manifests/{digest}");
            let answer = self.request("GET", &path).header("Accept", MANIFEST).expect(200).await?;
            manifests.push(json!({
                "mediaType": MANIFEST, "digest": digest, "size": answer.text().len(),
                "platform": {"os": os, "architecture": architecture},
            }));
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.put(repository, tag, INDEX, &index.to_string()).await
    }

    /// Pushes what is no image in the form of one, as tools keep signatures: one layer with a content
    /// of this type, and with annotations.
    pub async fn push_layer(
        &self,
        repository: &str,
        reference: &str,
        (media_type, content): (&str, &str),
        annotations: &Value,
    ) -> Outcome<String> {
        let empty = "{}";
        self.upload(repository, &digest(empty.as_bytes()), empty.to_owned()).await?;
        self.upload(repository, &digest(content.as_bytes()), content.to_owned()).await?;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest(empty.as_bytes()), "size": empty.len()},
            "layers": [{
                "mediaType": media_type, "digest": digest(content.as_bytes()), "size": content.len(),
                "annotations": annotations,
            }],
        });
        self.put_manifest(repository, reference, &manifest.to_string()).await
    }

    /// Lists artifacts that refer to an image under the tag where registries without an API for that
    /// keep them: each a digest and a type.
    pub async fn push_referrers(
        &self,
        repository: &str,
        image: &str,
        artifacts: &[(&str, &str)],
    ) -> Outcome<String> {
        let listed = artifacts.iter().map(|(digest, kind)| {
            json!({"mediaType": MANIFEST, "digest": digest, "size": 1, "artifactType": kind})
        });
        let listed: Vec<_> = listed.collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed});
        self.put(repository, &image.replace(':', "-"), INDEX, &index.to_string()).await
    }

    async fn put_manifest(&self, repository: &str, tag: &str, manifest: &str) -> Outcome<String> {
        self.put(repository, tag, MANIFEST, manifest).await
    }

    async fn put(&self, repository: &str, tag: &str, kind: &str, text: &str) -> Outcome<String> {
        let request = self.request("PUT", &format!("{repository}/manifests/{tag}"));
        let answer = request.body(kind, text).expect(201).await?;
        Ok(answer.header("Docker-Content-Digest").to_owned())
    }

    async fn upload(&self, repository: &str, digest: &str, blob: String) -> Outcome<Answer> {
        let begun =
            self.request("POST", &format!("{repository}/blobs/uploads/")).expect(202).await?;
        let url = begun.header("Location");
        let mark = if url.contains('?') { '&' } else { '?' };
        let put = self.request_url("PUT", &format!("{url}{mark}digest={digest}"));
        put.body("application/octet-stream", blob).expect(201).await
    }

    /// The tags of a repository, as the registry lists them.
    pub async fn tags(&self, repository: &str) -> Outcome<Vec<String>> {
        let list =
            self.request("GET", &format!("{repository}/tags/list")).expect(200).await?.json()?;
        let tags = list["tags"].as_array().cloned().unwrap_or_default();
        Ok(tags.iter().filter_map(Value::as_str).map(String::from).collect())
    }

    /// Deletes an image with all its tags.
    pub async fn delete(&self, repository: &str, digest: &str) -> Outcome {
        let path = format!("{repository}/manifests/{digest}");
        self.request("DELETE", &path).expect(202).await.map(drop)
    }

    /// Gives an image that was pushed thousands of tags, by writing them into the store.
    ///
    /// The running registry sees them at once and notifies nobody.
    pub fn write_tags(
        &self,
        repository: &str,
        digest: &str,
        tags: impl IntoIterator<Item = String>,
    ) -> Outcome {
        let store = self.folder.join("data/docker/registry/v2/repositories");
        let folder = store.join(repository).join("_manifests/tags");
        let hex = digest.strip_prefix("sha256:").ok_or("a digest begins with `sha256:`")?;
        for tag in tags {
            // Not with its parents: the repository is there, unless the run is over.
            if let Err(err) = fs::create_dir(folder.join(&tag))
                && err.kind() != ErrorKind::AlreadyExists
            {
                return Err(err.into());
            }
            let index = folder.join(&tag).join("index/sha256").join(hex);
            let current = folder.join(&tag).join("current");
            for place in [&index, &current] {
                fs::create_dir_all(place)?;
                fs::write(place.join("link"), digest)?;
            }
        }
        Ok(())
    }

    /// A `.dockerconfigjson` with this registry's credentials.
    pub fn docker_config(&self) -> String {
        docker_config(&self.host(), USER, PASSWORD)
    }

    /// The process, to stop it or to look at its log.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// A `.dockerconfigjson` for one host.
pub fn docker_config(host: &str, user: &str, password: &str) -> String {
    json!({"auths": {host: {"username": user, "password": password}}}).to_string()
}

/// Writes a password file with [`USER`]; bcrypt, the only kind that the registry reads.
pub(crate) fn htpasswd(bed: &Bed, path: &Path) -> Outcome {
    let line = bed.run("htpasswd", &["-niB", "-C", "4", USER], PASSWORD.as_bytes())?;
    Ok(fs::write(path, line)?)
}

fn configuration(bed: &Bed, options: &Options, folder: &Path, port: u16) -> Value {
    let mut config = json!({
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": true}},
        "storage": {"filesystem": {"rootdirectory": folder.join("data")}, "delete": {"enabled": true}},
        "http": {"addr": format!("127.0.0.1:{port}"), "secret": "of the test bed"},
    });
    if options.tls {
        let authority = bed.authority();
        config["http"]["tls"] =
            json!({"certificate": authority.server_certificate, "key": authority.server_key});
    }
    if options.auth {
        config["auth"] = json!({"htpasswd": {"realm": "bed", "path": folder.join("htpasswd")}});
    }
    if let Some(notify) = &options.notify {
        let mut endpoint = json!({
            "name": "bed", "url": notify.url, "timeout": "2s", "threshold": 3, "backoff": "1s",
        });
        if let Some(value) = &notify.authorization {
            endpoint["headers"] = json!({"Authorization": [value]});
        }
        config["notifications"] = json!({"endpoints": [endpoint]});
    }
    config
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::from("sha256:"), |digest, byte| format!("{digest}{byte:02x}"))
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
