//! `sops groups`: key groups that a file gains and loses. Its values stay as they are.

use super::{
    Done,
    context::{Context, Named},
    document::Document,
    failure::Failure,
    keys,
};

pub(super) fn add(context: &mut Context<'_, '_>) -> Done {
    if !context.arguments.is_empty() {
        return Err(Failure::generic("error: no positional arguments allowed"));
    }
    let group = keys::members(context.flags)?;
    let document = open(context)?;
    let mut groups = document.groups();
    groups.push(group);
    finish(context, &document, groups)
}

pub(super) fn delete(context: &mut Context<'_, '_>) -> Done {
    let [index] = context.arguments else {
        return Err(Failure::generic("error: exactly one positional argument (index) required"));
    };
    let index: usize = index.parse().map_err(|_| {
        Failure::Fatal(format!(
            "failed to parse [index] argument: `{index}` is not a number from 0"
        ))
    })?;
    let document = open(context)?;
    let mut groups = document.groups();
    if index >= groups.len() {
        return Err(Failure::Fatal(format!(
            "there is no key group {index}: the file has {}, counted from 0",
            groups.len()
        )));
    }
    groups.remove(index);
    finish(context, &document, groups)
}

fn open(context: &mut Context<'_, '_>) -> Result<Document, Failure> {
    let path = std::path::PathBuf::from(context.flags.text("file"));
    context.open(&Named { name: path.clone(), path: Some(path) })
}

fn finish(
    context: &mut Context<'_, '_>,
    document: &Document,
    groups: Vec<Vec<sealer_core::sops::key::MasterKey>>,
) -> Done {
    let threshold = keys::threshold(context.flags)?.or(document.threshold());
    let threshold = keys::stated(threshold, groups.len());
    if let Some(threshold) = threshold.filter(|threshold| groups.len() < *threshold) {
        return Err(Failure::Fatal(format!(
            "removing this key group will make the Shamir threshold impossible to satisfy: Shamir threshold is {threshold}, but we only have {} key groups",
            groups.len()
        )));
    }
    let result = document.regroup(groups, threshold)?;
    let path = std::path::PathBuf::from(context.flags.text("file"));
    if context.flags.switch("in-place") {
        context.replace(&path, &result)
    } else {
        context.print(&result)
    }
}
