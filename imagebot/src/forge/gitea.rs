//! Gitea and Forgejo.

use serde::Deserialize;
use serde_json::json;

use super::{
    Creation, Error, Proposal, PullRequest, Repository, State,
    api::{Api, Listed},
};

/// A repository on a Gitea or Forgejo.
#[derive(Debug)]
pub struct Gitea {
    pub(super) api: Api,
    pub(super) repository: Repository,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

impl Gitea {
    pub(super) fn new(api: Api, repository: Repository) -> Self {
        Self { api, repository }
    }

    /// Lists, for the request by base and head answers with the oldest, open or not.
    pub(super) async fn find(
        &self,
        head: &str,
        base: &str,
        state: State,
    ) -> Result<Option<PullRequest>, Error> {
        let path = self.repository.path(&["pulls"]);
        let state = match state {
            State::Open => "open",
            State::Closed => "closed",
        };
        for page in 1..=MOST_PAGES {
            let page = page.to_string();
            // Older ones ignore `base_branch`, so the answer is looked through.
            let query = [("state", state), ("base_branch", base), ("limit", PAGE), ("page", &page)];
            let listed: Vec<Listed> = self.api.get(&path, &query).await?.json()?;
            let last = listed.is_empty();
            let found = listed
                .into_iter()
                .filter(|pull| pull.head.was(head) && pull.base.name == base && pull.is_at_home())
                .map(PullRequest::from)
                .max_by_key(|pull| pull.number);
            if found.is_some() || last {
                return Ok(found);
            }
        }
        Ok(None)
    }

    pub(super) async fn create(&self, wanted: &Proposal<'_>) -> Result<Creation, Error> {
        let Proposal { head, base, title, body, .. } = wanted;
        let fields = json!({"head": head, "base": base, "title": title, "body": body});
        let created = match self.api.post(&self.repository.path(&["pulls"]), &fields).await {
            Ok(answer) => answer.pull_request()?,
            Err(Error::Refused { status: 409, .. }) => return Ok(Creation::Exists),
            Err(error) => return Err(error),
        };
        self.label(created.number, wanted.labels).await?;
        Ok(Creation::Created(created))
    }

    /// Puts labels on a new pull request. Those that do not exist would be ignored, so they are made.
    async fn label(&self, number: i64, labels: &[String]) -> Result<(), Error> {
        if labels.is_empty() {
            return Ok(());
        }
        let known = self.labels().await?;
        for name in labels.iter().filter(|name| !known.contains(name)) {
            let fields = json!({"name": name, "color": "#ededed"});
            match self.api.post(&self.repository.path(&["labels"]), &fields).await {
                Ok(_) => {}
                // An organization may have it, which the repository's list does not show.
                Err(Error::Refused { status: 409 | 422, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let path = self.repository.path(&["issues", &number.to_string(), "labels"]);
        self.api.post(&path, &json!({"labels": labels})).await.map(drop)
    }

    async fn labels(&self) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for page in 1..=MOST_PAGES {
            let query = [("limit", PAGE), ("page", &*page.to_string())];
            let listed: Vec<Label> =
                self.api.get(&self.repository.path(&["labels"]), &query).await?.json()?;
            if listed.is_empty() {
                break;
            }
            names.extend(listed.into_iter().map(|label| label.name));
        }
        Ok(names)
    }

    pub(super) async fn delete_branch(&self, name: &str) -> Result<(), Error> {
        match self.api.delete(&self.repository.path(&["branches", name])).await {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Gitea's largest page.
const PAGE: &str = "50";
/// 2,500 open pull requests into one branch are more than anybody reads.
const MOST_PAGES: u32 = 50;
