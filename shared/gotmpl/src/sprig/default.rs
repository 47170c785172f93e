//! Defaults and choices.

use crate::{
    function::{
        Function,
        Parameter::{Any, Bool, Text},
    },
    value::Value,
};

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("all", &[], |_, a| Ok(a.iter().all(Value::is_true).into())).rest(Any),
    Function::new("any", &[], |_, a| Ok(a.iter().any(Value::is_true).into())).rest(Any),
    Function::new("coalesce", &[], |_, a| Ok(a.iter().find(|value| value.is_true()).cloned().unwrap_or_default())).rest(Any),
    Function::new("default", &[Any], |_, a| Ok(a.get(1).filter(|given| given.is_true()).unwrap_or(&a[0]).clone())).rest(Any),
    Function::new("empty", &[Any], |_, a| Ok((!a[0].is_true()).into())),
    // What it says may be made of the data, which may be secret; the place names the call.
    Function::new("fail", &[Text], |_, _| Err("the template gives up".into())),
    Function::new("ternary", &[Any, Any, Bool], |_, a| Ok(if a[2].is_true() { a[0].clone() } else { a[1].clone() })),
];
