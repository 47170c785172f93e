//! A namespace with imagebot, as its chart installs it, and the looks that its suites take.
//!
//! Each stage has a namespace of its own, and its daemon watches that one alone, as a ServiceAccount
//! with the rights of the chart and no others.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use kube::Client;
use serde_json::{Value, json};
use tests::git::{GitHttp, Repository};
use tests::{Bed, Daemon, Outcome, eventually};

use crate::charts::render;

/// Far more than anything here takes, even on a machine that does much else.
pub(crate) const SOON: Duration = Duration::from_secs(40);

/// The annotation by which people ask for a reconcile.
pub(crate) const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";

/// The kinds that imagebot writes to.
const KINDS: [&str; 4] =
    ["ImageRepository", "ImagePolicy", "ImageUpdateAutomation", "RegistryReceiver"];

/// A namespace in which imagebot may work.
pub(crate) struct Stage {
    bed: Bed,
    client: Client,
    namespace: String,
    kubeconfig: PathBuf,
    cache: PathBuf,
}

/// The `Ready` condition of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Stage {
    /// Installs the chart into a new namespace; no daemon runs yet.
    pub(crate) async fn open(bed: &Bed) -> Outcome<Self> {
        let namespace = bed.kubernetes().await?.namespace("images").await?;
        Self::open_in(bed, &namespace).await
    }

    /// Installs the chart with further values into a new namespace.
    pub(crate) async fn open_with(bed: &Bed, values: &[&str]) -> Outcome<Self> {
        let namespace = bed.kubernetes().await?.namespace("images").await?;
        Self::install(bed, &namespace, values).await
    }

    /// Installs the chart into a namespace that is there.
    pub(crate) async fn open_in(bed: &Bed, namespace: &str) -> Outcome<Self> {
        Self::install(bed, namespace, &[]).await
    }

    async fn install(bed: &Bed, namespace: &str, values: &[&str]) -> Outcome<Self> {
        let kubernetes = bed.kubernetes().await?;
        let watched = format!("watchNamespace={namespace}");
        let values = [&[watched.as_str()], values].concat();
        kubernetes.apply(namespace, &render(bed, "imagebot", namespace, &values)?).await?;
        // Flux's own definition where Flux is; ours where it is not.
        let sources = serde_json::to_value(imagebot_api::git_repository_crd())?;
        kubernetes.apply(namespace, &sources.to_string()).await?;
        Ok(Self {
            bed: bed.clone(),
            client: kubernetes.client(),
            namespace: namespace.to_owned(),
            kubeconfig: kubernetes.token_for(namespace, "robot").await?,
            cache: bed.folder("imagebot-cache")?,
        })
    }

    /// Starts imagebot; every start has the cache of the one before.
    pub(crate) async fn imagebot(&self) -> Outcome<Daemon> {
        self.imagebot_at(&self.cache).await
    }

    /// The same with further flags.
    pub(crate) async fn imagebot_with(&self, flags: &[&str]) -> Outcome<Daemon> {
        let cache = self.cache.display().to_string();
        let flags = [&self.flags(&cache), flags].concat();
        Daemon::start(&self.bed, "imagebot", Some(&self.kubeconfig), &flags).await
    }

    /// Starts imagebot with a cache of its own, as a second replica has.
    pub(crate) async fn replica(&self) -> Outcome<Daemon> {
        self.imagebot_at(&self.bed.folder("imagebot-cache")?).await
    }

    async fn imagebot_at(&self, cache: &Path) -> Outcome<Daemon> {
        let cache = cache.display().to_string();
        Daemon::start(&self.bed, "imagebot", Some(&self.kubeconfig), &self.flags(&cache)).await
    }

    /// The flags of the daemon, as the chart gives them.
    pub(crate) fn flags<'f>(&'f self, cache: &'f str) -> Vec<&'f str> {
        vec![
            "--watch-namespace",
            &self.namespace,
            "--leader-election-namespace",
            &self.namespace,
            "--cache-dir",
            cache,
            "--log-level",
            "debug",
        ]
    }

    /// Where the daemon finds the API server and its token.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    pub(crate) fn bed(&self) -> &Bed {
        &self.bed
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Applies manifests, as the administrator.
    pub(crate) async fn apply(&self, yaml: &str) -> Outcome {
        self.bed.kubernetes().await?.apply(&self.namespace, yaml).await
    }

    /// The object as the API server has it, under the version that it stores.
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

    /// Merges a patch into the status of an object, as its own controller does.
    pub(crate) async fn patch_status(&self, kind: &str, name: &str, patch: &Value) -> Outcome {
        let request = Request::patch(format!("{}/{name}/status", self.collection(kind)))
            .header("Content-Type", "application/merge-patch+json")
            .body(patch.to_string().into_bytes())?;
        self.client.request::<Value>(request).await?;
        Ok(())
    }

    /// Deletes an object.
    pub(crate) async fn delete(&self, kind: &str, name: &str) -> Outcome {
        let request = Request::delete(format!("{}/{name}", self.collection(kind)));
        self.client.request::<Value>(request.body(Vec::new())?).await?;
        Ok(())
    }

    fn collection(&self, kind: &str) -> String {
        let group = match kind {
            "Secret" => "api/v1",
            "Event" => "apis/events.k8s.io/v1",
            "Lease" => "apis/coordination.k8s.io/v1",
            "GitRepository" => "apis/source.toolkit.fluxcd.io/v1",
            "RegistryReceiver" => "apis/signet.dev/v1alpha1",
            _ => "apis/image.toolkit.fluxcd.io/v1",
        };
        format!("/{group}/namespaces/{}/{}", self.namespace, plural(kind))
    }

    /// Asks for a reconcile as people do, and waits until the status answers.
    pub(crate) async fn request(&self, kind: &str, name: &str) -> Outcome<Value> {
        let at = self.bed.unique("request");
        let patch = json!({"metadata": {"annotations": {REQUESTED_AT: at}}});
        self.patch(kind, name, &patch).await?;
        eventually(SOON, &format!("{kind}/{name} answers the request"), async || {
            let object = self.get(kind, name).await?;
            let handled = &object["status"]["lastHandledReconcileAt"];
            if *handled == at { Ok(object) } else { Err(format!("it answers {handled}").into()) }
        })
        .await
    }

    /// The `Ready` condition of an object; empty when it has none.
    pub(crate) async fn ready(&self, kind: &str, name: &str) -> Outcome<Ready> {
        Ok(ready(&self.get(kind, name).await?))
    }

    /// Waits until an object is `True/Succeeded`, for the spec that it has.
    pub(crate) async fn succeeded(&self, kind: &str, name: &str) -> Outcome<Value> {
        eventually(SOON, &format!("{kind}/{name} is ready"), async || {
            let object = self.get(kind, name).await?;
            let is = ready(&object);
            let current =
                object["status"]["observedGeneration"] == object["metadata"]["generation"];
            if current && is.status == "True" && is.reason == "Succeeded" {
                return Ok(object);
            }
            Err(format!("its condition is {is:?}").into())
        })
        .await
    }

    /// Waits until the policy has picked `tag`.
    pub(crate) async fn picked(&self, policy: &str, tag: &str) -> Outcome<Value> {
        eventually(SOON, &format!("{policy} picks {tag}"), async || {
            let object = self.get("ImagePolicy", policy).await?;
            let latest = &object["status"]["latestRef"];
            if latest["tag"] == tag { Ok(object) } else { Err(format!("it has {latest}").into()) }
        })
        .await
    }

    /// Events about objects of this namespace: `Warning Reason Kind/name: note`.
    pub(crate) async fn events(&self) -> Outcome<Vec<String>> {
        let word = |event: &Value, pointer: &str| {
            event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let events = self.list("Event").await?;
        let line = |event: &Value| {
            format!(
                "{} {} {}/{}: {}",
                word(event, "/type"),
                word(event, "/reason"),
                word(event, "/regarding/kind"),
                word(event, "/regarding/name"),
                word(event, "/note"),
            )
        };
        Ok(events.iter().map(line).collect())
    }

    /// Waits for an event that begins and goes on like this.
    pub(crate) async fn event(&self, begins: &str, says: &str) -> Outcome {
        eventually(SOON, &format!("an event `{begins} … {says}`"), async || {
            let events = self.events().await?;
            let told = |event: &String| event.starts_with(begins) && event.contains(says);
            if events.iter().any(told) { Ok(()) } else { Err(events.join("\n").into()) }
        })
        .await
    }

    /// The version of everything that imagebot could write: objects, events and branches.
    pub(crate) async fn snapshot(&self, repository: &Repository) -> Outcome<Vec<String>> {
        let mut versions = Vec::new();
        for kind in KINDS.into_iter().chain(["GitRepository", "Secret", "Event"]) {
            for object in self.list(kind).await? {
                let meta = &object["metadata"];
                versions.push(format!("{kind}/{} {}", meta["name"], meta["resourceVersion"]));
            }
        }
        let branches = repository.git(&["for-each-ref", "--format=%(refname) %(objectname)"])?;
        versions.extend(branches.lines().map(str::to_owned));
        Ok(versions)
    }

    /// Fails unless everything has the versions that it had at a snapshot.
    pub(crate) async fn is_at(&self, repository: &Repository, snapshot: &[String]) -> Outcome {
        let now = self.snapshot(repository).await?;
        let changed: Vec<_> = now.iter().filter(|it| !snapshot.contains(it)).collect();
        let gone: Vec<_> = snapshot.iter().filter(|it| !now.contains(it)).collect();
        if changed.is_empty() && gone.is_empty() {
            return Ok(());
        }
        Err(format!("{gone:?} became {changed:?}").into())
    }

    /// Fails when any of `words` can be read in a log, an event, a status, a metric or a command line.
    pub(crate) async fn is_silent_about(&self, daemons: &[&Daemon], words: &[&str]) -> Outcome {
        let mut places = vec![("an event", self.events().await?.join("\n"))];
        for kind in KINDS {
            for mut object in self.list(kind).await? {
                // The one place where a path may be read.
                if let Some(status) = object["status"].as_object_mut() {
                    status.remove("webhookPath");
                }
                places.push((kind, object["status"].to_string()));
            }
        }
        for daemon in daemons {
            places.push(("the log", daemon.log()));
            places.push(("/metrics", daemon.get("/metrics").await?.text()));
            let arguments = std::fs::read(format!("/proc/{}/cmdline", daemon.process().id()))?;
            places.push(("the command line", String::from_utf8_lossy(&arguments).into_owned()));
        }
        for word in words {
            for word in [(*word).to_owned(), STANDARD.encode(word), word.replace(' ', "%20")] {
                if let Some((place, text)) = places.iter().find(|(_, text)| text.contains(&word)) {
                    let line = text.lines().find(|line| line.contains(&word)).unwrap_or_default();
                    return Err(format!("{place} tells `{word}`: {line:.400}").into());
                }
            }
        }
        Ok(())
    }
}

impl Ready {
    /// `True/Succeeded`.
    pub(crate) fn verdict(&self) -> String {
        format!("{}/{}", self.status, self.reason)
    }
}

fn ready(object: &Value) -> Ready {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let Some(ready) = conditions.into_iter().find(|it| it["type"] == "Ready") else {
        return Ready::default();
    };
    let word = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
    Ready { status: word("status"), reason: word("reason"), message: word("message") }
}

fn plural(kind: &str) -> String {
    match kind {
        "ImageRepository" => "imagerepositories".to_owned(),
        "ImagePolicy" => "imagepolicies".to_owned(),
        "GitRepository" => "gitrepositories".to_owned(),
        other => format!("{}s", other.to_lowercase()),
    }
}

/// An image, its policy, a Git repository with its login and an automation, all of one name.
pub(crate) struct App<'a> {
    pub(crate) name: &'a str,
    pub(crate) image: &'a str,
    pub(crate) url: &'a str,
    /// Of scans and of looks at the Git repository.
    pub(crate) interval: &'a str,
    /// Fields of `spec.git.commit` besides the author, in flow style.
    pub(crate) commit: &'a str,
    /// Fields of `spec.git` besides `commit`, in flow style.
    pub(crate) git: &'a str,
}

impl<'a> App<'a> {
    /// With nothing but the defaults, and intervals for which nobody waits.
    pub(crate) fn new(image: &'a str, url: &'a str) -> Self {
        Self { name: "web", image, url, interval: "10h", commit: "", git: "" }
    }

    /// The manifests.
    pub(crate) fn yaml(&self) -> String {
        let Self { name, image, url, interval, commit, git } = self;
        let (user, password) = (GitHttp::USER, GitHttp::PASSWORD);
        format!(
            "
apiVersion: v1
kind: Secret
metadata: {{name: {name}-git}}
stringData: {{username: {user}, password: {password}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: {name}}}
spec: {{url: '{url}', interval: {interval}, ref: {{branch: main}}, secretRef: {{name: {name}-git}}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: {name}}}
spec: {{image: '{image}', interval: {interval}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: {name}}}
spec: {{imageRepositoryRef: {{name: {name}}}, policy: {{semver: {{range: '>=1.0.0'}}}}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {{name: {name}}}
spec:
  interval: {interval}
  sourceRef: {{kind: GitRepository, name: {name}}}
  update: {{path: ./apps, strategy: Setters}}
  git: {{commit: {{author: {{name: Robot, email: robot@bed.example}}, {commit}}}, {git}}}
"
        )
    }
}

/// A manifest whose image is marked for the policy `namespace`:`policy`.
pub(crate) fn marked(image: &str, tag: &str, namespace: &str, policy: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\n\
         spec:\n  image: {image}:{tag} # {{\"$imagepolicy\": \"{namespace}:{policy}\"}}\n"
    )
}

/// Waits until the file at the branch's head says this.
pub(crate) async fn says(repository: &Repository, branch: &str, path: &str, text: &str) -> Outcome {
    eventually(SOON, &format!("{branch}:{path} says {text}"), async || {
        let content = repository.show(branch, path)?;
        if content.contains(text) { Ok(()) } else { Err(format!("it says {content}").into()) }
    })
    .await
}

/// How many commits a branch has.
pub(crate) fn commits(repository: &Repository, branch: &str) -> Outcome<usize> {
    Ok(repository.git(&["rev-list", "--count", branch])?.trim().parse()?)
}

/// An image of the shared registry that nobody else has, with these tags.
pub(crate) async fn image_with(bed: &Bed, tags: &[&str]) -> Outcome<(String, String)> {
    let (registry, name) = (bed.registry().await?, bed.unique("team/web"));
    for tag in tags {
        registry.push(&name, tag).await?;
    }
    Ok((format!("{}/{name}", registry.host()), name))
}

/// The value of a series that counts.
pub(crate) async fn counted(imagebot: &Daemon, series: &str) -> Outcome<u64> {
    let metrics = imagebot.get("/metrics").await?.text();
    let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    Ok(value.ok_or_else(|| format!("no series `{series}` in /metrics"))?.parse()?)
}
