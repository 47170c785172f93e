//! What objects share, and what they never do.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use axum::{body::Body, http::Response};
use futures::future::{join, join_all};
use imagebot_core::reference::Repository;
use tokio::sync::Notify;

use super::{
    Access, Error, Registry, login,
    server::{Asked, Server, answer, basic, page},
    web,
};
use crate::registry::{Environment, Memo, Pace};

const LIST: &str = "/v2/team/web/tags/list";
/// `ann:s3cr3t` in Base64.
const ANN: &str = "Basic YW5uOnMzY3IzdA==";

/// A registry that asks for ann's password, and answers one question at a time when it is told to.
async fn slow() -> (Server, Arc<Notify>, Arc<Notify>) {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begins, waits) = (Arc::clone(&begun), Arc::clone(&go));
    let server = Server::start_async(move |asked: Asked| {
        let (begins, waits) = (Arc::clone(&begins), Arc::clone(&waits));
        async move {
            if asked.authorization.as_deref() != Some(ANN) {
                return basic();
            }
            begins.notify_one();
            waits.notified().await;
            page(&["1"], None)
        }
    })
    .await;
    (server, begun, go)
}

#[tokio::test]
async fn those_who_ask_the_same_as_the_same_share_one_question() {
    let (server, begun, go) = slow().await;
    let registry = Registry::new().unwrap();
    let repository = web(&server);
    let ask = || {
        let (registry, repository) = (registry.clone(), repository.clone());
        let access = login(&server, "ann", "s3cr3t");
        async move { registry.tags(&repository, &access).await }
    };
    // It is learned that a password is asked for.
    let (first, ()) = join(ask(), async {
        begun.notified().await;
        go.notify_one();
    })
    .await;
    first.unwrap();
    let before = server.count(LIST);
    let (one, fifty) = join(ask(), async {
        begun.notified().await;
        // The first is asked already, so what these get must be asked after it.
        let fifty = join_all((0..50).map(|_| ask()));
        let (fifty, ()) = join(fifty, async {
            go.notify_one();
            begun.notified().await;
            go.notify_one();
        })
        .await;
        fifty
    })
    .await;
    assert_eq!(one.unwrap(), ["1"]);
    assert!(fifty.into_iter().all(|tags| tags.unwrap() == ["1"]));
    assert_eq!(server.count(LIST) - before, 2);
    assert_eq!(registry.lists.count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn a_tenant_without_rights_gets_nothing_of_one_with_them() {
    let (server, begun, go) = slow().await;
    let registry = Registry::new().unwrap();
    let repository = web(&server);
    let (rich, poor) = (login(&server, "ann", "s3cr3t"), login(&server, "bob", "guess"));
    let nobody = Access::default();
    let entitled = registry.tags(&repository, &rich);
    let others = async {
        begun.notified().await;
        // Ann's question is in flight, and hers alone.
        for access in [&poor, &nobody] {
            let error = registry.tags(&repository, access).await.unwrap_err();
            assert!(matches!(error, Error::Denied { status: 401, .. }), "{error}");
        }
        go.notify_one();
    };
    let (tags, ()) = join(entitled, others).await;
    assert_eq!(tags.unwrap(), ["1"]);
    // And what was answered to her is not kept for others.
    for access in [&poor, &nobody] {
        assert!(registry.tags(&repository, access).await.is_err());
    }
}

#[tokio::test]
async fn a_failure_reaches_all_who_shared_the_question() {
    let server = Server::start(|_| answer(500, &[], "")).await;
    let registry = Registry::new().unwrap();
    let repository = web(&server);
    let access = Access::default();
    let failed = join_all((0..5).map(|_| registry.tags(&repository, &access))).await;
    for outcome in failed {
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains("answered 500"), "{error}");
        assert_eq!(error.class(), reconcile::Class::Transient);
    }
    assert_eq!(server.count(LIST), 2, "the first, and one for all who came later");
}

#[tokio::test]
async fn an_asker_who_leaves_takes_the_question_from_nobody() {
    let (server, begun, go) = slow().await;
    let registry = Registry::new().unwrap();
    let repository = web(&server);
    let access = login(&server, "ann", "s3cr3t");
    let leaving =
        tokio::time::timeout(Duration::from_millis(200), registry.tags(&repository, &access));
    let staying = registry.tags(&repository, &access);
    let (left, stayed) = join(leaving, async {
        let (stayed, ()) = join(staying, async {
            begun.notified().await;
            tokio::time::sleep(Duration::from_millis(400)).await;
            // What was begun for the other is ended, and then it is asked again.
            go.notify_one();
            begun.notified().await;
            go.notify_one();
        })
        .await;
        stayed
    })
    .await;
    assert!(left.is_err());
    assert_eq!(stayed.unwrap(), ["1"]);
}

#[tokio::test]
async fn a_pause_that_one_object_is_told_holds_for_all_of_its_credential() {
    let server = Server::start(|asked| match asked.authorization.as_deref() {
        Some(ANN) => answer(429, &[("retry-after", "600")], ""),
        Some(_) => page(&["1"], None),
        None => basic(),
    })
    .await;
    let registry = Registry::new().unwrap();
    let ann = login(&server, "ann", "s3cr3t");
    let error = registry.tags(&web(&server), &ann).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { status: 429, .. }), "{error}");
    let asked = server.asked().len();
    let other = Repository::at(server.address(), "team/other").unwrap();
    let error = registry.tags(&other, &ann).await.unwrap_err();
    assert_eq!(error.to_string(), format!("`{}` has told us to wait", server.address()));
    let wait = error.retry_after().unwrap().as_secs();
    assert!((595..=600).contains(&wait), "{wait}");
    assert!(matches!(registry.digest(&other, "1", &ann).await, Err(Error::Paused { .. })));
    assert_eq!(server.asked().len(), asked, "nothing is sent meanwhile");
    // Somebody else was told nothing.
    let bob = login(&server, "bob", "hunter2");
    assert_eq!(registry.tags(&other, &bob).await.unwrap(), ["1"]);
}

#[tokio::test]
async fn requests_are_paced() {
    let server = Server::start(|_| page(&["1"], None)).await;
    let pace = Pace { per_second: 50.0, burst: 5.0 };
    let registry = Registry::with(pace, Environment::default()).unwrap();
    let access = Access::default();
    let begin = Instant::now();
    let images: Vec<_> = (0..25)
        .map(|index| Repository::at(server.address(), &format!("team/web-{index}")).unwrap())
        .collect();
    let listed = join_all(images.iter().map(|image| registry.tags(image, &access))).await;
    assert!(listed.into_iter().all(|tags| tags.is_ok()));
    assert!(begin.elapsed() > Duration::from_millis(350), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn one_token_is_fetched_for_all_who_need_it() {
    let address = Arc::new(OnceLock::<String>::new());
    let (known, given) = (Arc::clone(&address), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&given);
    let server = Server::start(move |asked| -> Response<Body> {
        if asked.path == "/token" {
            count.fetch_add(1, SeqCst);
            return answer(200, &[], r#"{"token":"t","expires_in":300}"#);
        }
        match asked.authorization.as_deref() {
            Some("Bearer t") if asked.path.contains("/manifests/") => {
                let digest = format!("sha256:{}", "ab".repeat(32));
                answer(200, &[("docker-content-digest", digest.as_str())], "")
            }
            Some("Bearer t") => page(&["1"], None),
            _ => {
                let challenge = format!("Bearer realm=\"http://{}/token\"", known.get().unwrap());
                answer(401, &[("www-authenticate", &challenge)], "{}")
            }
        }
    })
    .await;
    address.set(server.address().to_owned()).unwrap();
    let registry = Registry::new().unwrap();
    let (repository, access) = (web(&server), Access::default());
    let digests =
        join_all(["1", "2", "3", "4"].map(|tag| registry.digest(&repository, tag, &access)));
    let (tags, digests) = join(registry.tags(&repository, &access), digests).await;
    assert_eq!(tags.unwrap(), ["1"]);
    assert!(digests.into_iter().all(|digest| digest.is_ok()));
    assert_eq!(given.load(SeqCst), 1);
}

#[tokio::test]
async fn pages_that_have_a_name_are_read_once() {
    let version = Arc::new(AtomicUsize::new(1));
    let second = Arc::clone(&version);
    let server = Server::start(move |asked| {
        let version = second.load(SeqCst);
        let (tags, etag, link): (Vec<String>, String, _) = if asked.parameter("last").is_some() {
            let tags = (2..=2 + version).map(|number| number.to_string()).collect();
            (tags, format!("W/\"{version}\""), None)
        } else {
            (vec!["1".into(), "2".into()], "\"a\"".into(), Some("/v2/team/web/tags/list?last=2"))
        };
        if asked.unless.as_deref() == Some(&etag) {
            return answer(304, &[], "");
        }
        let mut response = page(&tags, link);
        response.headers_mut().insert("etag", etag.parse().unwrap());
        response
    })
    .await;
    let registry = Registry::new().unwrap();
    let (repository, access) = (web(&server), Access::default());
    let first = registry.list(&repository, &access, Memo::default).await.unwrap();
    assert_eq!(first.tags, ["1", "2", "3"]);
    let memo = first.memo.clone();
    let again = registry.list(&repository, &access, move || memo).await.unwrap();
    assert_eq!((&again.tags, &again.memo), (&first.tags, &first.memo), "both pages are the same");
    version.store(2, SeqCst);
    let memo = Memo::decode(&first.memo.encode());
    let later = registry.list(&repository, &access, move || memo).await.unwrap();
    assert_eq!(later.tags, ["1", "2", "3", "4"]);
    assert_ne!(later.memo, first.memo);
    let read: Vec<_> = server.asked().iter().map(|asked| asked.unless.clone()).collect();
    let read: Vec<_> = read.iter().map(|unless| unless.as_deref().unwrap_or("-")).collect();
    assert_eq!(read, ["-", "-", "\"a\"", "W/\"1\"", "\"a\"", "W/\"1\""]);
}
