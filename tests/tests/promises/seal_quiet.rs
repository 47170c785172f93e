//! What is settled costs nothing, and what is out of bounds is not looked at.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::kubernetes::Asked;
use tests::trial::trial;
use tests::wait::throughout;
use tests::{Bed, Daemon, Need, Outcome, eventually};

use crate::seal_stage::{Key, SOON, Stage};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm];

/// How many objects are settled.
const OBJECTS: u32 = 200;

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(
            bed,
            "seal_quiet::a_restart_over_200_settled_objects_lists_and_does_nothing_else",
            NEEDS,
            restart,
        ),
        trial(bed, "seal_quiet::another_namespace_is_not_looked_at", NEEDS, namespace),
        trial(bed, "seal_quiet::objects_without_the_label_are_left_alone", NEEDS, selector),
        trial(bed, "seal_quiet::logs_are_lines_that_machines_read", NEEDS, logs),
        trial(bed, "seal_quiet::a_hundred_failures_hold_nobody_up", NEEDS, crowd),
    ]
}

/// Waits until the daemon has reconciled this many SealedSecrets.
async fn reconciled(daemon: &Daemon, count: u32) -> Outcome {
    eventually(SOON, &format!("{count} reconciles"), async || {
        let page = daemon.get("/metrics").await?.text();
        let series = r#"controller_runtime_reconcile_total{controller="sealedsecret""#;
        let done: f64 = page
            .lines()
            .filter(|line| line.starts_with(series))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum();
        if done >= f64::from(count) { Ok(()) } else { Err(done.to_string().into()) }
    })
    .await
}

async fn put_all(stage: &Stage, key: &Key, names: impl Iterator<Item = String>) -> Outcome {
    let objects: Vec<_> = names.map(|name| stage.sealed(key, &name, &[("a", "hunter2")])).collect();
    let puts = stream::iter(&objects).map(|object| stage.put(object));
    puts.buffer_unordered(8).try_collect().await
}

async fn all_synced(stage: &Stage, count: u32) -> Outcome {
    eventually(SOON, &format!("{count} objects are synced"), async || {
        let objects = stage.list("SealedSecret").await?;
        let synced = objects.iter().filter(|object| {
            let condition = &object["status"]["conditions"][0];
            condition["type"] == "Synced" && condition["status"] == "True"
        });
        let synced = synced.count();
        if synced == count as usize { Ok(()) } else { Err(synced.to_string().into()) }
    })
    .await
}

async fn restart(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "quiet").await?;
    stage.keep("key", Key::number(0)).await?;
    let daemon = stage.sealer(&[]).await?;
    put_all(&stage, Key::number(0), (0..OBJECTS).map(|index| format!("db-{index}"))).await?;
    all_synced(&stage, OBJECTS).await?;
    let first = stage.asked().await?;
    let writes = |resource: &str| {
        first.iter().filter(|asked| asked.writes() && asked.resource == resource).count()
    };
    assert_eq!(writes("secrets"), OBJECTS as usize, "one write makes a Secret");
    assert_eq!(writes("sealedsecrets/status"), OBJECTS as usize, "one write tells it");
    assert!(daemon.terminate().await?.success(), "{}", daemon.log());

    let (settled, before) = (stage.snapshot().await?, stage.asked().await?.len());
    let daemon = stage.sealer(&[]).await?;
    reconciled(&daemon, OBJECTS).await?;
    // Nothing follows later, either.
    throughout(Duration::from_secs(2), "nothing is written", async || {
        let asked = stage.asked().await?.split_off(before);
        let odd = asked.iter().find(|asked| asked.writes());
        odd.map_or(Ok(()), |odd| Err(format!("{odd:?}").into()))
    })
    .await?;
    assert_eq!(stage.snapshot().await?, settled);
    let asked = stage.asked().await?.split_off(before);
    let gets: Vec<_> = asked.iter().filter(|asked| asked.verb == "get").collect();
    let of_key = |asked: &&&Asked| asked.namespace == stage.home() && asked.name == "key";
    assert!(gets.iter().all(|asked| of_key(&asked)), "only keys are read: {gets:?}");
    let mut lists = BTreeMap::new();
    for asked in asked.iter().filter(|asked| asked.verb == "list") {
        *lists.entry((&asked.resource, &asked.namespace)).or_insert(0) += 1;
    }
    // 200 objects are two pages of a hundred; of nothing else are there that many to read whole.
    // Keys are followed by their label, by the name of the first releases', and native ones by theirs.
    let pages = |resource: &str, namespace: &str| match resource {
        "sealedsecrets" => 2,
        "secrets" if namespace == stage.home() => 3,
        _ => 1,
    };
    let expected = |((resource, namespace), count): (&(&String, &String), &i32)| {
        *count == pages(resource, namespace)
    };
    assert!(lists.iter().all(expected), "{lists:?}");
    for series in ["signet_values_unsealed_total", "signet_secret_writes_total"] {
        assert!(daemon.metric(series).await? < 0.5, "{series}");
    }
    Ok(())
}

async fn namespace(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "bounds").await?;
    stage.keep("key", Key::number(0)).await?;
    let other = bed.kubernetes().await?.namespace("others").await?;
    let daemon = stage.sealer(&[]).await?;
    let mut outside = stage.sealed(Key::number(0), "db", &[("a", "1")]);
    outside["metadata"]["namespace"] = other.as_str().into();
    stage.put(&outside).await?;
    stage.put(&stage.sealed(Key::number(0), "db", &[("a", "1")])).await?;
    stage.synced("db").await?;
    let path = format!("/apis/bitnami.com/v1alpha1/namespaces/{other}/sealedsecrets/db");
    throughout(Duration::from_secs(1), "the other namespace is left alone", async || {
        let object = stage.read(&path).await?;
        if object["status"].is_null() { Ok(()) } else { Err(object["status"].to_string().into()) }
    })
    .await?;
    let asked = stage.asked().await?;
    let (home, here) = (stage.home(), stage.namespace());
    let strays: Vec<_> = asked
        .iter()
        .filter(|asked| asked.namespace != here && asked.namespace != home)
        .filter(|asked| !asked.resource.is_empty())
        .collect();
    assert!(strays.is_empty(), "{strays:?}");
    let refused: Vec<_> = asked.iter().filter(|asked| asked.code == 403).collect();
    assert!(refused.is_empty(), "the chart allows all that is asked: {refused:?}");
    daemon.terminate().await.map(drop)
}

async fn selector(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "bounds").await?;
    stage.keep("key", Key::number(0)).await?;
    let daemon = stage.sealer(&["--watch-label-selector=shard in (a)"]).await?;
    let mut ours = stage.sealed(Key::number(0), "ours", &[("a", "1")]);
    ours["metadata"]["labels"] = json!({"shard": "a"});
    let mut theirs = stage.sealed(Key::number(0), "theirs", &[("a", "1")]);
    theirs["metadata"]["labels"] = json!({"shard": "b"});
    for object in [&theirs, &ours] {
        stage.put(object).await?;
    }
    stage.synced("ours").await?;
    throughout(Duration::from_secs(1), "the other shard is left alone", async || {
        let object = stage.get("SealedSecret", "theirs").await?;
        if object["status"].is_null() { Ok(()) } else { Err(object["status"].to_string().into()) }
    })
    .await?;
    // The Secret has no label, and is watched all the same.
    stage.patch("Secret", "ours", &json!({"stringData": {"a": "oops"}})).await?;
    stage.holds("ours", &[("a", "1")]).await?;
    // An object that gets the label is taken, one that loses it stays as it is.
    let label = |shard: &str| json!({"metadata": {"labels": {"shard": shard}}});
    stage.patch("SealedSecret", "theirs", &label("a")).await?;
    stage.synced("theirs").await?;
    stage.patch("SealedSecret", "ours", &label("b")).await?;
    stage.holds("ours", &[("a", "1")]).await?;
    assert!(daemon.metric("signet_sealing_keys").await? > 0.5);
    Ok(())
}

async fn crowd(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "crowd").await?;
    stage.keep("key", Key::number(0)).await?;
    put_all(&stage, Key::number(1), (0..100).map(|index| format!("bad-{index}"))).await?;
    let _daemon = stage.sealer(&["--concurrent=1"]).await?;
    stage.put(&stage.sealed(Key::number(0), "good", &[("a", "1")])).await?;
    stage.synced("good").await?;
    // Counting reconciles would not do: the good one is looked at again for its Secret.
    eventually(SOON, "every failure is told", async || {
        for index in 0..100 {
            let name = format!("bad-{index}");
            let object = stage.get("SealedSecret", &name).await?;
            if object["status"].is_null() {
                return Err(name.into());
            }
        }
        Ok(())
    })
    .await?;
    let settled = stage.asked().await?.len();
    throughout(Duration::from_secs(2), "a failure that is told is not told again", async || {
        let asked = stage.asked().await?.split_off(settled);
        let odd = asked.iter().find(|asked| asked.resource == "sealedsecrets/status");
        odd.map_or(Ok(()), |odd| Err(format!("{odd:?}").into()))
    })
    .await
}

async fn logs(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "logs").await?;
    stage.keep("key", Key::number(0)).await?;
    let daemon = stage.sealer(&["--log-format=json"]).await?;
    stage.put(&stage.sealed(Key::number(0), "good", &[("a", "hunter2")])).await?;
    stage.put(&stage.sealed(Key::number(1), "bad", &[("a", "hunter2")])).await?;
    stage.synced("good").await?;
    stage.event("Warning ErrUnsealFailed SealedSecret/bad: ", &[]).await?;
    assert!(daemon.terminate().await?.success());
    let log = daemon.log();
    let lines = log.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>();
    let lines = lines.map_err(|err| format!("{err}: not every line is JSON"))?;
    let told = |level: &str, reason: &str, name: &str| {
        lines.iter().any(|line| {
            line["level"] == level
                && line["reason"] == reason
                && line["span"]["object"] == name
                && line["span"]["namespace"] == stage.namespace()
        })
    };
    assert!(told("INFO", "Unsealed", "good"));
    assert!(told("ERROR", "ErrUnsealFailed", "bad"));
    Ok(())
}
