//! SealedSecrets on a real API server, sealed by the real kubeseal.

use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::kubernetes::{Asked, Kubernetes};
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually};

use crate::charts::render;

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Kubeseal];
const SOON: Duration = Duration::from_secs(30);

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "seal::what_kubeseal_seals_opens_in_its_scope_only", NEEDS, scopes),
        trial(bed, "seal::a_restart_lists_and_does_nothing_else", NEEDS, restart),
        trial(bed, "seal::drift_is_repaired_and_deletion_collected", NEEDS, drift),
        trial(bed, "seal::a_foreign_secret_is_not_overwritten", NEEDS, foreign),
        trial(bed, "seal::bad_values_are_named_and_hold_nobody_up", NEEDS, bad),
        trial(bed, "seal::keys_come_and_go_while_the_daemon_runs", NEEDS, keys),
        trial(bed, "seal::kubeseal_verifies_and_reencrypts_through_the_daemon", NEEDS, endpoints),
    ]
}

/// A namespace with a daemon of its own, which is its keys' home too.
pub(crate) struct World<'b> {
    pub(crate) bed: &'b Bed,
    pub(crate) kubernetes: &'b Kubernetes,
    pub(crate) namespace: String,
    pub(crate) kubeconfig: PathBuf,
}

impl<'b> World<'b> {
    /// A namespace in which the chart is installed, with an account that has its rights.
    pub(crate) async fn new(bed: &'b Bed, prefix: &str) -> Outcome<World<'b>> {
        let kubernetes = bed.kubernetes().await?;
        let namespace = kubernetes.namespace(prefix).await?;
        let watched = format!("watchNamespace={namespace}");
        let values = [watched.as_str(), "features.impersonation=true"];
        kubernetes.apply(&namespace, &render(bed, "sealer", &namespace, &values)?).await?;
        let kubeconfig = kubernetes.token_for(&namespace, "robot").await?;
        Ok(World { bed, kubernetes, namespace, kubeconfig })
    }

    /// Fails when the daemon asked for more, after its first `before` requests, than what it watches,
    /// its lease, and the sealing keys.
    pub(crate) fn only_watched_since(&self, before: usize) -> Outcome {
        let asked = self.kubernetes.asked(&self.namespace, "robot")?.split_off(before);
        let watched = |asked: &Asked| matches!(asked.verb.as_str(), "list" | "watch");
        let key =
            |asked: &Asked| asked.verb == "get" && asked.name.starts_with("sealed-secrets-key");
        let usual = |asked: &&Asked| asked.resource == "leases" || watched(asked) || key(asked);
        let odd: Vec<_> = asked.iter().filter(|asked| !usual(asked)).collect();
        assert!(odd.is_empty(), "{odd:?}");
        Ok(())
    }

    /// Starts a daemon that looks after the namespace.
    pub(crate) async fn start(&self) -> Outcome<Daemon> {
        self.start_with(&[]).await
    }

    /// The same, with more flags.
    pub(crate) async fn start_with(&self, more: &[&str]) -> Outcome<Daemon> {
        let (watched, keys) = (
            format!("--watch-namespace={}", self.namespace),
            format!("--key-namespace={}", self.namespace),
        );
        let lease = format!("--leader-election-namespace={}", self.namespace);
        let flags: [&str; 3] = [&watched, &keys, &lease];
        Daemon::start(self.bed, "sealer", Some(&self.kubeconfig), &[&flags, more].concat()).await
    }

    pub(crate) async fn apply(&self, manifest: &Value) -> Outcome {
        self.kubernetes.apply(&self.namespace, &manifest.to_string()).await
    }

    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.kubernetes.client(), &self.namespace)
    }

    pub(crate) fn api(&self, version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.kubernetes.client(), &self.namespace, &resource)
    }

    pub(crate) async fn patch(
        &self,
        version: &str,
        kind: &str,
        name: &str,
        patch: &Value,
    ) -> Outcome {
        let api = self.api(version, kind);
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Waits for a Secret that has this value.
    pub(crate) async fn value(&self, name: &str, key: &str, value: &str) -> Outcome<Secret> {
        let api = self.secrets();
        eventually(SOON, &format!("Secret `{name}` with `{key}`"), async || {
            let secret = api.get(name).await?;
            let data = secret.data.as_ref().and_then(|data| data.get(key));
            if data.is_some_and(|data| data.0 == value.as_bytes()) {
                Ok(secret)
            } else {
                Err("it has another value".into())
            }
        })
        .await
    }

    /// Waits until there is no such Secret.
    pub(crate) async fn gone(&self, name: &str) -> Outcome {
        let api = self.secrets();
        eventually(SOON, &format!("no Secret `{name}`"), async || {
            api.get_opt(name).await?.map_or(Ok(()), |_| Err("it is there".into()))
        })
        .await
    }

    /// Waits for a condition of the present generation whose message contains `words`.
    pub(crate) async fn condition(
        &self,
        (version, kind, name): (&str, &str, &str),
        (type_, status, words): (&str, &str, &str),
    ) -> Outcome<DynamicObject> {
        let api = self.api(version, kind);
        eventually(SOON, &format!("{kind} `{name}` {type_}={status}"), async || {
            let object = api.get(name).await?;
            let conditions = object.data["status"]["conditions"].clone();
            let holds = conditions.as_array().into_iter().flatten().any(|condition| {
                condition["type"] == type_
                    && condition["status"] == status
                    && condition["message"].as_str().unwrap_or_default().contains(words)
                    && condition["observedGeneration"].as_i64() == object.metadata.generation
            });
            if holds { Ok(object) } else { Err(conditions.to_string().into()) }
        })
        .await
    }

    /// Waits for an event with this reason about the object.
    pub(crate) async fn event(&self, name: &str, reason: &str) -> Outcome<String> {
        let api: Api<Event> = Api::namespaced(self.kubernetes.client(), &self.namespace);
        eventually(SOON, &format!("event {reason} about `{name}`"), async || {
            let events = api.list(&ListParams::default()).await?;
            let told = events.into_iter().find(|event| {
                event.reason.as_deref() == Some(reason)
                    && event.regarding.as_ref().and_then(|object| object.name.as_deref())
                        == Some(name)
            });
            Ok(told.ok_or("there is none")?.note.unwrap_or_default())
        })
        .await
    }

    /// The certificate of a daemon, in a file.
    pub(crate) async fn certificate(&self, daemon: &Daemon) -> Outcome<String> {
        let pem = eventually(SOON, "a certificate", async || {
            let text = daemon.get("/v1/cert.pem").await?.text();
            if text.contains("BEGIN CERTIFICATE") { Ok(text) } else { Err(text.into()) }
        });
        let file = self.bed.folder("certificate")?.join("cert.pem");
        std::fs::write(&file, pem.await?)?;
        Ok(file.display().to_string())
    }

    /// What the real kubeseal makes of a Secret with one value `key`.
    pub(crate) fn kubeseal(
        &self,
        certificate: &str,
        name: &str,
        scope: &str,
        value: &str,
    ) -> Outcome<Value> {
        let plain = json!({
            "apiVersion": "v1", "kind": "Secret", "stringData": {"key": value},
            "metadata": {"name": name, "namespace": self.namespace},
        });
        let args = ["--cert", certificate, "--scope", scope, "--format", "json"];
        let sealed = self.bed.run("kubeseal", &args, plain.to_string().as_bytes())?;
        Ok(serde_json::from_slice(&sealed)?)
    }
}

const V: &str = "bitnami.com/v1alpha1";
const K: &str = "SealedSecret";

async fn scopes(bed: Bed) -> Outcome {
    let world = World::new(&bed, "seal").await?;
    let daemon = world.start().await?;
    let certificate = world.certificate(&daemon).await?;
    #[rustfmt::skip]
    let cases = [
        // scope            sealed as   used as     opens
        ("strict",          "strict",   "strict",   true),
        ("strict",          "other",    "renamed",  false),
        ("namespace-wide",  "other",    "wide",     true),
        ("cluster-wide",    "other",    "cluster",  true),
    ];
    for (scope, sealed_as, name, opens) in cases {
        let mut sealed = world.kubeseal(&certificate, sealed_as, scope, "hunter2")?;
        sealed["metadata"]["name"] = name.into();
        world.apply(&sealed).await?;
        if opens {
            world.value(name, "key", "hunter2").await?;
            world.condition((V, K, name), ("Synced", "True", "")).await?;
            world.event(name, "Unsealed").await?;
        } else {
            world
                .condition((V, K, name), ("Synced", "False", "no key could decrypt secret"))
                .await?;
            world.event(name, "ErrUnsealFailed").await?;
            assert!(world.secrets().get_opt(name).await?.is_none(), "{name}");
        }
    }
    assert!(!daemon.log().contains("hunter2"), "the log tells the value");
    Ok(())
}

async fn restart(bed: Bed) -> Outcome {
    let world = World::new(&bed, "seal").await?;
    let daemon = world.start().await?;
    let certificate = world.certificate(&daemon).await?;
    let names: Vec<_> = (0..20).map(|n| format!("settled-{n}")).collect();
    for name in &names {
        world.apply(&world.kubeseal(&certificate, name, "strict", name)?).await?;
    }
    for name in &names {
        world.condition((V, K, name), ("Synced", "True", "")).await?;
    }
    assert!(daemon.terminate().await?.success(), "{}", daemon.log());
    let before = world.kubernetes.asked(&world.namespace, "robot")?.len();

    let daemon = world.start().await?;
    let series =
        r#"controller_runtime_reconcile_total{controller="sealedsecret",result="success"}"#;
    eventually(SOON, "all are reconciled", async || {
        let count = daemon.metric(series).await?;
        if count >= 20.0 { Ok(()) } else { Err(count.to_string().into()) }
    })
    .await?;
    assert!(daemon.metric("signet_values_unsealed_total").await? < 1.0);
    world.only_watched_since(before)
}

async fn drift(bed: Bed) -> Outcome {
    let world = World::new(&bed, "seal").await?;
    let daemon = world.start().await?;
    let certificate = world.certificate(&daemon).await?;
    world.apply(&world.kubeseal(&certificate, "db", "strict", "hunter2")?).await?;
    world.value("db", "key", "hunter2").await?;
    world.condition((V, K, "db"), ("Synced", "True", "")).await?;

    world.patch("v1", "Secret", "db", &json!({"stringData": {"key": "oops", "more": "x"}})).await?;
    let secret = world.value("db", "key", "hunter2").await?;
    assert_eq!(secret.data.map(|data| data.len()), Some(1));
    let first = secret.metadata.uid;
    world.secrets().delete("db", &DeleteParams::default()).await?;
    let again = eventually(SOON, "another Secret", async || {
        let secret = world.secrets().get("db").await?;
        if secret.metadata.uid == first { Err("the old one".into()) } else { Ok(secret) }
    });
    again.await?;
    world.api(V, K).delete("db", &DeleteParams::default()).await?;
    world.gone("db").await
}

async fn foreign(bed: Bed) -> Outcome {
    let world = World::new(&bed, "seal").await?;
    let daemon = world.start().await?;
    let certificate = world.certificate(&daemon).await?;
    let theirs = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"theirs": "1"}});
    world.apply(&theirs).await?;
    world.apply(&world.kubeseal(&certificate, "db", "strict", "hunter2")?).await?;
    let words = "Resource \"db\" already exists and is not managed by SealedSecret";
    world.condition((V, K, "db"), ("Synced", "False", words)).await?;
    world.event("db", "ErrUpdateFailed").await?;
    world.value("db", "theirs", "1").await?;
    let managed =
        json!({"metadata": {"annotations": {"sealedsecrets.bitnami.com/managed": "true"}}});
    world.patch("v1", "Secret", "db", &managed).await?;
    // Nobody watches what is not ours, so the next word of the author counts.
    world.patch(V, K, "db", &json!({"metadata": {"annotations": {"now": "please"}}})).await?;
    world.value("db", "key", "hunter2").await?;
    world.condition((V, K, "db"), ("Synced", "True", "")).await.map(drop)
}

async fn bad(bed: Bed) -> Outcome {
    let world = World::new(&bed, "seal").await?;
    let daemon = world.start().await?;
    let certificate = world.certificate(&daemon).await?;
    let good = world.kubeseal(&certificate, "good", "strict", "hunter2")?;
    let text = good["spec"]["encryptedData"]["key"].as_str().ok_or("a value")?.to_owned();
    #[rustfmt::skip]
    let cases = [
        ("placeholder", "AgBvXq8z...".to_owned(),                        "the value is not base64"),
        ("truncated",   text[..200].to_owned(),                          "the value is truncated"),
        ("damaged",     format!("{}AAAA", &text[..text.len() - 4]),      "no key could decrypt secret"),
        ("renamed",     text.clone(),                                    "for this namespace, name and scope"),
    ];
    for (name, value, words) in &cases {
        let mut sealed = good.clone();
        sealed["metadata"]["name"] = (*name).into();
        sealed["spec"]["encryptedData"]["key"] = value.as_str().into();
        world.apply(&sealed).await?;
        world.condition((V, K, name), ("Synced", "False", words)).await?;
        let told = world.event(name, "ErrUnsealFailed").await?;
        assert!(told.contains("spec.encryptedData.key"), "{told}");
    }
    world.apply(&good).await?;
    world.value("good", "key", "hunter2").await?;
    // What was good stays when an edit breaks it.
    world.patch(V, K, "good", &json!({"spec": {"encryptedData": {"key": "AgB*"}}})).await?;
    world.condition((V, K, "good"), ("Synced", "False", "the value is not base64")).await?;
    world.value("good", "key", "hunter2").await?;
    let errors = format!(
        r#"sealed_secrets_controller_unseal_errors_total{{reason="unseal",namespace="{}"}}"#,
        world.namespace
    );
    assert!(daemon.metric(&errors).await? >= 5.0);
    Ok(())
}

async fn keys(bed: Bed) -> Outcome {
    let world = World::new(&bed, "seal").await?;
    let daemon = world.start().await?;
    let certificate = world.certificate(&daemon).await?;
    let label = "sealedsecrets.bitnami.com/sealed-secrets-key";
    let listed = world.secrets().list(&ListParams::default().labels(label)).await?;
    let key = listed.items.first().and_then(|key| key.metadata.name.clone()).ok_or("a key")?;
    let hide = |value: &str| json!({"metadata": {"labels": {label: value}}});
    world.patch("v1", "Secret", &key, &hide("compromised")).await?;
    let another = eventually(SOON, "another key", async || {
        let new = daemon.get("/v1/cert.pem").await?.text();
        if new == std::fs::read_to_string(&certificate)? {
            Err("the old one".into())
        } else {
            Ok(new)
        }
    });
    another.await?;
    world.apply(&world.kubeseal(&certificate, "db", "strict", "hunter2")?).await?;
    world.condition((V, K, "db"), ("Synced", "False", "(1 keys tried)")).await?;
    world.patch("v1", "Secret", &key, &hide("active")).await?;
    world.value("db", "key", "hunter2").await.map(drop)
}

async fn endpoints(bed: Bed) -> Outcome {
    let world = World::new(&bed, "seal").await?;
    let daemon = world.start().await?;
    let certificate = world.certificate(&daemon).await?;
    let sealed = world.kubeseal(&certificate, "db", "strict", "hunter2")?;
    let post = async |path: &str, body: &Value| {
        bed.http().request("POST", &format!("{}{path}", daemon.url())).json(body).send().await
    };
    assert_eq!(post("/v1/verify", &sealed).await?.status, 200);
    let mut renamed = sealed.clone();
    renamed["metadata"]["name"] = "other".into();
    assert_eq!(post("/v1/verify", &renamed).await?.status, 409);
    let again = post("/v1/rotate", &sealed).await?.json()?;
    assert_ne!(again["spec"]["encryptedData"], sealed["spec"]["encryptedData"]);
    world.apply(&again).await?;
    world.value("db", "key", "hunter2").await.map(drop)
}
