//! Validation of a value, in the words of kube-apiserver.

use std::fmt::Display;

use serde_json::{Map, Value};

use super::{Additional, Schema, join};
use crate::failure::{Cause, shown};

impl Schema {
    /// Everything that is wrong with an object; `metadata` is judged elsewhere.
    pub(crate) fn validate(&self, object: &Map<String, Value>) -> Vec<Cause> {
        let mut causes = Vec::new();
        self.check_map(object, "", &mut causes);
        causes
    }

    fn check(&self, value: &Value, path: &str, causes: &mut Vec<Cause>) {
        if value.is_null() && (self.nullable || self.kind.is_none()) {
            return;
        }
        if !self.has_type(value) {
            causes.push(self.wrong_type(value, path));
            return;
        }
        if !self.choices.is_empty() && !self.choices.contains(value) {
            causes.push(unsupported(value, path, &self.choices));
        }
        match value {
            Value::Object(map) => self.check_map(map, path, causes),
            Value::Array(list) => self.check_list(list, path, causes),
            Value::String(text) => self.check_text(text, path, causes),
            Value::Number(number) => {
                if let Some(number) = number.as_f64() {
                    self.check_number(value, number, path, causes);
                }
            }
            Value::Bool(_) | Value::Null => {}
        }
        self.check_logic(value, path, causes);
    }

    fn check_map(&self, map: &Map<String, Value>, path: &str, causes: &mut Vec<Cause>) {
        for key in &self.required {
            if !map.contains_key(key) {
                causes.push(Cause::required(join(path, key), ""));
            }
        }
        let count = map.len();
        if let Some(max) = self.max_properties.filter(|max| count > *max) {
            let detail = format!("must have at most {max} items");
            causes.push(Cause {
                reason: "FieldValueTooMany",
                field: path.to_owned(),
                message: format!("Too many: {count}: {detail}"),
            });
        }
        if let Some(min) = self.min_properties.filter(|min| count < *min) {
            let detail = format!("{path} in body should have at least {min} properties");
            causes.push(Cause::invalid(path, &Value::from(count), detail));
        }
        for (key, value) in map {
            if path.is_empty() && matches!(key.as_str(), "metadata" | "apiVersion" | "kind") {
                continue;
            }
            let child = self.properties.get(key).or(match &self.additional_properties {
                Some(Additional::Each(schema)) => Some(schema),
                _ => None,
            });
            if let Some(child) = child {
                child.check(value, &join(path, key), causes);
            }
        }
        if path.is_empty() {
            self.check_logic(&Value::Object(map.clone()), path, causes);
        }
    }

    fn check_list(&self, list: &[Value], path: &str, causes: &mut Vec<Cause>) {
        let count = list.len();
        if let Some(max) = self.max_items.filter(|max| count > *max) {
            causes.push(Cause {
                reason: "FieldValueTooMany",
                field: path.to_owned(),
                message: format!("Too many: {count}: must have at most {max} items"),
            });
        }
        if let Some(min) = self.min_items.filter(|min| count < *min) {
            let detail = format!("{path} in body should have at least {min} items");
            causes.push(Cause::invalid(path, &Value::from(count), detail));
        }
        if self.unique_items && repeated(list.iter()).is_some() {
            let detail = format!("{path} in body shouldn't contain duplicates");
            causes.push(Cause::invalid(path, &Value::Array(Vec::new()), detail));
        }
        self.check_identity(list, path, causes);
        if let Some(items) = &self.items {
            for (at, item) in list.iter().enumerate() {
                items.check(item, &format!("{path}[{at}]"), causes);
            }
        }
    }

    /// Members of sets and keyed lists occur once.
    fn check_identity(&self, list: &[Value], path: &str, causes: &mut Vec<Cause>) {
        let keys = || {
            list.iter().map(|item| {
                let pick = |key: &String| Some((key.clone(), item.get(key)?.clone()));
                Value::Object(self.list_map_keys.iter().filter_map(pick).collect())
            })
        };
        let twice = match self.list_type.as_deref() {
            Some("set") => repeated(list.iter()).map(|at| (at, list[at].clone())),
            Some("map") => {
                let keys: Vec<Value> = keys().collect();
                repeated(keys.iter()).map(|at| (at, keys[at].clone()))
            }
            _ => None,
        };
        if let Some((at, value)) = twice {
            causes.push(Cause {
                reason: "FieldValueDuplicate",
                field: format!("{path}[{at}]"),
                message: format!("Duplicate value: {value}"),
            });
        }
    }

    fn check_text(&self, text: &str, path: &str, causes: &mut Vec<Cause>) {
        let value = Value::from(text);
        let length = text.chars().count();
        if let Some(max) = self.max_length.filter(|max| length > *max) {
            causes.push(Cause {
                reason: "FieldValueTooLong",
                field: path.to_owned(),
                message: format!("Too long: may not be more than {max} bytes"),
            });
        }
        if let Some(min) = self.min_length.filter(|min| length < *min) {
            let detail = format!("{path} in body should be at least {min} chars long");
            causes.push(Cause::invalid(path, &value, detail));
        }
        if let Some(pattern) = &self.pattern {
            let compiled =
                pattern.compiled.get_or_init(|| golang::regexp::compile(&pattern.text).ok());
            if compiled.as_ref().is_some_and(|regex| !regex.is_match(text)) {
                let detail = format!("{path} in body should match '{}'", pattern.text);
                causes.push(Cause::invalid(path, &value, detail));
            }
        }
        if self.format.as_deref() == Some("date-time") && text.parse::<jiff::Timestamp>().is_err() {
            let detail = format!("{path} in body must be of type date-time: \"{text}\"");
            causes.push(Cause::invalid(path, &value, detail));
        }
    }

    fn check_number(&self, value: &Value, number: f64, path: &str, causes: &mut Vec<Cause>) {
        let mut refuse = |detail: &dyn Display| {
            causes.push(Cause::invalid(path, value, format!("{path} in body {detail}")));
        };
        if let Some(max) = self.maximum {
            if self.exclusive_maximum && number >= max {
                refuse(&format_args!("should be less than {max}"));
            } else if number > max {
                refuse(&format_args!("should be less than or equal to {max}"));
            }
        }
        if let Some(min) = self.minimum {
            if self.exclusive_minimum && number <= min {
                refuse(&format_args!("should be greater than {min}"));
            } else if number < min {
                refuse(&format_args!("should be greater than or equal to {min}"));
            }
        }
        if let Some(step) = self.multiple_of {
            let rest = (number / step).fract();
            if rest.abs() > f64::EPSILON {
                refuse(&format_args!("should be a multiple of {step}"));
            }
        }
    }

    fn check_logic(&self, value: &Value, path: &str, causes: &mut Vec<Cause>) {
        let fits = |schema: &&Self| {
            let mut found = Vec::new();
            schema.check(value, path, &mut found);
            found.is_empty()
        };
        for schema in &self.all_of {
            schema.check(value, path, causes);
        }
        let mut refuse = |detail: &str| {
            let detail = format!("\"{path}\" must {detail}");
            causes.push(Cause::invalid(path, &Value::from(""), detail));
        };
        if !self.any_of.is_empty() && !self.any_of.iter().any(|schema| fits(&schema)) {
            refuse("validate at least one schema (anyOf)");
        }
        if !self.one_of.is_empty() {
            match self.one_of.iter().filter(fits).count() {
                0 => refuse("validate one and only one schema (oneOf). Found none valid"),
                1 => {}
                many => refuse(&format!(
                    "validate one and only one schema (oneOf). Found {many} valid alternatives"
                )),
            }
        }
        if self.not.as_ref().is_some_and(|schema| fits(&schema.as_ref())) {
            refuse("not validate the schema (not)");
        }
    }

    fn has_type(&self, value: &Value) -> bool {
        if self.int_or_string {
            return value.is_string() || is_integer(value);
        }
        match self.kind.as_deref() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => is_integer(value),
            Some("number") => value.is_number(),
            _ => true,
        }
    }

    fn wrong_type(&self, value: &Value, path: &str) -> Cause {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) if is_integer(value) => "integer",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let wanted = match &self.kind {
            _ if self.int_or_string => "integer,string",
            Some(kind) => kind,
            None => "any",
        };
        Cause {
            reason: "FieldValueTypeInvalid",
            field: path.to_owned(),
            message: format!(
                "Invalid value: \"{found}\": {path} in body must be of type {wanted}: \"{found}\""
            ),
        }
    }
}

/// A number without a fraction, also when it is written `1.0`.
fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn unsupported(value: &Value, path: &str, choices: &[Value]) -> Cause {
    let choices: Vec<String> = choices.iter().map(ToString::to_string).collect();
    Cause {
        reason: "FieldValueNotSupported",
        field: path.to_owned(),
        message: format!(
            "Unsupported value: {}: supported values: {}",
            shown(value),
            choices.join(", ")
        ),
    }
}

/// The place of the first value that was there before.
fn repeated<'v>(values: impl Iterator<Item = &'v Value>) -> Option<usize> {
    let mut seen = std::collections::HashSet::new();
    for (at, value) in values.enumerate() {
        if !seen.insert(value.to_string()) {
            return Some(at);
        }
    }
    None
}
