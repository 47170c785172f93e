//! A namespace with a sealer of its own, as its chart installs it, and the looks that suites take.
//!
//! The daemon watches that namespace alone, as a ServiceAccount with the rights of the chart and no
//! others, and keeps its keys and its lease in a second namespace. So each suite reads a log, metrics
//! and an audit trail that nobody else writes into.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use sealer_core::sealed::certificate::{self, Certificate};
use sealer_core::sealed::scope::Scope;
use serde_json::{Map, Value, json};
use tests::kubernetes::Asked;
use tests::{Bed, Daemon, Outcome, eventually};

use crate::charts::render;

/// Far more than anything here takes, even on a machine that does much else.
pub(crate) const SOON: Duration = Duration::from_secs(40);

/// The kinds that sealer writes to.
const KINDS: [&str; 4] = ["SealedSecret", "GitSecretSync", "SecretStore", "ExternalSecret"];

/// The label by which a sealing key is one.
pub(crate) const KEY_LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";

/// A namespace in which sealer may work.
pub(crate) struct Stage {
    bed: Bed,
    client: Client,
    namespace: String,
    home: String,
    kubeconfig: PathBuf,
    cache: PathBuf,
}

impl Stage {
    /// Installs the chart for a new namespace; no daemon runs yet, and there is no sealing key.
    pub(crate) async fn open(bed: &Bed, prefix: &str) -> Outcome<Self> {
        Self::with(bed, prefix, &[]).await
    }

    /// The same with values of the chart.
    pub(crate) async fn with(bed: &Bed, prefix: &str, values: &[&str]) -> Outcome<Self> {
        let kubernetes = bed.kubernetes().await?;
        let namespace = kubernetes.namespace(prefix).await?;
        let home = kubernetes.namespace("sealer").await?;
        let watched = format!("watchNamespace={namespace}");
        let values = [&[watched.as_str()], values].concat();
        kubernetes.apply(&home, &render(bed, "sealer", &home, &values)?).await?;
        Ok(Self {
            bed: bed.clone(),
            client: kubernetes.client(),
            kubeconfig: kubernetes.token_for(&home, "robot").await?,
            cache: bed.folder("sealer-cache")?,
            namespace,
            home,
        })
    }

    /// Starts sealer; every start has the cache of the one before.
    pub(crate) async fn sealer(&self, args: &[&str]) -> Outcome<Daemon> {
        let cache = self.cache.display().to_string();
        self.daemon(&self.kubeconfig, &cache, args).await
    }

    /// Starts another sealer, with a token and a cache of its own.
    pub(crate) async fn replica(&self) -> Outcome<Daemon> {
        let kubeconfig = self.bed.kubernetes().await?.token_for(&self.home, "robot").await?;
        let cache = self.bed.folder("sealer-cache")?.display().to_string();
        self.daemon(&kubeconfig, &cache, &[]).await
    }

    async fn daemon(&self, kubeconfig: &Path, cache: &str, args: &[&str]) -> Outcome<Daemon> {
        let flags = [
            "--watch-namespace",
            &self.namespace,
            "--key-namespace",
            &self.home,
            "--leader-election-namespace",
            &self.home,
            "--cache-dir",
            cache,
            // The keys of these suites are as old as they are allowed to be.
            "--key-renew-period=0",
            "--log-level=debug",
        ];
        Daemon::start(&self.bed, "sealer", Some(kubeconfig), &[&flags, args].concat()).await
    }

    pub(crate) fn bed(&self) -> &Bed {
        &self.bed
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Where the objects are.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Where the chart is installed: the daemon's account, keys and lease.
    pub(crate) fn home(&self) -> &str {
        &self.home
    }

    /// Everything that the daemon has asked the API server for, leases aside.
    pub(crate) async fn asked(&self) -> Outcome<Vec<Asked>> {
        let mut asked = self.bed.kubernetes().await?.asked(&self.home, "robot")?;
        asked.retain(|asked| asked.resource != "leases");
        Ok(asked)
    }

    /// Applies manifests, as the administrator.
    pub(crate) async fn apply(&self, yaml: &str) -> Outcome {
        self.bed.kubernetes().await?.apply(&self.namespace, yaml).await
    }

    /// Applies one manifest, as the administrator.
    pub(crate) async fn put(&self, manifest: &Value) -> Outcome {
        self.apply(&manifest.to_string()).await
    }

    /// The object as the API server has it.
    pub(crate) async fn get(&self, kind: &str, name: &str) -> Outcome<Value> {
        self.read(&format!("{}/{name}", self.collection(kind))).await
    }

    /// All objects of a kind.
    pub(crate) async fn list(&self, kind: &str) -> Outcome<Vec<Value>> {
        let list = self.read(&self.collection(kind)).await?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// What the API server answers to a GET.
    pub(crate) async fn read(&self, path: &str) -> Outcome<Value> {
        Ok(self.client.request(Request::get(path).body(Vec::new())?).await?)
    }

    /// Merges a patch into an object.
    pub(crate) async fn patch(&self, kind: &str, name: &str, patch: &Value) -> Outcome<Value> {
        let request = Request::patch(format!("{}/{name}", self.collection(kind)))
            .header("Content-Type", "application/merge-patch+json")
            .body(patch.to_string().into_bytes())?;
        Ok(self.client.request(request).await?)
    }

    /// Deletes an object.
    pub(crate) async fn delete(&self, kind: &str, name: &str) -> Outcome {
        let request = Request::delete(format!("{}/{name}", self.collection(kind)));
        self.client.request::<Value>(request.body(Vec::new())?).await?;
        Ok(())
    }

    fn collection(&self, kind: &str) -> String {
        let (group, plural) = match kind {
            "SealedSecret" => ("apis/bitnami.com/v1alpha1", "sealedsecrets"),
            "GitSecretSync" => ("apis/signet.dev/v1alpha1", "gitsecretsyncs"),
            "SecretStore" => ("apis/external-secrets.io/v1", "secretstores"),
            "ExternalSecret" => ("apis/external-secrets.io/v1", "externalsecrets"),
            "GitRepository" => ("apis/source.toolkit.fluxcd.io/v1", "gitrepositories"),
            "Event" => ("apis/events.k8s.io/v1", "events"),
            "ConfigMap" => ("api/v1", "configmaps"),
            "Secret" => ("api/v1", "secrets"),
            other => unreachable!("no suite asks for {other}"),
        };
        format!("/{group}/namespaces/{}/{plural}", self.namespace)
    }

    /// Waits until a condition of the present generation is as expected and says all of `words`.
    pub(crate) async fn told(
        &self,
        (kind, name): (&str, &str),
        (condition, status): (&str, &str),
        words: &[&str],
    ) -> Outcome<Value> {
        eventually(SOON, &format!("{kind}/{name} is {condition}={status} {words:?}"), async || {
            let object = self.get(kind, name).await?;
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let found = conditions.into_iter().find(|it| it["type"] == condition);
            let found = found.unwrap_or_default();
            let message = found["message"].as_str().unwrap_or_default();
            let current = found["observedGeneration"] == object["metadata"]["generation"];
            let says = words.iter().all(|word| message.contains(word));
            if current && found["status"] == status && says {
                return Ok(object);
            }
            Err(format!("it is {found}").into())
        })
        .await
    }

    /// Waits until a SealedSecret is `Synced`.
    pub(crate) async fn synced(&self, name: &str) -> Outcome<Value> {
        self.told(("SealedSecret", name), ("Synced", "True"), &[]).await
    }

    /// Waits until the Secret has exactly these values.
    pub(crate) async fn holds(&self, name: &str, values: &[(&str, &str)]) -> Outcome<Value> {
        self.holds_within(SOON, name, values).await
    }

    /// The same within a time that is promised.
    pub(crate) async fn holds_within(
        &self,
        within: Duration,
        name: &str,
        values: &[(&str, &str)],
    ) -> Outcome<Value> {
        let encoded = values.iter().map(|(key, value)| ((*key).to_owned(), STANDARD.encode(value)));
        let encoded = json!(encoded.collect::<BTreeMap<_, _>>());
        eventually(within, &format!("Secret/{name} holds {values:?}"), async || {
            let secret = self.get("Secret", name).await?;
            let found = &secret["data"];
            let empty = found.is_null() && values.is_empty();
            if empty || *found == encoded { Ok(secret) } else { Err(found.to_string().into()) }
        })
        .await
    }

    /// Whether there is such an object.
    pub(crate) async fn has(&self, kind: &str, name: &str) -> Outcome<bool> {
        let objects = self.list(kind).await?;
        Ok(objects.iter().any(|object| object["metadata"]["name"] == name))
    }

    /// Waits until there is no such object.
    pub(crate) async fn gone(&self, kind: &str, name: &str) -> Outcome {
        eventually(SOON, &format!("{kind}/{name} is gone"), async || {
            if self.has(kind, name).await? { Err("it is there".into()) } else { Ok(()) }
        })
        .await
    }

    /// Events about objects of this namespace: `Warning Reason Kind/name: note`.
    pub(crate) async fn events(&self) -> Outcome<Vec<String>> {
        let events = self.list("Event").await?;
        let word = |event: &Value, pointer: &str| {
            event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let line = |event: &Value| {
            let [sort, reason, kind, name, note] =
                ["/type", "/reason", "/regarding/kind", "/regarding/name", "/note"]
                    .map(|pointer| word(event, pointer));
            format!("{sort} {reason} {kind}/{name}: {note}")
        };
        Ok(events.iter().map(line).collect())
    }

    /// Waits for an event that begins like this and says all of `words`.
    pub(crate) async fn event(&self, begins: &str, words: &[&str]) -> Outcome {
        eventually(SOON, &format!("an event `{begins} … {words:?}`"), async || {
            let events = self.events().await?;
            let told = |event: &String| {
                event.starts_with(begins) && words.iter().all(|word| event.contains(word))
            };
            if events.iter().any(told) { Ok(()) } else { Err(events.join("\n").into()) }
        })
        .await
    }

    /// The version of everything that sealer could write here.
    pub(crate) async fn snapshot(&self) -> Outcome<Vec<String>> {
        let mut versions = Vec::new();
        for kind in KINDS.into_iter().chain(["Secret", "Event"]) {
            for object in self.list(kind).await? {
                let meta = &object["metadata"];
                versions.push(format!("{kind}/{} {}", meta["name"], meta["resourceVersion"]));
            }
        }
        Ok(versions)
    }

    /// Fails when any of `words` can be read in a log, an event, an object, a metric or a command line.
    pub(crate) async fn is_silent_about(&self, daemon: &Daemon, words: &[&str]) -> Outcome {
        let arguments = std::fs::read(format!("/proc/{}/cmdline", daemon.process().id()))?;
        let mut places = vec![
            ("an event", self.events().await?.join("\n")),
            ("the log", daemon.log()),
            ("/metrics", daemon.get("/metrics").await?.text()),
            ("the command line", String::from_utf8_lossy(&arguments).into_owned()),
        ];
        for kind in KINDS {
            places.push((kind, json!(self.list(kind).await?).to_string()));
        }
        for word in words {
            for word in [(*word).to_owned(), STANDARD.encode(word)] {
                if let Some((place, text)) = places.iter().find(|(_, text)| text.contains(&word)) {
                    let line = text.lines().find(|line| line.contains(&word)).unwrap_or_default();
                    return Err(format!("{place} tells `{word}`: {line:.400}").into());
                }
            }
        }
        Ok(())
    }

    /// Puts a sealing key where the daemon looks for keys.
    pub(crate) async fn keep(&self, name: &str, key: &Key) -> Outcome {
        self.bed.kubernetes().await?.apply(&self.home, &key.secret(name).to_string()).await
    }

    /// Takes a sealing key away.
    pub(crate) async fn lose(&self, name: &str) -> Outcome {
        let path = format!("/api/v1/namespaces/{}/secrets/{name}", self.home);
        let request = Request::delete(path).body(Vec::new())?;
        Ok(self.client.request::<Value>(request).await.map(drop)?)
    }

    /// The SealedSecret `name` of this namespace, with values sealed for `key`.
    pub(crate) fn sealed(&self, key: &Key, name: &str, values: &[(&str, &str)]) -> Value {
        sealed_in(&self.namespace, key, name, values)
    }
}

/// The SealedSecret `namespace/name`, with values sealed for `key`.
pub(crate) fn sealed_in(namespace: &str, key: &Key, name: &str, values: &[(&str, &str)]) -> Value {
    let label = Scope::Strict.label(namespace, name);
    let values = values.iter().map(|(key_of, value)| {
        let sealed = key.parsed().seal(&label, value.as_bytes(), &mut rand::rng());
        ((*key_of).to_owned(), Value::from(sealed))
    });
    json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": {"name": name}, "spec": {"encryptedData": values.collect::<Map<_, _>>()},
    })
}

/// A sealing key that tests share, for making one takes long.
pub(crate) struct Key {
    pub(crate) private: String,
    pub(crate) certificate: String,
}

impl Key {
    /// The first, second or third key of the run.
    pub(crate) fn number(index: usize) -> &'static Self {
        static KEYS: [OnceLock<Key>; 3] = [const { OnceLock::new() }; 3];
        KEYS[index].get_or_init(|| {
            // The later the number, the newer the key.
            let days = i64::try_from(index).expect("there are three") + 1;
            let begin = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days);
            let validity = SignedDuration::from_hours(24 * 365 * 100);
            let made = certificate::generate("bed", begin, validity, &mut rand::rng());
            let made = made.expect("a key can be made");
            let private = String::from_utf8(made.private.expose().to_vec()).expect("PEM is text");
            Self { private, certificate: made.certificate }
        })
    }

    fn parsed(&self) -> Certificate {
        Certificate::parse(self.certificate.as_bytes()).expect("it was made a moment ago")
    }

    /// Its private half, in PEM.
    pub(crate) fn private(&self) -> &str {
        &self.private
    }

    /// The Secret in which a controller keeps it.
    pub(crate) fn secret(&self, name: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": name, "labels": {KEY_LABEL: "active"}},
            "stringData": {"tls.key": self.private, "tls.crt": self.certificate},
        })
    }

    /// The certificate in a file, for programs.
    pub(crate) fn file(&self, bed: &Bed) -> Outcome<String> {
        let file = bed.folder("certificate")?.join("cert.pem");
        std::fs::write(&file, &self.certificate)?;
        Ok(file.display().to_string())
    }
}
