//! Unsealing on a real API server: first sight, many keys, and a restart.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client, ResourceExt,
    api::{ObjectMeta, PostParams, WatchEvent, WatchParams},
};
use sealer_api::{SealedSecret, sealed_secret::SealedSecretSpec};
use sealer_core::sealed::{certificate, certificate::Certificate, scope::Scope};
use serde::de::DeserializeOwned;
use tests::{Bed, Daemon, Outcome, kubernetes::Kubernetes};

use crate::{
    PATIENCE, Row,
    program::{Program, Running},
};

/// What is compared with upstream, which unseals and nothing else.
const SEALED_ONLY: &str = "--controllers=sealedsecret";
const EVERYTHING: &str = "--controllers=sealedsecret,gitsecretsync,externalsecret";

const VALUES: usize = 3;

/// Which key seals what.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// There is one.
    OneKey,
    /// Each value of an object has another key.
    EveryValue,
    /// The values of an object share a key; the next object has another.
    EveryObject,
}

/// Creates `count` objects, and waits until each has its Secret and says so.
pub(crate) async fn rate(
    bed: &Bed,
    program: &Program,
    name: &'static str,
    count: u32,
    (keys, spread): (usize, Spread),
) -> Outcome<Row> {
    let arena = Arena::open(bed, keys).await?;
    let objects = arena.sealed(count, spread);
    let daemon = arena.start(bed, program, SEALED_ONLY).await?;
    daemon.rest().await?;
    let (begin, before) = (Instant::now(), daemon.usage()?.cpu);
    arena.unsealed(objects).await?;
    let cost = daemon.cost(begin, before, Some(Instant::now())).await?;
    let how = match spread {
        Spread::OneKey => "1 key",
        Spread::EveryValue => "12 keys, every value another",
        Spread::EveryObject => "12 keys, one an object",
    };
    Ok(Row {
        name,
        program: program.name(),
        work: format!("{count} SealedSecrets of {VALUES} values, RSA-4096, {how}"),
        cost,
        per: (count, "object"),
    })
}

/// Restarts the daemon over `count` settled objects and waits until it is quiet.
pub(crate) async fn restart(bed: &Bed, program: &Program, count: u32) -> Outcome<Row> {
    let arena = Arena::open(bed, 1).await?;
    let objects = arena.sealed(count, Spread::OneKey);
    let daemon = arena.start(bed, program, SEALED_ONLY).await?;
    arena.unsealed(objects).await?;
    daemon.terminate().await?;
    let begin = Instant::now();
    let daemon = arena.start(bed, program, SEALED_ONLY).await?;
    let cost = daemon.cost(begin, Duration::ZERO, None).await?;
    if let Running::Ours(daemon) = &daemon {
        let series = r#"signet_status_writes_total{controller="sealedsecret"}"#;
        let writes = daemon.metric(series).await.unwrap_or_default();
        if writes > 0.0 {
            return Err(format!("the restart wrote {writes} statuses").into());
        }
    }
    Ok(Row {
        name: "seal-restart",
        program: program.name(),
        work: format!("restart over {count} settled objects until quiet"),
        cost,
        per: (count, "object"),
    })
}

/// Starts the daemon on a cluster without any object, and waits until it is quiet.
pub(crate) async fn idle(bed: &Bed, program: &Program, everything: bool) -> Outcome<Row> {
    let arena = Arena::open(bed, 1).await?;
    let (controllers, work) = if everything {
        (EVERYTHING, "nothing to do, every controller on")
    } else {
        (SEALED_ONLY, "nothing to do, SealedSecrets alone")
    };
    let begin = Instant::now();
    let daemon = arena.start(bed, program, controllers).await?;
    let cost = daemon.cost(begin, Duration::ZERO, None).await?;
    Ok(Row {
        name: "seal-idle",
        program: program.name(),
        work: work.to_owned(),
        cost,
        per: (1, "start"),
    })
}

/// A cluster of its own with sealing keys, and a namespace to work in.
struct Arena {
    kubernetes: Kubernetes,
    namespace: String,
    keys: String,
    certificates: Vec<Certificate>,
}

impl Arena {
    async fn open(bed: &Bed, keys: usize) -> Outcome<Self> {
        let kubernetes = crate::cluster(bed).await?;
        let (namespace, home) =
            (kubernetes.namespace("bench").await?, kubernetes.namespace("keys").await?);
        let made = stream::iter(0..keys)
            .map(|_| tokio::task::spawn_blocking(new_key))
            .buffered(2)
            .map(|made| made?)
            .try_collect::<Vec<_>>()
            .await?;
        let secrets: Api<Secret> = Api::namespaced(kubernetes.client(), &home);
        let mut certificates = Vec::new();
        for (index, (private, certificate)) in made.into_iter().enumerate() {
            certificates.push(Certificate::parse(certificate.as_bytes())?);
            let secret = key_secret(index, private, certificate);
            secrets.create(&PostParams::default(), &secret).await?;
        }
        Ok(Self { kubernetes, namespace, keys: home, certificates })
    }

    async fn start(&self, bed: &Bed, program: &Program, controllers: &str) -> Outcome<Running> {
        if let Program::SealedSecrets(path) = program {
            return Running::sealed_secrets(bed, path, &self.kubernetes, &self.keys).await;
        }
        let cache = bed.folder("cache")?.display().to_string();
        let args = [
            controllers,
            "--key-renew-period=0",
            "--leader-elect=false",
            "--log-level=warn",
            "--cache-dir",
            &cache,
            "--key-namespace",
            &self.keys,
        ];
        let kubeconfig = Some(self.kubernetes.kubeconfig());
        Ok(Running::Ours(Daemon::start(bed, "sealer", kubeconfig, &args).await?))
    }

    fn sealed(&self, count: u32, spread: Spread) -> Vec<SealedSecret> {
        let mut next = 0;
        (0..count)
            .map(|index| {
                let name = format!("sealed-{index}");
                let label = Scope::Strict.label(&self.namespace, &name);
                let values = (0..VALUES).map(|value| {
                    if spread == Spread::EveryValue || value == 0 {
                        next += 1;
                    }
                    let certificate = &self.certificates[next % self.certificates.len()];
                    let sealed =
                        certificate.seal(&label, b"a value of some length", &mut rand::rng());
                    (format!("key-{value}"), sealed.into())
                });
                let spec = SealedSecretSpec { encrypted_data: values.collect(), ..<_>::default() };
                SealedSecret::new(&name, spec)
            })
            .collect()
    }

    /// Creates the objects, and waits until each has its Secret and says so. It watches rather than
    /// asks, for the API server has to serve the daemon on the same processors.
    async fn unsealed(&self, objects: Vec<SealedSecret>) -> Outcome {
        let names: BTreeSet<_> = objects.iter().map(ResourceExt::name_any).collect();
        let api: Api<SealedSecret> = Api::namespaced(self.client(), &self.namespace);
        let secrets: Api<Secret> = Api::namespaced(self.client(), &self.namespace);
        let create = stream::iter(objects)
            .map(async |object| api.create(&PostParams::default(), &object).await.map(drop))
            .buffer_unordered(16)
            .try_collect::<()>();
        let told = until_seen(&api, names.clone(), is_synced);
        let made = until_seen(&secrets, names, |_| true);
        tokio::try_join!(async { Ok(create.await?) }, told, made)?;
        Ok(())
    }

    fn client(&self) -> Client {
        self.kubernetes.client()
    }
}

/// Watches until every one of `missing` was there and `good`.
async fn until_seen<K>(api: &Api<K>, mut missing: BTreeSet<String>, good: fn(&K) -> bool) -> Outcome
where
    K: Clone + Debug + DeserializeOwned + ResourceExt,
{
    let watch = async {
        // A watch may end at any time; the next begins with all that there is.
        loop {
            let mut events = std::pin::pin!(api.watch(&WatchParams::default(), "0").await?);
            while let Some(event) = events.next().await {
                match event? {
                    WatchEvent::Added(object) | WatchEvent::Modified(object) if good(&object) => {
                        missing.remove(&object.name_any());
                    }
                    WatchEvent::Error(status) => return Err(status.message.into()),
                    _ => {}
                }
                if missing.is_empty() {
                    return Ok(());
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, watch).await?
}

fn is_synced(object: &SealedSecret) -> bool {
    object.status.as_ref().is_some_and(|status| {
        status.conditions.iter().any(|told| told.type_ == "Synced" && told.status == "True")
    })
}

fn new_key() -> Outcome<(Vec<u8>, String)> {
    let (now, year) = (Timestamp::UNIX_EPOCH, SignedDuration::from_hours(24 * 365 * 100));
    let made = certificate::generate("bench", now, year, &mut rand::rng())?;
    Ok((made.private.expose().to_vec(), made.certificate))
}

fn key_secret(index: usize, private: Vec<u8>, certificate: String) -> Secret {
    let label = ("sealedsecrets.bitnami.com/sealed-secrets-key".to_owned(), "active".to_owned());
    Secret {
        metadata: ObjectMeta {
            name: Some(format!("key-{index}")),
            labels: Some([label].into()),
            ..<_>::default()
        },
        type_: Some("kubernetes.io/tls".to_owned()),
        data: Some(
            [
                ("tls.key".to_owned(), ByteString(private)),
                ("tls.crt".to_owned(), ByteString(certificate.into_bytes())),
            ]
            .into(),
        ),
        ..<_>::default()
    }
}
