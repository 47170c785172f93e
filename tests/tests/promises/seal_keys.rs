//! Sealing keys are found, followed while the daemon runs, and made when there is none.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually};

use crate::seal_stage::{KEY_LABEL, Key, SOON, Stage};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "seal_keys::a_key_is_made_when_there_is_none", NEEDS, made),
        trial(bed, "seal_keys::keys_that_come_and_go_are_followed_at_once", NEEDS, followed),
        trial(bed, "seal_keys::a_key_secret_without_a_key_is_told_and_harms_no_other", NEEDS, bad),
    ]
}

/// Waits until the daemon has this many keys in use.
async fn in_use(daemon: &Daemon, keys: u32) -> Outcome {
    eventually(SOON, &format!("{keys} sealing keys are in use"), async || {
        let found = daemon.metric("signet_sealing_keys").await?;
        if (found - f64::from(keys)).abs() < 0.5 { Ok(()) } else { Err(found.to_string().into()) }
    })
    .await
}

async fn certificate(daemon: &Daemon) -> Outcome<String> {
    Ok(daemon.get("/v1/cert.pem").await?.text())
}

/// The key Secrets in the daemon's namespace.
async fn key_secrets(stage: &Stage) -> Outcome<Vec<Value>> {
    let path =
        format!("/api/v1/namespaces/{}/secrets?labelSelector={KEY_LABEL}=active", stage.home());
    let list = stage.read(&path).await?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

async fn made(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "keys").await?;
    let daemon = stage.sealer(&["--key-prefix=my-key", "--my-cn=bed"]).await?;
    in_use(&daemon, 1).await?;
    let [secret] = <[Value; 1]>::try_from(key_secrets(&stage).await?)
        .map_err(|found| format!("{} keys", found.len()))?;
    assert_eq!(secret["type"], "kubernetes.io/tls");
    let name = secret["metadata"]["name"].as_str().unwrap_or_default();
    assert!(name.starts_with("my-key") && name.len() > "my-key".len(), "{name}");
    let served = certificate(&daemon).await?;
    let stored = secret["data"]["tls.crt"].as_str().unwrap_or_default();
    assert_eq!(BASE64_STANDARD.encode(&served), stored);

    let file = bed.folder("certificate")?.join("cert.pem");
    std::fs::write(&file, &served)?;
    let described = bed.run(
        "openssl",
        &["x509", "-noout", "-subject", "-text", "-in", &file.display().to_string()],
        b"",
    )?;
    let described = String::from_utf8(described)?;
    assert!(described.contains("CN = bed") || described.contains("CN=bed"), "{described}");
    assert!(described.contains("(4096 bit)"), "{described}");

    // The next start finds it and makes no other.
    assert!(daemon.terminate().await?.success());
    let daemon = stage.sealer(&["--key-prefix=my-key"]).await?;
    in_use(&daemon, 1).await?;
    assert_eq!(certificate(&daemon).await?, served);
    assert_eq!(key_secrets(&stage).await?.len(), 1);
    Ok(())
}

async fn followed(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "keys").await?;
    let [first, second, third] = [0, 1, 2].map(Key::number);
    stage.keep("first", first).await?;
    let daemon = stage.sealer(&[]).await?;
    in_use(&daemon, 1).await?;
    assert_eq!(certificate(&daemon).await?, first.certificate);
    stage.put(&stage.sealed(first, "of-first", &[("a", "1")])).await?;
    stage.synced("of-first").await?;

    // Added: what waited for it opens.
    stage.put(&stage.sealed(second, "of-second", &[("a", "2")])).await?;
    let waits = ("SealedSecret", "of-second");
    stage.told(waits, ("Synced", "False"), &["`spec.encryptedData.a`", "no key could"]).await?;
    stage.keep("second", second).await?;
    stage.synced("of-second").await?;
    assert_eq!(certificate(&daemon).await?, second.certificate, "the newest seals");

    // Relabelled: it no longer opens, and it no longer seals.
    relabel(&stage, "second", "compromised").await?;
    in_use(&daemon, 1).await?;
    assert_eq!(certificate(&daemon).await?, first.certificate);
    stage.put(&stage.sealed(second, "late", &[("a", "3")])).await?;
    stage.told(("SealedSecret", "late"), ("Synced", "False"), &["no key could"]).await?;
    stage.holds("of-second", &[("a", "2")]).await?;
    relabel(&stage, "second", "active").await?;
    stage.synced("late").await?;

    // Changed: the Secret of the first holds the third now.
    stage.put(&stage.sealed(third, "of-third", &[("a", "4")])).await?;
    stage.told(("SealedSecret", "of-third"), ("Synced", "False"), &["no key could"]).await?;
    stage.keep("first", third).await?;
    stage.synced("of-third").await?;
    assert_eq!(certificate(&daemon).await?, third.certificate);

    // Deleted.
    let path = format!("/api/v1/namespaces/{}/secrets/first", stage.home());
    stage.client().request::<Value>(http::Request::delete(path).body(Vec::new())?).await?;
    in_use(&daemon, 1).await?;
    assert_eq!(certificate(&daemon).await?, second.certificate);
    for (name, value) in [("of-first", "1"), ("of-second", "2"), ("late", "3"), ("of-third", "4")] {
        stage.holds(name, &[("a", value)]).await?;
    }
    stage.is_silent_about(&daemon, &["BEGIN RSA PRIVATE KEY"]).await
}

async fn relabel(stage: &Stage, name: &str, value: &str) -> Outcome {
    let path = format!("/api/v1/namespaces/{}/secrets/{name}", stage.home());
    let change = json!({"metadata": {"labels": {KEY_LABEL: value}}});
    let request = http::Request::patch(path)
        .header("Content-Type", "application/merge-patch+json")
        .body(change.to_string().into_bytes())?;
    stage.client().request::<Value>(request).await?;
    Ok(())
}

async fn bad(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "keys").await?;
    stage.keep("good", Key::number(0)).await?;
    let mut bad = Key::number(1).secret("bad");
    bad["stringData"]["tls.key"] =
        "-----BEGIN RSA PRIVATE KEY-----\nbm8=\n-----END RSA PRIVATE KEY-----\n".into();
    let mut empty = Key::number(1).secret("empty");
    empty["stringData"]["tls.crt"] = "".into();
    let mut torn = Key::number(1).secret("torn");
    torn["stringData"]["tls.crt"] = Key::number(2).certificate.as_str().into();
    for secret in [&bad, &empty, &torn] {
        bed.kubernetes().await?.apply(stage.home(), &secret.to_string()).await?;
    }
    let daemon = stage.sealer(&[]).await?;
    in_use(&daemon, 1).await?;
    eventually(SOON, "the bad keys are counted", async || {
        let rejected = daemon.metric("signet_sealing_keys_rejected").await?;
        if rejected > 2.5 { Ok(()) } else { Err(rejected.to_string().into()) }
    })
    .await?;
    for name in ["bad", "empty", "torn"] {
        let told = daemon.log().lines().any(|line| {
            line.contains(&format!("key=\"{name}\"")) && line.contains("remove its label")
        });
        assert!(told, "the log names `{name}` and the remedy:\n{}", daemon.log());
    }
    stage.put(&stage.sealed(Key::number(0), "db", &[("a", "1")])).await?;
    stage.synced("db").await?;
    stage.is_silent_about(&daemon, &["bm8="]).await
}
