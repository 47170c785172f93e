//! Go's regular expressions, on Rust's.
//!
//! Both are RE2 dialects. What differs is translated: Perl classes and word boundaries are ASCII
//! in Go, `\Q…\E` quotes, and inside a class `[`, `&&`, `--` and `~~` mean themselves.

use std::fmt::Write as _;

use regex::Regex;

/// A regular expression as Go reads it; it matches anywhere in a text unless anchored.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    regex: Regex,
}

/// The text is not a regular expression of Go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{source_text}` is not a regular expression that Go accepts")]
pub struct Error {
    source_text: String,
}

impl Pattern {
    /// Compiles `source`.
    pub fn new(source: &str) -> Result<Self, Error> {
        let refuse = || Error { source_text: source.to_owned() };
        let translated = translate(source).ok_or_else(refuse)?;
        let regex = Regex::new(&translated).map_err(|_| refuse())?;
        Ok(Self { source: source.to_owned(), regex })
    }

    /// Whether it matches somewhere in `text`.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The expression as it was given.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

fn translate(source: &str) -> Option<String> {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    let mut class = Class::Outside;
    while let Some(first) = rest.chars().next() {
        if first == '\\' {
            rest = escape(rest, class != Class::Outside, &mut out)?;
            class = class.after_item();
            continue;
        }
        rest = &rest[first.len_utf8()..];
        class = match (class, first) {
            (Class::Outside, '[') => {
                out.push('[');
                if let Some(after) = rest.strip_prefix('^') {
                    out.push('^');
                    rest = after;
                }
                Class::Start
            }
            (Class::Outside, _) => {
                out.push(first);
                Class::Outside
            }
            (Class::Inside, ']') => {
                out.push(']');
                Class::Outside
            }
            (_, '[') if rest.starts_with(':') => {
                let end = rest.find(":]")? + 2;
                let _ = write!(out, "[{}", &rest[..end]);
                rest = &rest[end..];
                Class::Inside
            }
            (_, '[' | ']' | '&' | '~') => {
                let _ = write!(out, "\\{first}");
                Class::Inside
            }
            // `--` is a difference in Rust; in Go a range that begins or ends with `-`.
            (_, '-') if rest.starts_with('-') => {
                out.push_str("\\-");
                Class::Inside
            }
            _ => {
                out.push(first);
                Class::Inside
            }
        };
    }
    (class == Class::Outside).then_some(out)
}

/// Where the translation stands; the first item of a class may be `]` itself.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    Outside,
    Start,
    Inside,
}

impl Class {
    fn after_item(self) -> Self {
        if self == Self::Outside { Self::Outside } else { Self::Inside }
    }
}

/// Translates one escape at the start of `rest` and returns what follows it.
fn escape<'s>(rest: &'s str, in_class: bool, out: &mut String) -> Option<&'s str> {
    let escaped = rest[1..].chars().next()?;
    let after = &rest[1 + escaped.len_utf8()..];
    let ascii = match escaped {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => r"\t\n\x0C\r ",
        'D' | 'W' | 'S' => {
            let ascii = match escaped {
                'D' => "0-9",
                'W' => "0-9A-Za-z_",
                _ => r"\t\n\x0C\r ",
            };
            let _ = write!(out, "[^{ascii}]");
            return Some(after);
        }
        'b' | 'B' if in_class => return None,
        'b' | 'B' => {
            let _ = write!(out, "(?-u:\\{escaped})");
            // The negated ASCII boundary may split a character, which Rust refuses for text.
            return (escaped == 'b').then_some(after);
        }
        'Q' => {
            let (literal, after) = after.split_once("\\E").unwrap_or((after, ""));
            out.push_str(&regex::escape(literal));
            return Some(after);
        }
        'C' | '<' | '>' | 'K' | 'R' | 'h' | 'u' | 'U' => return None,
        '0'..='7' => return octal(rest, out),
        _ => {
            out.push('\\');
            out.push(escaped);
            return Some(after);
        }
    };
    let _ = if in_class { write!(out, "{ascii}") } else { write!(out, "[{ascii}]") };
    Some(after)
}

/// `\123` or `\07`; a lone digit other than zero would be a backreference.
fn octal<'s>(rest: &'s str, out: &mut String) -> Option<&'s str> {
    let digits = rest[1..].bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let text = &rest[1..=digits];
    if digits < 2 && text != "0" {
        return None;
    }
    let value = u32::from_str_radix(text, 8).ok()?;
    let _ = write!(out, "\\x{{{value:x}}}");
    Some(&rest[1 + digits..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn expressions_mean_what_they_mean_to_go() {
        #[rustfmt::skip]
        let cases = [
            // expression              text        matches
            ("^(data|stringData)$",    "data",     Some(true)),
            ("^(data|stringData)$",    "metadata", Some(false)),
            ("pass",                   "my-pass1", Some(true)),
            (r"^\d+$",                 "12",       Some(true)),
            (r"^\d+$",                 "٣",        Some(false)),
            (r"^[\d.]+$",              "1.2",      Some(true)),
            (r"^\w$",                  "é",        Some(false)),
            (r"\bkey\b",               "a key",    Some(true)),
            (r"\Qa.b\E$",              "a.b",      Some(true)),
            (r"\Qa.b\E$",              "axb",      Some(false)),
            ("[[a]",                   "[",        Some(true)),
            ("[a&&b]",                 "&",        Some(true)),
            ("^[[:alpha:]]+$",         "ab",       Some(true)),
            ("[]a]",                   "]",        Some(true)),
            (r"\101",                  "A",        Some(true)),
            ("(?i)TOKEN",              "token",    Some(true)),
            ("(",                      "",         None),
            ("a(?=b)",                 "",         None),
            (r"(a)\1",                 "",         None),
            ("[a",                     "",         None),
        ];
        for (source, text, expected) in cases {
            let matched = Pattern::new(source).ok().map(|pattern| pattern.matches(text));
            assert_eq!(matched, expected, "`{source}` on `{text}`");
        }
    }

    proptest! {
        #[test]
        fn no_expression_panics(source in "([\\\\\\[\\]^&~:Q E dDbB0-9a-]|.){0,12}") {
            let _ = Pattern::new(&source).map(|pattern| pattern.matches("abc"));
        }
    }
}
