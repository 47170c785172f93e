//! What people are used to from the sealed-secrets controller, on a real API server.

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::trial::trial;
use tests::{Bed, Need, Outcome, eventually};

use crate::seal_stage::{KEY_LABEL, Key, SOON, Stage, sealed_in};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "seal_upstream::templates_render_as_sprig_does_and_refuse_io", NEEDS, templates),
        trial(bed, "seal_upstream::annotations_and_immutability_mean_the_same", NEEDS, lives),
        trial(bed, "seal_upstream::a_deleted_secret_stays_away_when_asked", NEEDS, skipped),
        trial(bed, "seal_upstream::sigusr1_makes_a_key", NEEDS, signalled),
        trial(bed, "seal_upstream::the_endpoints_and_numbers_are_upstreams", NEEDS, endpoints),
        trial(bed, "seal_upstream::strangers_are_refused_when_asked", NEEDS, strangers),
        trial(bed, "seal_upstream::a_set_of_namespaces_needs_roles_there_only", NEEDS, namespaces),
    ]
}

async fn templates(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "templates").await?;
    stage.keep("key", Key::number(0)).await?;
    let daemon = stage.sealer(&[]).await?;
    #[rustfmt::skip]
    let cases = [
        // template                                        rendered, or the words of the refusal
        (r#"user={{ .u }} {{ index . "x-y" | b64enc }}"#,  Ok("user=app eg==")),
        ("{{ .none }}",                                    Ok("<no value>")),
        ("{{ .u | upper | quote }}",                        Ok("\"APP\"")),
        ("{{ .u",                                          Err("cannot be rendered")),
        (r#"{{ env "HOME" }}"#,                            Err("env")),
        (r#"{{ expandenv "$HOME" }}"#,                     Err("expandenv")),
        (r#"{{ getHostByName "localhost" }}"#,             Err("getHostByName")),
    ];
    for (index, (template, expected)) in cases.into_iter().enumerate() {
        let name = format!("t{index}");
        let mut manifest = stage.sealed(Key::number(0), &name, &[("u", "app"), ("x-y", "z")]);
        manifest["spec"]["template"] = json!({"data": {"out": template}});
        stage.put(&manifest).await?;
        match expected {
            Ok(text) => {
                stage.holds(&name, &[("out", text), ("u", "app"), ("x-y", "z")]).await?;
            }
            Err(words) => {
                stage.told(("SealedSecret", &name), ("Synced", "False"), &[words]).await?;
                assert!(!stage.has("Secret", &name).await?, "{template}");
            }
        }
    }
    stage.is_silent_about(&daemon, &["eg=="]).await
}

async fn lives(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "lives").await?;
    stage.keep("key", Key::number(0)).await?;
    let _daemon = stage.sealer(&[]).await?;
    let mut free = stage.sealed(Key::number(0), "free", &[("k", "one")]);
    let skip = json!({"sealedsecrets.bitnami.com/skip-set-owner-references": "true"});
    free["spec"]["template"] = json!({"metadata": {"annotations": skip}});
    stage.put(&free).await?;
    let secret = stage.holds("free", &[("k", "one")]).await?;
    assert!(secret["metadata"].get("ownerReferences").is_none(), "{secret}");
    stage.synced("free").await?;
    stage.delete("SealedSecret", "free").await?;

    let mut fixed = stage.sealed(Key::number(0), "fixed", &[("k", "one")]);
    fixed["spec"]["template"] = json!({"immutable": true, "type": "example.com/t"});
    stage.put(&fixed).await?;
    let secret = stage.holds("fixed", &[("k", "one")]).await?;
    assert_eq!((&secret["immutable"], &secret["type"]), (&json!(true), &json!("example.com/t")));
    let changed = stage.sealed(Key::number(0), "fixed", &[("k", "two")]);
    let patch = json!({"spec": {"encryptedData": changed["spec"]["encryptedData"]}});
    stage.patch("SealedSecret", "fixed", &patch).await?;
    let words = ["is immutable and holds other values", "delete Secret `fixed`"];
    stage.told(("SealedSecret", "fixed"), ("Synced", "False"), &words).await?;
    stage.delete("Secret", "fixed").await?;
    stage.holds("fixed", &[("k", "two")]).await?;

    // What had no owner is still there.
    stage.holds("free", &[("k", "one")]).await?;
    Ok(())
}

async fn skipped(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "skipped").await?;
    stage.keep("key", Key::number(0)).await?;
    let _daemon = stage.sealer(&["--skip-recreate"]).await?;
    for name in ["db", "later"] {
        stage.put(&stage.sealed(Key::number(0), name, &[("k", "one")])).await?;
        stage.synced(name).await?;
        stage.delete("Secret", name).await?;
    }
    // The second object shows that the deletion of the first was heard.
    let changed = stage.sealed(Key::number(0), "later", &[("k", "two")]);
    let patch = json!({"spec": {"encryptedData": changed["spec"]["encryptedData"]}});
    stage.patch("SealedSecret", "later", &patch).await?;
    stage.holds("later", &[("k", "two")]).await?;
    assert!(!stage.has("Secret", "db").await?);
    Ok(())
}

async fn signalled(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "signalled").await?;
    stage.keep("key", Key::number(0)).await?;
    let flags =
        ["--privatekey-labels=team=a", "--privatekey-annotations=note=b", "--key-size=2048"];
    let daemon = stage.sealer(&flags).await?;
    let keys = async |count: f64| {
        eventually(SOON, &format!("{count} keys"), async || {
            let found = daemon.metric("signet_sealing_keys").await?;
            if (found - count).abs() < 0.5 { Ok(()) } else { Err(found.to_string().into()) }
        })
        .await
    };
    keys(1.0).await?;
    daemon.process().signal(tests::process::Signal::USR1)?;
    keys(2.0).await?;
    let path = format!("/api/v1/namespaces/{}/secrets?labelSelector=team=a", stage.home());
    let made = stage.read(&path).await?["items"][0]["metadata"].clone();
    assert_eq!(made["annotations"]["note"], "b");
    assert_eq!(made["labels"][KEY_LABEL], "active");
    Ok(())
}

#[expect(
    clippy::too_many_lines,
    reason = "one daemon answers a table of requests, and counts them"
)]
async fn endpoints(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "endpoints").await?;
    stage.keep("old", Key::number(0)).await?;
    stage.keep("new", Key::number(1)).await?;
    let flags = ["--rate-limit=1", "--rate-limit-burst=12", "--listen-metrics-addr=127.0.0.1:0"];
    let daemon = stage.sealer(&flags).await?;
    let health = daemon.get("/healthz").await?;
    assert_eq!((health.status.as_u16(), health.text().as_str()), (200, "ok\n"));
    let certificate = eventually(SOON, "the newest certificate", async || {
        let answer = daemon.get("/v1/cert.pem").await?;
        if answer.text() == Key::number(1).certificate { Ok(answer) } else { Err("not yet".into()) }
    })
    .await?;
    assert_eq!(certificate.header("content-type"), "application/x-pem-file");

    let mut good = stage.sealed(Key::number(0), "db", &[("p", "hunter2")]);
    good["metadata"]["namespace"] = stage.namespace().into();
    let with = |edit: &dyn Fn(&mut Value)| {
        let mut changed = good.clone();
        edit(&mut changed);
        changed.to_string()
    };
    let oracle = r#"{{ if eq .p "hunter2" }}{{ fail "" }}{{ end }}"#;
    let wide = json!({"sealedsecrets.bitnami.com/cluster-wide": "true"});
    #[rustfmt::skip]
    let cases = [
        ("/v1/verify", good.to_string(),                                                      200),
        ("/v1/verify", with(&|object| object["spec"]["template"]["data"]["x"] = oracle.into()), 200),
        ("/v1/verify", with(&|object| object["metadata"]["name"] = "other".into()),            409),
        ("/v1/verify", "{".to_owned(),                                                         500),
        ("/v1/verify", format!("{good}\n---\n{good}"),                                         500),
        ("/v1/verify", with(&|object| object["kind"] = "ConfigMap".into()),                    500),
        ("/v1/rotate", with(&|object| object["metadata"]["name"] = "other".into()),            500),
        ("/v1/rotate", with(&|object| object["spec"]["template"]["data"]["x"] = oracle.into()), 200),
    ];
    let post = async |path: &str, body: &str| {
        let url = format!("{}{path}", daemon.url());
        bed.http().request("POST", &url).body("application/json", body).send().await
    };
    for (path, body, status) in &cases {
        assert_eq!(post(path, body).await?.status.as_u16(), *status, "{path} {body}");
    }
    let claims =
        with(&|object| object["spec"]["template"]["metadata"]["annotations"] = wide.clone());
    let rotated = post("/v1/rotate", &claims).await?.json()?;
    let key = bed.folder("private")?.join("tls.key").display().to_string();
    std::fs::write(&key, Key::number(1).private())?;
    let elsewhere = rotated.to_string().replace("\"name\":\"db\"", "\"name\":\"other\"");
    for (object, opens) in [(rotated.to_string(), true), (elsewhere, false)] {
        let args = ["--recovery-unseal", "--recovery-private-key", &key];
        let opened = bed.run("kubeseal", &args, object.as_bytes());
        assert_eq!(opened.is_ok(), opens, "the newest key alone, and strict: {object}");
    }
    let mut limited = None;
    for _ in 0..40 {
        limited = Some(post("/v1/verify", "{").await?)
            .filter(|answer| answer.status.as_u16() == 429)
            .or(limited);
    }
    assert_eq!(limited.ok_or("no request was limited")?.text(), "limit exceeded\n");

    stage.put(&good).await?;
    stage.synced("db").await?;
    let mut bad = stage.sealed(Key::number(0), "bad", &[("p", "x")]);
    bad["spec"]["encryptedData"]["p"] = "AgB*".into();
    stage.put(&bad).await?;
    stage.told(("SealedSecret", "bad"), ("Synced", "False"), &[]).await?;
    let page = daemon.get("/metrics").await?.text();
    for name in [
        "build_info{revision=",
        "unseal_requests_total",
        "unseal_errors_total{reason=\"unseal\",namespace=",
        "condition_info{namespace=",
        "http_requests_total{path=\"/v1/verify\",code=\"409\",method=\"post\"}",
        "http_request_duration_seconds_bucket{",
    ] {
        assert!(page.contains(&format!("sealed_secrets_controller_{name}")), "{name}");
    }
    let info = |name: &str| {
        format!(
            r#"sealed_secrets_controller_condition_info{{namespace="{}",name="{name}",condition="Synced",ss_app_kubernetes_io_instance=""}}"#,
            stage.namespace()
        )
    };
    assert!(daemon.metric(&info("db")).await? > 0.5);
    assert!(daemon.metric(&info("bad")).await? < -0.5);
    Ok(())
}

async fn strangers(bed: Bed) -> Outcome {
    let stage = Stage::with(&bed, "strangers", &["http.tokenReview=true"]).await?;
    stage.keep("key", Key::number(0)).await?;
    let daemon = stage.sealer(&["--token-review", "--rate-limit=1000"]).await?;
    let kubernetes = bed.kubernetes().await?;
    kubernetes.service_account(stage.home(), "person").await?;
    let token = kubernetes.token(stage.home(), "person").await?;
    let mut good = stage.sealed(Key::number(0), "db", &[("p", "hunter2")]);
    good["metadata"]["namespace"] = stage.namespace().into();
    let good = good.to_string();
    let post = async |authorization: &str| {
        let url = format!("{}/v1/verify", daemon.url());
        let request = bed.http().request("POST", &url).body("application/json", good.as_str());
        request.header("Authorization", authorization).send().await
    };
    let bearer = format!("Bearer {token}");
    eventually(SOON, "the key", async || match post(&bearer).await?.status.as_u16() {
        200 => Ok(()),
        other => Err(other.to_string().into()),
    })
    .await?;
    for stranger in ["Bearer nobody", "Basic YTpi", "Bearer "] {
        assert_eq!(post(stranger).await?.status.as_u16(), 401, "{stranger}");
    }
    assert_eq!(daemon.get("/v1/cert.pem").await?.status.as_u16(), 200);
    Ok(())
}

async fn namespaces(bed: Bed) -> Outcome {
    let kubernetes = bed.kubernetes().await?;
    let second = kubernetes.namespace("second").await?;
    let values = format!("additionalNamespaces={{{second}}}");
    let stage = Stage::with(&bed, "first", &[&values]).await?;
    stage.keep("key", Key::number(0)).await?;
    let flag = format!("--additional-namespaces={second}");
    let _daemon = stage.sealer(&[&flag]).await?;
    stage.put(&stage.sealed(Key::number(0), "db", &[("k", "one")])).await?;
    stage.holds("db", &[("k", "one")]).await?;
    let there = sealed_in(&second, Key::number(0), "db", &[("k", "two")]);
    kubernetes.apply(&second, &there.to_string()).await?;
    let path = format!("/api/v1/namespaces/{second}/secrets/db");
    let made = eventually(SOON, "the Secret", async || stage.read(&path).await).await?;
    assert_eq!(made["data"]["k"], "dHdv");
    Ok(())
}
