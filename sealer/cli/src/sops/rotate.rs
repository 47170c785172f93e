//! `sops rotate`: a new data key, and keys that a file gains and loses.

use std::path::Path;

use super::{
    Done,
    context::{Context, Named, is_missing},
    failure::{Code, Failure},
    flags::CHANGES,
    keys,
};

pub(super) fn run(context: &mut Context<'_, '_>) -> Done {
    let path = context.first()?;
    context.warn_of_more();
    context.one_target()?;
    no_changes_of_nothing(context, &path, "use the `edit` subcommand instead.")?;
    let named = context.named(Some(path))?;
    let rotated = rotated(context, &named)?;
    context.deliver(named.path.as_deref(), &rotated)
}

/// Refuses to add keys to a file that is not there, and to remove some.
pub(super) fn no_changes_of_nothing(context: &Context<'_, '_>, path: &Path, remedy: &str) -> Done {
    let changes = CHANGES.iter().any(|flag| context.flags.some(flag.names[0]).is_some());
    if changes && is_missing(path) {
        let path = path.display();
        let message =
            format!("Error: cannot add or remove keys on non-existent file \"{path}\", {remedy}");
        return Err(Failure::new(Code::NoFileForKeys, message));
    }
    Ok(())
}

/// The file under a new data key, which is wrapped for the keys it has then.
pub(super) fn rotated(context: &mut Context<'_, '_>, named: &Named) -> Result<Vec<u8>, Failure> {
    let added = keys::listed(context.flags, "add-")?;
    let removed = keys::listed(context.flags, "rm-")?;
    let document = context.open(named)?;
    let mut groups = document.groups();
    match groups.first_mut() {
        Some(first) => first.extend(added),
        None => groups.push(added),
    }
    let names: Vec<String> = removed.iter().map(ToString::to_string).collect();
    for group in &mut groups {
        group.retain(|key| !names.contains(&key.to_string()));
    }
    document.rotate(groups)
}
