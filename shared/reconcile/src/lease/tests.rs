//! Promises of the election, held against the embedded API.

use std::sync::Arc;

use super::*;

struct Bench {
    server: embedded::Server,
    _state: tempfile::TempDir,
}

impl Bench {
    fn open() -> Self {
        let state = tempfile::tempdir().unwrap();
        let server = embedded::Server::open(embedded::Options {
            directory: None,
            state: state.path().to_owned(),
            owner: "test".to_owned(),
            crds: Vec::new(),
            clock: || Clock::system().now(),
        })
        .unwrap();
        Self { server, _state: state }
    }

    fn elector(&self, identity: &str) -> Arc<Elector> {
        let candidacy = Candidacy {
            duration: Duration::from_secs(1),
            deadline: Duration::from_millis(600),
            retry: Duration::from_millis(50),
            ..Candidacy::new("default", "test", identity)
        };
        Arc::new(Elector::new(self.server.client(), candidacy, Clock::system(), Fence::closed()))
    }
}

#[tokio::test]
async fn only_one_of_many_leads() {
    let bench = Bench::open();
    let electors: Vec<_> = (0..8).map(|n| bench.elector(&format!("replica-{n}"))).collect();
    let tries = electors.iter().map(|elector| elector.attempt());
    let outcomes = futures::future::join_all(tries).await;
    let held = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Try::Held))).count();
    assert_eq!(held, 1);
}

#[tokio::test]
async fn a_released_lease_is_taken_at_once() {
    let bench = Bench::open();
    let (first, second) = (bench.elector("one"), bench.elector("two"));
    first.acquire().await;
    assert!(matches!(second.attempt().await, Ok(Try::NotHeld)));
    first.release().await;
    assert!(matches!(second.attempt().await, Ok(Try::Held)));
    assert!(matches!(first.attempt().await, Ok(Try::NotHeld)));
}

#[tokio::test]
async fn a_silent_leader_is_replaced_only_after_the_length_of_its_lease() {
    let bench = Bench::open();
    let (dead, heir) = (bench.elector("dead"), bench.elector("heir"));
    dead.acquire().await;
    let begin = Instant::now();
    timeout(Duration::from_secs(5), heir.acquire()).await.expect("the lease expires");
    assert!(begin.elapsed() >= Duration::from_secs(1), "after {:?}", begin.elapsed());
}

#[tokio::test]
async fn a_leader_stops_when_another_has_the_lease() {
    let bench = Bench::open();
    let (old, new) = (bench.elector("old"), bench.elector("new"));
    old.acquire().await;
    // The holder changes behind the leader's back, as after a long pause of its process.
    old.release().await;
    new.acquire().await;
    timeout(Duration::from_secs(1), old.hold()).await.expect("it notices");
}
