//! Regular expressions, in Go's syntax.

use golang::regexp;
use regex::bytes::{NoExpand, Regex};

use super::{Answer, int, made, text};
use crate::{
    exec::{Fault, Scope},
    function::{
        Function,
        Parameter::{Int, Text},
    },
    value::{List, Value},
};

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("mustRegexFind", &[Text, Text], find),
    Function::new("mustRegexFindAll", &[Text, Text, Int], find_all),
    Function::new("mustRegexMatch", &[Text, Text], |scope, a| compile(scope, a, 1).map(|regex| regex.is_match(text(&a[1])).into())),
    Function::new("mustRegexReplaceAll", &[Text, Text, Text], |scope, a| replace(scope, a, true)),
    Function::new("mustRegexReplaceAllLiteral", &[Text, Text, Text], |scope, a| replace(scope, a, false)),
    Function::new("mustRegexSplit", &[Text, Text, Int], split),
    Function::new("regexFind", &[Text, Text], find),
    Function::new("regexFindAll", &[Text, Text, Int], find_all),
    Function::new("regexMatch", &[Text, Text], |scope, a| match compile(scope, a, 1) {
        Ok(regex) => Ok(regex.is_match(text(&a[1])).into()),
        Err(Fault::Reason(_)) => Ok(false.into()),
        Err(limit) => Err(limit),
    }),
    Function::new("regexQuoteMeta", &[Text], |scope, a| {
        let mut quoted = Vec::new();
        for byte in text(&a[0]) {
            if br"\.+*?()|[]{}^$".contains(byte) {
                quoted.push(b'\\');
            }
            quoted.push(*byte);
        }
        made(scope, quoted)
    }),
    Function::new("regexReplaceAll", &[Text, Text, Text], |scope, a| replace(scope, a, true)),
    Function::new("regexReplaceAllLiteral", &[Text, Text, Text], |scope, a| replace(scope, a, false)),
    Function::new("regexSplit", &[Text, Text, Int], split),
];

/// Most memory that a compiled expression may take.
const SIZE: usize = 1 << 20;

/// The expression in the first argument, paid for together with the text it is run on.
fn compile(scope: &mut Scope, arguments: &[Value], source: usize) -> Result<Regex, Fault> {
    let pattern = text(&arguments[0]);
    scope.spend_bytes(text(&arguments[source]).len())?;
    // Compiling costs far more than running.
    scope.spend_items(1000 + pattern.len() * 100)?;
    let pattern = std::str::from_utf8(pattern).map_err(|_| "a regular expression must be UTF-8")?;
    regexp::compile_bytes(pattern, SIZE).map_err(|error| match error {
        regexp::Error::Grammar { reason, .. } => reason.into(),
        regexp::Error::Engine { .. } => "error parsing regular expression".into(),
    })
}

fn find(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let regex = compile(scope, arguments, 1)?;
    let found = regex.find(text(&arguments[1]));
    Ok(found.map(|found| found.as_bytes().to_vec()).unwrap_or_default().into())
}

fn find_all(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let regex = compile(scope, arguments, 1)?;
    let most = usize::try_from(int(&arguments[2])).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for each in regex.find_iter(text(&arguments[1])).take(most) {
        scope.spend(1)?;
        found.push(each.as_bytes().to_vec());
    }
    Ok(List::strings(found).into())
}

fn replace(scope: &mut Scope, arguments: &[Value], expands: bool) -> Answer {
    let regex = compile(scope, arguments, 1)?;
    let (source, replacement) = (text(&arguments[1]), text(&arguments[2]));
    let matches = regex.find_iter(source).count();
    scope.spend_items(matches)?;
    let growth = if expands {
        replacement.len().saturating_mul(source.len().max(1))
    } else {
        replacement.len()
    };
    if growth.saturating_mul(matches) > scope.limits().output {
        scope.spend_bytes(grown(&regex, source, replacement, expands))?;
    }
    let replaced = if expands {
        regex.replace_all(source, replacement)
    } else {
        regex.replace_all(source, NoExpand(replacement))
    };
    made(scope, replaced.into_owned())
}

/// How long the result of a replacement will be.
fn grown(regex: &Regex, source: &[u8], replacement: &[u8], expands: bool) -> usize {
    if !expands {
        return source.len() + regex.find_iter(source).count().saturating_mul(replacement.len());
    }
    let mut expanded = Vec::new();
    regex.captures_iter(source).fold(source.len(), |length, captures| {
        expanded.clear();
        captures.expand(replacement, &mut expanded);
        length.saturating_add(expanded.len())
    })
}

fn split(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let regex = compile(scope, arguments, 1)?;
    let (source, most) = (text(&arguments[1]), int(&arguments[2]));
    if most == 0 {
        return Ok(List::strings(Vec::<Value>::new()).into());
    }
    if !text(&arguments[0]).is_empty() && source.is_empty() {
        return Ok(List::strings([""]).into());
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (mut parts, mut start, mut end) = (Vec::new(), 0, 0);
    for found in regex.find_iter(source).take(most) {
        scope.spend(1)?;
        if parts.len() + 1 == most {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(source[start..end].to_vec());
        }
        start = found.end();
    }
    if end != source.len() {
        parts.push(source[start..].to_vec());
    }
    Ok(List::strings(parts).into())
}
