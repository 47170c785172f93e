//! Of two sealers one writes, and the other takes over as soon as it may.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::kubernetes::Kubernetes;
use tests::process::Signal;
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually};

use crate::charts::render;
use crate::seal_stage::{Key, SOON, Stage, sealed_in};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "leader::a_leader_that_is_told_to_go_hands_over_in_two_seconds", NEEDS, handed),
        trial(bed, "leader::a_leader_that_is_killed_is_followed_after_its_lease", NEEDS, killed),
        trial(bed, "leader::a_leader_that_slept_through_its_lease_ends", NEEDS, asleep),
        trial(
            bed,
            "leader::an_api_server_that_crashes_and_returns_is_no_reason_to_end",
            NEEDS,
            crash,
        ),
    ]
}

/// Two sealers, of which the first leads.
struct Pair {
    stage: Stage,
    first: Daemon,
    second: Daemon,
}

impl Pair {
    async fn start(bed: &Bed) -> Outcome<Self> {
        let stage = Stage::open(bed, "leader").await?;
        stage.keep("key", Key::number(0)).await?;
        let first = stage.sealer(&[]).await?;
        leads(&stage, &first).await?;
        let second = stage.replica().await?;
        let pair = Self { stage, first, second };
        pair.settle("first").await?;
        // Each replica serves, whoever leads.
        for daemon in [&pair.first, &pair.second] {
            eventually(SOON, "the certificate is served", async || {
                let served = daemon.get("/v1/cert.pem").await?.text();
                if served == Key::number(0).certificate { Ok(()) } else { Err(served.into()) }
            })
            .await?;
        }
        assert_eq!(pair.writers().await?.len(), 1);
        Ok(pair)
    }

    async fn settle(&self, name: &str) -> Outcome {
        self.stage.put(&self.stage.sealed(Key::number(0), name, &[("a", "1")])).await?;
        self.stage.synced(name).await.map(drop)
    }

    /// The tokens with which something was written, leases aside.
    async fn writers(&self) -> Outcome<BTreeSet<String>> {
        let asked = self.stage.asked().await?;
        let writes = asked.into_iter().filter(|asked| asked.writes() && asked.code < 300);
        Ok(writes.map(|asked| asked.token).collect())
    }

    /// The tokens with which something was written since `before`.
    async fn writers_since(&self, before: usize) -> Outcome<BTreeSet<String>> {
        let asked = self.stage.asked().await?.split_off(before);
        Ok(asked.into_iter().filter(tests::kubernetes::Asked::writes).map(|it| it.token).collect())
    }
}

/// Who holds the lease.
async fn holder(stage: &Stage) -> Outcome<String> {
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", stage.home());
    let leases = stage.read(&path).await?;
    let holder = leases.pointer("/items/0/spec/holderIdentity").and_then(Value::as_str);
    Ok(holder.unwrap_or_default().to_owned())
}

/// Waits until the daemon leads.
async fn leads(stage: &Stage, daemon: &Daemon) -> Outcome {
    let process = format!("_{}", daemon.process().id());
    eventually(SOON, "it leads", async || {
        let holder = holder(stage).await?;
        if holder.ends_with(&process) { Ok(()) } else { Err(format!("`{holder}` leads").into()) }
    })
    .await
}

async fn handed(bed: Bed) -> Outcome {
    let pair = Pair::start(&bed).await?;
    let (before, writers) = (pair.stage.asked().await?.len(), pair.writers().await?);
    let begin = Instant::now();
    pair.first.process().signal(Signal::TERM)?;
    leads(&pair.stage, &pair.second).await?;
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    assert!(pair.first.process().end(SOON).await?.success(), "{}", pair.first.log());

    pair.settle("second").await?;
    pair.stage.patch("Secret", "first", &json!({"stringData": {"a": "2"}})).await?;
    pair.stage.holds("first", &[("a", "1")]).await?;
    let since = pair.writers_since(before).await?;
    assert_eq!(since.len(), 1, "one writes");
    assert!(since.is_disjoint(&writers), "and it is the other");
    Ok(())
}

async fn killed(bed: Bed) -> Outcome {
    let pair = Pair::start(&bed).await?;
    let begin = Instant::now();
    pair.first.kill();
    // What happens meanwhile is not lost.
    let lost = pair.stage.sealed(Key::number(0), "meanwhile", &[("a", "1")]);
    pair.stage.put(&lost).await?;
    pair.stage.delete("Secret", "first").await?;
    leads(&pair.stage, &pair.second).await?;
    let took = begin.elapsed();
    assert!(took > Duration::from_secs(10), "the lease was not respected: {took:?}");
    assert!(took < Duration::from_secs(25), "it took {took:?}");
    pair.stage.synced("meanwhile").await?;
    pair.stage.holds("first", &[("a", "1")]).await?;

    // Who comes back waits.
    let third = pair.stage.replica().await?;
    pair.settle("third").await?;
    leads(&pair.stage, &pair.second).await?;
    assert_eq!(pair.writers().await?.len(), 2, "the killed one, and its follower");
    third.terminate().await.map(drop)
}

async fn asleep(bed: Bed) -> Outcome {
    let pair = Pair::start(&bed).await?;
    pair.first.process().signal(Signal::STOP)?;
    leads(&pair.stage, &pair.second).await?;
    pair.settle("second").await?;
    let before = pair.stage.asked().await?.len();
    pair.stage.put(&pair.stage.sealed(Key::number(0), "third", &[("a", "1")])).await?;
    pair.first.process().signal(Signal::CONT)?;
    let ended = pair.first.process().end(SOON).await?;
    assert!(!ended.success(), "a pod that lost its lease is started anew");
    assert!(pair.first.log().contains("lease"), "{}", pair.first.log());
    pair.stage.synced("third").await?;
    assert_eq!(pair.writers_since(before).await?.len(), 1, "one writes");
    leads(&pair.stage, &pair.second).await
}

async fn crash(bed: Bed) -> Outcome {
    // One of its own, for it is hurt.
    let mut kubernetes = Kubernetes::start(&bed).await?;
    let home = kubernetes.namespace("crash").await?;
    let watched = format!("watchNamespace={home}");
    kubernetes.apply(&home, &render(&bed, "sealer", &home, &[&watched])?).await?;
    kubernetes.apply(&home, &Key::number(0).secret("key").to_string()).await?;
    let kubeconfig = kubernetes.token_for(&home, "robot").await?;
    let flags = ["--watch-namespace", &home, "--leader-election-namespace", &home];
    let cache = bed.folder("sealer-cache")?.display().to_string();
    let more = ["--key-namespace", &home, "--cache-dir", &cache, "--key-renew-period=0"];
    let daemon =
        Daemon::start(&bed, "sealer", Some(&kubeconfig), &[&flags[..], &more].concat()).await?;
    let secrets: Api<Secret> = Api::namespaced(kubernetes.client(), &home);
    let object = |name: &str| sealed_in(&home, Key::number(0), name, &[("a", "1")]).to_string();
    let holds = async |name: &str| {
        eventually(SOON, &format!("Secret/{name} holds its value"), async || {
            let data = secrets.get(name).await?.data.unwrap_or_default();
            let value = data.get("a").map(|value| &value.0[..]);
            if value == Some(b"1") { Ok(()) } else { Err("it does not".into()) }
        })
        .await
    };
    kubernetes.apply(&home, &object("before")).await?;
    holds("before").await?;

    kubernetes.crash();
    kubernetes.recover().await?;
    // What it watched before it watches again, and what is new it sees.
    let drift = Patch::Merge(json!({"stringData": {"a": "2"}}));
    secrets.patch("before", &PatchParams::default(), &drift).await?;
    kubernetes.apply(&home, &object("after")).await?;
    holds("after").await?;
    holds("before").await?;
    assert!(daemon.process().ended()?.is_none(), "{}", daemon.log());
    let panics = r#"controller_runtime_reconcile_panics_total{controller="sealedsecret"}"#;
    assert!(daemon.metric(panics).await.unwrap_or_default() < 0.5);
    Ok(())
}
