//! Passwords and tokens: who is shown which.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use axum::{body::Body, http::Response};
use reconcile::Class;

use super::{
    Access, Error, Keychain, Registry, login,
    server::{Asked, Server, answer, basic, page},
    web,
};

const LIST: &str = "/v2/team/web/tags/list";
/// `ann:s3cr3t` in Base64.
const ANN: &str = "Basic YW5uOnMzY3IzdA==";

/// A registry that sends to its own token service, which gives `token-1`, `token-2` and so on.
async fn bearer(lifetime: &'static str) -> Server {
    let address = Arc::new(OnceLock::<String>::new());
    let (known, given) = (Arc::clone(&address), AtomicUsize::new(0));
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/token" => token(asked, given.fetch_add(1, Relaxed) + 1, lifetime),
        _ if asked
            .authorization
            .as_deref()
            .is_some_and(|shown| shown.starts_with("Bearer token-")) =>
        {
            page(&["1"], None)
        }
        _ => {
            let challenge =
                format!("Bearer realm=\"http://{}/token\",service=\"svc\"", known.get().unwrap());
            answer(401, &[("www-authenticate", &challenge)], "{}")
        }
    })
    .await;
    address.set(server.address().to_owned()).unwrap();
    server
}

fn token(asked: &Asked, number: usize, lifetime: &str) -> Response<Body> {
    let who = asked.authorization.as_deref();
    if who.is_some_and(|who| who != ANN && who != "Basic Ym9iOmh1bnRlcjI=") {
        return answer(401, &[], r#"{"details":"incorrect username or password"}"#);
    }
    answer(200, &[], format!("{{\"token\":\"token-{number}\"{lifetime}}}"))
}

#[tokio::test]
async fn a_password_is_shown_where_it_is_asked_for() {
    let server = Server::start(|asked| match asked.authorization.as_deref() {
        Some(ANN) => page(&["1"], None),
        _ => basic(),
    })
    .await;
    let (registry, access) = (Registry::new().unwrap(), login(&server, "ann", "s3cr3t"));
    assert_eq!(registry.tags(&web(&server), &access).await.unwrap(), ["1"]);
    assert_eq!(server.count(LIST), 2);
    // The second time it is known what the registry asks for.
    assert_eq!(registry.tags(&web(&server), &access).await.unwrap(), ["1"]);
    assert_eq!(server.count(LIST), 3);
}

#[tokio::test]
async fn a_wrong_or_missing_password_is_denied() {
    let server = Server::start(|_| basic()).await;
    let registry = Registry::new().unwrap();
    for access in [Access::default(), login(&server, "ann", "wr0ng")] {
        let error = registry.tags(&web(&server), &access).await.unwrap_err();
        let host = server.address();
        assert_eq!(
            error.to_string(),
            format!("`{host}` answered 401: UNAUTHORIZED: authentication required")
        );
        assert_eq!(error.class(), Class::Waiting);
        assert!(error.remedy().unwrap().contains("spec.secretRef"));
    }
}

#[tokio::test]
async fn what_a_registry_says_never_shows_the_password() {
    let echo = r#"{"errors":[{"code":"DENIED","message":"user ann with s3cr3t may not\nread"}]}"#;
    let server = Server::start(move |asked| match &asked.authorization {
        Some(_) => answer(403, &[], echo),
        None => basic(),
    })
    .await;
    let error = Registry::new()
        .unwrap()
        .tags(&web(&server), &login(&server, "ann", "s3cr3t"))
        .await
        .unwrap_err();
    let host = server.address();
    assert_eq!(
        error.to_string(),
        format!("`{host}` answered 403: DENIED: user ann with *** may notread")
    );
    assert!(!format!("{error:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn a_token_is_fetched_once_and_used_again() {
    let server = bearer("").await;
    let (registry, access) = (Registry::new().unwrap(), login(&server, "ann", "s3cr3t"));
    for _ in 0..3 {
        assert_eq!(registry.tags(&web(&server), &access).await.unwrap(), ["1"]);
    }
    assert_eq!((server.count("/token"), server.count(LIST)), (1, 4));
    let asked = server.asked().into_iter().find(|asked| asked.path == "/token").unwrap();
    assert_eq!(asked.parameter("scope"), Some("repository:team/web:pull"));
    assert_eq!(asked.parameter("service"), Some("svc"));
    assert_eq!(asked.authorization.as_deref(), Some(ANN));
}

#[tokio::test]
async fn a_token_that_has_ended_is_not_used_again() {
    let server = bearer(",\"expires_in\":0").await;
    let registry = Registry::new().unwrap();
    for _ in 0..3 {
        registry.tags(&web(&server), &Access::default()).await.unwrap();
    }
    assert_eq!(server.count("/token"), 3);
}

#[tokio::test]
async fn a_token_is_never_used_for_someone_else() {
    let server = bearer(",\"expires_in\":3600").await;
    let registry = Registry::new().unwrap();
    let accesses =
        [Access::default(), login(&server, "ann", "s3cr3t"), login(&server, "bob", "hunter2")];
    for access in &accesses {
        registry.tags(&web(&server), access).await.unwrap();
    }
    let wrong = registry.tags(&web(&server), &login(&server, "ann", "wr0ng")).await.unwrap_err();
    assert!(matches!(wrong, Error::Denied { status: 401, .. }), "{wrong}");
    assert!(wrong.to_string().ends_with("answered 401: incorrect username or password"), "{wrong}");
    assert_eq!(server.count("/token"), 4);
    for access in &accesses {
        registry.tags(&web(&server), access).await.unwrap();
    }
    assert_eq!(server.count("/token"), 4);
}

#[tokio::test]
async fn a_token_that_is_revoked_is_fetched_anew() {
    let address = Arc::new(OnceLock::<String>::new());
    let (known, given) = (Arc::clone(&address), AtomicUsize::new(0));
    let server = Server::start(move |asked| {
        let good = format!("Bearer token-{}", given.load(Relaxed));
        match asked.path.as_str() {
            "/token" => token(asked, given.fetch_add(1, Relaxed) + 1, ",\"expires_in\":3600"),
            "/revoke" => {
                given.fetch_add(1, Relaxed);
                answer(200, &[], "")
            }
            _ if asked.authorization.as_deref() == Some(&good) => page(&["1"], None),
            _ => {
                let challenge = format!("Bearer realm=\"http://{}/token\"", known.get().unwrap());
                answer(401, &[("www-authenticate", &challenge)], "{}")
            }
        }
    })
    .await;
    address.set(server.address().to_owned()).unwrap();
    let registry = Registry::new().unwrap();
    registry.tags(&web(&server), &Access::default()).await.unwrap();
    reqwest::get(format!("http://{}/revoke", server.address())).await.unwrap();
    assert_eq!(registry.tags(&web(&server), &Access::default()).await.unwrap(), ["1"]);
    assert_eq!(server.count("/token"), 2);
}

#[tokio::test]
async fn an_identity_token_is_exchanged() {
    let server = bearer("").await;
    let file = serde_json::json!({"auths": {server.address(): {"auth": "PHRva2VuPjpyZWZyZXNo"}}})
        .to_string();
    let access = Access::default().keychain(Keychain::parse(file.as_bytes()).unwrap());
    assert_eq!(Registry::new().unwrap().tags(&web(&server), &access).await.unwrap(), ["1"]);
    let asked = server.asked().into_iter().find(|asked| asked.path == "/token").unwrap();
    assert_eq!(asked.method, "POST");
    assert!(
        asked.body.contains("grant_type=refresh_token")
            && asked.body.contains("refresh_token=refresh")
    );
    assert!(asked.query.is_empty() && asked.authorization.is_none());
}

#[tokio::test]
async fn a_token_service_that_lies_is_not_believed() {
    #[rustfmt::skip]
    let cases = [
        // realm                     answer                                  said
        ("not a url",                "",                                     "asks for a login at `not a url`, which is no address of a token service"),
        ("file:///etc/passwd",       "",                                     "asks for a login at `file:///etc/passwd`"),
        ("http://ann:x@HOST/token",  "",                                     "which is no address of a token service"),
        ("http://HOST/token",        "<html>log in</html>",                  "answered with a web page instead of JSON"),
        ("http://HOST/token",        "null?",                                "is not what a registry answers: the token service gave no JSON"),
        ("http://HOST/token",        "{}",                                   "is not what a registry answers: the token service gave no token"),
        ("http://HOST/token",        "{\"token\":\"a\\nb\"}",                "a token has characters that no token can have"),
    ];
    for (realm, body, said) in cases {
        let address = Arc::new(OnceLock::<String>::new());
        let known = Arc::clone(&address);
        let server = Server::start(move |asked| {
            if asked.path == "/token" {
                return answer(200, &[], body);
            }
            let realm = realm.replace("HOST", known.get().unwrap());
            answer(401, &[("www-authenticate", &format!("Bearer realm=\"{realm}\""))], "{}")
        })
        .await;
        address.set(server.address().to_owned()).unwrap();
        let error =
            Registry::new().unwrap().tags(&web(&server), &login(&server, "ann", "s3cr3t")).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(said), "{realm} {body}: {error}");
    }
}
