//! The data a template works on.
//!
//! Go templates see Go values by reflection. A `Value` carries just as much of a Go type as a
//! template can observe: which integer it is, what a list or map was declared to hold, which fields
//! and methods a struct has. Maps are kept in the order in which Go prints and ranges over them.
//! Nothing prints a value by accident: `Debug` says the Go type only, for a value may be a secret.

use std::fmt;

mod kind;
mod list;
mod map;
mod object;
mod order;
mod text;

pub use kind::Type;
pub use list::List;
pub use map::Map;
pub(crate) use object::Method;
pub use object::Object;
pub use text::Text;

/// A Go value, as a template sees it.
#[derive(Clone, Default)]
pub enum Value {
    /// An interface that holds nothing.
    #[default]
    Nil,
    /// A `bool`.
    Bool(bool),
    /// An `int`.
    Int(i64),
    /// An `int64`.
    Int64(i64),
    /// A `uint64`.
    Uint64(u64),
    /// A `uint8`: what indexing a string gives.
    Uint8(u8),
    /// A `float64`.
    Float(f64),
    /// A `string`; like Go's, bytes that are usually UTF-8.
    String(Text),
    /// A slice.
    List(List),
    /// A map.
    Map(Map),
    /// A struct with fields and methods.
    Object(Object),
}

impl Value {
    /// Whether this is an interface that holds nothing.
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// The Go type of this value.
    pub fn type_of(&self) -> Type {
        match self {
            Self::Nil => Type::Any,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Int64(_) => Type::Int64,
            Self::Uint64(_) => Type::Uint64,
            Self::Uint8(_) => Type::Uint8,
            Self::Float(_) => Type::Float64,
            Self::String(_) => Type::String,
            Self::List(list) => Type::list(list.element_type().clone()),
            Self::Map(map) => Type::map(map.key_type().clone(), map.element_type().clone()),
            Self::Object(object) => Type::Named(object.type_name().clone()),
        }
    }

    /// What Go's templates take for true: everything but the zero of its type.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) | Self::Int64(value) => *value != 0,
            Self::Uint64(value) => *value != 0,
            Self::Uint8(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Object(_) => true,
        }
    }

    /// The text of a `string`.
    pub fn as_text(&self) -> Option<&Text> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a slice.
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The map, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({})", self.type_of())
    }
}

impl From<()> for Value {
    fn from((): ()) -> Self {
        Self::Nil
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value.into())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::String(value.as_str().into())
    }
}

/// Bytes become a `string`, as Go's do; use it for text that may not be UTF-8.
impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::String(value.into())
    }
}

impl From<Text> for Value {
    fn from(value: Text) -> Self {
        Self::String(value)
    }
}

impl From<List> for Value {
    fn from(value: List) -> Self {
        Self::List(value)
    }
}

impl From<Map> for Value {
    fn from(value: Map) -> Self {
        Self::Map(value)
    }
}

impl From<Object> for Value {
    fn from(value: Object) -> Self {
        Self::Object(value)
    }
}

impl<V: Into<Self>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}

/// Values become `[]interface {}`.
impl From<Vec<Self>> for Value {
    fn from(items: Vec<Self>) -> Self {
        Self::List(List::from(items))
    }
}

/// Strings become `[]string`.
impl From<Vec<String>> for Value {
    fn from(items: Vec<String>) -> Self {
        Self::List(List::strings(items))
    }
}

/// Whole numbers become `int`, others `float64`, arrays `[]interface {}`, objects
/// `map[string]interface {}`.
impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Nil,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(whole) => Self::Int(whole),
                None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => text.into(),
            serde_json::Value::Array(items) => {
                items.into_iter().map(Self::from).collect::<Vec<_>>().into()
            }
            serde_json::Value::Object(entries) => entries
                .into_iter()
                .map(|(key, value)| (key, Self::from(value)))
                .collect::<Map>()
                .into(),
        }
    }
}

#[cfg(test)]
mod tests;
