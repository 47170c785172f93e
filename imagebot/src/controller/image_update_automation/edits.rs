//! What a look at the repository asks for. Pure.

use imagebot_api::ImageUpdateAutomation;
use imagebot_core::{
    message::{Data, Message},
    proposal::{Content, Proposal},
    setter::{self, Image, Scope, change::Changes},
};
use kube::ResourceExt as _;

use super::{Error, Found, Picks, Valid, look::Look};

/// Edits of files, and how they are told.
#[derive(Debug)]
pub struct Edits {
    /// The new content of each file that changes, by path from the root.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// The message of the commit.
    pub(super) message: String,
    /// What a pull request should say, where the automation proposes.
    pub(super) proposal: Option<Proposal>,
    /// What was left undone and why, one line each.
    pub(super) notes: Vec<String>,
}

/// The edits that the picked images ask for.
pub(super) fn of(
    object: &ImageUpdateAutomation,
    valid: &Valid,
    found: &Found,
) -> Result<Edits, Error> {
    let namespace = object.namespace().unwrap_or_default();
    let (files, changes, notes) = edit(&namespace, valid, &found.picks, &found.look);
    let data = Data { namespace, name: object.name_any(), changes, values: valid.values.clone() };
    let message = if files.is_empty() {
        String::new()
    } else {
        valid.message.render(&data).map_err(Error::Render)?
    };
    let request = valid.git.pull_request.as_ref();
    let proposal = request.map(|_| propose(valid, &data, &message)).transpose()?;
    Ok(Edits { files, message, proposal, notes })
}

/// The pull request that says `message`, or what the author wants it to say.
fn propose(valid: &Valid, data: &Data, message: &str) -> Result<Proposal, Error> {
    let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
    let render = |template: &Option<Message>, otherwise: &str| match template {
        Some(template) if !data.changes.is_empty() => template.render(data).map_err(Error::Render),
        _ => Ok(otherwise.to_owned()),
    };
    let (title, text) = (render(&valid.title, first)?, render(&valid.body, rest)?);
    Ok(Proposal::new(&Content {
        namespace: &data.namespace,
        name: &data.name,
        title: &title,
        text: &text,
        changes: &data.changes,
    }))
}

type Edited = (Vec<(String, Vec<u8>)>, Changes, Vec<String>);

fn edit(namespace: &str, valid: &Valid, picks: &Picks, look: &Look) -> Edited {
    let images = picks.iter().map(|(policy, picked)| {
        let image = Image {
            name: picked.name.clone(),
            tag: picked.tag.clone(),
            digest: picked.digest.clone(),
        };
        (policy.clone(), image)
    });
    let mut scope = Scope::of(namespace, images).with(valid.rules.clone());
    look.files.iter().for_each(|file| scope.learn(&file.content));
    let mut files = Vec::new();
    let mut changes = Changes::new(namespace);
    let mut notes: Vec<String> = look
        .passed_over
        .iter()
        .map(|(path, why)| format!("file `{path}` is not updated: {why}"))
        .collect();
    for file in &look.files {
        match setter::update(&file.path, &file.content, &scope) {
            Ok(outcome) => {
                let problems = outcome.problems.iter();
                notes.extend(problems.map(|problem| format!("file `{}`, {problem}", file.path)));
                if let Some(content) = outcome.content {
                    changes.add(relative(&file.path, &valid.below), outcome.changes);
                    files.push((file.path.clone(), content.into_bytes()));
                }
            }
            Err(error) => notes.push(error.to_string()),
        }
    }
    (files, changes, notes)
}

/// `path` as upstream tells it: from the directory that is edited.
fn relative<'p>(path: &'p str, below: &str) -> &'p str {
    let tail = path.strip_prefix(below).map(|tail| tail.trim_start_matches('/'));
    match tail {
        // The path is a file itself: its own name is what is left.
        Some("") => path.rsplit('/').next().unwrap_or(path),
        Some(tail) => tail,
        None => path,
    }
}
