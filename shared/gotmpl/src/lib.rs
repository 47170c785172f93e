//! Go text/template with sprig's pure functions, sandboxed and bounded.
//!
//! A template is parsed once and rendered over a [`Value`] as often as wished:
//!
//! ```
//! use gotmpl::{Limits, Map, Template, Value};
//!
//! let template = Template::parse("greeting", "{{ range .names }}hello {{ . | title }}\n{{ end }}")?;
//! let names = Map::new().with("names", vec!["ada".to_owned(), "grace".to_owned()]);
//! assert_eq!(template.render(&Value::from(names), &Limits::default())?, "hello Ada\nhello Grace\n");
//! # Ok::<(), gotmpl::Error>(())
//! ```
//!
//! Rendering does no IO, reads no clock, changes nothing that the caller holds and ends within its
//! [`Limits`]. Errors read as Go's do and name the place; unlike Go's they never show a value of the
//! data, because templates run over secrets.

mod ast;
mod builtin;
mod compare;
mod error;
mod exec;
mod function;
mod lex;
mod number;
mod parse;
mod print;
mod quote;
mod sprig;
mod template;
mod value;

pub use error::{Error, Limit, Place};
pub use function::Functions;
pub use template::{Limits, MissingKey, Template};
pub use value::{List, Map, Object, Text, Type, Value};
