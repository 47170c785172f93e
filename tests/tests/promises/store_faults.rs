//! Stores that cannot be read: each says why, the last good Secret stays, and help is noticed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::openbao::OpenBao;
use tests::trial::trial;
use tests::wait::throughout;
use tests::{Bed, Need, Outcome, eventually};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::seal_faults::DOCUMENTS;
use crate::seal_stage::{SOON, Stage};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::OpenBao];
const STORE: (&str, &str) = ("SecretStore", "vault");

/// The value that nobody may read anywhere but in the Secret.
const VALUE: &str = "correct horse battery staple";

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "store_faults::an_outage_keeps_the_secret_and_ends_by_itself", NEEDS, outage),
        trial(bed, "store_faults::a_sealed_store_is_told_as_sealed", NEEDS, sealed),
        trial(bed, "store_faults::what_is_wrong_is_told_and_harms_no_other", NEEDS, table),
        trial(bed, "store_faults::a_token_that_comes_late_or_changes_is_taken", NEEDS, token),
        trial(bed, "store_faults::the_external_secret_of_the_documents_syncs", NEEDS, documents),
        trial(bed, "store_faults::a_policy_that_is_withdrawn_keeps_the_secret", NEEDS, withdrawn),
    ]
}

fn token_secret(token: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"},
        "stringData": {"token": token},
    })
}

fn store(version: &str, server: &str, refresh: &str) -> Value {
    json!({
        "apiVersion": format!("external-secrets.io/{version}"), "kind": "SecretStore",
        "metadata": {"name": "vault"},
        "spec": {"refreshInterval": refresh, "provider": {"vault": {
            "server": server, "path": "secret",
            "auth": {"tokenSecretRef": {"name": "token", "key": "token"}},
        }}},
    })
}

fn external(version: &str, name: &str, spec: &Value) -> Value {
    let mut manifest = json!({
        "apiVersion": format!("external-secrets.io/{version}"), "kind": "ExternalSecret",
        "metadata": {"name": name},
        "spec": {"secretStoreRef": {"name": "vault"}, "refreshInterval": "1s"},
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        manifest["spec"][field] = value.clone();
    }
    manifest
}

fn one(path: &str, property: &str) -> Value {
    json!({"data": [{"secretKey": "password", "remoteRef": {"key": path, "property": property}}]})
}

/// A cable to a server, which can be cut.
struct Cable {
    address: String,
    whole: Arc<Mutex<bool>>,
    server: AbortHandle,
}

impl Cable {
    async fn to(url: &str) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let target = url.replace("http://", "");
        let whole = Arc::new(Mutex::new(true));
        let is_whole = Arc::clone(&whole);
        let server = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (target, is_whole) = (target.clone(), Arc::clone(&is_whole));
                tokio::spawn(async move {
                    let cut = || !*is_whole.lock().expect("no holder of this lock panics");
                    if cut() {
                        return Ok(());
                    }
                    let mut server = TcpStream::connect(target).await?;
                    let severed = async {
                        while !cut() {
                            tokio::time::sleep(Duration::from_millis(10)).await;
                        }
                    };
                    tokio::select! {
                        passed = copy_bidirectional(&mut client, &mut server) => passed.map(drop),
                        () = severed => Ok(()),
                    }
                });
            }
        });
        Ok(Self { address, whole, server: server.abort_handle() })
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn is_whole(&self, whole: bool) {
        *self.whole.lock().expect("no holder of this lock panics") = whole;
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn outage(bed: Bed) -> Outcome {
    let (stage, bao) = (Stage::open(&bed, "outage").await?, bed.openbao().await?);
    let (path, cable) = (bed.unique("app"), Cable::to(bao.url()).await?);
    bao.write(&path, &json!({"password": VALUE})).await?;
    let daemon = stage.sealer(&[]).await?;
    stage.put(&token_secret(OpenBao::TOKEN)).await?;
    stage.put(&store("v1", &cable.url(), "1s")).await?;
    stage.put(&external("v1", "db", &one(&path, "password"))).await?;
    let before = stage.holds("db", &[("password", VALUE)]).await?;
    stage.told(("ExternalSecret", "db"), ("Ready", "True"), &["secret synced"]).await?;

    cable.is_whole(false);
    let server = cable.url();
    let words = [server.as_str(), "cannot be reached", "check `spec.provider.vault.server`"];
    stage.told(STORE, ("Ready", "False"), &words).await?;
    stage.event("Warning InvalidProviderConfig SecretStore/vault: ", &words).await?;
    stage.told(("ExternalSecret", "db"), ("Ready", "False"), &["`vault`"]).await?;
    stage.event("Warning SecretSyncedError ExternalSecret/db: ", &[]).await?;
    let after = stage.get("Secret", "db").await?;
    assert_eq!(after, before, "the last good Secret stays as it is");

    bao.write(&path, &json!({"password": "after"})).await?;
    cable.is_whole(true);
    stage.holds("db", &[("password", "after")]).await?;
    stage.told(STORE, ("Ready", "True"), &[]).await?;
    stage.told(("ExternalSecret", "db"), ("Ready", "True"), &[]).await?;
    stage.is_silent_about(&daemon, &[VALUE]).await
}

async fn sealed(bed: Bed) -> Outcome {
    // One of its own, for whoever shares it would be sealed out, too.
    let (stage, bao) = (Stage::open(&bed, "sealed").await?, OpenBao::start(&bed).await?);
    bao.write("app", &json!({"password": VALUE})).await?;
    let unseal = eventually(SOON, "the server prints its unseal key", async || {
        let log = bao.process().log();
        let key = log.lines().find_map(|line| line.trim().strip_prefix("Unseal Key: "));
        Ok(key.ok_or("not yet")?.to_owned())
    })
    .await?;
    let daemon = stage.sealer(&[]).await?;
    stage.put(&token_secret(OpenBao::TOKEN)).await?;
    stage.put(&store("v1", bao.url(), "1s")).await?;
    stage.put(&external("v1", "db", &one("app", "password"))).await?;
    stage.holds("db", &[("password", VALUE)]).await?;

    bao.api("PUT", "sys/seal", None).await?;
    stage.told(STORE, ("Ready", "False"), &[bao.url(), "503"]).await?;
    stage.told(("ExternalSecret", "db"), ("Ready", "False"), &["`vault`"]).await?;
    stage.holds("db", &[("password", VALUE)]).await?;
    bao.api("PUT", "sys/unseal", Some(&json!({"key": unseal}))).await?;
    stage.told(STORE, ("Ready", "True"), &[]).await?;
    stage.told(("ExternalSecret", "db"), ("Ready", "True"), &[]).await?;
    stage.is_silent_about(&daemon, &[VALUE]).await
}

/// What is asked for, the reason, and what is told.
type Case = (&'static str, Value, &'static str, Vec<&'static str>);

fn cases(path: &str) -> Vec<Case> {
    let extract = |key: &str| json!({"dataFrom": [{"extract": {"key": key}}]});
    let mut merge = one(path, "password");
    merge["target"] = json!({"creationPolicy": "Merge"});
    let mut rendered = one(path, "password");
    rendered["target"] = json!({"template": {"data": {"a": "b"}}});
    let mut nowhere = one(path, "password");
    nowhere["secretStoreRef"] = json!({"name": "none"});
    let mut cluster = one(path, "password");
    cluster["secretStoreRef"] = json!({"name": "vault", "kind": "ClusterSecretStore"});
    let mut key = one(path, "password");
    key["data"][0]["secretKey"] = "not a key".into();
    #[rustfmt::skip]
    let cases = vec![
        // name         spec                                reason               what is told
        ("forbidden",   one("other", "password"),           "SecretSyncedError", vec!["`spec.data[0].remoteRef`", "refuses the token for `secret/data/other`", "`read` on that path"]),
        ("property",    one(path, "nope"),                 "SecretSyncedError", vec!["spec.data[0]", "nope"]),
        ("extract",     extract("other"),                   "SecretSyncedError", vec!["`spec.dataFrom[0].extract`", "refuses the token"]),
        ("nowhere",     nowhere,                            "SecretSyncedError", vec!["SecretStore `none` of `spec.secretStoreRef` does not exist", "create SecretStore `none`"]),
        ("cluster",     cluster,                            "InvalidSpec",       vec!["`spec.secretStoreRef.kind`", "not supported yet", "use a SecretStore"]),
        ("merge",       merge,                              "InvalidSpec",       vec!["`spec.target.creationPolicy`", "not supported yet"]),
        ("rendered",    rendered,                           "InvalidSpec",       vec!["`spec.target.template`", "not supported yet"]),
        ("key",         key,                                "InvalidSpec",       vec!["`spec.data[0].secretKey`", "letters"]),
    ];
    cases
}

async fn table(bed: Bed) -> Outcome {
    let (stage, bao) = (Stage::open(&bed, "wrong").await?, bed.openbao().await?);
    let path = bed.unique("app");
    let members = json!({"password": VALUE, "number": 5, "json": {"deep": "er"}, "text": "x"});
    bao.write(&path, &members).await?;
    let policy = format!(
        "path \"secret/data/{path}\" {{ capabilities = [\"read\"] }}\n\
         path \"auth/token/lookup-self\" {{ capabilities = [\"read\"] }}"
    );
    let token = bao.token(&policy).await?;
    let daemon = stage.sealer(&[]).await?;
    stage.put(&token_secret(&token)).await?;
    stage.put(&store("v1beta1", bao.url(), "1h")).await?;
    stage.told(STORE, ("Ready", "True"), &["store validated"]).await?;
    let cases = cases(&path);
    for (name, spec, ..) in &cases {
        stage.put(&external("v1beta1", name, spec)).await?;
    }
    let mut good = one(&path, "password");
    good["data"].as_array_mut().ok_or("a list")?.extend([
        json!({"secretKey": "number", "remoteRef": {"key": path, "property": "number"}}),
        json!({"secretKey": "deep", "remoteRef": {"key": path, "property": "json.deep"}}),
    ]);
    good["target"] = json!({"name": "made"});
    stage.put(&external("v1", "good", &good)).await?;
    let made = [("password", VALUE), ("number", "5"), ("deep", "er")];
    let secret = stage.holds("made", &made).await?;
    assert_eq!(secret["metadata"]["ownerReferences"][0]["kind"], "ExternalSecret");
    assert_eq!(secret["metadata"]["ownerReferences"][0]["name"], "good");
    for (name, _, reason, words) in &cases {
        let told = stage.told(("ExternalSecret", name), ("Ready", "False"), words).await?;
        let conditions = told["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.iter().find(|it| it["type"] == "Ready").ok_or("Ready")?;
        assert_eq!(ready["reason"], *reason, "{name}");
        let event = format!("Warning {reason} ExternalSecret/{name}: ");
        stage.event(&event, &words[..1]).await?;
        assert!(!stage.has("Secret", name).await?, "{name}");
    }
    let page = daemon.get("/metrics").await?.text();
    for reason in ["SecretSyncedError", "InvalidSpec"] {
        let series = format!(
            r#"signet_reconcile_failures_total{{controller="externalsecret",reason="{reason}""#
        );
        assert!(page.contains(&series), "{series} in\n{page}");
    }
    one_life(&stage, &made).await?;
    stage.is_silent_about(&daemon, &[VALUE, &token]).await
}

/// An object that is read in both versions, renamed and deleted.
async fn one_life(stage: &Stage, made: &[(&str, &str)]) -> Outcome {
    // One object, read through every version that is served.
    for version in ["v1", "v1beta1"] {
        let path = format!(
            "/apis/external-secrets.io/{version}/namespaces/{}/externalsecrets/good",
            stage.namespace()
        );
        let object = stage.read(&path).await?;
        assert_eq!(object["status"]["binding"]["name"], "made", "{version}");
    }
    // Another name makes another Secret, and the former goes.
    let renamed = json!({"spec": {"target": {"name": "renamed"}}});
    stage.patch("ExternalSecret", "good", &renamed).await?;
    stage.holds("renamed", made).await?;
    stage.gone("Secret", "made").await?;
    stage.delete("ExternalSecret", "good").await?;
    stage.gone("Secret", "renamed").await
}

async fn token(bed: Bed) -> Outcome {
    let (stage, bao) = (Stage::open(&bed, "token").await?, bed.openbao().await?);
    let path = bed.unique("app");
    bao.write(&path, &json!({"password": VALUE})).await?;
    let daemon = stage.sealer(&[]).await?;
    stage.put(&store("v1", bao.url(), "1h")).await?;
    stage.put(&external("v1", "db", &one(&path, "password"))).await?;
    let words = ["Secret `token` of `spec.provider.vault.auth.tokenSecretRef` does not exist"];
    stage.told(STORE, ("Ready", "False"), &words).await?;
    stage.put(&token_secret("hvs.wrong-token-of-the-test-bed")).await?;
    stage.told(STORE, ("Ready", "False"), &["refuses the token", "renew the token"]).await?;
    stage.put(&token_secret(OpenBao::TOKEN)).await?;
    stage.told(STORE, ("Ready", "True"), &[]).await?;
    stage.holds("db", &[("password", VALUE)]).await?;
    stage.is_silent_about(&daemon, &["hvs.wrong-token-of-the-test-bed", VALUE]).await
}

async fn documents(bed: Bed) -> Outcome {
    // Its path is fixed, so the server is one of its own.
    let (stage, bao) = (Stage::open(&bed, "documents").await?, OpenBao::start(&bed).await?);
    bao.write("myapp", &json!({"password": VALUE})).await?;
    let _daemon = stage.sealer(&[]).await?;
    stage.put(&token_secret(OpenBao::TOKEN)).await?;
    let mut backend = store("v1beta1", bao.url(), "1h");
    backend["metadata"]["name"] = "vault-backend".into();
    stage.put(&backend).await?;
    let ours = DOCUMENTS.split("\n---\n").find(|text| text.contains("vault-backend"));
    stage.apply(ours.ok_or("the documents have one")?).await?;
    stage.holds("myapp-secret", &[("password", VALUE)]).await?;
    let object = ("ExternalSecret", "myapp-secret");
    stage.told(object, ("Ready", "True"), &["secret synced"]).await?;
    stage.event("Normal Created ExternalSecret/myapp-secret: ", &["secret created"]).await?;
    // An hour is an hour: until then nothing is written, and nothing is read.
    let settled = stage.asked().await?.len();
    throughout(Duration::from_secs(1), "nothing is asked for", async || {
        let asked = stage.asked().await?.split_off(settled);
        let odd = asked.iter().find(|asked| asked.namespace != stage.home());
        odd.map_or(Ok(()), |odd| Err(format!("{odd:?}").into()))
    })
    .await
}

async fn withdrawn(bed: Bed) -> Outcome {
    let (stage, bao) = (Stage::open(&bed, "withdrawn").await?, bed.openbao().await?);
    let path = bed.unique("app");
    bao.write(&path, &json!({"password": VALUE})).await?;
    let daemon = stage.sealer(&[]).await?;
    stage.put(&token_secret(OpenBao::TOKEN)).await?;
    stage.put(&store("v1", bao.url(), "1h")).await?;
    stage.put(&external("v1", "db", &one(&path, "password"))).await?;
    stage.holds("db", &[("password", VALUE)]).await?;
    stage.told(("ExternalSecret", "db"), ("Ready", "True"), &[]).await?;
    bao.remove(&path).await?;
    let words = ["`spec.data[0].remoteRef`", "has no secret", "write the secret, or correct"];
    stage.told(("ExternalSecret", "db"), ("Ready", "False"), &words).await?;
    stage.event("Warning SecretSyncedError ExternalSecret/db: ", &words).await?;
    stage.holds("db", &[("password", VALUE)]).await?;
    bao.write(&path, &json!({"password": "again"})).await?;
    // Nobody tells us that it is back: the next look is the interval's, or the author's.
    eventually(SOON, "it is synced again", async || {
        let when = bed.unique("force");
        let change = json!({"metadata": {"annotations": {"external-secrets.io/force-sync": when}}});
        stage.patch("ExternalSecret", "db", &change).await?;
        let secret = stage.get("Secret", "db").await?;
        if secret["data"]["password"] == "YWdhaW4=" { Ok(()) } else { Err("not yet".into()) }
    })
    .await?;
    stage.told(("ExternalSecret", "db"), ("Ready", "True"), &[]).await?;
    stage.is_silent_about(&daemon, &[VALUE]).await
}
