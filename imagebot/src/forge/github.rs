//! GitHub, in the cloud or on premises.

use serde_json::json;

use super::{
    Creation, Error, Proposal, PullRequest, Repository, State,
    api::{Api, Listed},
};

/// A repository on GitHub.
#[derive(Debug)]
pub struct Github {
    pub(super) api: Api,
    pub(super) repository: Repository,
}

impl Github {
    pub(super) fn new(api: Api, repository: Repository) -> Self {
        Self { api, repository }
    }

    pub(super) async fn find(
        &self,
        head: &str,
        base: &str,
        state: State,
    ) -> Result<Option<PullRequest>, Error> {
        let state = match state {
            State::Open => "open",
            State::Closed => "closed",
        };
        let source = format!("{}:{head}", self.repository.owner);
        // A `head` without its owner, or of a branch that is gone, would not filter at all.
        let query = [
            ("head", &*source),
            ("base", base),
            ("state", state),
            ("sort", "created"),
            ("direction", "desc"),
        ];
        let listed: Vec<Listed> =
            self.api.get(&self.repository.path(&["pulls"]), &query).await?.json()?;
        let same = |pull: &Listed| pull.head.name == head && pull.base.name == base;
        Ok(listed.into_iter().filter(same).map(PullRequest::from).max_by_key(|pull| pull.number))
    }

    pub(super) async fn create(&self, wanted: &Proposal<'_>) -> Result<Creation, Error> {
        let Proposal { head, base, title, body, .. } = wanted;
        let fields = json!({"head": head, "base": base, "title": title, "body": body});
        let created = match self.api.post(&self.repository.path(&["pulls"]), &fields).await {
            Ok(answer) => answer.pull_request()?,
            // One status for everything that is wrong: only the words tell.
            Err(Error::Refused { status: 422, words, .. })
                if words.contains("pull request already exists") =>
            {
                return Ok(Creation::Exists);
            }
            Err(Error::Refused { status: 422, words, .. })
                if words.contains("No commits between") =>
            {
                return Ok(Creation::Nothing);
            }
            Err(error) => return Err(error),
        };
        if !wanted.labels.is_empty() {
            let path = self.repository.path(&["issues", &created.number.to_string(), "labels"]);
            self.api.post(&path, &json!({"labels": wanted.labels})).await?;
        }
        Ok(Creation::Created(created))
    }

    pub(super) async fn delete_branch(&self, name: &str) -> Result<(), Error> {
        // Here a branch's slashes are part of the path.
        let path: Vec<&str> = ["git", "refs", "heads"].into_iter().chain(name.split('/')).collect();
        match self.api.delete(&self.repository.path(&path)).await {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(Error::Refused { status: 422, words, .. })
                if words.contains("Reference does not exist") =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
