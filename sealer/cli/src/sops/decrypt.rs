//! `sops decrypt`: a file in clear text, or one value of it.

use zeroize::Zeroizing;

use super::{
    Done,
    context::{Context, Named, existing},
    failure::{Code, Failure},
};
use crate::steps;

pub(super) fn run(context: &mut Context<'_, '_>) -> Done {
    let named = context.input()?;
    let plain = decrypted(context, &named)?;
    context.deliver(named.path.as_deref(), &plain)
}

impl Context<'_, '_> {
    /// The file that `encrypt` and `decrypt` take: the first argument, or standard input.
    pub(super) fn input(&mut self) -> Result<Named, Failure> {
        let from_stdin = self.arguments.is_empty();
        if from_stdin && self.flags.switch("in-place") {
            let message = "Error: cannot use --in-place when reading from stdin";
            return Err(Failure::new(Code::Conflict, message));
        }
        self.warn_of_more();
        self.one_target()?;
        let path = if from_stdin { None } else { Some(self.first()?) };
        path.as_deref().map_or(Ok(()), existing)?;
        self.named(path)
    }
}

/// The clear text of a file, or of the value that `--extract` names.
pub(super) fn decrypted(
    context: &mut Context<'_, '_>,
    named: &Named,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let document = context.open(named)?;
    let steps = steps::parse(context.flags.text("extract")).map_err(|err| {
        Failure::new(Code::TreePath, format!("error parsing --extract path: {err}"))
    })?;
    let plain = document.decrypt()?;
    if steps.is_empty() { document.emit(&plain) } else { document.extract(&plain, &steps) }
}
