//! `sops filestatus`: whether a file is encrypted.

use super::{
    Done,
    context::Context,
    document,
    failure::{Code, Failure},
};

pub(super) fn run(context: &mut Context<'_, '_>) -> Done {
    let Some(file) = context.arguments.first() else {
        return Err(Failure::new(Code::NoFile, "Error: no file specified"));
    };
    let formats = context.formats(file.as_ref())?;
    let failed = |failure: Failure| match failure {
        Failure::Exit { message, .. } => Failure::Fatal(format!(
            "cannot check file status: cannot load encrypted file: {message}"
        )),
        other => other,
    };
    let encrypted = document::is_encrypted(formats.input, file.as_ref()).map_err(failed)?;
    context.print(format!("{{\"encrypted\":{encrypted}}}\n").as_bytes())
}
