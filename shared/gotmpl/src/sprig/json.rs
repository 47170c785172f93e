//! JSON as Go's `encoding/json` reads and writes it.

use std::fmt::Write;

use golang::strconv::format_float;
use serde_json::Value as Json;

use super::{Answer, made};
use crate::{
    exec::{Fault, Scope},
    value::{Map, Value},
};

/// How JSON is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// On one line, with what HTML would misread escaped.
    Escaped,
    /// As `Escaped`, indented by two.
    Pretty,
    /// On one line, nothing escaped for HTML.
    Raw,
}

/// Reads JSON; all numbers become `float64`.
pub(super) fn read(scope: &mut Scope, text: &[u8]) -> Answer {
    scope.spend_items(text.len() / 4)?;
    let json: Json = serde_json::from_slice(text).map_err(|error| {
        // Only the place: the message could quote the text.
        format!("invalid JSON at line {} column {}", error.line(), error.column())
    })?;
    Ok(value(json))
}

fn value(json: Json) -> Value {
    match json {
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        Json::Array(items) => items.into_iter().map(value).collect::<Vec<_>>().into(),
        Json::Object(entries) => {
            let map = Map::open();
            for (key, item) in entries {
                map.insert(key.into(), value(item));
            }
            map.into()
        }
        simple => simple.into(),
    }
}

/// Writes JSON.
pub(super) fn write(scope: &mut Scope, value: &Value, style: Style) -> Answer {
    let mut writer = Writer { scope, out: String::new(), style };
    writer.value(value, 0)?;
    let Writer { scope, out, .. } = writer;
    made(scope, out.into())
}

struct Writer<'w> {
    scope: &'w mut Scope,
    out: String,
    style: Style,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Fault> {
        self.scope.spend(1)?;
        self.scope.fits(self.out.len())?;
        self.scope.reaches(depth)?;
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(truth) => self.show(truth),
            Value::Int(number) | Value::Int64(number) => self.show(number),
            Value::Uint64(number) => self.show(number),
            Value::Uint8(number) => self.show(number),
            Value::Float(number) => {
                let shown = float(*number).ok_or("json: unsupported value: not a finite number")?;
                self.out.push_str(&shown);
            }
            Value::String(text) => self.text(&text.to_str()),
            Value::List(list) => {
                let items = list.iter().map(|item| (None, item.clone())).collect();
                self.container(['[', ']'], items, depth)?;
            }
            Value::Map(map) => {
                let mut items = Vec::new();
                for (key, item) in map.entries() {
                    let key = match &key {
                        Value::String(text) => text.to_str().into_owned(),
                        Value::Int(number) | Value::Int64(number) => number.to_string(),
                        Value::Uint64(number) => number.to_string(),
                        _ => {
                            return Err(
                                format!("json: unsupported type: {}", value.type_of()).into()
                            );
                        }
                    };
                    items.push((Some(key), item));
                }
                items.sort_by(|(one, _), (two, _)| one.cmp(two));
                self.container(['{', '}'], items, depth)?;
            }
            Value::Object(object) => {
                let fields = object.fields().iter();
                let items = fields
                    .map(|field| (Some(field.name.to_string()), field.value.clone()))
                    .collect();
                self.container(['{', '}'], items, depth)?;
            }
        }
        Ok(())
    }

    fn container(
        &mut self,
        [open, close]: [char; 2],
        items: Vec<(Option<String>, Value)>,
        depth: usize,
    ) -> Result<(), Fault> {
        self.out.push(open);
        let empty = items.is_empty();
        for (index, (key, item)) in items.into_iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.line(depth + 1);
            if let Some(key) = key {
                self.text(&key);
                self.out.push_str(if self.style == Style::Pretty { ": " } else { ":" });
            }
            self.value(&item, depth + 1)?;
        }
        if !empty {
            self.line(depth);
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self, depth: usize) {
        if self.style == Style::Pretty {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", depth));
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            match character {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\x08' => self.out.push_str("\\b"),
                '\x0c' => self.out.push_str("\\f"),
                '<' | '>' | '&' if self.style != Style::Raw => self.escape(character),
                '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => self.escape(character),
                other => self.out.push(other),
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, character: char) {
        self.show(&format_args!("\\u{:04x}", u32::from(character)));
    }

    fn show(&mut self, shown: &dyn std::fmt::Display) {
        write!(self.out, "{shown}").expect("writing to a string cannot fail");
    }
}

/// As JavaScript writes numbers; `None` if it cannot.
fn float(number: f64) -> Option<String> {
    let magnitude = number.abs();
    if !number.is_finite() {
        return None;
    }
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let shown = format_float(number, 'e', None);
        return Some(shown.replace("e-0", "e-"));
    }
    Some(format_float(number, 'f', None))
}
