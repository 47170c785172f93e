//! `sops exec-file`: a command that reads the decrypted file under a temporary name.

use std::{
    fs,
    path::{Component, Path, PathBuf},
    thread,
};

use nix::{sys::stat::Mode, unistd::mkfifo};
use zeroize::Zeroizing;

use super::{
    Done,
    context::{Context, Named, said},
    failure::Failure,
    user,
};
use crate::scratch::Scratch;

/// The temporary file's name if no other is asked for.
const NAME: &str = "tmp-file";

pub(super) fn run(context: &mut Context<'_, '_>) -> Done {
    let [file, line] = context.arguments else {
        return Err(Failure::generic("error: missing file to decrypt"));
    };
    if context.flags.switch("background") {
        // The file would be gone before the command reads it.
        return Err(Failure::generic(
            "exec-file's --background is not supported: the temporary file lives as long as sops; use `&` of your shell",
        ));
    }
    let name = context.flags.some("filename").unwrap_or(NAME).to_owned();
    if !is_local(&name) {
        return Err(Failure::generic("The provided filename is not a local path."));
    }
    let document = context.open(&Named::plainly(file))?;
    let plain = document.emit(&document.decrypt()?)?;
    let mut command = user::shell("", Some(context.environment), context.flags.some("user"))?;
    let scratch = Scratch::new().map_err(|err| Failure::generic(said(&err)))?;
    let path = if context.flags.switch("no-fifo") {
        scratch.write(&name, &plain)
    } else {
        pipe(&scratch, &name, plain)
    };
    let path = path.map_err(|err| Failure::generic(said(&err)))?;
    command.arg(line.replace("{}", &path.to_string_lossy()));
    user::wait(command)
}

/// A named pipe that gives its content to whoever reads it first.
fn pipe(scratch: &Scratch, name: &str, content: Zeroizing<Vec<u8>>) -> std::io::Result<PathBuf> {
    let path = scratch.path().join(name);
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    let end = path.clone();
    // Opening waits for a reader. If none comes, the thread ends with the process.
    thread::spawn(move || {
        use std::io::Write as _;
        let mut file = fs::OpenOptions::new().write(true).open(end)?;
        file.write_all(&content)
    });
    Ok(path)
}

/// Whether a name stays in its folder.
fn is_local(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!((components.next(), components.next()), (Some(Component::Normal(_)), None))
}
