//! One value as Go's `yaml.v3` spells it.

use ::yaml::{
    Schema,
    edit::double_quoted,
    resolve::{self, Resolved},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::sops::value::{self, Kind, Leaf};

/// A value in one line.
pub(super) fn flow(leaf: &Leaf) -> String {
    match (leaf.kind, leaf.as_str()) {
        (Kind::Int | Kind::Time, Some(text)) => text.to_owned(),
        (Kind::Bool, _) => leaf.as_bool().unwrap_or_default().to_string(),
        (Kind::Float, Some(text)) => value::float_text(text).unwrap_or_default(),
        (_, Some(text)) => self::text(text),
        (_, None) => format!("!!binary {}", BASE64_STANDARD.encode(leaf.bytes.expose())),
    }
}

/// A text of several lines as a literal block, without its last line break.
pub(super) fn block(leaf: &Leaf, column: usize) -> Option<String> {
    let text = leaf.as_str().filter(|text| leaf.kind == Kind::Str && text.contains('\n'))?;
    let body = text.strip_suffix('\n').unwrap_or(text);
    let fits = !text.starts_with([' ', '\n', '\t'])
        && !body.is_empty()
        && !text.contains(" \n")
        && !text.ends_with(' ')
        && text.chars().all(|c| c == '\n' || c == '\t' || is_printable(c));
    if !fits {
        return None;
    }
    let header = match (text.ends_with("\n\n"), text.ends_with('\n')) {
        (true, _) => "|+",
        (false, true) => "|",
        (false, false) => "|-",
    };
    let mut out = header.to_owned();
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', column));
            out.push_str(line);
        }
    }
    Some(out)
}

/// A text in the quotes that it needs.
pub(super) fn text(text: &str) -> String {
    let string = matches!(resolve::plain(text, Schema::GoYaml3), Resolved::Str(_));
    if text.is_empty() || !string || is_old(text) || !text.chars().all(is_printable) {
        escaped(text)
    } else if is_plain(text) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Go escapes what lies beyond the first plane too.
fn escaped(text: &str) -> String {
    let quoted = double_quoted(text);
    let escape = |c: char| {
        if u32::from(c) > 0xffff { format!("\\U{:08X}", u32::from(c)) } else { c.to_string() }
    };
    quoted.chars().map(escape).collect()
}

/// What older readers take for something else than text.
fn is_old(text: &str) -> bool {
    let bools = [
        "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off",
        "OFF",
    ];
    let sexagesimal = || {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        digits.contains(':')
            && digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b':' | b'.' | b'_'))
    };
    bools.contains(&text) || text == "=" || text == "<<" || sexagesimal()
}

fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
        && !matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether a text may stand without quotes in block style.
fn is_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let (first, second) = (chars.next().unwrap_or(' '), chars.next());
    let blank = |c: Option<char>| c.is_none_or(|c| c == ' ');
    let indicator = "#,[]{}&*!|>'\"%@`".contains(first) || ("-?:".contains(first) && blank(second));
    !indicator
        && !text.starts_with([' ', '\t'])
        && !text.ends_with([' ', ':'])
        && !text.starts_with("---")
        && !text.starts_with("...")
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.contains('\t')
}
