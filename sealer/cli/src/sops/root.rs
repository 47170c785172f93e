//! sops without a command: what the flags in front of the file say, else the editor.

use super::{
    Done,
    context::{Context, Named, existing},
    decrypt, edit, encrypt,
    failure::Failure,
    rotate, set,
};

pub(super) fn run(context: &mut Context<'_, '_>) -> Done {
    let path = context.first()?;
    context.warn_of_more();
    context.one_target()?;
    let [encrypts, decrypts, rotates] =
        ["encrypt", "decrypt", "rotate"].map(|name| context.flags.switch(name));
    let sets = context.flags.some("set").is_some();
    rotate::no_changes_of_nothing(context, &path, "use `--kms` and `--pgp` instead.")?;
    if encrypts || decrypts || rotates {
        existing(&path)?;
    }
    let named = context.named(Some(path.clone()))?;
    if [encrypts, decrypts, rotates, sets].into_iter().filter(|on| *on).count() > 1 {
        context.warn("More than one command (--encrypt, --decrypt, --rotate, --set) has been specified. Only the changes made by the last one will be visible. Note that this behavior is deprecated and will cause an error eventually.");
    }
    if !decrypts {
        // A file with rules that is broken is told of, even where no rule is needed.
        context.rule(&named.name)?;
    }
    let last = [
        (sets, set::by_flag as Verb),
        (rotates, rotate::rotated),
        (decrypts, |context, named| decrypt::decrypted(context, named).map(|plain| plain.to_vec())),
        (encrypts, encrypt::encrypted),
    ];
    match last.into_iter().find(|(on, _)| *on) {
        None => edit::edit(context, &named),
        Some((_, verb)) => {
            let result = zeroize::Zeroizing::new(verb(context, &named)?);
            if sets {
                context.replace(&path, &result)
            } else {
                context.deliver(Some(&path), &result)
            }
        }
    }
}

/// What one of the flags does to a file.
type Verb = fn(&mut Context<'_, '_>, &Named) -> Result<Vec<u8>, Failure>;
