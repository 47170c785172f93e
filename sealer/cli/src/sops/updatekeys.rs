//! `sops updatekeys`: the keys that the rules say, for files that exist. Their values stay as they are.

use std::{fmt::Write as _, fs, path::Path};

use sealer_core::sops::key::MasterKey;

use super::{
    Done,
    context::{Context, Named, absolute, said},
    failure::{Code, Failure},
    keys, log,
};

pub(super) fn run(context: &mut Context<'_, '_>) -> Done {
    let found = context.rules()?.is_some();
    found.then_some(()).ok_or_else(|| Failure::generic("config file not found"))?;
    let files = context.arguments;
    if files.is_empty() {
        return Err(Failure::new(Code::NoFile, "Error: no file specified"));
    }
    let mut failed = 0;
    for file in files {
        let Err(failure) = update(context, file.as_ref()) else { continue };
        if files.len() == 1 {
            return Err(failure);
        }
        failed += 1;
        log::line(context.streams, log::Level::Error, failure.message());
    }
    match failed {
        0 => Ok(()),
        failed => Err(Failure::generic(format!("failed updating {failed} key(s)"))),
    }
}

fn update(context: &mut Context<'_, '_>, file: &Path) -> Done {
    let path = absolute(file)?;
    let metadata = fs::metadata(&path)
        .map_err(|err| Failure::generic(format!("stat {}: {}", path.display(), said(&err))))?;
    if metadata.is_dir() {
        return Err(Failure::generic("can't operate on a directory"));
    }
    log::remark(context.streams, &format!("Syncing keys for file {}", path.display()));
    let document = context.open(&Named { name: path.clone(), path: Some(path.clone()) })?;
    let rule = context
        .rule(&path)?
        .ok_or_else(|| Failure::generic("The config file does not contain any creation rule"))?;
    let (before, after) = (document.groups(), rule.groups);
    let old = document.threshold().unwrap_or(0);
    let new = old.min(after.len());
    let changes: Vec<Change<'_>> = Change::between(&before, &after);
    if old == new && changes.iter().all(Change::is_empty) {
        log::remark(context.streams, &format!("File {} already up to date", path.display()));
        return Ok(());
    }
    context.print(report(old, new, &changes).as_bytes())?;
    if !context.flags.switch("yes") && !context.agreed("Is this okay? (y/n):")? {
        log::remark(context.streams, &format!("File {} left unchanged", path.display()));
        return Ok(());
    }
    let result = document
        .regroup(after.clone(), keys::stated(Some(new).filter(|new| *new > 0), after.len()))?;
    context.replace(&path, &result)?;
    log::remark(context.streams, &format!("File {} synced with new keys", path.display()));
    Ok(())
}

/// What becomes of one group.
struct Change<'g> {
    kept: Vec<&'g MasterKey>,
    added: Vec<&'g MasterKey>,
    removed: Vec<&'g MasterKey>,
}

impl<'g> Change<'g> {
    /// What becomes of every group, by its place.
    fn between(before: &'g [Vec<MasterKey>], after: &'g [Vec<MasterKey>]) -> Vec<Self> {
        let group = |groups: &'g [Vec<MasterKey>], index| {
            groups.get(index).map(Vec::as_slice).unwrap_or_default()
        };
        (0..before.len().max(after.len()))
            .map(|index| Self::of(group(before, index), group(after, index)))
            .collect()
    }

    fn of(before: &'g [MasterKey], after: &'g [MasterKey]) -> Self {
        let names = |keys: &[MasterKey]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (old, new) = (names(before), names(after));
        let (kept, added) = after.iter().partition(|key| old.contains(&key.to_string()));
        let removed = before.iter().filter(|key| !new.contains(&key.to_string())).collect();
        Self { kept, added, removed }
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

fn report(old: usize, new: usize, changes: &[Change<'_>]) -> String {
    let mut text = "The following changes will be made to the file's groups:\n".to_owned();
    // Writing to a string does not fail.
    if old > 0 && old == new {
        let _ = writeln!(text, "shamir_threshold: {new}");
    } else {
        for (sign, threshold) in [("+++", new), ("---", old)] {
            if threshold > 0 {
                let _ = writeln!(text, "{sign} shamir_threshold: {threshold}");
            }
        }
    }
    for (index, change) in changes.iter().enumerate() {
        let _ = writeln!(text, "Group {}", index + 1);
        for (sign, keys) in
            [("   ", &change.kept), ("+++", &change.added), ("---", &change.removed)]
        {
            for key in keys {
                let _ = writeln!(text, "{sign} {key}");
            }
        }
    }
    text
}
