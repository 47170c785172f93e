//! Names cut into words, and put together in another case.

use super::{lower as lower_char, upper};

/// What a run of characters is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Spaces, hyphens and underscores.
    Connector,
    Number,
    /// A capital and small letters, or capitals but for the last if a word begins with it.
    Capitals,
    /// Small letters.
    Letters,
    Punctuation,
    Other,
}

impl Sort {
    fn joins(self) -> bool {
        matches!(self, Self::Connector | Self::Punctuation)
    }
}

/// `some_words` and `some words` to `SomeWords`.
pub(super) fn camel(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let head = text.find(|character| !is_connector(character)).unwrap_or(text.len());
    out.push_str(&text[..head]);
    let mut rest = text[head..].chars();
    let Some(first) = rest.next() else { return out };
    let (mut previous, mut in_capitals) = (upper(first), first.is_uppercase());
    for character in rest {
        let next = match (is_connector(previous), is_connector(character)) {
            (true, true) => {
                out.push(previous);
                character
            }
            (true, false) => {
                in_capitals = character.is_uppercase();
                upper(character)
            }
            (false, _) => {
                out.push(previous);
                let capital = character.is_uppercase();
                let lowered = in_capitals && capital;
                in_capitals = in_capitals && capital;
                if lowered { lower_char(character) } else { character }
            }
        };
        previous = next;
    }
    out.push(previous);
    out
}

/// `FirstName` to `first_name`, or with another connector.
pub(super) fn lower(text: &str, connector: char) -> String {
    let words = words(text);
    let mut out = String::with_capacity(text.len() + words.len());
    let mut at = 0;
    while at < words.len() {
        let (sort, word) = words[at];
        push(&mut out, sort, word, connector);
        at += 1;
        let next = |at: usize| words.get(at).map(|word| word.0);
        // A number stays with the letters after it.
        let glues = match sort {
            Sort::Number => true,
            Sort::Connector | Sort::Punctuation => continue,
            _ if next(at) == Some(Sort::Number) => match next(at + 1) {
                None => {
                    push(&mut out, Sort::Number, words[at].1, connector);
                    at += 1;
                    continue;
                }
                Some(Sort::Letters) => {
                    out.push(connector);
                    push(&mut out, Sort::Number, words[at].1, connector);
                    at += 1;
                    true
                }
                Some(_) => {
                    push(&mut out, Sort::Number, words[at].1, connector);
                    at += 1;
                    false
                }
            },
            _ => false,
        };
        while glues && matches!(next(at), Some(Sort::Letters | Sort::Number)) {
            push(&mut out, words[at].0, words[at].1, connector);
            at += 1;
        }
        if next(at).is_some_and(|sort| !sort.joins()) {
            out.push(connector);
        }
    }
    out
}

fn push(out: &mut String, sort: Sort, word: &str, connector: char) {
    match sort {
        Sort::Connector => out.extend(word.chars().map(|_| connector)),
        _ => out.extend(word.chars().map(lower_char)),
    }
}

fn words(text: &str) -> Vec<(Sort, &str)> {
    let (mut words, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let sort = sort(first);
        let run = |sorts: fn(char) -> bool| {
            rest.find(|character| !sorts(character)).unwrap_or(rest.len())
        };
        let (sort, length) = match sort {
            Sort::Connector => (sort, run(is_connector)),
            Sort::Punctuation => (sort, run(is_punctuation)),
            Sort::Number => (sort, run(char::is_numeric)),
            Sort::Letters => (sort, run(char::is_lowercase)),
            Sort::Other => (sort, run(|character| self::sort(character) == Sort::Other)),
            Sort::Capitals => {
                let capitals = run(char::is_uppercase);
                let last = rest[..capitals].chars().next_back().map_or(0, char::len_utf8);
                let small = rest[capitals..].find(|character: char| !character.is_lowercase());
                let small = small.unwrap_or(rest.len() - capitals);
                match (capitals == first.len_utf8(), small) {
                    (true, 0) => (Sort::Capitals, capitals),
                    (true, small) => (Sort::Capitals, capitals + small),
                    (false, 0) => (Sort::Capitals, capitals),
                    (false, _) => (Sort::Capitals, capitals - last),
                }
            }
        };
        let (word, after) = rest.split_at(length);
        words.push((sort, word));
        rest = after;
    }
    words
}

fn sort(character: char) -> Sort {
    match character {
        _ if is_connector(character) => Sort::Connector,
        _ if is_punctuation(character) => Sort::Punctuation,
        _ if character.is_uppercase() => Sort::Capitals,
        _ if character.is_lowercase() => Sort::Letters,
        _ if character.is_numeric() => Sort::Number,
        _ => Sort::Other,
    }
}

fn is_connector(character: char) -> bool {
    matches!(character, '-' | '_') || character.is_whitespace()
}

/// Go counts the other ASCII marks as symbols.
fn is_punctuation(character: char) -> bool {
    character.is_ascii_punctuation()
        && !matches!(character, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~')
}
