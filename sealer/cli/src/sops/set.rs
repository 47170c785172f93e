//! `sops set` and `sops unset`: one value of a file.

use zeroize::Zeroizing;

use super::{
    Done,
    context::{Context, Named, absolute, read},
    document::{self, Change},
    failure::{Code, Failure},
};
use sealer_core::sops::path::Step;

pub(super) fn set(context: &mut Context<'_, '_>) -> Done {
    let (by_file, by_stdin) =
        (context.flags.switch("value-file"), context.flags.switch("value-stdin"));
    if by_file && by_stdin {
        return Err(Failure::generic("Error: cannot use both --value-file and --value-stdin"));
    }
    let (file, index, value) = match context.arguments {
        [file, index] if by_stdin => (file, index, None),
        [file, index, value] if !by_stdin => (file, index, Some(value)),
        _ if by_stdin => {
            return Err(Failure::new(
                Code::NoFile,
                "Error: file specified, or index and value are missing. Need precisely 2 positional arguments since --value-stdin is used.",
            ));
        }
        _ => {
            return Err(Failure::new(
                Code::NoFile,
                "Error: no file specified, or index and value are missing. Need precisely 3 positional arguments.",
            ));
        }
    };
    let path = absolute(file)?;
    let steps = steps(index, "Invalid set index format")?;
    let value = match value {
        None => context.read(None)?,
        Some(value) if by_file => read(value.as_ref())?,
        Some(value) => Zeroizing::new(value.clone().into_bytes()),
    };
    let idempotent = context.flags.switch("idempotent");
    let named = context.named(Some(path.clone()))?;
    match changed(context, &named, &Change::Set(steps, &json(&value)?))? {
        (_, false) if idempotent => {
            context.inform("File not written due to no change");
            Ok(())
        }
        (result, _) => context.replace(&path, &result),
    }
}

pub(super) fn unset(context: &mut Context<'_, '_>) -> Done {
    let [file, index] = context.arguments else {
        let message = "Error: no file specified, or index is missing";
        return Err(Failure::new(Code::NoFile, message));
    };
    let path = absolute(file)?;
    let steps = steps(index, "Invalid unset index format")?;
    let idempotent = context.flags.switch("idempotent");
    let named = context.named(Some(path.clone()))?;
    match changed(context, &named, &Change::Unset { steps, idempotent })? {
        (_, false) => Ok(()),
        (result, true) => context.replace(&path, &result),
    }
}

/// `--set '["key"] VALUE'`: the new file.
pub(super) fn by_flag(context: &mut Context<'_, '_>, named: &Named) -> Result<Vec<u8>, Failure> {
    let wrong = "Invalid --set format";
    let text = context.flags.text("set").to_owned();
    let (index, value) =
        text.split_once("] ").ok_or_else(|| Failure::new(Code::SetFormat, wrong))?;
    let value = json(value.as_bytes())?;
    let steps = steps(&format!("{index}]"), wrong)?;
    changed(context, named, &Change::Set(steps, &value)).map(|(result, _)| result)
}

/// The file with the change, and whether there is any.
fn changed(
    context: &mut Context<'_, '_>,
    named: &Named,
    change: &Change<'_>,
) -> Result<(Vec<u8>, bool), Failure> {
    let document = context.open(named)?;
    let plain = document.decrypt()?;
    let (plain, differs) = document::change(&plain, change)?;
    Ok((document.update(&plain)?, differs))
}

fn steps(index: &str, wrong: &str) -> Result<Vec<Step>, Failure> {
    match crate::steps::parse(index) {
        Ok(steps) if !steps.is_empty() => Ok(steps),
        _ => Err(Failure::new(Code::SetFormat, wrong)),
    }
}

/// The value as JSON text.
fn json(bytes: &[u8]) -> Result<Zeroizing<String>, Failure> {
    let refuse = || Failure::new(Code::SetFormat, "Value for --set is not valid JSON");
    let text = std::str::from_utf8(bytes).map_err(|_| refuse())?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|_| refuse())?;
    Ok(Zeroizing::new(text.to_owned()))
}
