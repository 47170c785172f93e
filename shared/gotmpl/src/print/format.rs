//! Go's `fmt.Sprintf`.

use super::{Flags, Outcome, Printer};
use crate::{
    exec::{Fault, Scope},
    value::Value,
};

/// Widths, precisions and argument numbers above this are no numbers to Go.
const TOO_LARGE: usize = 1_000_000;

/// Formats `values` by the verbs in `format`.
pub(crate) fn printf(scope: &mut Scope, format: &[u8], values: &[Value]) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    let printer = Printer::new(scope, &mut out);
    Format { printer, text: format, at: 0, values, next: 0, good: true, reordered: false }.run()?;
    Ok(out)
}

struct Format<'f> {
    printer: Printer<'f>,
    text: &'f [u8],
    at: usize,
    values: &'f [Value],
    /// The value that the next verb prints.
    next: usize,
    /// Whether the verb being read names a value that is there.
    good: bool,
    /// Whether any verb named its value.
    reordered: bool,
}

impl Format<'_> {
    fn run(&mut self) -> Outcome {
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            let plain = rest.iter().position(|byte| *byte == b'%').unwrap_or(rest.len());
            self.printer.scope.spend_bytes(plain)?;
            self.printer.scope.fits(self.printer.out.len())?;
            self.printer.out.extend_from_slice(&rest[..plain]);
            self.at += plain + 1;
            if plain < rest.len() && !self.directive()? {
                break;
            }
        }
        if !self.reordered && self.next < self.values.len() {
            return self.extra();
        }
        Ok(())
    }

    /// What follows a `%`; false if the format ends before the verb.
    fn directive(&mut self) -> Result<bool, Fault> {
        self.good = true;
        self.printer.flags = self.flags();
        let mut indexed = self.index();
        indexed = self.width(indexed)?;
        indexed = self.precision(indexed)?;
        if !indexed {
            self.index();
        }
        let Some(verb) = self.verb() else {
            self.printer.write("%!(NOVERB)")?;
            return Ok(false);
        };
        match self.values.get(self.next) {
            _ if verb == '%' => self.printer.write("%")?,
            _ if !self.good => self.complain(verb, "BADINDEX")?,
            None => self.complain(verb, "MISSING")?,
            Some(value) => {
                self.printer.flags = self.printer.flags.for_verb(verb);
                self.printer.value(value, verb, 0)?;
                self.next += 1;
            }
        }
        Ok(true)
    }

    fn flags(&mut self) -> Flags {
        let mut flags = Flags::default();
        loop {
            match self.peek() {
                Some(b'#') => flags.sharp = true,
                Some(b'0') => flags.zero = true,
                Some(b'+') => flags.plus = true,
                Some(b'-') => flags.minus = true,
                Some(b' ') => flags.space = true,
                _ => return flags,
            }
            self.at += 1;
        }
    }

    /// Reads `[n]`; whether there was a number.
    fn index(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.text[self.at..];
        let Some(close) = rest.iter().position(|byte| *byte == b']').filter(|_| rest.len() >= 3)
        else {
            self.good = false;
            self.at += 1;
            return false;
        };
        self.at += 1;
        let end = self.at + close - 1;
        let number = self.number(end).filter(|_| self.at == end);
        self.at = end + 1;
        match number {
            Some(number) if (1..=self.values.len()).contains(&number) => self.next = number - 1,
            _ => self.good = false,
        }
        number.is_some()
    }

    fn width(&mut self, indexed: bool) -> Result<bool, Fault> {
        if self.peek() != Some(b'*') {
            self.printer.flags.width = self.number(self.text.len());
            self.good &= !(indexed && self.printer.flags.width.is_some());
            return Ok(indexed);
        }
        self.at += 1;
        let width = self.starred();
        match width {
            Some(width) if width < 0 => {
                self.printer.flags.minus = true;
                self.printer.flags.zero = false;
            }
            Some(_) => {}
            None => self.printer.write("%!(BADWIDTH)")?,
        }
        self.printer.flags.width =
            width.and_then(|width| usize::try_from(width.unsigned_abs()).ok());
        Ok(false)
    }

    fn precision(&mut self, indexed: bool) -> Result<bool, Fault> {
        if self.peek() != Some(b'.') || self.at + 1 >= self.text.len() {
            return Ok(indexed);
        }
        self.at += 1;
        self.good &= !indexed;
        let indexed = self.index();
        if self.peek() != Some(b'*') {
            self.printer.flags.precision = Some(self.number(self.text.len()).unwrap_or(0));
            return Ok(indexed);
        }
        self.at += 1;
        let precision = self.starred().and_then(|precision| usize::try_from(precision).ok());
        if precision.is_none() {
            self.printer.write("%!(BADPREC)")?;
        }
        self.printer.flags.precision = precision;
        Ok(false)
    }

    /// The next value as a width or precision.
    fn starred(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        let number = match value {
            Value::Int(number) | Value::Int64(number) => *number,
            Value::Uint64(number) => i64::try_from(*number).ok()?,
            Value::Uint8(number) => (*number).into(),
            _ => return None,
        };
        (number.unsigned_abs() <= TOO_LARGE as u64).then_some(number)
    }

    /// Digits before `end`.
    fn number(&mut self, end: usize) -> Option<usize> {
        let mut number = None;
        while self.at < end
            && let Some(digit @ b'0'..=b'9') = self.peek()
        {
            let so_far = number.unwrap_or(0);
            if so_far > TOO_LARGE {
                self.at = end;
                return None;
            }
            number = Some(so_far * 10 + usize::from(digit - b'0'));
            self.at += 1;
        }
        number
    }

    fn verb(&mut self) -> Option<char> {
        let rest = &self.text[self.at.min(self.text.len())..];
        let chunk = rest.utf8_chunks().next()?;
        let verb = chunk.valid().chars().next();
        self.at += verb.map_or(1, char::len_utf8);
        Some(verb.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn complain(&mut self, verb: char, what: &str) -> Outcome {
        self.printer.write(&format!("%!{verb}({what})"))
    }

    /// Values that no verb printed.
    fn extra(&mut self) -> Outcome {
        self.printer.flags = Flags::default();
        self.printer.write("%!(EXTRA ")?;
        for (index, value) in self.values[self.next..].iter().enumerate() {
            if index > 0 {
                self.printer.write(", ")?;
            }
            if !value.is_nil() {
                self.printer.write(&format!("{}=", value.type_of()))?;
            }
            self.printer.value(value, 'v', 0)?;
        }
        self.printer.write(")")
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }
}
