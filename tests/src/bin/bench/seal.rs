//! Unsealing on a real API server: first sight, many keys, and a restart.

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, ObjectMeta, PostParams},
};
use sealer_api::{SealedSecret, sealed_secret::SealedSecretSpec};
use sealer_core::sealed::{certificate, certificate::Certificate, scope::Scope};
use tests::{Bed, Daemon, Outcome, eventually, kubernetes::Kubernetes};

use crate::{PATIENCE, Row};

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
pub(crate) async fn rate(bed: &Bed, count: u32, keys: usize, spread: Spread) -> Outcome<Row> {
    let arena = Arena::open(bed, keys).await?;
    let objects = arena.sealed(count, spread);
    let daemon = arena.daemon(bed).await?;
    let (begin, before) = (Instant::now(), daemon.usage()?);
    arena.create(objects).await?;
    arena.synced(count).await?;
    let (wall, after) = (begin.elapsed(), daemon.usage()?);
    let (name, how) = match spread {
        Spread::OneKey => ("seal-rate", "1 key"),
        Spread::EveryValue => ("seal-keys", "12 keys, every value another"),
        Spread::EveryObject => ("seal-keys", "12 keys, one an object"),
    };
    Ok(Row {
        name,
        work: format!("{count} SealedSecrets of {VALUES} values, RSA-4096, {how}"),
        wall,
        cpu: after.cpu.saturating_sub(before.cpu),
        peak_kib: after.peak_kib,
        per: (count, "object"),
    })
}

/// Restarts the daemon over `count` settled objects and waits until it is quiet.
pub(crate) async fn restart(bed: &Bed, count: u32) -> Outcome<Row> {
    let arena = Arena::open(bed, 1).await?;
    let objects = arena.sealed(count, Spread::OneKey);
    let daemon = arena.daemon(bed).await?;
    arena.create(objects).await?;
    arena.synced(count).await?;
    daemon.terminate().await?;
    let begin = Instant::now();
    let daemon = arena.daemon(bed).await?;
    let quiet = quiet(&daemon).await?;
    let usage = daemon.usage()?;
    let series = r#"signet_status_writes_total{controller="sealedsecret"}"#;
    let writes = daemon.metric(series).await.unwrap_or_default();
    if writes > 0.0 {
        return Err(format!("the restart wrote {writes} statuses").into());
    }
    Ok(Row {
        name: "seal-restart",
        work: format!("restart over {count} settled objects until quiet"),
        wall: quiet.duration_since(begin),
        cpu: usage.cpu,
        peak_kib: usage.peak_kib,
        per: (count, "object"),
    })
}

/// The moment from which the daemon used next to no processor for a second.
async fn quiet(daemon: &Daemon) -> Outcome<Instant> {
    loop {
        let (moment, before) = (Instant::now(), daemon.usage()?.cpu);
        tokio::time::sleep(Duration::from_secs(1)).await;
        if daemon.usage()?.cpu.saturating_sub(before) <= Duration::from_millis(10) {
            return Ok(moment);
        }
    }
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

    async fn daemon(&self, bed: &Bed) -> Outcome<Daemon> {
        let args = [
            "--controllers=sealedsecret",
            "--key-renew-period=0",
            "--leader-elect=false",
            "--log-level=warn",
            "--key-namespace",
            &self.keys,
        ];
        Daemon::start(bed, "sealer", Some(self.kubernetes.kubeconfig()), &args).await
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

    async fn create(&self, objects: Vec<SealedSecret>) -> Outcome {
        let api: Api<SealedSecret> = Api::namespaced(self.client(), &self.namespace);
        stream::iter(objects)
            .map(|object| {
                let api = api.clone();
                async move { api.create(&PostParams::default(), &object).await.map(drop) }
            })
            .buffer_unordered(16)
            .try_collect::<()>()
            .await?;
        Ok(())
    }

    async fn synced(&self, count: u32) -> Outcome {
        let secrets: Api<Secret> = Api::namespaced(self.client(), &self.namespace);
        let objects: Api<SealedSecret> = Api::namespaced(self.client(), &self.namespace);
        eventually(PATIENCE, "every Secret and every status", async || {
            let listed = secrets.list_metadata(&ListParams::default()).await?;
            let made =
                listed.iter().filter(|secret| secret.name_any().starts_with("sealed-")).count();
            if made < count as usize {
                return Err(format!("{made} of {count} Secrets").into());
            }
            let synced = objects.list(&ListParams::default()).await?;
            let told = synced.iter().filter(|object| is_synced(object)).count();
            if told < count as usize {
                return Err(format!("{told} of {count} statuses").into());
            }
            Ok(())
        })
        .await
    }

    fn client(&self) -> Client {
        self.kubernetes.client()
    }
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
