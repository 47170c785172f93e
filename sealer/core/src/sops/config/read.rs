//! Fields of a `.sops.yaml`, with their place for messages.

use serde_json::{Map, Value};

use super::Error;

/// A map and where it stands.
pub(super) struct Reader<'v> {
    fields: &'v Map<String, Value>,
    path: String,
}

impl<'v> Reader<'v> {
    pub(super) fn new(value: &'v Value, path: String) -> Result<Self, Error> {
        match value {
            Value::Object(fields) => Ok(Self { fields, path }),
            _ => Err(Error::Field { field: path, expected: "a map" }),
        }
    }

    pub(super) fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Where the map itself stands.
    pub(super) fn here(&self) -> String {
        self.path.clone()
    }

    fn wrong(&self, name: &str, expected: &'static str) -> Error {
        Error::Field { field: self.at(name), expected }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn get(&self, name: &str) -> Option<&'v Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// Absent and empty are the same.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => {
                let text = scalar(value).ok_or_else(|| self.wrong(name, "text"))?;
                Ok(Some(text).filter(|text| !text.is_empty()))
            }
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<String, Error> {
        self.text(name)?.ok_or_else(|| self.wrong(name, "text"))
    }

    pub(super) fn boolean(&self, name: &str) -> Result<bool, Error> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(self.wrong(name, "`true` or `false`")),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => {
                let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
                number.map(Some).ok_or_else(|| self.wrong(name, "a whole number"))
            }
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => {
                value.as_i64().map(Some).ok_or_else(|| self.wrong(name, "a whole number"))
            }
        }
    }

    /// A text with commas, or a list of such texts. Blanks around each and empty ones are skipped.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Error> {
        let texts = match self.get(name) {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let texts: Option<Vec<_>> = items.iter().map(Value::as_str).collect();
                texts.ok_or_else(|| self.wrong(name, "text"))?
            }
            Some(Value::String(text)) => vec![text.as_str()],
            Some(_) => return Err(self.wrong(name, "text")),
        };
        let parts = texts.into_iter().flat_map(|text| text.split(',')).map(str::trim);
        Ok(parts.filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }

    /// The maps of a list.
    pub(super) fn maps(&self, name: &str) -> Result<Vec<Reader<'v>>, Error> {
        let items = match self.get(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(self.wrong(name, "a list")),
        };
        let map = |(index, item)| Reader::new(item, format!("{}[{index}]", self.at(name)));
        items.iter().enumerate().map(map).collect()
    }

    /// A map inside this one.
    pub(super) fn map(&self, name: &str) -> Result<Option<Reader<'v>>, Error> {
        self.get(name).map(|value| Reader::new(value, self.at(name))).transpose()
    }

    /// Every text of a map.
    pub(super) fn pairs<C: FromIterator<(String, String)>>(&self, name: &str) -> Result<C, Error> {
        let Some(map) = self.map(name)? else { return Ok(C::from_iter([])) };
        map.fields.keys().map(|key| Ok((key.clone(), map.text(key)?.unwrap_or_default()))).collect()
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
