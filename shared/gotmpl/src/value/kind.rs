//! The part of Go's type system that a template can observe.

use std::{fmt, sync::Arc};

use super::{List, Map, Value};

/// A Go type; `Display` spells it as Go does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// `interface {}`.
    Any,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `uint64`.
    Uint64,
    /// `uint8`.
    Uint8,
    /// `float64`.
    Float64,
    /// `string`.
    String,
    /// A slice of a type.
    List(Arc<Type>),
    /// A map from a type to a type.
    Map(Arc<Type>, Arc<Type>),
    /// A struct, by its name.
    Named(Arc<str>),
}

impl Type {
    /// The type of a slice of `element`.
    pub fn list(element: Self) -> Self {
        Self::List(Arc::new(element))
    }

    /// The type of a map from `key` to `element`.
    pub fn map(key: Self, element: Self) -> Self {
        Self::Map(Arc::new(key), Arc::new(element))
    }

    /// The type of a struct named `name`.
    pub fn named(name: &str) -> Self {
        Self::Named(name.into())
    }

    /// The zero of this type; what reading a key that is not there gives.
    pub fn zero(&self) -> Value {
        match self {
            Self::Any | Self::Named(_) => Value::Nil,
            Self::Bool => Value::Bool(false),
            Self::Int => Value::Int(0),
            Self::Int64 => Value::Int64(0),
            Self::Uint64 => Value::Uint64(0),
            Self::Uint8 => Value::Uint8(0),
            Self::Float64 => Value::Float(0.0),
            Self::String => Value::from(""),
            Self::List(element) => List::of(Self::clone(element), Vec::new()).into(),
            Self::Map(key, element) => Map::of(Self::clone(key), Self::clone(element)).into(),
        }
    }

    /// Go's `reflect.Kind` of this type, as it prints.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Any => "invalid",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Uint8 => "uint8",
            Self::Float64 => "float64",
            Self::String => "string",
            Self::List(_) => "slice",
            Self::Map(..) => "map",
            Self::Named(_) => "struct",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("interface {}"),
            Self::List(element) => write!(f, "[]{element}"),
            Self::Map(key, element) => write!(f, "map[{key}]{element}"),
            Self::Named(name) => f.write_str(name),
            simple => f.write_str(simple.kind()),
        }
    }
}
