//! The functions a template may call, and how their arguments are declared.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, LazyLock},
};

use crate::{
    builtin,
    exec::{Fault, Scope},
    sprig,
    value::{Type, Value},
};

/// What a function that the caller adds does; an error is what the template's error will say.
type Body = dyn Fn(&[Value]) -> Result<Value, String> + Send + Sync;

/// The functions that templates may call: Go's own and sprig's pure ones, and what a caller adds.
///
/// Functions that read the environment, the network, the clock or randomness are not there, so
/// using one is a parse error.
#[derive(Clone, Default)]
pub struct Functions {
    added: BTreeMap<String, Arc<Body>>,
    removed: Vec<String>,
}

impl Functions {
    /// Go's own functions and sprig's pure ones.
    pub fn new() -> Self {
        Self::default()
    }

    /// These functions with one more, which takes any number of any arguments.
    #[must_use]
    pub fn with<F>(mut self, name: &str, body: F) -> Self
    where
        F: Fn(&[Value]) -> Result<Value, String> + Send + Sync + 'static,
    {
        self.removed.retain(|removed| removed != name);
        self.added.insert(name.into(), Arc::new(body));
        self
    }

    /// These functions with sprig's `now` and `ago`, by a clock that stands at `seconds` since 1970.
    #[must_use]
    pub fn at(self, seconds: i64) -> Self {
        let now = move |arguments: &[Value]| match arguments {
            [] => Ok(sprig::time(seconds)),
            _ => Err("`now` takes no arguments".to_owned()),
        };
        let ago = move |arguments: &[Value]| match arguments {
            [then] => sprig::ago(seconds, then),
            _ => Err("`ago` takes one argument".to_owned()),
        };
        self.with("now", now).with("ago", ago)
    }

    /// These functions without one.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.added.remove(name);
        self.removed.push(name.into());
        self
    }

    /// The names of these functions, sorted.
    pub fn names(&self) -> Vec<&str> {
        let known = KNOWN
            .keys()
            .copied()
            .filter(|name| !self.removed.iter().any(|removed| removed == name));
        let mut names: Vec<&str> = known.chain(self.added.keys().map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Why a name that is no function is none.
    pub(crate) fn explain(name: &str) -> &'static str {
        if sprig::IMPURE.contains(&name) {
            "; templates here use no clock, environment, network or randomness"
        } else {
            ""
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<Callable> {
        if let Some(body) = self.added.get(name) {
            return Some(Callable::Added(Arc::clone(body)));
        }
        if self.removed.iter().any(|removed| removed == name) {
            return None;
        }
        KNOWN.get(name).copied().map(Callable::Known)
    }
}

static KNOWN: LazyLock<HashMap<&'static str, &'static Function>> = LazyLock::new(|| {
    let all = sprig::functions().chain(builtin::FUNCTIONS);
    all.map(|function| (function.name, function)).collect()
});

/// A function, found.
#[derive(Clone)]
pub(crate) enum Callable {
    Known(&'static Function),
    Added(Arc<Body>),
}

impl fmt::Debug for Callable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Known(function) => function.name,
            Self::Added(_) => "added",
        })
    }
}

/// A function of the engine's own.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [Parameter],
    /// What all further arguments are, if there may be any.
    pub(crate) rest: Option<Parameter>,
    pub(crate) body: fn(&mut Scope, &[Value]) -> Result<Value, Fault>,
}

impl Function {
    pub(crate) const fn new(
        name: &'static str,
        parameters: &'static [Parameter],
        body: fn(&mut Scope, &[Value]) -> Result<Value, Fault>,
    ) -> Self {
        Self { name, parameters, rest: None, body }
    }

    /// This function taking any number of further arguments.
    pub(crate) const fn rest(mut self, rest: Parameter) -> Self {
        self.rest = Some(rest);
        self
    }
}

/// What a function wants an argument to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    Any,
    Bool,
    Float,
    Int,
    Text,
    /// `map[string]interface {}`.
    Dict,
}

impl Parameter {
    /// Whether nothing will do.
    pub(crate) fn takes_nil(self) -> bool {
        matches!(self, Self::Any | Self::Dict)
    }

    pub(crate) fn takes(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any, _)
            | (Self::Bool, Value::Bool(_))
            | (Self::Float, Value::Float(_))
            | (Self::Int, Value::Int(_))
            | (Self::Text, Value::String(_)) => true,
            (Self::Dict, Value::Map(map)) => {
                *map.key_type() == Type::String && *map.element_type() == Type::Any
            }
            _ => false,
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "interface {}",
            Self::Bool => "bool",
            Self::Float => "float64",
            Self::Int => "int",
            Self::Text => "string",
            Self::Dict => "map[string]interface {}",
        })
    }
}
