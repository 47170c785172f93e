//! Strings.

use super::{Answer, bytes, convert, count, int, made, shown, text};
use crate::{
    exec::Scope,
    function::{
        Function,
        Parameter::{Any, Int, Text},
    },
    quote,
    value::{List, Map, Value},
};

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("abbrev", &[Int, Text], |scope, a| abbreviate(scope, 0, int(&a[0]), text(&a[1]))),
    Function::new("abbrevboth", &[Int, Int, Text], |scope, a| abbreviate(scope, int(&a[0]), int(&a[1]), text(&a[2]))),
    Function::new("cat", &[], cat).rest(Any),
    Function::new("contains", &[Text, Text], |_, a| Ok(bytes::contains(text(&a[1]), text(&a[0])).into())),
    Function::new("hasPrefix", &[Text, Text], |_, a| Ok(text(&a[1]).starts_with(text(&a[0])).into())),
    Function::new("hasSuffix", &[Text, Text], |_, a| Ok(text(&a[1]).ends_with(text(&a[0])).into())),
    Function::new("hello", &[], |_, _| Ok("Hello!".into())),
    Function::new("indent", &[Int, Text], |scope, a| indent(scope, b"", a)),
    Function::new("join", &[Text, Any], join),
    Function::new("nindent", &[Int, Text], |scope, a| indent(scope, b"\n", a)),
    Function::new("nospace", &[Text], |scope, a| {
        let kept = text(&a[0]).iter().filter(|byte| !matches!(byte, b'\t'..=b'\r' | b' ' | 0x85 | 0xa0));
        // sprig takes each byte for a character.
        made(scope, kept.map(|byte| char::from(*byte)).collect::<String>().into())
    }),
    Function::new("plural", &[Text, Text, Int], |_, a| Ok(if int(&a[2]) == 1 { a[0].clone() } else { a[1].clone() })),
    Function::new("quote", &[], |scope, a| quoted(scope, a, |shown| quote::double(shown).into())).rest(Any),
    Function::new("repeat", &[Int, Text], |scope, a| repeat(scope, &a[0], text(&a[1]))),
    Function::new("replace", &[Text, Text, Text], replace),
    Function::new("split", &[Text, Text], |scope, a| split_map(scope, text(&a[1]), text(&a[0]), None)),
    Function::new("splitList", &[Text, Text], |scope, a| {
        let parts = bytes::split(text(&a[1]), text(&a[0]), None);
        scope.spend_items(parts.len())?;
        Ok(List::strings(parts.into_iter().map(<[u8]>::to_vec)).into())
    }),
    Function::new("splitn", &[Text, Int, Text], |scope, a| split_map(scope, text(&a[2]), text(&a[0]), Some(&a[1]))),
    Function::new("squote", &[], |scope, a| quoted(scope, a, |shown| [b"'", shown, b"'"].concat())).rest(Any),
    Function::new("substr", &[Int, Int, Text], substring),
    Function::new("toString", &[Any], |scope, a| shown(scope, &a[0]).map(Value::from)),
    Function::new("toStrings", &[Any], |scope, a| Ok(List::strings(convert::strings(scope, &a[0])?).into())),
    Function::new("trim", &[Text], |_, a| Ok(trimmed(text(&a[0]), char::is_whitespace).into())),
    Function::new("trimAll", &[Text, Text], |_, a| Ok(trim_all(a))),
    Function::new("trimPrefix", &[Text, Text], |_, a| {
        Ok(text(&a[1]).strip_prefix(text(&a[0])).unwrap_or(text(&a[1])).to_vec().into())
    }),
    Function::new("trimSuffix", &[Text, Text], |_, a| {
        Ok(text(&a[1]).strip_suffix(text(&a[0])).unwrap_or(text(&a[1])).to_vec().into())
    }),
    Function::new("trimall", &[Text, Text], |_, a| Ok(trim_all(a))),
    Function::new("trunc", &[Int, Text], |_, a| Ok(truncate(a))),
    Function::new("wrap", &[Int, Text], |scope, a| wrap(scope, int(&a[0]), None, text(&a[1]))),
    Function::new("wrapWith", &[Int, Text, Text], |scope, a| wrap(scope, int(&a[0]), Some(text(&a[1])), text(&a[2]))),
];

fn cat(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let mut parts = Vec::new();
    for argument in arguments.iter().filter(|argument| !argument.is_nil()) {
        parts.push(shown(scope, argument)?);
    }
    made(scope, parts.join(&b' '))
}

fn quoted(scope: &mut Scope, arguments: &[Value], quote: impl Fn(&[u8]) -> Vec<u8>) -> Answer {
    let mut parts = Vec::new();
    for argument in arguments.iter().filter(|argument| !argument.is_nil()) {
        parts.push(quote(&shown(scope, argument)?));
    }
    made(scope, parts.join(&b' '))
}

fn indent(scope: &mut Scope, before: &[u8], arguments: &[Value]) -> Answer {
    let spaces = count(&arguments[0]).ok_or("strings: negative Repeat count")?;
    let lines = bytes::split(text(&arguments[1]), b"\n", None);
    scope.spend_bytes(spaces.saturating_mul(lines.len()))?;
    let pad = b" ".repeat(spaces);
    made(scope, [before, &pad, &lines.join([b"\n", &*pad].concat().as_slice())].concat())
}

fn repeat(scope: &mut Scope, times: &Value, part: &[u8]) -> Answer {
    let times = count(times).ok_or("strings: negative Repeat count")?;
    scope.spend_bytes(times.saturating_mul(part.len()))?;
    Ok(part.repeat(if part.is_empty() { 0 } else { times }).into())
}

fn replace(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let (from, to, source) = (text(&arguments[0]), text(&arguments[1]), text(&arguments[2]));
    scope.spend_bytes((source.len() / from.len().max(1) + 1).saturating_mul(to.len()))?;
    made(scope, bytes::replace(source, from, to))
}

fn join(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let separator = text(&arguments[0]);
    let parts = convert::strings(scope, &arguments[1])?;
    let length = parts.iter().map(|part| part.len() + separator.len()).sum();
    scope.spend_bytes(length)?;
    Ok(parts.join(separator).into())
}

/// `map[string]string{"_0": ..., "_1": ...}`.
fn split_map(scope: &mut Scope, source: &[u8], separator: &[u8], most: Option<&Value>) -> Answer {
    let most = most.and_then(|most| usize::try_from(int(most)).ok());
    let parts = bytes::split(source, separator, most);
    scope.spend_items(parts.len())?;
    let entries =
        parts.into_iter().enumerate().map(|(index, part)| (format!("_{index}"), part.to_vec()));
    Ok(Map::strings(entries).into())
}

fn substring(_: &mut Scope, arguments: &[Value]) -> Answer {
    let (start, end, source) = (int(&arguments[0]), int(&arguments[1]), text(&arguments[2]));
    let bound = |number: i64| usize::try_from(number).ok().filter(|number| *number <= source.len());
    let part = match (bound(start), bound(end)) {
        (_, Some(end)) if start < 0 => source.get(..end),
        (Some(start), None) => source.get(start..),
        (Some(start), Some(end)) => source.get(start..end),
        _ => None,
    };
    part.map(|part| part.to_vec().into()).ok_or_else(|| "slice bounds out of range".into())
}

fn truncate(arguments: &[Value]) -> Value {
    let (most, source) = (int(&arguments[0]), text(&arguments[1]));
    let length = usize::try_from(most.unsigned_abs()).unwrap_or(usize::MAX).min(source.len());
    let part = if most < 0 { &source[source.len() - length..] } else { &source[..length] };
    part.to_vec().into()
}

fn trimmed(source: &[u8], drop: impl Fn(char) -> bool) -> Vec<u8> {
    match std::str::from_utf8(source) {
        Ok(text) => text.trim_matches(drop).as_bytes().to_vec(),
        Err(_) => source.trim_ascii().to_vec(),
    }
}

fn trim_all(arguments: &[Value]) -> Value {
    let set = String::from_utf8_lossy(text(&arguments[0])).into_owned();
    trimmed(text(&arguments[1]), |character| set.contains(character)).into()
}

/// Cuts to a width that counts the dots; `offset` characters may be dropped at the start.
fn abbreviate(scope: &mut Scope, offset: i64, width: i64, source: &[u8]) -> Answer {
    if width < 4 || (offset > 0 && width < 7) {
        return Ok(source.to_vec().into());
    }
    let (width, length) = (usize::try_from(width).unwrap_or(usize::MAX), source.len());
    if length <= width {
        return Ok(source.to_vec().into());
    }
    let kept = width - 3;
    let offset = usize::try_from(offset).unwrap_or(0).min(length - kept.min(length));
    if offset <= 4 {
        return made(scope, [&source[..kept], b"..."].concat());
    }
    if offset + kept < length {
        return made(scope, [b"...", &source[offset..offset + kept - 3], b"..."].concat());
    }
    made(scope, [b"...", &source[length - kept..]].concat())
}

/// Breaks lines at spaces; given what to break them with, also words that are longer than a line.
fn wrap(scope: &mut Scope, width: i64, newline: Option<&[u8]>, source: &[u8]) -> Answer {
    let width = usize::try_from(width).unwrap_or(1).max(1);
    let breaks_words = newline.is_some();
    let newline = newline.filter(|newline| !newline.is_empty()).unwrap_or(b"\n");
    let (mut out, mut rest) = (Vec::new(), source);
    while rest.len() > width {
        if let Some(after) = rest.strip_prefix(b" ") {
            rest = after;
            continue;
        }
        let space = |byte: &u8| *byte == b' ';
        let (line, skip) = match rest[..=width].iter().rposition(space) {
            Some(at) => (at, 1),
            None if breaks_words => (width, 0),
            None => match rest[width..].iter().position(space) {
                Some(at) => (width + at, 1),
                None => break,
            },
        };
        scope.spend_bytes(line + newline.len())?;
        scope.fits(out.len() + newline.len())?;
        out.extend_from_slice(&rest[..line]);
        out.extend_from_slice(newline);
        rest = &rest[line + skip..];
    }
    out.extend_from_slice(rest);
    made(scope, out)
}
