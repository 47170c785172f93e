//! Go's regular expressions in the words of the `regex` crate.
//!
//! They differ in what a class may hold (`[[a]` and `[a&&b]` are plain in Go), in `\Q…\E` and octal
//! escapes, in which characters `\d`, `\s`, `\w` and `\b` mean (ASCII in Go), in flags, and in how
//! operators may be stacked. Whatever is one character to Go is written so that it is one to Rust.

use std::fmt::Write as _;

/// What Go says of a text that is no expression.
type Refusal = &'static str;

const TRAILING_BACKSLASH: Refusal = "trailing backslash at end of expression";
const ESCAPE: Refusal = "invalid escape sequence";
const RANGE: Refusal = "invalid character class range";
const UNCLOSED: Refusal = "missing closing ]";
const NESTED: Refusal = "invalid nested repetition operator";
const COUNT: Refusal = "invalid repeat count";
const PERL: Refusal = "invalid or unsupported Perl syntax";
const NAME: Refusal = "invalid named capture";

/// How often an expression may be repeated with `{n}`.
const REPEAT_MAX: u32 = 1000;

/// The same expression for the `regex` crate, or why Go would refuse it.
pub(super) fn translate(expression: &str) -> Result<String, Refusal> {
    let out = String::with_capacity(expression.len() * 2);
    let mut translator = Translator { rest: expression, out };
    translator.run()?;
    Ok(translator.out)
}

struct Translator<'e> {
    rest: &'e str,
    out: String,
}

impl Translator<'_> {
    fn run(&mut self) -> Result<(), Refusal> {
        let mut repeated = false;
        while let Some(next) = self.next() {
            let mut repeats = false;
            match next {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' if self.take("?") => self.group()?,
                '(' | ')' | '|' | '^' | '$' | '.' => self.out.push(next),
                '*' | '+' | '?' => {
                    self.out.push(next);
                    repeats = true;
                }
                '{' => repeats = self.braces()?,
                other => self.literal(other),
            }
            if repeats {
                if repeated {
                    return Err(NESTED);
                }
                if self.take("?") {
                    self.out.push('?');
                }
            }
            repeated = repeats;
        }
        Ok(())
    }

    /// What follows a `{`, and whether it is a repetition; if not, the brace is plain.
    fn braces(&mut self) -> Result<bool, Refusal> {
        let counts = self.rest.split_once('}');
        let Some((inside, after)) = counts.filter(|(inside, _)| is_counts(inside)) else {
            self.literal('{');
            return Ok(false);
        };
        let allowed =
            |count: &str| count.is_empty() || count.parse().is_ok_and(|n: u32| n <= REPEAT_MAX);
        if !inside.split(',').all(allowed) {
            return Err(COUNT);
        }
        let _ = write!(self.out, "{{{inside}}}");
        self.rest = after;
        Ok(true)
    }

    /// What follows a `(?`: a name, or flags for the group or for all that comes.
    fn group(&mut self) -> Result<(), Refusal> {
        if self.take("P<") || self.take("<") {
            let (name, after) = self.rest.split_once('>').ok_or(NAME)?;
            let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if name.is_empty() || !name.bytes().all(word) {
                return Err(NAME);
            }
            let _ = write!(self.out, "(?P<{name}>");
            self.rest = after;
            return Ok(());
        }
        let end = self.rest.find([':', ')']).ok_or(PERL)?;
        let (written, after) = self.rest.split_at(end);
        let (set, cleared) = written.split_once('-').unwrap_or((written, ""));
        let known = |flags: &str| flags.bytes().all(|flag| b"imsU".contains(&flag));
        if !known(set) || !known(cleared) || written.ends_with('-') {
            return Err(PERL);
        }
        self.rest = &after[1..];
        let opens = after.starts_with(':');
        // Go lets `(?)` stand for nothing, and a flag be named twice: the last time counts.
        if opens || !written.is_empty() {
            let flags = |wanted: &dyn Fn(char) -> bool| -> String {
                "imsU".chars().filter(|flag| wanted(*flag)).collect()
            };
            let on = flags(&|flag| set.contains(flag) && !cleared.contains(flag));
            let off = flags(&|flag| cleared.contains(flag));
            let dash = if off.is_empty() { "" } else { "-" };
            let _ = write!(self.out, "(?{on}{dash}{off}{}", if opens { ':' } else { ')' });
        }
        Ok(())
    }

    /// An escape outside a class, its backslash taken.
    fn escape(&mut self) -> Result<(), Refusal> {
        let next = self.next().ok_or(TRAILING_BACKSLASH)?;
        match next {
            'A' | 'z' => self.out.extend(['\\', next]),
            'b' => self.out.push_str(r"(?-u:\b)"),
            'B' => self.out.push_str(r"(?-u:\B)"),
            'Q' => {
                let (quoted, after) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
                quoted.chars().for_each(|char| self.literal(char));
                self.rest = after;
            }
            _ => {
                if !self.set(next)? {
                    let char = self.character(next)?;
                    self.literal(char);
                }
            }
        }
        Ok(())
    }

    /// An escape that means a set of characters, its name taken; false when it means one.
    fn set(&mut self, name: char) -> Result<bool, Refusal> {
        let set = match name {
            'd' => "[0-9]",
            'D' => "[^0-9]",
            's' => r"[\t\n\f\r ]",
            'S' => r"[^\t\n\f\r ]",
            'w' => "[0-9A-Za-z_]",
            'W' => "[^0-9A-Za-z_]",
            'p' | 'P' => return self.property(name == 'P').map(|()| true),
            _ => return Ok(false),
        };
        self.out.push_str(set);
        Ok(true)
    }

    /// `\pN`, `\p{Greek}`, `\p{^Greek}`.
    fn property(&mut self, negated: bool) -> Result<(), Refusal> {
        let (name, after) = match self.rest.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or(RANGE)?,
            None => self.rest.split_at(self.rest.chars().next().map_or(0, char::len_utf8)),
        };
        let (negated, name) = name.strip_prefix('^').map_or((negated, name), |it| (!negated, it));
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' ');
        if name.is_empty() || !name.bytes().all(sound) {
            return Err(RANGE);
        }
        let _ = write!(self.out, "\\{}{{{name}}}", if negated { 'P' } else { 'p' });
        self.rest = after;
        Ok(())
    }

    /// The character that an escape means, the one after its backslash taken.
    fn character(&mut self, escaped: char) -> Result<char, Refusal> {
        match escaped {
            'a' => Ok('\x07'),
            'f' => Ok('\x0C'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\x0B'),
            'x' => self.hexadecimal(),
            '0'..='7' => self.octal(escaped),
            _ if escaped.is_ascii() && !escaped.is_ascii_alphanumeric() => Ok(escaped),
            _ => Err(ESCAPE),
        }
    }

    /// `\x7F` or `\x{10FFFF}`.
    fn hexadecimal(&mut self) -> Result<char, Refusal> {
        let (digits, after) = match self.rest.strip_prefix('{') {
            Some(braced) => braced.split_once('}'),
            None => self.rest.split_at_checked(2),
        }
        .ok_or(ESCAPE)?;
        let written = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| written);
        self.rest = after;
        code.and_then(char::from_u32).ok_or(ESCAPE)
    }

    /// `\0`, `\07`, `\123`; a single digit but 0 would be a back-reference, which Go has not.
    fn octal(&mut self, first: char) -> Result<char, Refusal> {
        let more = self.rest.bytes().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        let (digits, after) = self.rest.split_at(more);
        if first != '0' && digits.is_empty() {
            return Err(ESCAPE);
        }
        self.rest = after;
        let digit = |code: u32, digit: char| code * 8 + digit.to_digit(8).unwrap_or_default();
        let code = digits.chars().fold(digit(0, first), digit);
        char::from_u32(code).ok_or(ESCAPE)
    }

    /// A character class, its opening bracket taken.
    fn class(&mut self) -> Result<(), Refusal> {
        self.out.push('[');
        if self.take("^") {
            self.out.push('^');
        }
        let mut first = true;
        while first || !self.take("]") {
            first = false;
            if self.named()? {
                continue;
            }
            let mut next = self.next().ok_or(UNCLOSED)?;
            if next == '\\' {
                next = self.next().ok_or(TRAILING_BACKSLASH)?;
                if self.set(next)? {
                    continue;
                }
                next = self.character(next)?;
            }
            self.literal(next);
            self.range(next)?;
        }
        self.out.push(']');
        Ok(())
    }

    /// The dash and the end of a range, if there is one here.
    fn range(&mut self, low: char) -> Result<(), Refusal> {
        if self.rest == "-" || self.rest.starts_with("-]") || !self.take("-") {
            return Ok(());
        }
        let mut high = self.next().ok_or(UNCLOSED)?;
        if high == '\\' {
            high = self.next().ok_or(TRAILING_BACKSLASH)?;
            high = self.character(high)?;
        }
        if high < low {
            return Err(RANGE);
        }
        self.out.push('-');
        self.literal(high);
        Ok(())
    }

    /// `[:name:]` in a class; false when its brackets are plain.
    fn named(&mut self) -> Result<bool, Refusal> {
        let inside = self.rest.strip_prefix("[:").and_then(|inside| inside.split_once(":]"));
        let Some((name, after)) = inside else { return Ok(false) };
        if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(RANGE);
        }
        let _ = write!(self.out, "[:{name}:]");
        self.rest = after;
        Ok(true)
    }

    /// One character that stands for itself.
    fn literal(&mut self, char: char) {
        // `\<` and `\>` are bounds of words to Rust.
        if char.is_ascii_punctuation() && !matches!(char, '<' | '>') {
            self.out.push('\\');
        }
        self.out.push(char);
    }

    fn next(&mut self) -> Option<char> {
        let mut rest = self.rest.chars();
        let next = rest.next();
        self.rest = rest.as_str();
        next
    }

    fn take(&mut self, expected: &str) -> bool {
        let after = self.rest.strip_prefix(expected);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }
}

#[rustfmt::skip]
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// `n`, `n,` or `n,m`, without leading zeros.
fn is_counts(inside: &str) -> bool {
    let is_number = |part: &str| {
        let padded = part.len() > 1 && part.starts_with('0');
        !part.is_empty() && !padded && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    is_number(least) && (most.is_empty() || is_number(most))
}
