//! Git servers are read and written by those who may, and only when they are who they say.

use std::fs;
use std::path::Path;
use std::time::Duration;

use libtest_mimic::Trial;
use repo::{
    Cache, Class, Credentials, Edit, Error, Expect, Fetched, Mirror, NewCommit, Outcome as Pushed,
    Push, Reference, Remote, Secret, Signature, Ssh,
};
use tests::git::{GitSsh, HOST_KEYS, Repository, SshOptions};
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

const SSH: &[Need] = &[Need::GitSsh];
const FORGE: &[Need] = &[Need::Gitea, Need::GitSsh];
const HTTP: &[Need] = &[Need::GitHttp];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "git::every_type_of_key_fetches_commits_and_pushes_over_ssh", SSH, keys),
        trial(bed, "git::a_server_is_known_by_each_type_of_its_keys", SSH, host_keys),
        trial(bed, "git::a_server_with_another_key_is_not_spoken_to", SSH, wrong_host),
        trial(bed, "git::a_certificate_vouches_for_the_server_it_names", SSH, certified),
        trial(bed, "git::a_key_that_is_not_let_in_is_named", SSH, wrong_key),
        trial(bed, "git::fetches_and_pushes_share_a_connection_until_it_dies", SSH, shared),
        trial(bed, "git::an_old_server_is_spoken_to_in_its_protocol", SSH, old),
        trial(bed, "git::what_a_server_says_over_ssh_is_passed_on", SSH, words),
        trial(bed, "git::a_server_in_go_is_spoken_to_with_every_type_of_key", FORGE, forge),
        trial(bed, "git::a_silent_ssh_server_costs_no_more_than_the_timeout", SSH, silent),
        trial(bed, "git::only_the_given_authority_is_trusted_over_https", HTTP, authority),
        trial(bed, "git::a_client_certificate_opens_what_asks_for_one", HTTP, certificate),
    ]
}

/// A repository, and a folder for its mirrors.
struct Home {
    cache: Cache,
    repository: Repository,
}

impl Home {
    fn of(bed: &Bed, name: &str) -> Outcome<Self> {
        let cache = Cache::open(&bed.folder("cache")?, 1 << 30)?;
        Ok(Self { cache, repository: bed.repository(name, &[("a.yaml", "a: 1\n")])? })
    }

    /// The mirror over ssh with a key in a file.
    fn ssh(&self, server: &GitSsh, key: &Path, phrase: &str, known: &str) -> Outcome<Mirror> {
        let phrase = Secret::new(phrase);
        let ssh = Ssh::new(&Secret::new(fs::read(key)?), Some(&phrase), known.as_bytes())?;
        let remote = remote_at(&server.url(&self.repository), Credentials::Ssh(Box::new(ssh)))?;
        Ok(self.cache.mirror(remote)?)
    }
}

fn remote_at(url: &str, credentials: Credentials) -> Outcome<Remote> {
    let mut remote = Remote::parse(url)?;
    remote.credentials = credentials;
    remote.timeouts.operation = Duration::from_secs(30);
    Ok(remote)
}

fn main_branch() -> Reference {
    Reference::Branch("main".to_owned())
}

/// Fetches, commits, pushes, and looks whether that arrived.
fn work(mirror: &Mirror, repository: &Repository, content: &str) -> Outcome<Fetched> {
    let fetched = mirror.fetch(&main_branch())?;
    assert_eq!(Some(fetched.commit.id.to_string()), repository.head("main"));
    let pushed = commit(mirror, &fetched, content, Vec::new())?;
    assert!(matches!(pushed, Pushed::Pushed { .. }), "{pushed:?}");
    assert_eq!(repository.show("main", "a.yaml")?, content);
    Ok(fetched)
}

fn commit(
    mirror: &Mirror,
    fetched: &Fetched,
    content: &str,
    options: Vec<String>,
) -> Outcome<Pushed> {
    let person = || Signature {
        name: "Bot".to_owned(),
        email: "bot@test.example".to_owned(),
        seconds: 1_767_225_600,
        offset_seconds: 0,
    };
    let new = NewCommit { author: person(), committer: person(), message: "update".to_owned() };
    let mut edit = Edit::on(&fetched.commit);
    edit.put("a.yaml", content.as_bytes().to_vec())?;
    let draft = edit.commit(&new)?.ok_or("the content differs")?;
    let target = "refs/heads/main".to_owned();
    Ok(mirror.push(&draft, &Push { target, expect: Expect::Is(fetched.commit.id), options })?)
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    tokio::task::spawn_blocking(work).await?
}

/// The error of a fetch that must fail, within a class and without the key.
fn refused(mirror: &Mirror, class: Class) -> Error {
    let error = mirror.fetch(&main_branch()).expect_err("it is refused");
    assert_eq!(error.class(), class, "{error:?}");
    error
}

async fn keys(bed: Bed) -> Outcome {
    bed.git_ssh().await?;
    blocking(move || {
        let server = bed.runtime().block_on(bed.git_ssh())?;
        let home = Home::of(&bed, "keys")?;
        let known = fs::read_to_string(server.known_hosts())?;
        #[rustfmt::skip]
        let cases: [(&[&str], &str); 9] = [
            // how the key is made                                         passphrase
            (&["-t", "ed25519"],                                           ""),
            (&["-t", "ed25519", "-N", "open sesame"],                      "open sesame"),
            (&["-t", "ecdsa", "-b", "256"],                                ""),
            (&["-t", "ecdsa", "-b", "384", "-m", "PKCS8"],                 ""),
            (&["-t", "ecdsa", "-b", "521", "-N", "open sesame"],           "open sesame"),
            (&["-t", "rsa", "-b", "2048"],                                 ""),
            (&["-t", "rsa", "-b", "3072", "-m", "PEM"],                    ""),
            (&["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "open sesame"],   "open sesame"),
            (&["-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", "open sesame"], "open sesame"),
        ];
        for (round, (args, phrase)) in cases.into_iter().enumerate() {
            let key = server.key(&bed, args)?;
            server.let_in(&key)?;
            let mirror = home.ssh(server, &key, phrase, &known)?;
            let content = format!("a: {round}{round}\n");
            work(&mirror, &home.repository, &content)
                .map_err(|error| format!("{args:?}: {error:?}"))?;
        }
        home.repository.git(&["fsck", "--strict", "--full"]).map(drop)
    })
    .await
}

async fn host_keys(bed: Bed) -> Outcome {
    bed.git_ssh().await?;
    blocking(move || {
        let server = bed.runtime().block_on(bed.git_ssh())?;
        let home = Home::of(&bed, "hosts")?;
        for (round, kind) in HOST_KEYS.into_iter().enumerate() {
            // Only this key of the server is known, so it is the one that it must prove.
            let known = server.known_by(kind)?;
            let hashed = hidden(&bed, &known)?;
            for (form, known) in [("plain", known), ("hashed", hashed)] {
                let mirror = home.ssh(server, &server.identity(), "", &known)?;
                let content = format!("a: {kind} {form} {round}\n");
                work(&mirror, &home.repository, &content)
                    .map_err(|error| format!("{kind} {form}: {error:?}"))?;
            }
        }
        Ok(())
    })
    .await
}

/// `known_hosts` lines as `ssh-keygen -H` hides them.
fn hidden(bed: &Bed, known: &str) -> Outcome<String> {
    let path = bed.folder("known")?.join("hosts");
    fs::write(&path, known)?;
    bed.run("ssh-keygen", &["-q", "-H", "-f", &path.display().to_string()], b"")?;
    let hashed = fs::read_to_string(&path)?;
    assert!(hashed.starts_with("|1|"), "{hashed}");
    Ok(hashed)
}

async fn wrong_host(bed: Bed) -> Outcome {
    bed.git_ssh().await?;
    blocking(move || {
        let server = bed.runtime().block_on(bed.git_ssh())?;
        let home = Home::of(&bed, "wrong-host")?;
        let (name, identity) = (server.name(), server.identity());
        let other = fs::read_to_string(server.key(&bed, &[])?.with_extension("pub"))?;
        let mine = server.known_by("ed25519")?;
        let print = |key: &str| -> Outcome<String> {
            let path = bed.folder("print")?.join("key");
            fs::write(&path, key)?;
            let args = ["-l", "-f", &path.display().to_string()];
            let line = String::from_utf8(bed.run("ssh-keygen", &args, b"")?)?;
            Ok(line.split(' ').nth(1).ok_or("no fingerprint")?.to_owned())
        };
        let shown = print(mine.split_once(' ').ok_or("no name")?.1)?;
        #[rustfmt::skip]
        let cases = [
            // known_hosts                                  words
            (format!("{name} {other}"),                     vec![shown.clone(), print(&other)?]),
            (format!("127.0.0.1 {other}"),                  vec![format!("no line for `{name}`")]),
            (format!("@revoked * {}", &mine[name.len() + 1..]) + &mine, vec!["revokes".to_owned(), shown.clone()]),
            (format!("@cert-authority {name} {other}"),     vec![shown, "certificates by".to_owned()]),
        ];
        for (known, words) in cases {
            let error = refused(&home.ssh(server, &identity, "", &known)?, Class::Waiting);
            assert!(matches!(error, Error::HostKey { .. }), "{error:?}");
            for word in words {
                assert!(error.to_string().contains(&word), "`{word}` is not in: {error}");
            }
        }
        Ok(())
    })
    .await
}

async fn certified(bed: Bed) -> Outcome {
    let right =
        GitSsh::start(&bed, SshOptions { certified: Some("127.0.0.1"), old: false }).await?;
    let wrong =
        GitSsh::start(&bed, SshOptions { certified: Some("git.example"), old: false }).await?;
    blocking(move || {
        let home = Home::of(&bed, "certified")?;
        let vouched = |server: &GitSsh| -> Outcome<Mirror> {
            let known = format!("@cert-authority {} {}", server.name(), server.authority()?);
            home.ssh(server, &server.identity(), "", &known)
        };
        work(&vouched(&right)?, &home.repository, "a: certified\n")?;
        let error = refused(&vouched(&wrong)?, Class::Waiting);
        assert!(error.to_string().contains("is for `git.example`"), "{error}");
        Ok(())
    })
    .await
}

async fn wrong_key(bed: Bed) -> Outcome {
    bed.git_ssh().await?;
    blocking(move || {
        let server = bed.runtime().block_on(bed.git_ssh())?;
        let home = Home::of(&bed, "wrong-key")?;
        let known = fs::read_to_string(server.known_hosts())?;
        for kind in HOST_KEYS {
            let key = server.key(&bed, &["-t", kind])?;
            let error = refused(&home.ssh(server, &key, "", &known)?, Class::Waiting);
            assert!(matches!(error, Error::Login { .. }), "{error:?}");
            let args = ["-l", "-f", &key.display().to_string()];
            let line = String::from_utf8(bed.run("ssh-keygen", &args, b"")?)?;
            let print = line.split(' ').nth(1).ok_or("no fingerprint")?;
            assert!(error.to_string().contains(print), "{error}");
        }
        let url = server.url(&home.repository);
        let bare = home.cache.mirror(remote_at(&url, Credentials::None)?)?;
        let error = refused(&bare, Class::Waiting);
        assert!(error.to_string().contains("takes a Secret with `identity`"), "{error}");
        Ok(())
    })
    .await
}

async fn shared(bed: Bed) -> Outcome {
    let server = GitSsh::start(&bed, SshOptions::default()).await?;
    blocking(move || {
        let home = Home::of(&bed, "shared")?;
        let known = fs::read_to_string(server.known_hosts())?;
        let mirror = home.ssh(&server, &server.identity(), "", &known)?;
        for round in 0..3 {
            work(&mirror, &home.repository, &format!("a: {round}\n{round}"))?;
        }
        assert_eq!(server.logins(), 1, "three fetches and three pushes");
        server.hang_up()?;
        work(&mirror, &home.repository, "a: anew\n")?;
        assert_eq!(server.logins(), 2, "the connection that died was replaced");
        Ok(())
    })
    .await
}

async fn old(bed: Bed) -> Outcome {
    let server = GitSsh::start(&bed, SshOptions { old: true, ..SshOptions::default() }).await?;
    blocking(move || {
        let home = Home::of(&bed, "old")?;
        let known = fs::read_to_string(server.known_hosts())?;
        let mirror = home.ssh(&server, &server.identity(), "", &known)?;
        work(&mirror, &home.repository, "a: 2\n")?;
        home.repository.commit("main", "theirs", &[("b.yaml", "b: 1\n")])?;
        work(&mirror, &home.repository, "a: 3\n").map(drop)
    })
    .await
}

async fn words(bed: Bed) -> Outcome {
    bed.git_ssh().await?;
    blocking(move || {
        let server = bed.runtime().block_on(bed.git_ssh())?;
        let home = Home::of(&bed, "words")?;
        let known = fs::read_to_string(server.known_hosts())?;
        let mirror = home.ssh(server, &server.identity(), "", &known)?;
        let fetched = mirror.fetch(&main_branch())?;
        home.repository
            .hook("pre-receive", "#!/bin/sh\necho \"GH006: $GIT_PUSH_OPTION_0\" >&2\nexit 1\n")?;
        let pushed = commit(&mirror, &fetched, "a: 2\n", vec!["ci.skip=true".to_owned()])?;
        let Pushed::Rejected { reason, server_words, .. } = pushed else {
            return Err(format!("{pushed:?}").into());
        };
        assert_eq!(reason, "pre-receive hook declined");
        assert!(server_words.contains("GH006: ci.skip=true"), "{server_words}");

        let known = Ssh::new(&Secret::new(fs::read(server.identity())?), None, known.as_bytes())?;
        let url = server.url(&home.repository).replace("words", "no-such");
        let absent = home.cache.mirror(remote_at(&url, Credentials::Ssh(Box::new(known)))?)?;
        let error = refused(&absent, Class::Waiting);
        assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
        Ok(())
    })
    .await
}

async fn silent(bed: Bed) -> Outcome {
    blocking(move || {
        let home = Home::of(&bed, "silent")?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let server = bed.runtime().block_on(bed.git_ssh())?;
        let known = server
            .known_by("ed25519")?
            .replace(&server.name(), &format!("[127.0.0.1]:{}", address.port()));
        let ssh = Ssh::new(&Secret::new(fs::read(server.identity())?), None, known.as_bytes())?;
        let url = format!("ssh://git@{address}/app.git");
        let mut remote = remote_at(&url, Credentials::Ssh(Box::new(ssh)))?;
        remote.timeouts.operation = Duration::from_millis(300);
        let error = refused(&home.cache.mirror(remote)?, Class::Transient);
        assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
        Ok(())
    })
    .await
}

async fn authority(bed: Bed) -> Outcome {
    bed.git_http().await?;
    blocking(move || {
        let server = bed.runtime().block_on(bed.git_http())?;
        let home = Home::of(&bed, "tls")?;
        let login = || Credentials::Basic {
            username: tests::git::GitHttp::USER.to_owned(),
            password: Secret::new(tests::git::GitHttp::PASSWORD),
        };
        let url = server.https_url(&home.repository);
        let stranger = home.cache.mirror(remote_at(&url, login())?)?;
        let error = refused(&stranger, Class::Transient);
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");

        let mut remote = remote_at(&url, login())?;
        remote.tls.ca = Some(bed.authority().pem()?.into_bytes());
        work(&home.cache.mirror(remote)?, &home.repository, "a: 2\n").map(drop)
    })
    .await
}

async fn certificate(bed: Bed) -> Outcome {
    bed.git_http().await?;
    blocking(move || {
        let server = bed.runtime().block_on(bed.git_http())?;
        let home = Home::of(&bed, "mtls")?;
        let url = server.certified_url(&home.repository);
        let remote = |identity: Option<Secret>| -> Outcome<Mirror> {
            let mut remote = remote_at(&url, Credentials::None)?;
            remote.tls.ca = Some(bed.authority().pem()?.into_bytes());
            remote.tls.identity = identity;
            Ok(home.cache.mirror(remote)?)
        };
        refused(&remote(None)?, Class::Waiting);
        let pair = [&bed.authority().client_certificate, &bed.authority().client_key];
        let pair = [fs::read(pair[0])?, fs::read(pair[1])?].concat();
        work(&remote(Some(Secret::new(pair)))?, &home.repository, "a: 2\n").map(drop)
    })
    .await
}

async fn forge(bed: Bed) -> Outcome {
    let gitea = bed.gitea().await?;
    let name = gitea.repository("ssh", &[("a.yaml", "a: 1\n")]).await?;
    for (kind, bits) in [("ed25519", "256"), ("ecdsa", "256"), ("rsa", "3072")] {
        for host in tests::gitea::HOST_KEYS {
            let key = bed.git_ssh().await?.key(&bed, &["-t", kind, "-b", bits])?;
            let public = fs::read_to_string(key.with_extension("pub"))?;
            let body = serde_json::json!({"title": bed.unique("key"), "key": public});
            gitea.api("POST", "user/keys", Some(&body), 201).await?;
            let known = gitea.known_by(host)?;
            let ssh = Ssh::new(&Secret::new(fs::read(&key)?), None, known.as_bytes())?;
            let remote = remote_at(&gitea.ssh_url(&name), Credentials::Ssh(Box::new(ssh)))?;
            let folder = bed.folder("cache")?;
            let content = format!("a: {kind} {host}\n");
            blocking(move || {
                let mirror = Cache::open(&folder, 1 << 30)?.mirror(remote)?;
                let fetched = mirror.fetch(&main_branch())?;
                let pushed = commit(&mirror, &fetched, &content, Vec::new())?;
                assert!(matches!(pushed, Pushed::Pushed { .. }), "{kind} {host}: {pushed:?}");
                let again = mirror.fetch(&main_branch())?;
                let file = again.commit.files().file("a.yaml")?.ok_or("it is there")?;
                assert_eq!(again.commit.files().read(file.id)?, content.as_bytes());
                Ok(())
            })
            .await?;
        }
    }
    Ok(())
}
