//! The files of the demo: manifests, a bare repository, keys; and what becomes of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sealer_core::age::Identity;
use sha2::{Digest, Sha256};
use tests::{Bed, Daemon, Outcome, eventually, git::Repository, process, registry::Notify};

use crate::PATIENCE;

/// The repository in the registry.
pub(crate) const SHOP: &str = "shop/web";
/// The file that carries the marker.
pub(crate) const DEPLOYMENT: &str = "apps/web.yaml";

/// Values that must never be told, by any output of any daemon.
const VALUES: [&str; 3] = ["correct-horse-battery", "s3cr3t-api-token", "hook-token-of-the-demo"];

/// Formatted as people format: nothing but the tag may change in it.
const DEPLOYMENT_TEXT: &str = r#"# The web shop.   Keep the odd spacing: it is ours.
apiVersion: apps/v1
kind: Deployment
metadata: { name: web,   namespace: default }
spec:
  template:
    spec:
      containers:
      -   name: web
          image:   "REGISTRY/shop/web:1.3.0"   # {"$imagepolicy": "default:web"}
          args: ['--greeting', "it's  open"]
"#;

const PLAIN_SECRET: &str = "apiVersion: v1
kind: Secret
metadata: {name: db, namespace: default}
stringData: {user: web, password: correct-horse-battery}
";

const PLAIN_SOPS: &str = "apiVersion: v1
kind: Secret
metadata:
  name: api
  namespace: default
stringData:
  token: s3cr3t-api-token
";

/// Where everything lies.
pub(crate) struct Stage {
    root: PathBuf,
    repository: Repository,
}

impl Stage {
    /// Writes keys, repository and the manifests of `sealer`.
    pub(crate) fn set(bed: &Bed) -> Outcome<Self> {
        let root = bed.folder("demo")?;
        fs::create_dir_all(root.join("manifests"))?;
        let key = Identity::generate(&mut rand::rng());
        let recipient = Identity::parse(&key).and_then(|identity| identity.recipient());
        let sops = encrypt(bed, &root, &recipient.expect("an X25519 key has a public half"))?;
        let files = [("secrets/api.yaml", sops.as_str()), (DEPLOYMENT, DEPLOYMENT_TEXT)];
        let repository = bed.repository("shop", &files)?;
        let stage = Self { root, repository };
        stage.write("sync.yaml", &sync_manifests(&stage.url(), &key))?;
        Ok(stage)
    }

    pub(crate) fn root(&self) -> String {
        self.root.display().to_string()
    }

    pub(crate) fn manifests(&self) -> String {
        self.root.join("manifests").display().to_string()
    }

    pub(crate) fn cache(&self) -> String {
        self.root.join("cache").display().to_string()
    }

    /// Starts a daemon on the directory.
    pub(crate) async fn daemon(&self, bed: &Bed, program: &str, more: &[&str]) -> Outcome<Daemon> {
        let (manifests, state) = (self.manifests(), self.root.join("state").display().to_string());
        let args = ["--local", &manifests, "--state-dir", &state];
        Daemon::start(bed, program, None, &[&args, more].concat()).await
    }

    /// Seals a Secret with the certificate of the daemon, as a person would.
    pub(crate) async fn seal(&self, bed: &Bed, sealer: &Daemon) -> Outcome {
        let certificate = self.root.join("cert.pem");
        let served = eventually(PATIENCE, "the certificate of a new sealing key", async || {
            let answer = sealer.get("/v1/cert.pem").await?;
            if answer.status == 200 { Ok(answer.text()) } else { Err(answer.text().into()) }
        });
        fs::write(&certificate, served.await?)?;
        let mut seal = process::command(bed.daemon("sealctl")?, &self.root);
        seal.arg("seal").arg("--cert").arg(&certificate);
        let manifest = process::run(seal, PLAIN_SECRET.as_bytes())?;
        self.write("db.yaml", &String::from_utf8(manifest)?)
    }

    /// The names of the keys of a Secret that `sealer` wrote.
    pub(crate) fn secret(&self, name: &str) -> Outcome<String> {
        let file = self.root.join(format!("state/sealer/secrets/default/{name}.yaml"));
        let text = fs::read_to_string(&file).map_err(|_| format!("no {}", file.display()))?;
        let secret: serde_json::Value = serde_saphyr::from_str(&text)?;
        let data = secret["data"].as_object().ok_or("the Secret has no data")?;
        Ok(data.keys().cloned().collect::<Vec<_>>().join(", "))
    }

    /// Writes the manifests of `imagebot`.
    pub(crate) fn write_image_manifests(&self, registry: &str) -> Outcome {
        self.write("images.yaml", &image_manifests(registry, &self.url()))
    }

    /// The commit at the head of `main`.
    pub(crate) fn head(&self) -> Outcome<String> {
        self.repository.head("main").ok_or_else(|| "the branch main is gone".into())
    }

    /// The head of `main`, when it is no longer `old`.
    pub(crate) fn moved_from(&self, old: &str) -> Outcome<String> {
        let head = self.head()?;
        if head == old { Err("no new commit".into()) } else { Ok(head) }
    }

    pub(crate) fn show(&self, revision: &str, path: &str) -> Outcome<String> {
        self.repository.show(revision, path)
    }

    pub(crate) fn git(&self, args: &[&str]) -> Outcome<String> {
        self.repository.git(args)
    }

    fn url(&self) -> String {
        self.repository.file_url()
    }

    fn write(&self, name: &str, text: &str) -> Outcome {
        // Written aside first: the daemons read while the demo writes.
        let (half, whole): (PathBuf, PathBuf) =
            (self.root.join(name), self.root.join("manifests").join(name));
        fs::write(&half, text)?;
        fs::rename(&half, &whole)?;
        Ok(())
    }
}

/// Where the registry must send its notifications, and with what token.
pub(crate) fn notification(imagebot: &Daemon) -> Notify {
    let digest = Sha256::digest(format!("{}registrydefault", VALUES[2]));
    let path: String = digest.iter().fold(String::new(), |path, byte| format!("{path}{byte:02x}"));
    let url = format!("{}/hook/{path}", imagebot.url());
    Notify { url, authorization: Some(format!("Bearer {}", VALUES[2])) }
}

/// Fails when a daemon has logged a secret value.
pub(crate) fn no_value_is_told(daemons: &[&Daemon]) -> Outcome {
    for daemon in daemons {
        if let Some(place) = VALUES.iter().position(|value| daemon.log().contains(value)) {
            return Err(format!("secret value {place} is in a log").into());
        }
    }
    Ok(())
}

fn encrypt(bed: &Bed, root: &Path, recipient: &str) -> Outcome<String> {
    let plain = root.join("api.yaml");
    fs::write(&plain, PLAIN_SOPS)?;
    let mut encrypt = process::command(bed.daemon("sealctl")?, root);
    encrypt
        .args(["encrypt", "--encrypted-regex", "^(data|stringData)$", "--age", recipient])
        .arg(&plain);
    let encrypted = String::from_utf8(process::run(encrypt, b"")?)?;
    fs::remove_file(&plain)?;
    if encrypted.contains(VALUES[1]) || !encrypted.contains("ENC[") {
        return Err("`sealctl encrypt` left the value readable".into());
    }
    Ok(encrypted)
}

fn sync_manifests(repository: &str, key: &str) -> String {
    format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: sops-age}}
stringData:
  demo.agekey: {key}
---
apiVersion: signet.dev/v1alpha1
kind: GitSecretSync
metadata: {{name: shop}}
spec:
  git: {{url: \"{repository}\"}}
  path: ./secrets
  decryption: {{secretRef: {{name: sops-age}}}}
"
    )
}

fn image_manifests(registry: &str, repository: &str) -> String {
    format!(
        "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: web}}
spec: {{image: {registry}/{SHOP}, interval: 1h, insecure: true}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: web}}
spec:
  imageRepositoryRef: {{name: web}}
  policy: {{semver: {{range: 1.x}}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: shop}}
spec: {{url: \"{repository}\", interval: 1h, ref: {{branch: main}}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {{name: shop}}
spec:
  interval: 1h
  sourceRef: {{kind: GitRepository, name: shop}}
  git:
    commit:
      author: {{name: imagebot, email: imagebot@example.com}}
      messageTemplate: \"{{{{range .Changed.Changes}}}}{{{{.OldValue}}}} -> {{{{.NewValue}}}}{{{{end}}}}\"
  update: {{path: ./apps, strategy: Setters}}
---
apiVersion: v1
kind: Secret
metadata: {{name: registry-hook}}
stringData: {{token: {token}}}
---
apiVersion: signet.dev/v1alpha1
kind: RegistryReceiver
metadata: {{name: registry}}
spec:
  type: distribution
  secretRef: {{name: registry-hook}}
",
        token = VALUES[2]
    )
}
