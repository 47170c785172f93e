//! Logins held to the APIs that issue tokens, on an embedded Kubernetes API.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::StatusCode,
    response::Response,
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use embedded::{Options, Server};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Secret as ApiSecret, ServiceAccount};
use kube::{Api, api::PostParams};
use reconcile::{Class, Core, Scope, clock::Clock, event::Events, lease::Fence, metrics::Metrics};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::*;

/// An API that answers from a table, and remembers what it was asked.
struct Fake {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Clone, Debug)]
struct Asked {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Fake {
    async fn open(answers: Vec<(&'static str, u16, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::default());
        let seen: Arc<Mutex<Vec<Asked>>> = Arc::clone(&asked);
        let router = Router::new().fallback(move |request: Request| {
            let (seen, answers) = (Arc::clone(&seen), answers.clone());
            async move {
                let line = format!("{} {}", request.method(), request.uri());
                let headers = request.headers().iter();
                let headers = headers.map(|(name, value)| {
                    (name.to_string(), value.to_str().unwrap_or_default().to_owned())
                });
                let headers = headers.collect();
                let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
                let body = String::from_utf8(body.to_vec()).unwrap();
                let found = answers.iter().find(|(asked, _, _)| *asked == line);
                let (status, said) = found.map_or_else(
                    || (404, json!({"message": "Not Found"})),
                    |(_, status, said)| (*status, said.clone()),
                );
                seen.lock().unwrap().push(Asked { line, headers, body });
                let status = StatusCode::from_u16(status).unwrap();
                Response::builder().status(status).body(Body::from(said.to_string())).unwrap()
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, asked }
    }

    /// What was asked since this was last asked.
    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

struct Bed {
    core: Core,
    dir: TempDir,
    _server: Server,
}

impl Bed {
    fn new() -> Self {
        reconcile::process::install_tls();
        let dir = TempDir::new().unwrap();
        let server = Server::open(Options {
            directory: None,
            state: dir.path().join("state"),
            owner: "source".to_owned(),
            crds: Vec::new(),
            clock: now,
        });
        let server = server.unwrap();
        let client = server.client();
        let core = Core {
            events: Events::new(client.clone(), "source", "test", Clock::system()),
            replica: client.clone(),
            fence: Fence::default(),
            client,
            scope: Scope::default(),
            metrics: Metrics::default(),
            clock: Clock::system(),
            concurrency: 1,
        };
        Self { core, dir, _server: server }
    }

    /// Puts a Secret there with these entries, those that are null aside.
    async fn secret(&self, name: &str, mut entries: Value) {
        if let Some(entries) = entries.as_object_mut() {
            entries.retain(|_, value| !value.is_null());
        }
        let secret = json!({"metadata": {"name": name}, "stringData": entries});
        let secret: ApiSecret = serde_json::from_value(secret).unwrap();
        let api: Api<ApiSecret> = Api::namespaced(self.core.client.clone(), "apps");
        let _ = api.delete(name, &<_>::default()).await;
        api.create(&PostParams::default(), &secret).await.unwrap();
    }

    fn sources(&self) -> Sources {
        Sources::new(self.core.clone(), false)
    }
}

fn now() -> Timestamp {
    Clock::system().now()
}

/// A GitRepository with this spec, beside a URL and an interval.
fn repository(spec: &Value) -> source_api::GitRepository {
    let mut object = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": {"name": "app", "namespace": "apps"},
        "spec": {"url": "https://git.example/app.git", "interval": "1m"},
    });
    let fields = spec.as_object().unwrap().clone();
    object["spec"].as_object_mut().unwrap().extend(fields);
    serde_json::from_value(object).unwrap()
}

/// Every message of an error, with what to do.
fn story(error: &Error) -> String {
    let first: &dyn std::error::Error = error;
    let causes = std::iter::successors(Some(first), |error| error.source());
    let mut told: Vec<_> = causes.map(ToString::to_string).collect();
    told.extend(error.remedy());
    told.join("; ")
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn pkcs8(key: &KeyPair) -> String {
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    pem("PRIVATE KEY", der.as_ref())
}

/// The `RSAPrivateKey` that PKCS#8 wraps, which is the form that GitHub gives.
fn pkcs1(key: &KeyPair) -> String {
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    // Version, algorithm and one header of four bytes stand before it.
    let bytes = der.as_ref();
    let start = bytes.windows(4).skip(4).position(|at| at[..2] == [0x30, 0x82]).unwrap() + 4;
    pem("RSA PRIVATE KEY", &bytes[start..])
}

fn granted(life: SignedDuration) -> Value {
    json!({"token": "ghs_hunter2", "expires_at": (now() + life).to_string(), "permissions": {}})
}

fn app(fake: &Fake, key: &str) -> Value {
    json!({
        "githubAppID": "12345\n", "githubAppInstallationID": "678", "githubAppPrivateKey": key,
        "githubAppBaseURL": format!("http://{}/api/v3", fake.address),
    })
}

const ISSUE: &str = "POST /api/v3/app/installations/678/access_tokens";

#[tokio::test(flavor = "multi_thread")]
async fn an_app_shows_a_signed_claim_once_and_logs_in_with_what_it_buys() {
    let (bed, key) = (Bed::new(), KeyPair::generate(KeySize::Rsa2048).unwrap());
    let fake = Fake::open(vec![(ISSUE, 201, granted(SignedDuration::from_hours(1)))]).await;
    let spec = json!({"provider": "github", "secretRef": {"name": "app"}});
    for pem in [pkcs8(&key), pkcs1(&key)] {
        let sources = bed.sources();
        bed.secret("app", app(&fake, &pem)).await;
        let object = repository(&spec);
        for _ in 0..3 {
            let remote = sources.remote(&Origin::of(&object)).await.unwrap();
            let Credentials::Basic { username, .. } = &remote.credentials else {
                panic!("{remote:?}")
            };
            assert_eq!(username, "x-access-token");
        }
        let token = sources.app_token(&Origin::of(&object)).await.unwrap();
        assert_eq!(token.as_ref().map(|token| token.as_str()), Some("ghs_hunter2"));
        let asked = fake.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        let Asked { line, headers, body } = &asked[0];
        assert_eq!((line.as_str(), body.as_str()), (ISSUE, ""));
        assert_eq!(headers["accept"], "application/vnd.github+json");
        assert_eq!(headers["x-github-api-version"], "2022-11-28");
        assert!(headers["user-agent"].starts_with("signet/"));
        verified(headers["authorization"].strip_prefix("Bearer ").unwrap(), &key);
    }
}

/// Holds a claim to what GitHub documents.
fn verified(claim: &str, key: &KeyPair) {
    let (signed, signature) = claim.rsplit_once('.').unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    public.verify(signed.as_bytes(), &signature).expect("the App's key signed it");
    let part = |text: &str| -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    let (head, claims) = signed.split_once('.').unwrap();
    assert_eq!(part(head), json!({"alg": "RS256", "typ": "JWT"}));
    let (claims, now) = (part(claims), now().as_second());
    assert_eq!(claims["iss"], "12345");
    let (begins, ends) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert!(begins <= now && now < ends && ends - now <= 600, "{claims} at {now}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_nobody_elses() {
    let bed = Bed::new();
    let sources = bed.sources();
    let fake = Fake::open(vec![(ISSUE, 201, granted(SignedDuration::from_hours(1)))]).await;
    let spec = json!({"provider": "github", "secretRef": {"name": "app"}});
    let object = repository(&spec);
    let (one, other) = (
        KeyPair::generate(KeySize::Rsa2048).unwrap(),
        KeyPair::generate(KeySize::Rsa2048).unwrap(),
    );
    #[rustfmt::skip]
    let cases = [
        // key     requests
        (&one,     1),
        (&one,     0),
        // Knowing the installation's number is not enough.
        (&other,   1),
        (&one,     0),
    ];
    for (key, expected) in cases {
        bed.secret("app", app(&fake, &pkcs8(key))).await;
        sources.remote(&Origin::of(&object)).await.unwrap();
        assert_eq!(fake.lines().len(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_leads_to_its_installation() {
    let bed = Bed::new();
    let key = pkcs8(&KeyPair::generate(KeySize::Rsa2048).unwrap());
    #[rustfmt::skip]
    let cases = [
        // the owner is     what is asked besides
        ("orgs",            vec!["GET /api/v3/orgs/acme%20inc/installation"]),
        ("users",           vec!["GET /api/v3/orgs/acme%20inc/installation", "GET /api/v3/users/acme%20inc/installation"]),
    ];
    for (kind, expected) in cases {
        let found: &'static str = if kind == "orgs" {
            "GET /api/v3/orgs/acme%20inc/installation"
        } else {
            "GET /api/v3/users/acme%20inc/installation"
        };
        let fake = Fake::open(vec![
            (found, 200, json!({"id": 678, "account": {"login": "acme inc"}})),
            (ISSUE, 201, granted(SignedDuration::from_hours(1))),
        ])
        .await;
        let mut entries = app(&fake, &key);
        entries["githubAppInstallationID"] = Value::Null;
        entries["githubAppInstallationOwner"] = json!("acme inc");
        bed.secret("app", entries).await;
        let object = repository(&json!({"provider": "github", "secretRef": {"name": "app"}}));
        bed.sources().remote(&Origin::of(&object)).await.unwrap();
        assert_eq!(fake.lines(), [&expected[..], &[ISSUE]].concat(), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_login_is_named_with_a_remedy_and_without_a_secret() {
    let bed = Bed::new();
    let key = pkcs8(&KeyPair::generate(KeySize::Rsa2048).unwrap());
    let refused = json!({"message": "A JSON web token could not be decoded"});
    let fake = Fake::open(vec![(ISSUE, 401, refused)]).await;
    let with = |key: &str, value: Value, mut entries: Value| {
        entries[key] = value;
        entries
    };
    let (good, github) =
        (app(&fake, &key), json!({"provider": "github", "secretRef": {"name": "s"}}));
    let generic = json!({"secretRef": {"name": "s"}});
    #[rustfmt::skip]
    let cases = [
        // spec                        Secret                                                        class            words
        (github.clone(),               good.clone(),                                                 Class::Waiting,  "`spec.provider of GitRepository apps/app: github` could not get a token; `127.0.0.1"),
        (github.clone(),               good.clone(),                                                 Class::Waiting,  "answered 401 to `POST /api/v3/app/installations/678/access_tokens`: A JSON web token could not be decoded; correct the keys"),
        (github.clone(),               with("githubAppInstallationID", json!("9"), good.clone()),    Class::Waiting,  "answered 404 to `POST /api/v3/app/installations/9/access_tokens`: Not Found; install the App"),
        (github.clone(),               with("githubAppInstallationID", json!("../x"), good.clone()), Class::Waiting,  "`githubAppInstallationID` of the Secret `s` of `spec.secretRef of GitRepository apps/app` is not a number"),
        (github.clone(),               with("githubAppInstallationID", Value::Null, good.clone()),   Class::Waiting,  "`githubAppInstallationOwner` are missing"),
        (github.clone(),               with("githubAppPrivateKey", json!("hunter2"), good.clone()),  Class::Waiting,  "`githubAppPrivateKey` of the Secret `s` of `spec.secretRef of GitRepository apps/app` is not an RSA private key in PEM; correct"),
        (github.clone(),               with("githubAppBaseURL", json!("ftp://x"), good.clone()),     Class::Waiting,  "`githubAppBaseURL` of the Secret `s`"),
        (github.clone(),               with("githubAppBaseURL", json!("http://127.0.0.1:1"), good.clone()), Class::Transient, "cannot reach `127.0.0.1:1`"),
        (github.clone(),               json!({"password": "hunter2", "username": "u"}),              Class::Waiting,  "`githubAppID` of the Secret `s`"),
        (json!({"provider": "github"}), json!({}),                                                   Class::Stalled,  "`spec.provider of GitRepository apps/app: github` needs the keys of a GitHub App, and `spec.secretRef of GitRepository apps/app` names no Secret; name a Secret with"),
        (generic.clone(),              good.clone(),                                                 Class::Stalled,  "the Secret `s` of `spec.secretRef of GitRepository apps/app` holds a GitHub App, but `spec.provider of GitRepository apps/app` is not `github`; set it"),
        (json!({"provider": "aws"}),   json!({}),                                                    Class::Waiting,  "`spec.provider of GitRepository apps/app: aws` is not supported; use `generic` with the HTTPS Git credentials of an IAM user"),
        (json!({"provider": "azure"}), json!({}),                                                    Class::Waiting,  "`spec.provider of GitRepository apps/app: azure` has no identity to log in with"),
        (generic.clone(),              json!({"password": "hunter2"}),                               Class::Waiting,  "the Secret `s` has a `password` without a `username`; add `username`"),
        (generic.clone(),              json!({"tls.crt": "hunter2"}),                                Class::Waiting,  "the Secret `s` has a `tls.crt` without a `tls.key`; add `tls.key`"),
        (json!({"secretRef": {"name": "gone"}}), json!({}),                                          Class::Waiting,  "the Secret `apps/gone` of `spec.secretRef of GitRepository apps/app` does not exist; create it"),
        (json!({"secretRef": {"name": "s"}, "url": "https://bot:hunter2@h/r"}), json!({"bearerToken": "hunter2"}), Class::Waiting, "has a `bearerToken` while the URL has a user; remove one"),
        (json!({"proxySecretRef": {"name": "s"}}), json!({"address": "gopher://hunter2"}),           Class::Waiting,  "the proxy of the Secret `s` of `spec.proxySecretRef of GitRepository apps/app` cannot be used; `gopher` proxies are not supported"),
        (json!({"proxySecretRef": {"name": "s"}}), json!({"username": "hunter2"}),                   Class::Waiting,  "the Secret `s` has no key `address`; add `address`"),
        (json!({"url": "file:///srv/app.git"}), json!({}),                                           Class::Waiting,  "`spec.url of GitRepository apps/app` is a file URL"),
        (json!({"timeout": "soon"}),   json!({}),                                                    Class::Waiting,  "`spec.timeout of GitRepository apps/app` is not valid; `soon` is not a duration"),
    ];
    for (spec, entries, class, words) in cases {
        bed.secret("s", entries).await;
        let object = repository(&spec);
        let failed = bed.sources().remote(&Origin::of(&object)).await.unwrap_err();
        let (told, debugged) = (story(&failed), format!("{failed:?}"));
        assert!(told.contains(words), "{spec}: {told}");
        assert_eq!(failed.class(), class, "{told}");
        for text in [&told, &debugged] {
            assert!(!text.contains("hunter2") && !text.contains("eyJ"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_says_who_we_are_in_every_way_of_https() {
    let bed = Bed::new();
    #[rustfmt::skip]
    let cases = [
        // URL                          Secret                                                                credentials    CA      certificate
        ("https://h/r",                 json!({"username": "u", "password": "p\n"}),                          "Basic(..)",   false,  false),
        ("https://h/r",                 json!({"username": "a-token"}),                                       "Basic(..)",   false,  false),
        ("https://h/r",                 json!({"bearerToken": "t", "username": "u", "password": "p"}),        "Bearer(..)",  false,  false),
        ("https://u:p@h/r",             json!({"ca.crt": "pem"}),                                             "Basic(..)",   true,   false),
        ("https://h/r",                 json!({"caFile": "pem"}),                                             "None",        true,   false),
        ("https://h/r",                 json!({"tls.crt": "c", "tls.key": "k", "ca.crt": "pem"}),             "None",        true,   true),
        ("https://u@h/r",               json!({"username": "v", "password": "p"}),                            "Basic(..)",   false,  false),
    ];
    for (url, entries, credentials, ca, certificate) in cases {
        bed.secret("s", entries.clone()).await;
        let object = repository(&json!({"url": url, "secretRef": {"name": "s"}}));
        let remote = bed.sources().remote(&Origin::of(&object)).await.unwrap();
        let said = format!("{:?}", remote.credentials);
        let tls = (remote.tls.ca.is_some(), remote.tls.identity.is_some());
        assert_eq!((said.as_str(), tls), (credentials, (ca, certificate)), "{url} {entries}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_of_azure_trades_its_token() {
    let bed = Bed::new();
    let issue = "POST /tenant-1/oauth2/v2.0/token";
    let said = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "hunter2"});
    let fake = Fake::open(vec![(issue, 200, said)]).await;
    let file = bed.dir.path().join("token");
    std::fs::write(&file, "proof of the pod\n").unwrap();
    let environment = azure::Environment {
        tenant: Some("tenant-1".to_owned()),
        client: Some("client-1".to_owned()),
        token_file: Some(file),
        authority: Some(format!("http://{}/", fake.address)),
    };
    let sources = bed.sources().with_azure(environment);
    let object = repository(&json!({"provider": "azure"}));
    for _ in 0..2 {
        let remote = sources.remote(&Origin::of(&object)).await.unwrap();
        assert!(matches!(remote.credentials, Credentials::Bearer(_)), "{remote:?}");
    }
    let asked = fake.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].headers["content-type"], "application/x-www-form-urlencoded");
    let form: BTreeMap<_, _> = url::form_urlencoded::parse(asked[0].body.as_bytes()).collect();
    #[rustfmt::skip]
    let expected = [
        ("client_assertion",      "proof of the pod"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_id",             "client-1"),
        ("grant_type",            "client_credentials"),
        ("scope",                 "499b84ac-1321-427f-aa17-267ca6975798/.default"),
    ];
    let form: Vec<_> = form.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(form, expected);

    // An object that names an account of its own does not get the daemon's token.
    let account = json!({"metadata": {"name": "git", "annotations": {"a": "b"}}});
    let account: ServiceAccount = serde_json::from_value(account).unwrap();
    let api: Api<ServiceAccount> = Api::namespaced(bed.core.client.clone(), "apps");
    api.create(&PostParams::default(), &account).await.unwrap();
    let object = repository(&json!({"provider": "azure", "serviceAccountName": "git"}));
    let failed = sources.remote(&Origin::of(&object)).await.unwrap_err();
    let told = story(&failed);
    assert!(told.contains("no annotation `azure.workload.identity/client-id`"), "{told}");
    assert!(fake.asked().is_empty());
}
