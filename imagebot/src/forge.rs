//! Pull requests on the host of a repository, over its REST API.
//!
//! A branch is the identity of a pull request: at most one is open from one branch into another, so
//! nothing has to be remembered between runs, and a crash between a push and a request is mended by
//! the next [`Forge::propose`].

mod api;
mod error;
mod gitea;
mod github;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use imagebot_api::image_update_automation::Forge as Provider;
use repo::SafeUrl;
use zeroize::Zeroizing;

use api::Api;
pub use error::Error;
use gitea::Gitea;
use github::Github;

/// A Git host that has pull requests.
#[derive(Debug)]
pub enum Forge {
    /// Gitea or Forgejo.
    Gitea(Gitea),
    /// GitHub, in the cloud or on premises.
    Github(Github),
}

/// Where a repository is, and how to log in to its host's API.
#[derive(Debug)]
pub struct Site<'s> {
    /// What the host runs.
    pub provider: Provider,
    /// The repository's address; its last two parts are the owner and the name.
    pub repository: &'s SafeUrl,
    /// The address of the API, when it does not follow from the repository's.
    pub api_url: Option<&'s str>,
    /// The token.
    pub token: Token,
    /// PEM certificates that are trusted besides the system's.
    pub ca: Option<&'s [u8]>,
}

/// An API token. It cannot be printed or cloned, and is wiped on drop.
pub struct Token(Zeroizing<String>);

/// A pull request as it should be.
#[derive(Clone, Debug)]
pub struct Proposal<'p> {
    /// The branch that carries the change, without `refs/heads/`.
    pub head: &'p str,
    /// The branch into which it should be merged.
    pub base: &'p str,
    /// The title.
    pub title: &'p str,
    /// The text, in Markdown; shortened where the host takes less.
    pub body: &'p str,
    /// Labels that it is created with. Those that do not exist are made.
    pub labels: &'p [String],
}

/// A pull request as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: i64,
    /// Where people look at it.
    pub url: String,
    /// The title.
    pub title: String,
    /// The text.
    pub body: String,
    /// Whether it was merged.
    pub merged: bool,
}

/// What [`Forge::propose`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposed {
    /// It created this.
    Created(PullRequest),
    /// It changed the title or text of this.
    Updated(PullRequest),
    /// This was as it should be; nothing was written.
    Unchanged(PullRequest),
    /// The host sees no difference between the branches.
    Nothing,
}

/// Which pull requests are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Those that wait to be merged.
    Open,
    /// Those that were merged or declined.
    Closed,
}

/// Clients for Git hosts, shared by all who trust the same certificates.
#[derive(Default)]
pub struct Forges(Mutex<HashMap<Vec<u8>, reqwest::Client>>);

impl Forges {
    /// The host of `site`. Nothing is asked of it yet.
    pub fn open(&self, site: Site<'_>) -> Result<Forge, Error> {
        let client = self.client(site.ca)?;
        let (owner, name) = coordinates(site.repository)?;
        let repository = Repository { owner: owner.to_owned(), name: name.to_owned() };
        let base = match site.api_url {
            Some(url) => url::Url::parse(url).map_err(Error::Address)?,
            None => derived(site.provider, site.repository, owner, name)?,
        };
        Ok(match site.provider {
            Provider::Gitea => {
                Forge::Gitea(Gitea::new(Api::new(client, base, "token", site.token)?, repository))
            }
            Provider::Github => Forge::Github(Github::new(
                Api::new(client, base, "Bearer", site.token)?,
                repository,
            )),
        })
    }

    fn client(&self, ca: Option<&[u8]>) -> Result<reqwest::Client, Error> {
        let key = ca.unwrap_or_default().to_vec();
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = api::client(ca)?;
        if clients.len() >= MOST_CLIENTS {
            clients.clear();
        }
        clients.insert(key, client.clone());
        Ok(client)
    }
}

/// Which repository, to the API.
#[derive(Clone, Debug)]
struct Repository {
    owner: String,
    name: String,
}

impl Forge {
    /// The newest pull request from `head` into `base` that is in `state`.
    pub async fn find(
        &self,
        head: &str,
        base: &str,
        state: State,
    ) -> Result<Option<PullRequest>, Error> {
        match self {
            Self::Gitea(gitea) => gitea.find(head, base, state).await,
            Self::Github(github) => github.find(head, base, state).await,
        }
    }

    /// Makes `wanted` be there: creates it, or writes what differs to the open one.
    ///
    /// The second of two equal calls writes nothing.
    pub async fn propose(&self, wanted: &Proposal<'_>) -> Result<Proposed, Error> {
        let body = shortened(wanted.body, self.longest_body());
        let wanted = &Proposal { body: &body, ..wanted.clone() };
        let found = match self.find(wanted.head, wanted.base, State::Open).await? {
            Some(found) => found,
            None => match self.create(wanted).await? {
                Creation::Created(created) => return Ok(Proposed::Created(created)),
                Creation::Nothing => return Ok(Proposed::Nothing),
                // Somebody else was faster: theirs is ours, for the branch is.
                Creation::Exists => match self.find(wanted.head, wanted.base, State::Open).await? {
                    Some(found) => found,
                    None => return Err(Error::Contradiction),
                },
            },
        };
        if same(&found.title, wanted.title) && same(&found.body, wanted.body) {
            return Ok(Proposed::Unchanged(found));
        }
        let fields = serde_json::json!({"title": wanted.title, "body": wanted.body});
        Ok(Proposed::Updated(self.edit(found.number, &fields).await?))
    }

    /// Closes pull request `number` with a last word, unmerged, and leaves it with this text.
    pub async fn close(&self, number: i64, comment: &str, body: &str) -> Result<(), Error> {
        self.comment(number, comment).await?;
        self.edit(number, &serde_json::json!({"state": "closed", "body": body})).await.map(drop)
    }

    /// Says something below pull request `number`.
    pub async fn comment(&self, number: i64, text: &str) -> Result<(), Error> {
        let (api, repository) = self.parts();
        let path = repository.path(&["issues", &number.to_string(), "comments"]);
        api.post(&path, &serde_json::json!({"body": text})).await.map(drop)
    }

    /// Deletes the branch `name`; one that is not there counts as deleted.
    pub async fn delete_branch(&self, name: &str) -> Result<(), Error> {
        match self {
            Self::Gitea(gitea) => gitea.delete_branch(name).await,
            Self::Github(github) => github.delete_branch(name).await,
        }
    }

    async fn create(&self, wanted: &Proposal<'_>) -> Result<Creation, Error> {
        match self {
            Self::Gitea(gitea) => gitea.create(wanted).await,
            Self::Github(github) => github.create(wanted).await,
        }
    }

    async fn edit(&self, number: i64, fields: &serde_json::Value) -> Result<PullRequest, Error> {
        let (api, repository) = self.parts();
        let path = repository.path(&["pulls", &number.to_string()]);
        api.patch(&path, fields).await?.pull_request()
    }

    fn parts(&self) -> (&Api, &Repository) {
        match self {
            Self::Gitea(gitea) => (&gitea.api, &gitea.repository),
            Self::Github(github) => (&github.api, &github.repository),
        }
    }

    /// How many characters a text may have.
    fn longest_body(&self) -> usize {
        match self {
            Self::Gitea(_) => 1_000_000,
            Self::Github(_) => 60_000,
        }
    }
}

/// What became of a request to create.
enum Creation {
    Created(PullRequest),
    Exists,
    Nothing,
}

impl Repository {
    /// The path of something in this repository.
    fn path(&self, rest: &[&str]) -> Vec<String> {
        let all = ["repos", &self.owner, &self.name].into_iter().chain(rest.iter().copied());
        all.map(str::to_owned).collect()
    }
}

impl Token {
    /// Takes the token over, without the line break that `echo` adds.
    pub fn new(token: &str) -> Self {
        Self(Zeroizing::new(token.trim().to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The owner and the name of a repository.
fn coordinates(repository: &SafeUrl) -> Result<(&str, &str), Error> {
    let path = repository.as_str().strip_suffix(".git").unwrap_or(repository.as_str());
    let (_, path) = path.split_once("://").unwrap_or_default();
    let (_, path) = path.split_once('/').unwrap_or_default();
    let mut parts = path.rsplit('/');
    match (parts.next(), parts.next()) {
        (Some(name), Some(owner)) if !name.is_empty() && !owner.is_empty() => Ok((owner, name)),
        _ => Err(Error::Repository { url: repository.clone() }),
    }
}

/// The API's address that follows from the repository's.
fn derived(
    provider: Provider,
    repository: &SafeUrl,
    owner: &str,
    name: &str,
) -> Result<url::Url, Error> {
    let url = repository.as_str();
    let site = url.strip_suffix(".git").unwrap_or(url).strip_suffix(&*format!("/{owner}/{name}"));
    let site = site
        .filter(|_| url.starts_with("http"))
        .ok_or_else(|| Error::NoAddress { url: repository.clone() })?;
    let address = match provider {
        Provider::Gitea => format!("{site}/api/v1"),
        Provider::Github if repository.authority() == "github.com" => {
            "https://api.github.com".to_owned()
        }
        Provider::Github => format!("{site}/api/v3"),
    };
    url::Url::parse(&address).map_err(Error::Address)
}

/// Hosts trim texts and change line breaks; that is no difference.
fn same(a: &str, b: &str) -> bool {
    let lines =
        |text: &str| text.trim().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    lines(a) == lines(b)
}

/// `body`, cut where the host would refuse it.
fn shortened(body: &str, longest: usize) -> String {
    if body.char_indices().nth(longest).is_none() {
        return body.to_owned();
    }
    let kept: String = body.chars().take(longest - CUT.chars().count()).collect();
    kept + CUT
}

const CUT: &str = "\n\n(The rest is more than this host takes.)";
const MOST_CLIENTS: usize = 16;
