//! Types of values.

use super::text;
use crate::{
    compare,
    function::{
        Function,
        Parameter::{Any, Text},
    },
    value::Value,
};

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("deepEqual", &[Any, Any], |scope, a| compare::deep_equal(scope, &a[0], &a[1], 0).map(Value::Bool)),
    Function::new("kindIs", &[Text, Any], |_, a| Ok((text(&a[0]) == a[1].type_of().kind().as_bytes()).into())),
    Function::new("kindOf", &[Any], |_, a| Ok(a[0].type_of().kind().into())),
    Function::new("typeIs", &[Text, Any], |_, a| Ok((text(&a[0]) == type_of(&a[1]).as_bytes()).into())),
    Function::new("typeIsLike", &[Text, Any], |_, a| {
        let name = type_of(&a[1]);
        Ok((text(&a[0]) == name.strip_prefix('*').unwrap_or(&name).as_bytes() || text(&a[0]) == name.as_bytes()).into())
    }),
    Function::new("typeOf", &[Any], |_, a| Ok(type_of(&a[0]).into())),
];

fn type_of(value: &Value) -> String {
    if value.is_nil() { "<nil>".into() } else { value.type_of().to_string() }
}
