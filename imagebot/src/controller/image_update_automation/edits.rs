//! What a look at the repository asks for. Pure.

use std::collections::BTreeMap;

use imagebot_api::ImageUpdateAutomation;
use imagebot_core::{
    message::{self, Data, Message},
    proposal::{Content, Proposal},
    setter::{self, Image, Scope, change::Changes},
};
use kube::ResourceExt as _;

use super::{
    Error, Found, Valid,
    group::Member,
    look::{Marked, Place},
};

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
    /// The members of the commit that have a part in it.
    pub(super) by: Vec<String>,
}

/// The edits that the picked images ask for.
pub(super) fn of(
    object: &ImageUpdateAutomation,
    valid: &Valid,
    found: &Found,
) -> Result<Edits, Error> {
    let namespace = object.namespace().unwrap_or_default();
    let Edited { files, changes, notes, by } = edit_all(&namespace, found);
    let data = Data { namespace, name: object.name_any(), changes, values: valid.values.clone() };
    let message = if files.is_empty() { String::new() } else { say(valid, &data)? };
    let request = valid.git.pull_request.as_ref();
    let proposal = request.map(|_| propose(valid, &data, &message)).transpose()?;
    Ok(Edits { files: files.into_iter().collect(), message, proposal, notes, by })
}

/// The message of the commit, with its trailers.
fn say(valid: &Valid, data: &Data) -> Result<String, Error> {
    let message = valid.message.render(data).map_err(Error::Render)?;
    let mut trailers = Vec::new();
    for (key, value) in &valid.trailers {
        trailers.push((key.as_str(), value.render(data).map_err(Error::Render)?));
    }
    let trailers = trailers.iter().map(|(key, value)| (*key, value.as_str()));
    Ok(message::with_trailers(&message, trailers))
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

/// What came of editing.
struct Edited {
    files: BTreeMap<String, Vec<u8>>,
    changes: Changes,
    notes: Vec<String>,
    by: Vec<String>,
}

/// Edits for one member of the commit after the other, each on what the ones before it left.
fn edit_all(namespace: &str, found: &Found) -> Edited {
    let mut edited = Edited {
        files: BTreeMap::new(),
        changes: Changes::new(namespace),
        notes: Vec::new(),
        by: Vec::new(),
    };
    let alone = found.members.len() == 1;
    for (member, place) in found.members.iter().zip(&found.look.places) {
        edit(namespace, (member, alone), place, &mut edited);
    }
    edited.notes.dedup();
    edited
}

fn edit(namespace: &str, (member, alone): (&Member, bool), place: &Place, edited: &mut Edited) {
    let mut scope = scope(namespace, member);
    place.files.iter().for_each(|file| scope.learn(&file.content));
    let passed_over = place.passed_over.iter();
    edited
        .notes
        .extend(passed_over.map(|(path, why)| format!("file `{path}` is not updated: {why}")));
    let mut changed = false;
    for Marked { path, content } in &place.files {
        let content = edited.files.get(path).unwrap_or(content);
        match setter::update(path, content, &scope) {
            Ok(outcome) => {
                let problems = outcome.problems.iter();
                edited.notes.extend(problems.map(|problem| format!("file `{path}`, {problem}")));
                if let Some(content) = outcome.content {
                    // A commit of several automations has no one directory to tell paths from.
                    let told = if alone { relative(path, &member.part.below) } else { path };
                    edited.changes.add(told, outcome.changes);
                    edited.files.insert(path.clone(), content.into_bytes());
                    changed = true;
                }
            }
            Err(error) => edited.notes.push(error.to_string()),
        }
    }
    if changed {
        edited.by.push(member.name.clone());
    }
}

fn scope(namespace: &str, member: &Member) -> Scope {
    let images = member.picks.iter().map(|(policy, picked)| {
        let image = Image {
            name: picked.name.clone(),
            tag: picked.tag.clone(),
            digest: picked.digest.clone(),
        };
        (policy.clone(), image)
    });
    Scope::of(namespace, images).with(member.part.rules.clone())
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
