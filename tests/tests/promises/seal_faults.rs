//! Whatever is wrong with a SealedSecret is told where people look, and harms nothing else.

use k8s_openapi::api::core::v1::Secret;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

use crate::seal_stage::{Key, Stage};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm];

/// The value that nobody may read anywhere but in the Secret.
const VALUE: &str = "correct horse battery staple";

/// The manifests of the documents that describe the system, as they are written there.
pub(crate) const DOCUMENTS: &str = include_str!("fixtures/secrets.yaml");

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(
            bed,
            "seal_faults::each_is_told_with_field_and_remedy_and_harms_no_other",
            NEEDS,
            all,
        ),
        trial(bed, "seal_faults::a_placeholder_of_the_documents_is_told_as_such", NEEDS, seed),
    ]
}

/// What is wrong, and what is told about it.
struct Fault {
    name: &'static str,
    /// The broken object; before it, a good one of the same name was in step where `had` says so.
    broken: Value,
    had: bool,
    reason: &'static str,
    words: &'static [&'static str],
    remedy: &'static str,
    metric: &'static str,
}

const SEAL_AGAIN: &str = "seal the values again with this cluster's certificate";

fn faults(stage: &Stage) -> Vec<Fault> {
    let (ours, theirs) = (Key::number(0), Key::number(1));
    let good = |name: &str| stage.sealed(ours, name, &[("password", VALUE), ("user", "app")]);
    let with = |name: &str, value: Value| {
        let mut object = good(name);
        object["spec"]["encryptedData"]["password"] = value;
        object
    };
    let text = |name: &str| {
        good(name)["spec"]["encryptedData"]["password"].as_str().unwrap_or_default().to_owned()
    };
    let unseal = |name, broken, words, remedy| Fault {
        name,
        broken,
        had: true,
        reason: "ErrUnsealFailed",
        words,
        remedy,
        metric: "unseal",
    };
    let mut flipped = text("flipped").into_bytes();
    let last = flipped.len() - 30;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    let mut wide = good("wide");
    wide["metadata"]["annotations"] = json!({"sealedsecrets.bitnami.com/namespace-wide": "true"});
    let mut immutable = good("immutable");
    immutable["spec"]["template"] = json!({"immutable": true});
    let mut retyped = good("retyped");
    retyped["spec"]["template"] = json!({"type": "example.com/other"});
    let mut rendered = good("rendered");
    rendered["spec"]["template"] = json!({"data": {"url": "{{ .password | exec }}"}});
    let mut ancient = good("ancient");
    ancient["spec"]["data"] = "QUFBQQ==".into();
    let mut bad_type = good("bad-type");
    bad_type["spec"]["template"] = json!({"type": "kubernetes.io/tls"});
    #[rustfmt::skip]
    let faults = vec![
        unseal("base64",    with("base64", "AgB*no*base64".into()),        &["`spec.encryptedData.password`", "base64"], SEAL_AGAIN),
        unseal("truncated", with("truncated", text("truncated")[..400].into()), &["`spec.encryptedData.password`", "truncated"], SEAL_AGAIN),
        unseal("short",     with("short", "AgA=".into()),                  &["`spec.encryptedData.password`"], SEAL_AGAIN),
        unseal("empty",     with("empty", "".into()),                      &["`spec.encryptedData.password`"], SEAL_AGAIN),
        unseal("flipped",   with("flipped", String::from_utf8_lossy(&flipped).into()), &["`spec.encryptedData.password`", "damaged"], SEAL_AGAIN),
        unseal("foreign",   stage.sealed(theirs, "foreign", &[("password", VALUE)]), &["`spec.encryptedData.password`", "another cluster"], SEAL_AGAIN),
        unseal("wide",      wide,                                          &["`spec.encryptedData.password`", "`spec.encryptedData.user`", "scope"], "for this namespace, name and scope"),
        unseal("renamed",   with("renamed", text("another").into()),       &["`spec.encryptedData.password`", "name"], "for this namespace, name and scope"),
        unseal("ancient",   ancient,                                       &["`spec.data`", "encryptedData"], "leave `spec.data` out"),
        unseal("rendered",  rendered,                                      &["`spec.template.data.url`", "exec"], "correct the template"),
        Fault { name: "immutable", broken: immutable, had: true, reason: "ErrUpdateFailed", words: &["Secret `immutable`", "immutable"], remedy: "delete Secret `immutable`", metric: "update" },
        Fault { name: "retyped", broken: retyped, had: true, reason: "ErrUpdateFailed", words: &["Secret `retyped`", "type"], remedy: "delete Secret `retyped`", metric: "update" },
        Fault { name: "bad-type", broken: bad_type, had: false, reason: "ErrUpdateFailed", words: &["Secret `bad-type`", "tls.crt"], remedy: "correct the object", metric: "update" },
        Fault { name: "occupied", broken: good("occupied"), had: false, reason: "ErrUpdateFailed", words: &["Resource \"occupied\" already exists"], remedy: "sealedsecrets.bitnami.com/managed", metric: "unmanaged" },
    ];
    faults
}

async fn all(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "faults").await?;
    stage.keep("key", Key::number(0)).await?;
    let occupied = "{apiVersion: v1, kind: Secret, metadata: {name: occupied}, stringData: {a: b}}";
    stage.apply(occupied).await?;
    let daemon = stage.sealer(&[]).await?;
    let faults = faults(&stage);
    let before = [("password", "before")];
    for fault in faults.iter().filter(|fault| fault.had) {
        let mut object = stage.sealed(Key::number(0), fault.name, &before);
        if fault.name == "immutable" {
            object["spec"]["template"] = json!({"immutable": true});
        }
        stage.put(&object).await?;
    }
    for fault in faults.iter().filter(|fault| fault.had) {
        stage.synced(fault.name).await?;
    }
    let untouched = stage.list("Secret").await?;
    for fault in &faults {
        stage.put(&fault.broken).await?;
    }
    stage.put(&stage.sealed(Key::number(0), "good", &[("password", VALUE)])).await?;

    stage.synced("good").await?;
    for Fault { name, reason, words, remedy, .. } in &faults {
        let words = [words, &[*remedy][..]].concat();
        let object = ("SealedSecret", *name);
        let told = stage.told(object, ("Synced", "False"), &words).await?;
        stage.told(object, ("Ready", "False"), &words).await?;
        assert_eq!(told["status"]["conditions"][0]["reason"], *reason, "{name}");
        stage.event(&format!("Warning {reason} SealedSecret/{name}: "), &words).await?;
    }
    for metric in ["unseal", "unmanaged", "update"] {
        let at_least = faults.iter().filter(|fault| fault.metric == metric).count();
        let series = format!(
            r#"sealed_secrets_controller_unseal_errors_total{{reason="{metric}",namespace="{}"}}"#,
            stage.namespace()
        );
        let counted = daemon.metric(&series).await?;
        let at_least = f64::from(u32::try_from(at_least)?);
        assert!(counted >= at_least, "{counted} of {at_least} failures counted as {metric}");
    }
    for (reason, class) in [
        ("ErrUnsealFailed", "stalled"),
        ("ErrUpdateFailed", "stalled"),
        ("ErrUpdateFailed", "waiting"),
    ] {
        let labels = format!(r#"controller="sealedsecret",reason="{reason}",class="{class}""#);
        let series = format!("signet_reconcile_failures_total{{{labels}}}");
        assert!(daemon.metric(&series).await? > 0.5, "{series}");
    }
    // Every Secret is as it was before the object broke.
    let mut after = stage.list("Secret").await?;
    after.retain(|secret| secret["metadata"]["name"] != "good");
    assert_eq!(after, untouched);
    stage.holds("good", &[("password", VALUE)]).await?;
    stage.is_silent_about(&daemon, &[VALUE]).await?;
    mended(&stage, &faults).await
}

/// Whoever does what the message says is helped, without a restart.
async fn mended(stage: &Stage, faults: &[Fault]) -> Outcome {
    for name in ["immutable", "retyped", "occupied"] {
        stage.delete("Secret", name).await?;
    }
    for Fault { name, reason, .. } in faults {
        if *reason == "ErrUnsealFailed" || *name == "bad-type" {
            let mut object = stage.sealed(Key::number(0), name, &[("password", VALUE)]);
            object["metadata"]["annotations"] = Value::Null;
            stage.patch("SealedSecret", name, &json!({"metadata": {"annotations": null}})).await?;
            object["spec"]["template"] = Value::Null;
            object["spec"]["data"] = Value::Null;
            stage.patch("SealedSecret", name, &json!({"spec": object["spec"]})).await?;
        }
    }
    for Fault { name, .. } in faults {
        let secret = stage.synced(name).await?;
        assert_eq!(secret["status"]["conditions"][0]["status"], "True", "{name}");
        let made: Secret = serde_json::from_value(stage.get("Secret", name).await?)?;
        assert_eq!(made.data.unwrap_or_default()["password"].0, VALUE.as_bytes(), "{name}");
    }
    Ok(())
}

async fn seed(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "seed").await?;
    stage.keep("key", Key::number(0)).await?;
    let daemon = stage.sealer(&[]).await?;
    // Their namespace is another one here, and a Kustomization is nobody's but Flux's.
    let ours = DOCUMENTS.split("\n---\n").filter(|text| !text.contains("kind: Kustomization"));
    let ours = ours.collect::<Vec<_>>().join("\n---\n").replace("  namespace: apps\n", "");
    stage.apply(&ours).await?;
    let words = ["`spec.encryptedData.password`", "not base64", SEAL_AGAIN];
    stage.told(("SealedSecret", "myapp-secret"), ("Synced", "False"), &words).await?;
    stage.event("Warning ErrUnsealFailed SealedSecret/myapp-secret: ", &words).await?;
    let store = ("SecretStore", "aws-secretsmanager");
    let words = ["`spec.provider.aws`", "is a provider that is not supported yet", "use `vault`"];
    stage.told(store, ("Ready", "False"), &words).await?;
    stage.event("Warning InvalidProviderConfig SecretStore/aws-secretsmanager: ", &words).await?;
    let external = ("ExternalSecret", "myapp-secret");
    let words = ["SecretStore `vault-backend` of `spec.secretStoreRef` does not exist"];
    stage.told(external, ("Ready", "False"), &words).await?;
    let external = ("ExternalSecret", "app-secrets");
    let words = ["SecretStore `aws-secretsmanager`", "is not ready"];
    stage.told(external, ("Ready", "False"), &words).await?;
    assert!(!stage.has("Secret", "myapp-secret").await?);
    assert!(daemon.process().ended()?.is_none());
    Ok(())
}
