//! The services of the clouds, as their documentation has them.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use aws_lc_rs::{
    encoding::AsDer as _,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey},
};
use axum::Router;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use crate::{Context, Environment, aws, azure, clients, google};

/// What a service was asked.
#[derive(Clone, Debug)]
struct Asked {
    authorization: String,
    form: BTreeMap<String, String>,
}

/// A service that answers everybody the same, by method and path.
struct Service {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    async fn start(answers: Vec<(&'static str, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let seen = Arc::clone(&asked);
        let router = Router::new().fallback(
            move |method: Method, uri: Uri, headers: HeaderMap, body: String| async move {
                let line = format!("{method} {}", uri.path());
                let authorization = headers.get("authorization");
                let authorization = authorization
                    .map(|value| value.to_str().unwrap().to_owned())
                    .unwrap_or_default();
                let form = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
                seen.lock().unwrap().push(Asked { authorization, form });
                let answer = answers.iter().find(|(asked, _)| *asked == line);
                match answer {
                    Some((_, body)) => (StatusCode::OK, body.clone()),
                    None => (StatusCode::NOT_FOUND, String::new()),
                }
            },
        );
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().drain(..).collect()
    }
}

fn environment(pairs: &[(&'static str, String)]) -> Environment {
    Environment::of(|name| {
        pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
    })
}

/// What a login is made with at the first second of 2026.
fn context(environment: &Environment) -> Context<'_> {
    let (client, near) = clients(environment, "tests").unwrap();
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    Context { environment, client, near, now, session: "signet@here" }
}

const PLACE: aws::Place<'_> =
    aws::Place { region: "eu-west-1", sts: "https://sts.eu-west-1.amazonaws.com" };

fn role() -> (&'static str, String) {
    ("POST /", "<R><Credentials><AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>sk</SecretAccessKey><SessionToken>st</SessionToken><Expiration>2026-01-01T01:00:00Z</Expiration></Credentials></R>".to_owned())
}

/// A home with profiles of every kind.
fn home(directory: &Path) -> String {
    let folder = directory.join(".aws");
    fs::create_dir(&folder).unwrap();
    let config = "[default]\nregion = us-east-1\n\
        [profile admin]\nrole_arn = arn:aws:iam::1:role/admin\nsource_profile = base\nexternal_id = e1\n\
        [profile self]\nrole_arn = arn:aws:iam::1:role/self\nsource_profile = self\nrole_session_name = named\n\
        [profile sso]\nsso_session = ours\n\
        [profile mfa]\nrole_arn = r\nsource_profile = base\nmfa_serial = arn:x\n\
        [profile process]\ncredential_process = /bin/true\n\
        [profile loop]\nrole_arn = r\nsource_profile = pool\n\
        [profile pool]\nrole_arn = r\nsource_profile = loop\n\
        [profile half]\nrole_arn = r\n";
    fs::write(folder.join("config"), config).unwrap();
    let credentials = "[base]\naws_access_key_id = BASE\naws_secret_access_key = hunter2\n\
        [self]\naws_access_key_id = SELF\naws_secret_access_key = hunter2\n";
    fs::write(folder.join("credentials"), credentials).unwrap();
    directory.display().to_string()
}

#[tokio::test]
async fn profiles_lead_to_keys_as_amazons_tools_follow_them() {
    let directory = tempfile::tempdir().unwrap();
    let (home, sts) = (home(directory.path()), Service::start(vec![role()]).await);
    #[rustfmt::skip]
    let cases = [
        // named by the caller   by the environment   key or words                                                 role's ARN, signed by, session, external id
        (Some("base"),           None,                Ok("BASE"),                                                  None),
        (None,                   Some("base"),        Ok("BASE"),                                                  None),
        (Some("admin"),          None,                Ok("ROLE"),                                                  Some(("arn:aws:iam::1:role/admin", "BASE", "signet@here", Some("e1")))),
        (Some("self"),           None,                Ok("ROLE"),                                                  Some(("arn:aws:iam::1:role/self", "SELF", "named", None))),
        (Some("sso"),            None,                Err("the profile `sso` logs in through a browser, which is not done here; run"),     None),
        (Some("mfa"),            None,                Err("the profile `mfa` wants a code of a second factor"),    None),
        (Some("process"),        None,                Err("the profile `process` names a `credential_process`"),   None),
        (Some("loop"),           None,                Err("stands behind too many others"),                        None),
        (Some("half"),           None,                Err("has a `role_arn` and no `source_profile`"),             None),
        (Some("gone"),           None,                Err("the profile `gone` is in neither of the files"),        None),
        (None,                   Some("gone"),        Err("the profile `gone` is in neither of the files"),        None),
        (None,                   None,                Err("its environment has no key, no role and no token"),     None),
    ];
    for (named, set, expected, assumed) in cases {
        let mut pairs = vec![
            ("HOME", home.clone()),
            ("AWS_ENDPOINT_URL", sts.url.clone()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        pairs.extend(set.map(|profile| ("AWS_PROFILE", profile.to_owned())));
        let environment = environment(&pairs);
        match (aws::key(&context(&environment), PLACE, named).await, expected) {
            (Ok(key), Ok(id)) => assert_eq!(key.id, id, "{named:?}"),
            (Err(error), Err(words)) => {
                assert!(error.to_string().contains(words), "{named:?}: {error}");
                assert!(!format!("{error:?}{error}").contains("hunter2"), "{error:?}");
            }
            (got, expected) => panic!("{named:?}: {:?} for {expected:?}", got.err()),
        }
        let asked = sts.asked();
        let found = asked.first().map(|asked| {
            let field = |name: &str| asked.form.get(name).map(String::as_str);
            assert_eq!(field("Action"), Some("AssumeRole"));
            let signer = asked.authorization.split_once("Credential=").unwrap().1;
            let signer = signer.split_once('/').unwrap().0;
            let session = field("RoleSessionName").unwrap_or_default();
            (field("RoleArn").unwrap_or_default(), signer, session, field("ExternalId"))
        });
        assert_eq!(found, assumed, "{named:?}");
    }
}

#[tokio::test]
async fn what_somebody_gave_is_all_that_counts() {
    let directory = tempfile::tempdir().unwrap();
    let home = home(directory.path());
    let value = |text: &str| Zeroizing::new(text.to_owned());
    // Nothing of this machine helps, not even when the names of its places are given.
    let machine = Service::start(vec![]).await;
    let given = Environment::default().given([
        ("HOME", value(&home)),
        ("AWS_PROFILE", value("base")),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", value(&machine.url)),
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", value(&machine.url)),
        ("GCE_METADATA_HOST", value(machine.url.strip_prefix("http://").unwrap())),
    ]);
    let context = context(&given);
    for error in [
        aws::key(&context, PLACE, Some("base")).await.err().unwrap(),
        azure::token(&context, "https://vault.azure.net").await.err().unwrap(),
        google::token(&context).await.err().unwrap(),
    ] {
        assert!(error.is_about_nobody(), "{error}");
    }
    assert!(machine.asked().is_empty());
    let external = json!({
        "type": "external_account", "audience": "a", "subject_token_type": "t",
        "token_url": machine.url, "credential_source": {"file": "/etc/passwd"},
    });
    let given = Environment::default().given([(google::CREDENTIALS, value(&external.to_string()))]);
    let error = google::token(&self::context(&given)).await.err().unwrap();
    assert!(error.to_string().contains("there are no files here"), "{error}");
    assert!(machine.asked().is_empty());
    // How services are reached is the owner's of the process, whoever asks them.
    let own = environment(&[
        ("AWS_ENDPOINT_URL", "http://own".to_owned()),
        ("AWS_ACCESS_KEY_ID", "OWN".to_owned()),
        ("AZURE_AUTHORITY_HOST", "http://own".to_owned()),
    ]);
    let given = own.given([("AZURE_AUTHORITY_HOST", value("http://given"))]);
    assert_eq!(given.get("AWS_ENDPOINT_URL"), Some("http://own"));
    assert_eq!(given.get("AWS_ACCESS_KEY_ID"), None);
    assert_eq!(given.get("AZURE_AUTHORITY_HOST"), Some("http://given"));
}

#[tokio::test]
async fn a_role_is_taken_on_with_a_token_that_was_given() {
    let sts = Service::start(vec![role()]).await;
    let value = |text: &str| Zeroizing::new(text.to_owned());
    let given = Environment::default().given([
        ("AWS_ENDPOINT_URL_STS", value(&sts.url)),
        ("AWS_ROLE_ARN", value("arn:r")),
        (Environment::AWS_WEB_IDENTITY_TOKEN, value("jwt")),
    ]);
    let key = aws::key(&context(&given), PLACE, None).await.unwrap();
    assert_eq!(key.until, Some("2026-01-01T01:00:00Z".parse().unwrap()));
    let asked = sts.asked();
    assert_eq!(asked[0].form["WebIdentityToken"], "jwt");
    assert_eq!(asked[0].form["RoleSessionName"], "signet@here");
}

#[tokio::test]
async fn somebody_who_logged_in_with_gcloud_is_asked_for_again() {
    let answer = r#"{"access_token":"t","expires_in":1800}"#.to_owned();
    let google = Service::start(vec![("POST /token", answer)]).await;
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join(".config/gcloud");
    fs::create_dir_all(&folder).unwrap();
    let user = json!({
        "type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r",
        "quota_project_id": "p1", "token_uri": format!("{}/token", google.url),
    });
    fs::write(folder.join("application_default_credentials.json"), user.to_string()).unwrap();
    let environment = environment(&[("HOME", directory.path().display().to_string())]);
    let token = google::token(&context(&environment)).await.unwrap();
    assert_eq!(
        (token.token.as_str(), token.lifetime.as_secs(), token.project.as_deref()),
        ("t", 1800, Some("p1"))
    );
    let form = &google.asked()[0].form;
    assert_eq!((&*form["grant_type"], &*form["refresh_token"]), ("refresh_token", "r"));
}

#[tokio::test]
async fn a_certificate_proves_an_application() {
    let answer = r#"{"access_token":"aad","expires_in":3599}"#.to_owned();
    let directory = Service::start(vec![("POST /tenant/oauth2/v2.0/token", answer)]).await;
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    );
    let signer = rcgen::KeyPair::from_pem(&pem).unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap();
    let certificate = parameters.self_signed(&signer).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), pem + &certificate.pem()).unwrap();
    let pairs = [
        ("AZURE_AUTHORITY_HOST", directory.url.clone()),
        ("AZURE_TENANT_ID", "tenant".to_owned()),
        ("AZURE_CLIENT_ID", "client".to_owned()),
        ("AZURE_CLIENT_CERTIFICATE_PATH", file.path().display().to_string()),
    ];
    let token = azure::token(&context(&environment(&pairs)), "https://vault.azure.net").await;
    assert_eq!(token.unwrap().token.as_str(), "aad");
    let form = &directory.asked()[0].form;
    assert_eq!(form["scope"], "https://vault.azure.net/.default");
    let (text, signature) = form["client_assertion"].rsplit_once('.').unwrap();
    let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.public_key().as_ref());
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    public.verify(text.as_bytes(), &signature).expect("the certificate's key signed it");
    let claims = URL_SAFE_NO_PAD.decode(text.split_once('.').unwrap().1).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], format!("{}/tenant/oauth2/v2.0/token", directory.url));
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("client"), &json!("client")));
    let locked =
        [&pairs[..], &[("AZURE_CLIENT_CERTIFICATE_PASSWORD", "hunter2".to_owned())]].concat();
    let error = azure::token(&context(&environment(&locked)), "a").await.err().unwrap();
    assert!(error.to_string().contains("decrypt it into PEM"), "{error}");
}
