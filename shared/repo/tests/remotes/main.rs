//! The library against repositories that the `git` program made, over `file` and `http`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod faults;
mod git;
mod keys;
mod large;
mod read;
mod server;
mod write;

use std::time::Duration;

use git::Origin;
use repo::{
    Cache, Commit, Draft, Edit, Expect, Mirror, NewCommit, Outcome, Push, Reference, Remote,
    Signature,
};
use server::{Mood, Server};
use tempfile::TempDir;

/// One repository, with the means to reach it.
struct Bed {
    origin: Origin,
    server: Server,
    cache: Cache,
    dir: TempDir,
}

impl Bed {
    fn of(origin: Origin) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(&dir.path().join("cache"), BUDGET).unwrap();
        Self { server: Server::of(origin.root(), Mood::Private), origin, cache, dir }
    }

    /// The remote over HTTP, as the user who may.
    fn http(&self) -> Mirror {
        self.at(&self.server.url("bot:sesame@", "app.git"))
    }

    fn file(&self) -> Mirror {
        self.at(self.origin.path().to_str().unwrap())
    }

    fn at(&self, url: &str) -> Mirror {
        let mut remote = Remote::parse(url).unwrap();
        remote.timeouts.operation = Duration::from_secs(20);
        self.cache.mirror(remote).unwrap()
    }

    /// Both ways to the same repository.
    fn both(&self) -> [(&'static str, Mirror); 2] {
        [("http", self.http()), ("file", self.file())]
    }

    /// Closes the cache, and opens it as the next process would.
    fn restart(self) -> Self {
        let Self { origin, server, cache, dir } = self;
        drop(cache);
        let cache = Cache::open(&dir.path().join("cache"), BUDGET).unwrap();
        Self { origin, server, cache, dir }
    }
}

const BUDGET: u64 = 1 << 30;

fn main_branch() -> Reference {
    Reference::Branch("main".to_owned())
}

fn head(mirror: &Mirror) -> Commit {
    mirror.fetch(&main_branch()).unwrap().commit
}

fn signature(name: &str) -> Signature {
    Signature {
        name: name.to_owned(),
        email: "bot@t.example".to_owned(),
        seconds: 1_700_000_000,
        offset_seconds: 3600,
    }
}

fn new_commit(message: &str) -> NewCommit {
    NewCommit {
        author: signature("Bot"),
        committer: signature("Robot"),
        message: message.to_owned(),
    }
}

/// A commit on `base` with one file replaced.
fn draft(base: &Commit, path: &str, content: &str) -> Draft {
    let mut edit = Edit::on(base);
    edit.put(path, content.as_bytes().to_vec()).unwrap();
    edit.commit(&new_commit("update image")).unwrap().expect("the content differs")
}

fn to(target: &str, expect: Expect) -> Push {
    Push { target: target.to_owned(), expect, options: Vec::new() }
}

fn to_main(expect: Expect) -> Push {
    to("refs/heads/main", expect)
}

#[track_caller]
fn is_pushed(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Pushed { .. }), "{outcome:?}");
}
