//! The pull request that carries the change.

use std::sync::Arc;

use imagebot_api::{
    GitRepository, ImageUpdateAutomation,
    image_update_automation::{PullRequest as Request, PullRequestStatus},
};
use imagebot_core::proposal::{self, Decision, Left, Pull, State as PullState};
use kube::ResourceExt as _;
use reconcile::Secret;
use repo::{Expect, Outcome, Push, SafeUrl};
use source::Origin;
use tokio::task::spawn_blocking;

use super::{Error, Found, ImageUpdateAutomations, Valid, edits::Edits, target::Target};
use crate::forge::{Forge, Proposal, Proposed, PullRequest, Site, State, Token};

/// What is said when a pull request is closed.
const SUPERSEDED: &str = "The branch that was read has all of this now, so there is nothing left to change. Closed by imagebot.";

/// The forge, and the pull requests of our branch that it has.
pub(super) struct Desk {
    forge: Forge,
    /// Newest first, in the words of the core.
    pub(super) pulls: Vec<Pull>,
    open: Option<PullRequest>,
}

/// What became of the pull request.
#[derive(Default)]
pub(super) struct Proposing {
    /// The one that is open.
    pub(super) request: Option<PullRequestStatus>,
    /// What was done just now.
    pub(super) told: Option<String>,
    /// Why nothing is proposed although something could be.
    pub(super) note: Option<String>,
}

impl ImageUpdateAutomations {
    /// Asks the forge for the pull requests of the branch, where the automation proposes.
    pub(super) async fn desk(
        &self,
        object: &ImageUpdateAutomation,
        request: Option<&Request>,
        (source, url): (&GitRepository, &SafeUrl),
        target: &Target,
    ) -> Result<Option<Desk>, Error> {
        let Some(request) = request else { return Ok(None) };
        let forge = self.forge(object, request, source, url).await?;
        let (head, base) = (target.branch.as_str(), target.base.as_str());
        let open = forge.find(head, base, State::Open).await.map_err(Error::Forge)?;
        let closed = match &open {
            Some(_) => None,
            // What people closed is not proposed again, and what they merged leaves a branch.
            None => forge.find(head, base, State::Closed).await.map_err(Error::Forge)?,
        };
        let pulls = open.iter().map(|it| pull(it, PullState::Open)).chain(
            closed
                .iter()
                .map(|it| pull(it, if it.merged { PullState::Merged } else { PullState::Closed })),
        );
        Ok(Some(Desk { pulls: pulls.collect(), forge, open }))
    }

    async fn forge(
        &self,
        object: &ImageUpdateAutomation,
        request: &Request,
        source: &GitRepository,
        url: &SafeUrl,
    ) -> Result<Forge, Error> {
        let namespace = source.namespace().unwrap_or_default();
        let login = match &source.spec.secret_ref {
            Some(reference) => {
                let field = "spec.secretRef of the GitRepository";
                let read = Secret::read(&self.core, field, &namespace, &reference.name).await;
                Some(read.map_err(Error::Token)?)
            }
            None => None,
        };
        let token = match &request.secret_ref {
            Some(reference) => {
                let own = object.namespace().unwrap_or_default();
                let field = "spec.git.pullRequest.secretRef";
                let secret = Secret::read(&self.core, field, &own, &reference.name).await;
                let secret = secret.map_err(Error::Token)?;
                secret.required("token").map_err(Error::Token)?;
                secret.text("token").map_err(Error::Token)?.map(Token::new)
            }
            // The password of an ssh key opens the key, and is no business of the forge.
            None if url.is_ssh() => None,
            None => match &login {
                Some(_) if source.spec.provider.as_deref() == Some("github") => {
                    let token = self.remotes.app_token(&Origin::of(source)).await;
                    token.map_err(Error::Source)?.map(|token| Token::new(&token))
                }
                Some(login) => match login.text("bearerToken").map_err(Error::Token)? {
                    Some(token) => Some(Token::new(token)),
                    None => login.text("password").map_err(Error::Token)?.map(Token::new),
                },
                None => None,
            },
        };
        let ca = login
            .as_ref()
            .and_then(|login| login.bytes("ca.crt").or_else(|| login.bytes("caFile")));
        let site = Site {
            provider: request.provider,
            repository: url,
            api_url: request.api_url.as_deref(),
            token: token.ok_or(Error::NoToken)?,
            ca,
        };
        self.forges.open(site).map_err(Error::Forge)
    }

    /// Carries out `decision`, after the push.
    pub(super) async fn propose(
        &self,
        valid: &Valid,
        found: &Found,
        edits: &Edits,
        decision: Decision,
    ) -> Result<Proposing, Error> {
        let (Some(desk), Some(request)) = (&found.desk, &valid.git.pull_request) else {
            return Ok(Proposing::default());
        };
        let target = &found.target;
        match decision {
            Decision::Create | Decision::Update(_) => {
                let Some(wanted) = &edits.proposal else { return Ok(Proposing::default()) };
                let wanted = Proposal {
                    head: &target.branch,
                    base: &target.base,
                    title: &wanted.title,
                    body: &wanted.body,
                    labels: &request.labels,
                };
                let proposed = desk.forge.propose(&wanted).await.map_err(Error::Forge)?;
                Ok(told(proposed, &target.branch))
            }
            Decision::Close(number) => {
                let body = desk.open.as_ref().map_or("", |open| &open.body);
                let body = proposal::withdrawn(body);
                desk.forge.close(number, SUPERSEDED, &body).await.map_err(Error::Forge)?;
                delete_branch(found).await?;
                let told = format!("closed pull request #{number}: nothing is left to change");
                Ok(Proposing { told: Some(told), ..Proposing::default() })
            }
            Decision::Leave(Left::Unchanged(_)) => {
                let request = desk.open.as_ref().map(|open| shown(open, &target.branch));
                Ok(Proposing { request, ..Proposing::default() })
            }
            Decision::Leave(Left::Unwanted) => {
                if desk.pulls.first().is_some_and(|pull| pull.state == PullState::Merged) {
                    delete_branch(found).await?;
                }
                Ok(Proposing::default())
            }
            Decision::Leave(Left::Declined(number)) => {
                let note = format!(
                    "pull request #{number} was closed, so the same is not proposed again; reopen it to go on"
                );
                Ok(Proposing { note: Some(note), ..Proposing::default() })
            }
            Decision::Leave(Left::Foreign(number)) => {
                Err(Error::Foreign { branch: target.branch.clone(), number })
            }
            Decision::Leave(Left::BranchModified) => {
                let author = found.look.tip.as_ref().map(|tip| tip.author.clone());
                let author = author.map(|it| format!("{} <{}>", it.name, it.email));
                let author = author.unwrap_or_default();
                Err(Error::BranchModified { branch: target.branch.clone(), author })
            }
        }
    }
}

/// Deletes the branch of the pull request if it is as it was seen. Whoever moved it keeps it.
async fn delete_branch(found: &Found) -> Result<(), Error> {
    let Some(tip) = found.look.tip.as_ref().map(|tip| tip.id) else { return Ok(()) };
    let push = Push {
        target: format!("refs/heads/{}", found.target.branch),
        expect: Expect::Is(tip),
        options: Vec::new(),
    };
    let mirror = Arc::clone(&found.mirror);
    let deleted = spawn_blocking(move || mirror.delete(&push)).await;
    match deleted.map_err(Error::Interrupted)?.map_err(Error::Push)? {
        Outcome::Pushed { .. } | Outcome::UpToDate | Outcome::Stale { .. } => Ok(()),
        Outcome::Rejected { reference, reason, server_words: words } => {
            Err(Error::Rejected { reference, reason, words })
        }
    }
}

fn told(proposed: Proposed, branch: &str) -> Proposing {
    let (request, verb) = match proposed {
        Proposed::Created(request) => (request, Some("created")),
        Proposed::Updated(request) => (request, Some("updated")),
        Proposed::Unchanged(request) => (request, None),
        Proposed::Nothing => return Proposing::default(),
    };
    let told = verb.map(|verb| format!("{verb} pull request #{}: {}", request.number, request.url));
    Proposing { request: Some(shown(&request, branch)), told, note: None }
}

fn shown(request: &PullRequest, branch: &str) -> PullRequestStatus {
    let PullRequest { number, url, .. } = request;
    PullRequestStatus { number: *number, url: url.clone(), branch: branch.to_owned() }
}

fn pull(request: &PullRequest, state: PullState) -> Pull {
    Pull { number: request.number, state, body: request.body.clone(), mergeable: None }
}
