//! Integers and floats by verb.

use golang::strconv::format_float;

use super::{Outcome, Printer};
use crate::{quote, value::Value};

impl Printer<'_> {
    pub(super) fn unsigned(&mut self, value: &Value, number: u64, verb: char) -> Outcome {
        if verb == 'v' && self.flags.go_syntax {
            let sharp = std::mem::replace(&mut self.flags.sharp, true);
            let written = self.based(false, number, 'x');
            self.flags.sharp = sharp;
            return written;
        }
        self.integer(value, false, number, verb)
    }

    pub(super) fn integer(
        &mut self,
        value: &Value,
        negative: bool,
        magnitude: u64,
        verb: char,
    ) -> Outcome {
        match verb {
            'v' | 'd' | 'b' | 'o' | 'O' | 'x' | 'X' => self.based(negative, magnitude, verb),
            'c' => {
                let character = character(negative, magnitude);
                self.padded(character.encode_utf8(&mut [0; 4]).as_bytes())
            }
            'q' => {
                let quoted = quote::single(character(negative, magnitude), self.flags.plus);
                self.padded(quoted.as_bytes())
            }
            'U' => self.code_point(negative, magnitude),
            _ => self.bad_verb(value, verb),
        }
    }

    fn based(&mut self, negative: bool, magnitude: u64, verb: char) -> Outcome {
        let mut digits = match verb {
            'b' => format!("{magnitude:b}"),
            'o' | 'O' => format!("{magnitude:o}"),
            'x' => format!("{magnitude:x}"),
            'X' => format!("{magnitude:X}"),
            _ => magnitude.to_string(),
        };
        let sign = match self.flags {
            _ if negative => "-",
            flags if flags.plus => "+",
            flags if flags.space => " ",
            _ => "",
        };
        let least = match (self.flags.precision, self.flags.width) {
            (Some(0), width) if magnitude == 0 => return self.blank(width.unwrap_or(0)),
            (Some(precision), _) => precision,
            (None, Some(width)) if self.flags.zero && !self.flags.minus => {
                width.saturating_sub(sign.len())
            }
            _ => 0,
        };
        let zeros = least.saturating_sub(digits.len());
        self.scope.spend_bytes(zeros)?;
        digits.insert_str(0, &"0".repeat(zeros));
        let prefix = match (verb, self.flags.sharp) {
            ('O', _) => "0o",
            ('b', true) => "0b",
            ('o', true) if !digits.starts_with('0') => "0",
            ('x', true) => "0x",
            ('X', true) => "0X",
            _ => "",
        };
        self.padded_with_spaces(format!("{sign}{prefix}{digits}").as_bytes())
    }

    fn blank(&mut self, width: usize) -> Outcome {
        self.scope.spend_bytes(width)?;
        self.out.extend(std::iter::repeat_n(b' ', width));
        Ok(())
    }

    fn code_point(&mut self, negative: bool, magnitude: u64) -> Outcome {
        let code = if negative { magnitude.wrapping_neg() } else { magnitude };
        let digits = self.flags.precision.unwrap_or(4).max(4);
        self.scope.spend_bytes(digits)?;
        let mut text = format!("U+{code:0digits$X}");
        let shown = u32::try_from(code)
            .ok()
            .and_then(char::from_u32)
            .filter(|shown| quote::is_printable(*shown));
        if let Some(shown) = shown.filter(|_| self.flags.sharp) {
            text.extend([' ', '\'', shown, '\'']);
        }
        self.padded_with_spaces(text.as_bytes())
    }

    pub(super) fn float(&mut self, value: &Value, number: f64, verb: char) -> Outcome {
        let (verb, precision) = match verb {
            'v' => ('g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb, None),
            'f' | 'e' | 'E' => (verb, Some(6)),
            'F' => ('f', Some(6)),
            _ => return self.bad_verb(value, verb),
        };
        let precision = self.flags.precision.or(precision);
        self.scope.spend_bytes(precision.unwrap_or(0))?;
        let text = format_float(number, verb, precision);
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits.to_owned()),
            None if self.flags.plus => ("+", text),
            None if self.flags.space => (" ", text),
            None => ("", text),
        };
        if !number.is_finite() {
            // Infinity comes with its sign.
            let digits = if sign.is_empty() {
                digits.trim_start_matches('+')
            } else {
                digits.trim_start_matches(['+', '-'])
            };
            let sign = if sign.is_empty() && number.is_infinite() { "+" } else { sign };
            return self.padded_with_spaces(format!("{sign}{digits}").as_bytes());
        }
        let digits = if self.flags.sharp && verb != 'b' {
            pointed(&digits, verb, precision)
        } else {
            digits
        };
        let width = self.flags.width.unwrap_or(0);
        let missing = width.saturating_sub(sign.len() + digits.len());
        if self.flags.zero && !self.flags.minus && !sign.is_empty() && missing > 0 {
            self.scope.spend_bytes(missing)?;
            return self.write(&format!("{sign}{}{digits}", "0".repeat(missing)));
        }
        self.padded(format!("{sign}{digits}").as_bytes())
    }
}

fn character(negative: bool, magnitude: u64) -> char {
    let code = if negative { None } else { u32::try_from(magnitude).ok() };
    code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// With `#`, there is always a point, and `%g` keeps the zeros after it.
fn pointed(digits: &str, verb: char, precision: Option<usize>) -> String {
    let exponent = match verb {
        'x' | 'X' => digits.find(['p', 'P']),
        _ => digits.find(['e', 'E']),
    };
    let (mantissa, tail) = digits.split_at(exponent.unwrap_or(digits.len()));
    let mut missing = match verb {
        'g' | 'G' | 'x' => precision.unwrap_or(6),
        _ => 0,
    };
    let significant =
        mantissa.chars().filter(|digit| *digit != '.').skip_while(|digit| *digit == '0').count();
    missing = missing.saturating_sub(significant);
    let mut mantissa = mantissa.to_owned();
    if !mantissa.contains('.') {
        if mantissa == "0" {
            missing = missing.saturating_sub(1);
        }
        mantissa.push('.');
    }
    mantissa + &"0".repeat(missing) + tail
}
