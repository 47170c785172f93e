//! How `yaml.v3` writes a text: the quotes and escapes that it chooses.
//!
//! A text that would be read as something else gets double quotes. One that only its characters
//! keep from being plain gets single quotes, if they can hold it.

use std::fmt::Write as _;

use ::yaml::{
    Schema,
    resolve::{self, Resolved},
};

/// What the characters of a text allow.
#[expect(clippy::struct_excessive_bools, reason = "each is a form of its own")]
pub(super) struct Forms {
    /// No quotes, outside of `{…}` and `[…]`.
    block_plain: bool,
    /// No quotes, anywhere.
    flow_plain: bool,
    single: bool,
    /// A literal block.
    pub block: bool,
}

/// A text in one line.
pub(super) fn one_line(text: &str, flow: bool) -> String {
    let forms = Forms::of(text);
    let plain = if flow { forms.flow_plain } else { forms.block_plain };
    if text.contains('\n') || !is_string(text) {
        double_quoted(text)
    } else if plain {
        text.to_owned()
    } else if forms.single {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        double_quoted(text)
    }
}

/// Whether a plain `text` is a string, to old readers as well.
fn is_string(text: &str) -> bool {
    let sexagesimal = text.contains(':')
        && text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+'))
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b':' | b'.' | b'_' | b'-' | b'+'));
    let string = |schema| matches!(resolve::plain(text, schema), Resolved::Str(_));
    string(Schema::GoYaml3) && string(Schema::Kubernetes) && !sexagesimal && text != "<<"
}

impl Forms {
    /// What libyaml's emitter, from which `yaml.v3` descends, finds in a text.
    pub(super) fn of(text: &str) -> Self {
        let marker = text.starts_with("---") || text.starts_with("...");
        let (mut block_mark, mut flow_mark) = (marker, marker);
        let (mut special, mut tab, mut breaks) = (false, false, false);
        let (mut break_space, mut space_break) = (false, false);
        let mut before = None;
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            let blank_follows = chars.peek().is_none_or(|next| is_blank(*next) || is_break(*next));
            let blank_before = before.is_none_or(|before| is_blank(before) || is_break(before));
            match (char, before.is_none()) {
                (
                    '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"'
                    | '%' | '@' | '`',
                    true,
                ) => (flow_mark, block_mark) = (true, true),
                ('?' | ':', true) | (':', false) => {
                    flow_mark = true;
                    block_mark |= blank_follows;
                }
                ('-', true) if blank_follows => (flow_mark, block_mark) = (true, true),
                (',' | '?' | '[' | ']' | '{' | '}', false) => flow_mark = true,
                ('#', false) if blank_before => (flow_mark, block_mark) = (true, true),
                _ => {}
            }
            tab |= char == '\t';
            breaks |= is_break(char);
            special |= char != '\t' && !is_break(char) && !is_printable(char);
            break_space |= char == ' ' && before.is_some_and(is_break);
            space_break |= is_break(char) && before == Some(' ');
            before = Some(char);
        }
        let padded = |c: char| c == ' ' || is_break(c);
        let edges = text.starts_with(padded) || text.ends_with(padded);
        let twisted = space_break || tab || special;
        let plain = !edges && !break_space && !twisted && !breaks && !text.is_empty();
        Self {
            block_plain: plain && !block_mark,
            flow_plain: plain && !flow_mark,
            single: !break_space && !twisted,
            block: !text.is_empty() && !text.ends_with(' ') && !space_break && !special,
        }
    }
}

fn is_blank(char: char) -> bool {
    matches!(char, ' ' | '\t')
}

fn is_break(char: char) -> bool {
    matches!(char, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_printable(char: char) -> bool {
    matches!(char, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && char != '\u{feff}'
}

/// A text in double quotes, with Go's escapes.
pub(super) fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        let escape = match char {
            '"' => Some('"'),
            '\\' => Some('\\'),
            '\0' => Some('0'),
            '\u{7}' => Some('a'),
            '\u{8}' => Some('b'),
            '\t' => Some('t'),
            '\n' => Some('n'),
            '\u{b}' => Some('v'),
            '\u{c}' => Some('f'),
            '\r' => Some('r'),
            '\u{1b}' => Some('e'),
            '\u{85}' => Some('N'),
            '\u{2028}' => Some('L'),
            '\u{2029}' => Some('P'),
            _ => None,
        };
        let code = u32::from(char);
        // Writing to a string cannot fail.
        let _ = match escape {
            Some(escape) => write!(out, "\\{escape}"),
            None if is_printable(char) => write!(out, "{char}"),
            None if code <= 0xff => write!(out, "\\x{code:02X}"),
            None if code <= 0xffff => write!(out, "\\u{code:04X}"),
            None => write!(out, "\\U{code:08X}"),
        };
    }
    out.push('"');
    out
}
