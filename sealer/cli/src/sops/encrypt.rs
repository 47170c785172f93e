//! `sops encrypt`: a plain file for the keys that flags or rules name.

use super::{
    Done,
    context::{Context, Named},
    document::{self, NewFile},
    failure::{Code, Failure},
};

pub(super) fn run(context: &mut Context<'_, '_>) -> Done {
    if context.arguments.is_empty()
        && !context.flags.switch("in-place")
        && context.flags.some("filename-override").is_none()
    {
        let message = "Error: must specify --filename-override when reading from stdin";
        return Err(Failure::new(Code::Conflict, message));
    }
    let named = context.input()?;
    let encrypted = encrypted(context, &named)?;
    context.deliver(named.path.as_deref(), &encrypted)
}

/// The file, encrypted.
pub(super) fn encrypted(context: &mut Context<'_, '_>, named: &Named) -> Result<Vec<u8>, Failure> {
    let formats = context.formats(&named.name)?;
    let creation = context.creation(&named.name, formats.input)?;
    let bytes = context.read(named.path.as_deref())?;
    let plain = document::plain(formats.input, &bytes)?;
    document::encryptable(&plain)?;
    let services = context.services();
    document::encrypt(&plain, NewFile { creation, formats, services: &services })
}
