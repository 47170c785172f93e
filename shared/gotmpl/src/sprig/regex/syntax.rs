//! Go's regular expressions in the words of the `regex` crate.
//!
//! Both are RE2's children. They differ in what a class may hold (`[[a]` and `[a&&b]` are plain in
//! Go), in `\Q...\E`, in octal escapes, in which characters `\d`, `\s`, `\w` and `\b` mean (ASCII in
//! Go), and in how operators may be stacked.

/// The same expression for the `regex` crate, or why Go would refuse it.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut translator =
        Translator { rest: pattern, out: String::with_capacity(pattern.len() * 2) };
    translator.run()?;
    Ok(translator.out)
}

struct Translator<'p> {
    rest: &'p str,
    out: String,
}

/// How often an expression may be repeated with `{n}`.
const REPEAT: u32 = 1000;

impl Translator<'_> {
    fn run(&mut self) -> Result<(), String> {
        let mut repeated = false;
        while let Some(next) = self.next() {
            let mut repeats = false;
            match next {
                '\\' => self.escape(false)?,
                '[' => self.class()?,
                '*' | '+' | '?' => {
                    self.repetition(next, repeated)?;
                    repeats = true;
                }
                '{' => repeats = self.braces(repeated)?,
                other => self.out.push(other),
            }
            repeated = repeats;
        }
        Ok(())
    }

    fn repetition(&mut self, operator: char, repeated: bool) -> Result<(), String> {
        if repeated {
            return Err("invalid nested repetition operator".into());
        }
        self.out.push(operator);
        self.lazy();
        Ok(())
    }

    fn lazy(&mut self) {
        if self.rest.starts_with('?') {
            self.next();
            self.out.push('?');
        }
    }

    /// `{n}`, `{n,}` or `{n,m}`; anything else is plain in Go.
    fn braces(&mut self, repeated: bool) -> Result<bool, String> {
        let counts = self.rest.split_once('}').filter(|(inside, _)| is_counts(inside));
        let Some((inside, after)) = counts else {
            self.out.push_str("\\{");
            return Ok(false);
        };
        if repeated {
            return Err("invalid nested repetition operator".into());
        }
        let within = |count: &str| {
            count.is_empty() || count.parse::<u32>().is_ok_and(|count| count <= REPEAT)
        };
        if !inside.split(',').all(within) {
            return Err("invalid repeat count".into());
        }
        self.out.push('{');
        self.out.push_str(inside);
        self.out.push('}');
        self.rest = after;
        self.lazy();
        Ok(true)
    }

    fn escape(&mut self, in_class: bool) -> Result<(), String> {
        let next = self.next().ok_or("trailing backslash at end of expression")?;
        let ascii = match (next, in_class) {
            ('d', true) => "0-9",
            ('w', true) => "0-9A-Za-z_",
            ('s', true) => "\\t\\n\\f\\r ",
            ('d', false) => "[0-9]",
            ('w', false) => "[0-9A-Za-z_]",
            ('s', false) => "[\\t\\n\\f\\r ]",
            ('D', false) => "[^0-9]",
            ('W', false) => "[^0-9A-Za-z_]",
            ('S', false) => "[^\\t\\n\\f\\r ]",
            ('D', true) => "[^0-9]",
            ('W', true) => "[^0-9A-Za-z_]",
            ('S', true) => "[^\\t\\n\\f\\r ]",
            ('b', false) => "(?-u:\\b)",
            ('B', false) => "(?-u:\\B)",
            _ => "",
        };
        if !ascii.is_empty() {
            self.out.push_str(ascii);
            return Ok(());
        }
        match next {
            'Q' if !in_class => {
                let (literal, after) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                self.out.push_str(&regex::escape(literal));
                self.rest = after;
            }
            '0'..='7' => self.octal(next)?,
            'a' | 'f' | 'n' | 'r' | 't' | 'v' | 'x' | 'p' | 'P' => self.out.extend(['\\', next]),
            'A' | 'z' if !in_class => self.out.extend(['\\', next]),
            _ if next.is_ascii_punctuation() || next == '_' => self.literal(next),
            _ => return Err(format!("invalid escape sequence: `\\{next}`")),
        }
        Ok(())
    }

    /// `\0`, `\07`, `\123`; a single digit but 0 would be a back-reference, which Go has not.
    fn octal(&mut self, first: char) -> Result<(), String> {
        let mut digits = String::from(first);
        while digits.len() < 3 && self.rest.starts_with(|next: char| next.is_digit(8)) {
            digits.extend(self.next());
        }
        if first != '0' && digits.len() < 2 {
            return Err(format!("invalid escape sequence: `\\{first}`"));
        }
        let code = u32::from_str_radix(&digits, 8).map_err(|_| "invalid octal escape")?;
        let escape = format!("\\x{{{code:x}}}");
        self.out.push_str(&escape);
        Ok(())
    }

    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.rest.starts_with('^') {
            self.next();
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let next = self.next().ok_or("missing closing ]")?;
            match next {
                ']' if !first => break,
                '[' if self.rest.starts_with(':') && self.rest.contains(":]") => {
                    let end = self.rest.find(":]").map_or(0, |end| end + 2);
                    self.out.push('[');
                    self.out.push_str(&self.rest[..end]);
                    self.rest = &self.rest[end..];
                }
                '\\' => self.escape(true)?,
                '-' => self.out.push('-'),
                other => self.literal(other),
            }
            first = false;
        }
        // `--` would be a set difference.
        self.out.push(']');
        Ok(())
    }

    fn literal(&mut self, character: char) {
        self.out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    }

    fn next(&mut self) -> Option<char> {
        let mut rest = self.rest.chars();
        let next = rest.next();
        self.rest = rest.as_str();
        next
    }
}

fn is_counts(inside: &str) -> bool {
    let mut parts = inside.split(',');
    let is_number =
        |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    parts.next().is_some_and(is_number)
        && parts.next().is_none_or(|part| part.is_empty() || is_number(part))
        && parts.next().is_none()
}
