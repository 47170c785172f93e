//! URLs taken apart and put together.

use super::{Answer, made, text};
use crate::{
    builtin::percent_encode,
    exec::{Fault, Scope},
    function::{
        Function,
        Parameter::{Dict, Text},
    },
    value::{Map, Value},
};

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("urlJoin", &[Dict], join),
    Function::new("urlParse", &[Text], parse),
];

const MALFORMED: &str = "unable to parse url";

fn parse(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let source = std::str::from_utf8(text(&arguments[0])).map_err(|_| MALFORMED)?;
    scope.spend_bytes(source.len())?;
    let (rest, fragment) = source.split_once('#').unwrap_or((source, ""));
    let (scheme, rest) = scheme(rest)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut parts =
        [("scheme", scheme.to_ascii_lowercase()), ("query", query.into())].map(part).to_vec();
    parts.push(part(("fragment", decode(fragment)?)));
    let opaque = !scheme.is_empty() && !rest.starts_with('/');
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", if opaque { "" } else { rest }),
    };
    let (userinfo, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if host.contains([' ', '"', '<', '>', '^', '`', '{', '|', '}', '\\'])
        || source.contains(char::is_control)
    {
        return Err(format!("{MALFORMED}: invalid character in host name").into());
    }
    parts.extend([
        part(("opaque", if opaque { rest.to_owned() } else { String::new() })),
        part(("userinfo", userinfo.into())),
        part(("host", decode(host)?)),
        part(("hostname", decode(hostname(host))?)),
        part(("path", decode(path)?)),
    ]);
    let map = Map::open();
    for (name, value) in parts {
        map.insert(name, value);
    }
    Ok(map.into())
}

fn part((name, value): (&str, String)) -> (Value, Value) {
    (name.into(), value.into())
}

/// What stands before the first colon, if it can be a scheme.
fn scheme(text: &str) -> Result<(&str, &str), Fault> {
    let end = text
        .find(|character: char| !character.is_ascii_alphanumeric() && !"+-.".contains(character));
    match end {
        Some(0) if text.starts_with(':') => {
            Err(format!("{MALFORMED}: missing protocol scheme").into())
        }
        Some(end)
            if text[end..].starts_with(':')
                && text.starts_with(|first: char| first.is_ascii_alphabetic()) =>
        {
            Ok((&text[..end], &text[end + 1..]))
        }
        _ => Ok(("", text)),
    }
}

/// The host without port and brackets.
fn hostname(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn decode(text: &str) -> Result<String, Fault> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(byte.ok_or_else(|| format!("{MALFORMED}: invalid URL escape"))?);
        rest = &after[2..];
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn join(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let part = |name: &str| match arguments[0].as_map().and_then(|map| map.get(&name.into())) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.to_str().into_owned()),
        Some(other) => {
            let kind = other.type_of().kind();
            Err(Fault::from(format!(
                "unable to parse {name} key, must be of type string, but {kind} found"
            )))
        }
    };
    let (scheme, opaque, userinfo, host, path) =
        (part("scheme")?, part("opaque")?, part("userinfo")?, part("host")?, part("path")?);
    let mut out = String::new();
    let mut push = |parts: &[&str]| out.extend(parts.iter().copied());
    if !scheme.is_empty() {
        push(&[&scheme, ":"]);
    }
    if opaque.is_empty() {
        let names_host = !host.is_empty() || !userinfo.is_empty();
        if names_host || !(scheme.is_empty() || path.is_empty()) {
            push(&["//"]);
        }
        if !userinfo.is_empty() {
            push(&[&userinfo, "@"]);
        }
        push(&[&host]);
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            push(&["/"]);
        }
        push(&[&percent_encode(path.as_bytes(), b"$&+,/:;=@-_.~!*'()")]);
    } else {
        push(&[&opaque]);
    }
    for (mark, name) in [("?", "query"), ("#", "fragment")] {
        let value = part(name)?;
        if !value.is_empty() {
            out += mark;
            out += &value;
        }
    }
    made(scope, out.into())
}
