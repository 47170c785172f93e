//! Paths with slashes, as Go's `path` package has them.

use super::{Answer, bytes, made, text};
use crate::{
    exec::Scope,
    function::{Function, Parameter::Text},
    value::Value,
};

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("base", &[Text], |scope, a| path(scope, a, base)),
    Function::new("clean", &[Text], |scope, a| path(scope, a, clean)),
    Function::new("dir", &[Text], |scope, a| path(scope, a, directory)),
    Function::new("ext", &[Text], |scope, a| path(scope, a, extension)),
    Function::new("isAbs", &[Text], |_, a| Ok(text(&a[0]).starts_with(b"/").into())),
    Function::new("osBase", &[Text], |scope, a| path(scope, a, base)),
    Function::new("osClean", &[Text], |scope, a| path(scope, a, clean)),
    Function::new("osDir", &[Text], |scope, a| path(scope, a, directory)),
    Function::new("osExt", &[Text], |scope, a| path(scope, a, extension)),
    Function::new("osIsAbs", &[Text], |_, a| Ok(text(&a[0]).starts_with(b"/").into())),
];

fn path(scope: &mut Scope, arguments: &[Value], part: fn(&[u8]) -> Vec<u8>) -> Answer {
    made(scope, part(text(&arguments[0])))
}

fn base(path: &[u8]) -> Vec<u8> {
    let end = path.iter().rposition(|byte| *byte != b'/');
    match end {
        None if path.is_empty() => b".".to_vec(),
        None => b"/".to_vec(),
        Some(end) => {
            let path = &path[..=end];
            path[path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1)..]
                .to_vec()
        }
    }
}

fn directory(path: &[u8]) -> Vec<u8> {
    clean(&path[..path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1)])
}

fn extension(path: &[u8]) -> Vec<u8> {
    let name = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let dot = path[name..].iter().rposition(|byte| *byte == b'.');
    dot.map(|dot| path[name + dot..].to_vec()).unwrap_or_default()
}

fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut kept: Vec<&[u8]> = Vec::new();
    for part in bytes::split(path, b"/", None) {
        match part {
            b"" | b"." => {}
            b".." if kept.last().is_some_and(|last| *last != b"..") => {
                kept.pop();
            }
            b".." if rooted => {}
            part => kept.push(part),
        }
    }
    match (rooted, kept.join(&b'/')) {
        (true, path) => [b"/", &*path].concat(),
        (false, path) if path.is_empty() => b".".to_vec(),
        (false, path) => path,
    }
}
