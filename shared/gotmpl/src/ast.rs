//! The parsed template, and how each part of it prints.
//!
//! Errors quote the part at fault in Go's canonical spelling, so `Display` here follows the
//! spelling of Go's own nodes.

use std::fmt::{self, Display, Formatter, Write};

use crate::{function::Callable, quote, value::Value};

/// A run of text and actions.
#[derive(Debug, Default)]
pub(crate) struct List {
    pub(crate) position: usize,
    pub(crate) nodes: Vec<Node>,
}

/// A piece of text, or an action.
#[derive(Debug)]
pub(crate) enum Node {
    Text { position: usize, text: String },
    Action { position: usize, pipe: Pipe },
    If(Branch),
    With(Branch),
    Range(Branch),
    Template { position: usize, name: String, pipe: Option<Pipe> },
    Break { position: usize },
    Continue { position: usize },
}

/// `if`, `with` and `range`: a pipeline, what to do with it and what to do without.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) position: usize,
    pub(crate) pipe: Pipe,
    pub(crate) list: List,
    pub(crate) otherwise: Option<List>,
}

/// Commands joined by `|`, with the variables that take the result.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) position: usize,
    pub(crate) assigns: bool,
    pub(crate) variables: Vec<Variable>,
    pub(crate) commands: Vec<Command>,
}

/// A variable that a pipeline declares or assigns.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
}

/// An operand and the arguments it is applied to.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) position: usize,
    pub(crate) operands: Vec<Operand>,
}

/// A single operand.
#[derive(Debug)]
pub(crate) struct Operand {
    pub(crate) position: usize,
    pub(crate) kind: Kind,
}

/// What an operand is.
#[derive(Debug)]
pub(crate) enum Kind {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    Text { quoted: String, value: Value },
    Field(Vec<String>),
    Variable(Vec<String>),
    Function { name: String, callable: Callable },
    Chain(Box<Operand>, Vec<String>),
    Pipe(Box<Pipe>),
}

/// A number as written, and every Go type that it can be a constant of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Number {
    pub(crate) text: String,
    pub(crate) int: Option<i64>,
    pub(crate) float: Option<f64>,
}

impl List {
    /// Whether there is nothing but blank text, so that another definition may replace it.
    pub(crate) fn is_blank(&self) -> bool {
        self.nodes
            .iter()
            .all(|node| matches!(node, Node::Text { text, .. } if text.trim().is_empty()))
    }
}

impl Node {
    pub(crate) fn position(&self) -> usize {
        match self {
            Self::Text { position, .. }
            | Self::Action { position, .. }
            | Self::Template { position, .. }
            | Self::Break { position }
            | Self::Continue { position } => *position,
            Self::If(branch) | Self::With(branch) | Self::Range(branch) => branch.position,
        }
    }
}

impl Display for List {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.nodes.iter().try_for_each(|node| node.fmt(f))
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { text, .. } => f.write_str(text),
            Self::Action { pipe, .. } => write!(f, "{{{{{pipe}}}}}"),
            Self::If(branch) => branch.write("if", f),
            Self::With(branch) => branch.write("with", f),
            Self::Range(branch) => branch.write("range", f),
            Self::Template { name, pipe, .. } => {
                write!(f, "{{{{template {}", quote::double(name.as_bytes()))?;
                if let Some(pipe) = pipe {
                    write!(f, " {pipe}")?;
                }
                f.write_str("}}")
            }
            Self::Break { .. } => f.write_str("{{break}}"),
            Self::Continue { .. } => f.write_str("{{continue}}"),
        }
    }
}

impl Branch {
    fn write(&self, word: &str, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{{word} {}}}}}{}", self.pipe, self.list)?;
        if let Some(otherwise) = &self.otherwise {
            write!(f, "{{{{else}}}}{otherwise}")?;
        }
        f.write_str("{{end}}")
    }
}

impl Display for Pipe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        joined(&self.variables, ", ", f, |variable, f| f.write_str(&variable.name))?;
        if !self.variables.is_empty() {
            f.write_str(if self.assigns { " = " } else { " := " })?;
        }
        joined(&self.commands, " | ", f, Display::fmt)
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        joined(&self.operands, " ", f, |operand, f| match &operand.kind {
            Kind::Pipe(pipe) => write!(f, "({pipe})"),
            _ => operand.fmt(f),
        })
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Dot => f.write_char('.'),
            Kind::Nil => f.write_str("nil"),
            Kind::Bool(value) => value.fmt(f),
            Kind::Number(number) => f.write_str(&number.text),
            Kind::Text { quoted, .. } => f.write_str(quoted),
            Kind::Field(names) => names.iter().try_for_each(|name| write!(f, ".{name}")),
            Kind::Variable(names) => joined(names, ".", f, |name, f| f.write_str(name)),
            Kind::Function { name, .. } => f.write_str(name),
            Kind::Chain(operand, names) => {
                match &operand.kind {
                    Kind::Pipe(pipe) => write!(f, "({pipe})")?,
                    _ => operand.fmt(f)?,
                }
                names.iter().try_for_each(|name| write!(f, ".{name}"))
            }
            Kind::Pipe(pipe) => pipe.fmt(f),
        }
    }
}

fn joined<T>(
    items: &[T],
    separator: &str,
    f: &mut Formatter<'_>,
    each: impl Fn(&T, &mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    items.iter().enumerate().try_for_each(|(index, item)| {
        if index > 0 {
            f.write_str(separator)?;
        }
        each(item, f)
    })
}
