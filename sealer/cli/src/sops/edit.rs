//! `sops edit`: a file in clear text in the user's editor, encrypted again behind it.
//!
//! The clear text is in a private folder while the editor is open, and the file itself is replaced in
//! one step: whenever this process dies, the old file or the new one is there, whole.

use std::{fs, path::Path};

use sealer_core::sops::store::Plain;
use zeroize::Zeroizing;

use super::{
    Done,
    context::{Context, Named, said},
    document::{self, Document, NewFile},
    failure::{Code, Failure},
    log,
};
use crate::{
    editor::{self, Editor},
    scratch::Scratch,
};

pub(super) fn run(context: &mut Context<'_, '_>) -> Done {
    let path = context.first()?;
    context.warn_of_more();
    let named = context.named(Some(path))?;
    edit(context, &named)
}

/// Lets the user edit a file, or an example if there is none yet.
pub(super) fn edit(context: &mut Context<'_, '_>, named: &Named) -> Done {
    let Some(path) = &named.path else { return Ok(()) };
    if context.flags.switch("show-master-keys") {
        return Err(Failure::generic(
            "--show-master-keys is not supported: `rotate --add-age`, `rotate --rm-age` and the like change for whom a file is",
        ));
    }
    let edited = if fs::metadata(path).is_ok() {
        let document = context.open(named)?;
        let plain = document.decrypt()?;
        existing(context, path, &document, &plain)?
    } else {
        created(context, path, named)?
    };
    context.replace(path, &edited)
}

fn existing(
    context: &mut Context<'_, '_>,
    path: &Path,
    document: &Document,
    plain: &Plain,
) -> Result<Vec<u8>, Failure> {
    let text = document.emit(plain)?;
    let read = |bytes: &[u8]| document.edited(bytes);
    let plain = until_sound(context, path, &text, &read)?;
    document.update(&plain)
}

fn created(context: &mut Context<'_, '_>, path: &Path, named: &Named) -> Result<Vec<u8>, Failure> {
    let formats = context.formats(&named.name)?;
    let creation = context.creation(&named.name, formats.input)?;
    let services = context.services();
    let read = |bytes: &[u8]| {
        let plain = document::plain(formats.output, bytes)?;
        document::encryptable(&plain)?;
        Ok(plain)
    };
    let plain = until_sound(context, path, document::example(formats.output), &read)?;
    document::encrypt(&plain, NewFile { creation, formats, services: &services })
}

/// Opens the editor until what it leaves can be encrypted.
fn until_sound(
    context: &mut Context<'_, '_>,
    path: &Path,
    text: &[u8],
    read: &dyn Fn(&[u8]) -> Result<Plain, Failure>,
) -> Result<Plain, Failure> {
    let no_editor = |err: editor::Error| match err {
        editor::Error::Interrupted => Failure::generic(err.to_string()),
        err => Failure::new(Code::NoEditor, format!("Could not run editor: {}", chain(&err))),
    };
    let editor = Editor::of(context.environment).map_err(no_editor)?;
    let failed = |what: &str, code, err: &std::io::Error| {
        Failure::new(code, format!("Could not {what}: {}", said(err)))
    };
    let scratch = Scratch::new()
        .map_err(|err| failed("create temporary directory", Code::CannotWrite, &err))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let file = scratch
        .write(&name, text)
        .map_err(|err| failed("create temporary file", Code::CannotWrite, &err))?;
    loop {
        editor.open(&file).map_err(no_editor)?;
        let edited = fs::read(&file).map(Zeroizing::new);
        let edited = edited.map_err(|err| failed("read edited file", Code::CannotRead, &err))?;
        if *edited == *text {
            return Err(Failure::new(Code::NotModified, "File has not changed, exiting."));
        }
        match read(&edited) {
            Ok(plain) => return Ok(plain),
            Err(failure) => again(context, &failure)?,
        }
    }
}

/// Says what is wrong with the edited file, and waits. Without anybody to correct it, gives up.
fn again(context: &mut Context<'_, '_>, failure: &Failure) -> Done {
    let message = format!(
        "Could not load tree, probably due to invalid syntax: {}. Press enter to return to the editor, or Ctrl+C to exit.",
        failure.message()
    );
    log::line(context.streams, log::Level::Error, &message);
    let mut byte = [0];
    match context.streams.input.read(&mut byte) {
        Ok(1) => Ok(()),
        _ => Err(Failure::new(
            Code::Interrupted,
            "nobody is there to correct the file: it is unchanged",
        )),
    }
}

fn chain(err: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(err), |err| err.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
