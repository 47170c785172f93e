//! Values as Go's `fmt` prints them.

use crate::{
    exec::{Fault, Scope},
    value::{List, Map, Object, Value},
};

mod flags;
mod format;
mod number;

use flags::Flags;
pub(crate) use format::printf;

/// Prints as the verb `%v` does.
pub(crate) fn value(scope: &mut Scope, value: &Value, out: &mut Vec<u8>) -> Result<(), Fault> {
    Printer::new(scope, out).value(value, 'v', 0)
}

/// What Go's `fmt.Sprint` gives: a space between two values that are both no strings.
pub(crate) fn sprint(scope: &mut Scope, values: &[Value]) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    let mut after_text = true;
    for (index, each) in values.iter().enumerate() {
        let is_text = matches!(each, Value::String(_));
        if index > 0 && !is_text && !after_text {
            out.push(b' ');
        }
        value(scope, each, &mut out)?;
        after_text = is_text;
    }
    Ok(out)
}

/// What Go's `fmt.Sprintln` gives.
pub(crate) fn sprintln(scope: &mut Scope, values: &[Value]) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    for (index, each) in values.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        value(scope, each, &mut out)?;
    }
    out.push(b'\n');
    Ok(out)
}

/// Writes values by verbs.
struct Printer<'p> {
    scope: &'p mut Scope,
    out: &'p mut Vec<u8>,
    flags: Flags,
}

type Outcome = Result<(), Fault>;

impl<'p> Printer<'p> {
    fn new(scope: &'p mut Scope, out: &'p mut Vec<u8>) -> Self {
        Self { scope, out, flags: Flags::default() }
    }

    /// Prints by a verb; `depth` counts the lists, maps and structs around the value.
    fn value(&mut self, value: &Value, verb: char, depth: usize) -> Outcome {
        self.scope.spend(1)?;
        self.scope.fits(self.out.len())?;
        self.scope.reaches(depth)?;
        match (value, verb) {
            (_, 'T') if depth == 0 => self.type_name(value),
            (Value::Nil, 'v') => self.padded(b"<nil>"),
            (Value::Nil, _) if depth == 0 => self.bad_verb(value, verb),
            (Value::Nil, _) => self.write("<nil>"),
            (Value::Bool(truth), 't' | 'v') => self.padded(truth.to_string().as_bytes()),
            (Value::Int(number) | Value::Int64(number), _) => {
                self.integer(value, *number < 0, number.unsigned_abs(), verb)
            }
            (Value::Uint64(number), _) => self.unsigned(value, *number, verb),
            (Value::Uint8(number), _) => self.unsigned(value, (*number).into(), verb),
            (Value::Float(number), _) => self.float(value, *number, verb),
            (Value::String(text), _) => self.text(value, text.as_bytes(), verb),
            (Value::Object(object), 'v' | 's' | 'x' | 'X' | 'q')
                if object.shown().is_some() && !self.flags.go_syntax =>
            {
                let shown = object.shown().cloned().unwrap_or_else(|| "".into());
                self.text(value, shown.as_bytes(), verb)
            }
            (Value::List(list), _) => self.list(list, value, verb, depth),
            (Value::Map(map), _) => self.map(map, value, verb, depth),
            (Value::Object(object), _) => self.object(object, verb, depth),
            (Value::Bool(_), _) => self.bad_verb(value, verb),
        }
    }

    fn type_name(&mut self, value: &Value) -> Outcome {
        let name = if value.is_nil() { "<nil>".into() } else { value.type_of().to_string() };
        self.padded(name.as_bytes())
    }

    fn list(&mut self, list: &List, value: &Value, verb: char, depth: usize) -> Outcome {
        let go = self.flags.go_syntax;
        if go {
            self.write(&value.type_of().to_string())?;
        }
        self.write(if go { "{" } else { "[" })?;
        for (index, item) in list.iter().enumerate() {
            self.separator(index)?;
            self.inner(item, verb, depth + 1)?;
        }
        self.write(if go { "}" } else { "]" })
    }

    fn map(&mut self, map: &Map, value: &Value, verb: char, depth: usize) -> Outcome {
        let go = self.flags.go_syntax;
        if go {
            self.write(&value.type_of().to_string())?;
        }
        self.write(if go { "{" } else { "map[" })?;
        for (index, (key, item)) in map.entries().iter().enumerate() {
            self.separator(index)?;
            self.inner(key, verb, depth + 1)?;
            self.write(":")?;
            self.inner(item, verb, depth + 1)?;
        }
        self.write(if go { "}" } else { "]" })
    }

    fn object(&mut self, object: &Object, verb: char, depth: usize) -> Outcome {
        let named = self.flags.go_syntax || self.flags.field_names;
        if self.flags.go_syntax {
            self.write(&object.type_name().clone())?;
        }
        self.write("{")?;
        for (index, field) in object.fields().iter().enumerate() {
            self.separator(index)?;
            if named {
                self.write(&field.name)?;
                self.write(":")?;
            }
            self.inner(&field.value, verb, depth + 1)?;
        }
        self.write("}")
    }

    fn inner(&mut self, value: &Value, verb: char, depth: usize) -> Outcome {
        if value.is_nil() && self.flags.go_syntax {
            return self.write("interface {}(nil)");
        }
        if value.is_nil() {
            return self.write("<nil>");
        }
        self.value(value, verb, depth)
    }

    fn separator(&mut self, index: usize) -> Outcome {
        match index {
            0 => Ok(()),
            _ if self.flags.go_syntax => self.write(", "),
            _ => self.write(" "),
        }
    }

    /// `%!verb(type=value)`: the verb does not fit the value.
    fn bad_verb(&mut self, value: &Value, verb: char) -> Outcome {
        self.write("%!")?;
        self.write(verb.encode_utf8(&mut [0; 4]))?;
        self.write("(")?;
        if value.is_nil() {
            self.write("<nil>")?;
        } else {
            self.write(&value.type_of().to_string())?;
            self.write("=")?;
            self.value(value, 'v', 0)?;
        }
        self.write(")")
    }

    fn text(&mut self, value: &Value, text: &[u8], verb: char) -> Outcome {
        match verb {
            'v' if self.flags.go_syntax => self.quoted(text),
            'v' | 's' => {
                let text = self.flags.truncated(text);
                self.padded(text)
            }
            'q' => self.quoted(text),
            'x' => self.hexadecimal(text, false),
            'X' => self.hexadecimal(text, true),
            _ => self.bad_verb(value, verb),
        }
    }

    fn quoted(&mut self, text: &[u8]) -> Outcome {
        use crate::quote;
        let text = self.flags.truncated(text);
        let quoted = match self.flags {
            Flags { sharp: true, .. } if quote::fits_back_quotes(text) => {
                format!("`{}`", String::from_utf8_lossy(text))
            }
            Flags { plus: true, .. } => quote::ascii(text),
            _ => quote::double(text),
        };
        self.padded(quoted.as_bytes())
    }

    /// A string's bytes in hexadecimal.
    fn hexadecimal(&mut self, text: &[u8], upper: bool) -> Outcome {
        let text = &text[..self.flags.precision.unwrap_or(text.len()).min(text.len())];
        let prefix = match (self.flags.sharp, upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        self.scope.spend_bytes(text.len() * 2)?;
        let mut hexadecimal = String::new();
        for (index, byte) in text.iter().enumerate() {
            if index == 0 || self.flags.space {
                hexadecimal.push_str(if index > 0 { " " } else { "" });
                hexadecimal.push_str(prefix);
            }
            let digits = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
            hexadecimal
                .extend([byte >> 4, byte & 15].map(|digit| char::from(digits[usize::from(digit)])));
        }
        self.padded(hexadecimal.as_bytes())
    }

    /// Writes text, padded to the width.
    fn padded(&mut self, text: &[u8]) -> Outcome {
        let padding = self.flags.padding(text);
        self.scope.spend_bytes(text.len() + padding)?;
        let fill = if self.flags.zero && !self.flags.minus { b'0' } else { b' ' };
        if !self.flags.minus {
            self.out.extend(std::iter::repeat_n(fill, padding));
        }
        self.out.extend_from_slice(text);
        if self.flags.minus {
            self.out.extend(std::iter::repeat_n(fill, padding));
        }
        self.scope.fits(self.out.len())
    }

    /// Writes text, padded with spaces even if zeros are asked for.
    fn padded_with_spaces(&mut self, text: &[u8]) -> Outcome {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        let written = self.padded(text);
        self.flags.zero = zero;
        written
    }

    fn write(&mut self, text: &str) -> Outcome {
        self.scope.spend_bytes(text.len())?;
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
