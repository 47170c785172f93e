//! What is read and where the result goes, from the automation and its GitRepository. Pure.

use imagebot_api::{
    GitRepository,
    image_update_automation::{Git, PullRequest},
};
use repo::Reference;
use source::Speaker;

use super::{
    Error,
    look::{Part, Wanted},
};

/// What is read and where the result goes.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Where to look.
    pub(super) wanted: Wanted,
    /// The branch that is pushed to.
    pub(super) branch: String,
    /// The branch into which a pull request should be merged.
    pub(super) base: String,
    /// What is pushed besides the branch.
    pub(super) refspec: Option<Further>,
    /// Push options.
    pub(super) options: Vec<String>,
}

/// A reference that is pushed besides the branch.
#[derive(Clone, Debug)]
pub(super) struct Further {
    /// Its full name.
    pub(super) name: String,
    /// Whether it is moved even to where it did not come from: the refspec begins with `+`.
    pub(super) forced: bool,
}

/// The target of an automation in `namespace` called `name`.
pub(super) fn of(
    git: &Git,
    source: &GitRepository,
    parts: Vec<Part>,
    fallback: impl FnOnce() -> String,
) -> Result<Target, Error> {
    let checkout = git.checkout.as_ref().map(|checkout| &checkout.reference);
    let written = checkout.or(source.spec.reference.as_ref()).cloned().unwrap_or_default();
    let field = || match checkout {
        Some(_) => Speaker::Itself.field("checkout.ref"),
        None => Speaker::of(source).field("ref"),
    };
    let mut reference = source::reference(&written, "master", field).map_err(Error::Source)?;
    let push = git.push.clone().unwrap_or_default();
    let read = branch_of(&reference);
    let (branch, base) = if let Some(request) = &git.pull_request {
        let base = request.base_branch.clone().or(read).ok_or(Error::NoBranch)?;
        reference = Reference::Branch(base.clone());
        let branch = head(request, push.branch.as_ref()).unwrap_or_else(fallback);
        if branch == base {
            return Err(Error::SameBranch(branch));
        }
        (branch, base)
    } else {
        let branch = push.branch.clone().or_else(|| read.clone()).ok_or(Error::NoBranch)?;
        (branch.clone(), read.unwrap_or(branch))
    };
    let separate = branch_of(&reference).as_ref() != Some(&branch);
    let options = push.options.unwrap_or_default();
    let refspec = push.refspec.as_deref().map(|it| further(it, &branch)).transpose()?;
    Ok(Target {
        wanted: Wanted {
            checkout: reference,
            branch: separate.then(|| branch.clone()),
            afresh: git.pull_request.is_some(),
            parts,
        },
        branch,
        base,
        refspec,
        options: options.into_iter().map(|(key, value)| format!("{key}={value}")).collect(),
    })
}

/// The reference to which `refspec` pushes the commit that `branch` gets.
fn further(refspec: &str, branch: &str) -> Result<Further, Error> {
    let wrong = || Error::Refspec(refspec.to_owned());
    let (from, to) =
        refspec.strip_prefix('+').unwrap_or(refspec).split_once(':').ok_or_else(wrong)?;
    let ours = from == "HEAD" || from.strip_prefix("refs/heads/").unwrap_or(from) == branch;
    if !ours || !to.starts_with("refs/") {
        return Err(wrong());
    }
    Ok(Further { name: to.to_owned(), forced: refspec.starts_with('+') })
}

/// The branch that carries a pull request, where the author names it.
fn head(request: &PullRequest, push: Option<&String>) -> Option<String> {
    request.branch.as_ref().or(push).cloned()
}

/// The branch that a reference is, however it is written.
fn branch_of(reference: &Reference) -> Option<String> {
    match reference {
        Reference::Branch(branch) => Some(branch.clone()),
        Reference::Name(name) => name.strip_prefix("refs/heads/").map(str::to_owned),
        Reference::Default | Reference::Tag(_) | Reference::SemVer(_) | Reference::Commit(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use imagebot_api::{GitRepositorySpec, reference::GitReference};

    use super::*;

    fn target(git: &str, reference: &str) -> Result<Target, Error> {
        let git = format!(r#"{{"commit":{{"author":{{"email":"a@b"}}}}{git}}}"#);
        let git: Git = serde_json::from_str(&git).expect("the case is a `spec.git`");
        let reference: Option<GitReference> =
            serde_json::from_str(reference).expect("the case is a reference");
        let spec = GitRepositorySpec { reference, ..GitRepositorySpec::default() };
        of(&git, &GitRepository::new("app", spec), Vec::new(), || "imagebot/apps-web".to_owned())
    }

    #[test]
    fn where_an_automation_reads_and_pushes() {
        let pr = r#","pullRequest":{"provider":"gitea"}"#;
        #[rustfmt::skip]
        let cases = [
            // spec.git                                                       spec.ref               reads            pushes        apart
            (String::new(),                                                   r#"{"branch":"main"}"#, "branch `main`", "main",       false),
            (r#","checkout":{"ref":{"branch":"dev"}}"#.to_owned(),            r#"{"branch":"main"}"#, "branch `dev`",  "dev",        false),
            (r#","push":{"branch":"bot"}"#.to_owned(),                        r#"{"branch":"main"}"#, "branch `main`", "bot",        true),
            // Upstream takes these for two branches, and forces one onto the other.
            (r#","checkout":{"ref":{"name":"refs/heads/main"}},"push":{"branch":"main"}"#.to_owned(),
                                                                              "null",                 "reference `refs/heads/main`", "main", false),
            (r#","checkout":{"ref":{"tag":"v1"}},"push":{"branch":"bot"}"#.to_owned(), "null",        "tag `v1`",      "bot",        true),
            (String::new(),                                                   "null",                 "branch `master`", "master",   false),
            (pr.to_owned(),                                                   r#"{"branch":"main"}"#, "branch `main`", "imagebot/apps-web", true),
            (format!(r#","push":{{"branch":"bot"}}{pr}"#),                    r#"{"branch":"main"}"#, "branch `main`", "bot",        true),
        ];
        for (git, reference, reads, pushes, apart) in cases {
            let target = target(&git, reference).unwrap();
            assert_eq!(target.wanted.checkout.to_string(), reads, "{git} {reference}");
            assert_eq!(target.branch, pushes, "{git} {reference}");
            assert_eq!(target.wanted.branch.is_some(), apart, "{git} {reference}");
        }
    }

    #[test]
    fn a_tag_alone_is_nowhere_to_push() {
        let stuck = target(r#","checkout":{"ref":{"tag":"v1"}}"#, "null");
        assert!(matches!(stuck, Err(Error::NoBranch)));
    }
}
