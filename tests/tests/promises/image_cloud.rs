//! Registries of a cloud, with the login that the cloud gives.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libtest_mimic::Trial;
use serde_json::json;
use tests::http::Http;
use tests::moto::Moto;
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::image_stage::{SOON, Stage, image_with};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry, Need::Moto];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_cloud::amazons_registry_is_read_with_a_key_that_amazon_checks", NEEDS, amazon),
        trial(bed, "image_cloud::an_account_of_the_namespace_logs_in_by_its_own_role", NEEDS, account),
    ];
    trials
}

/// The host of a registry that is nowhere but behind our proxy.
const HOST: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";

/// A proxy that plays the registry [`HOST`]: the real one of the bed, for those who show what Amazon
/// gives, which is a password for the user `AWS`.
struct Proxy {
    address: String,
    hosts: Arc<Mutex<Vec<String>>>,
    server: AbortHandle,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Proxy {
    async fn open(bed: &Bed) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (http, registry) = (bed.http().clone(), bed.registry().await?.url());
        let hosts = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&hosts);
        let router = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap| {
            let (http, registry, seen) = (http.clone(), registry.clone(), Arc::clone(&seen));
            async move {
                let host = uri.host().unwrap_or_default().to_owned();
                seen.lock().expect("no holder of this lock panics").push(host);
                let shown = headers.get("authorization").is_some_and(is_amazons);
                match method {
                    // There is no TLS here.
                    Method::CONNECT => status(StatusCode::BAD_GATEWAY),
                    _ if !shown => {
                        let mut refusal = status(StatusCode::UNAUTHORIZED);
                        let challenge =
                            "Basic realm=\"https://ecr/\",service=\"ecr.amazonaws.com\"";
                        let challenge = challenge.parse().expect("it is a header");
                        refusal.headers_mut().insert("www-authenticate", challenge);
                        refusal
                    }
                    _ => forward(&http, &registry, &uri)
                        .await
                        .unwrap_or_else(|_| status(StatusCode::BAD_GATEWAY)),
                }
            }
        });
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, hosts, server: server.abort_handle() })
    }
}

fn is_amazons(header: &HeaderValue) -> bool {
    let pair = header.to_str().ok().and_then(|header| header.strip_prefix("Basic "));
    let pair = pair.and_then(|pair| STANDARD.decode(pair).ok());
    pair.is_some_and(|pair| pair.starts_with(b"AWS:"))
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from("{}"));
    *response.status_mut() = status;
    response
}

async fn forward(http: &Http, registry: &str, uri: &Uri) -> Outcome<Response<Body>> {
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let answer = http.get(&format!("{registry}{path}")).await?;
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    Ok(response)
}

async fn amazon(bed: Bed) -> Outcome {
    let (stage, amazon) =
        (Stage::open(&bed).await?, Moto::start(&bed, &["ecr:GetAuthorizationToken"], &[]).await?);
    let proxy = Proxy::open(&bed).await?;
    let (_, name) = image_with(&bed, &["1.0.0", "1.1.0"]).await?;
    let yaml = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: proxy}}\nstringData: {{address: 'http://{}'}}\n\
         ---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: web}}\n\
         spec: {{image: '{HOST}/{name}', interval: 10h, provider: aws, insecure: true, proxySecretRef: {{name: proxy}}}}\n\
         ---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: thief}}\n\
         spec: {{image: '{}/{name}', interval: 10h, provider: aws, insecure: true}}\n",
        proxy.address, proxy.address,
    );
    stage.apply(&yaml).await?;
    let cache = bed.folder("imagebot-cache")?.display().to_string();
    let start = async |secret: &str| {
        let flags = stage.flags(&cache);
        let environment = amazon.environment(secret);
        Daemon::start_in(&environment, &bed, "imagebot", Some(stage.kubeconfig()), &flags).await
    };
    let imagebot = start("of-nobody-at-all").await?;
    let refused = eventually(SOON, "a wrong key is refused", async || {
        let is = stage.ready("ImageRepository", "web").await?;
        if is.status == "False" { Ok(is) } else { Err(format!("{is:?}").into()) }
    });
    let refused = refused.await?;
    assert!(
        refused.message.contains("could not log in to Amazon ECR: Amazon ECR answered 4"),
        "{refused:?}"
    );
    stage.is_silent_about(&[&imagebot], &["of-nobody-at-all"]).await?;
    imagebot.terminate().await?;
    let imagebot = start(amazon.secret()).await?;
    stage.request("ImageRepository", "web").await?;
    let status = stage.succeeded("ImageRepository", "web").await?["status"].clone();
    assert_eq!(status["lastScanResult"]["latestTags"], json!(["1.1.0", "1.0.0"]));
    let is = stage.ready("ImageRepository", "thief").await?;
    assert!(is.message.contains("is no registry of Amazon ECR"), "{is:?}");
    let hosts = proxy.hosts.lock().expect("no holder of this lock panics").clone();
    assert!(hosts.iter().all(|host| host == HOST), "{hosts:?}");
    stage.is_silent_about(&[&imagebot], &[amazon.secret(), "auth-token"]).await
}

/// A token of the ServiceAccount buys a key of its role, and that one the login. The daemon itself is
/// nobody to Amazon.
async fn account(bed: Bed) -> Outcome {
    let stage = Stage::open_with(&bed, &["features.workloadIdentity=true"]).await?;
    let moto = Moto::credulous(&bed).await?;
    let proxy = Proxy::open(&bed).await?;
    let (_, name) = image_with(&bed, &["1.0.0", "1.1.0"]).await?;
    let spec = format!(
        "interval: 10h, provider: aws, insecure: true, proxySecretRef: {{name: proxy}}, image: '{HOST}/{name}'"
    );
    let yaml = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: proxy}}\nstringData: {{address: 'http://{}'}}\n\
         ---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: pull}}\n\
         ---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: web}}\n\
         spec: {{{spec}, serviceAccountName: pull}}\n",
        proxy.address,
    );
    stage.apply(&yaml).await?;
    let cache = bed.folder("imagebot-cache")?.display().to_string();
    let start = async |more: &[&str]| {
        let flags = [&stage.flags(&cache), more].concat();
        let environment = [("AWS_ENDPOINT_URL", moto.url()), ("AWS_EC2_METADATA_DISABLED", "true")];
        Daemon::start_in(&environment, &bed, "imagebot", Some(stage.kubeconfig()), &flags).await
    };
    let says = async |reason: &str, words: &str| {
        eventually(SOON, words, async || {
            let is = stage.ready("ImageRepository", "web").await?;
            let said = is.reason == reason && is.message.contains(words);
            if said { Ok(()) } else { Err(format!("{is:?}").into()) }
        })
        .await
    };
    let imagebot = start(&[]).await?;
    says("FeatureGateDisabled", "--feature-gates=ObjectLevelWorkloadIdentity=true").await?;
    imagebot.terminate().await?;
    let imagebot = start(&["--feature-gates=ObjectLevelWorkloadIdentity=true"]).await?;
    let lacks = "the ServiceAccount `pull` has no annotation `eks.amazonaws.com/role-arn`";
    says("AuthenticationFailed", lacks).await?;
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: pull, annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::123456789012:role/pull'}}\n";
    stage.apply(account).await?;
    stage.request("ImageRepository", "web").await?;
    let status = stage.succeeded("ImageRepository", "web").await?["status"].clone();
    assert_eq!(status["lastScanResult"]["latestTags"], json!(["1.1.0", "1.0.0"]));
    stage.is_silent_about(&[&imagebot], &["eyJ", "auth-token"]).await
}
