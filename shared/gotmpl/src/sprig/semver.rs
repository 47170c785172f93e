//! Semantic versions, as Masterminds' library reads and compares them.

use golang::semver::{Range, Version};

use super::text;
use crate::{
    exec::{Fault, Scope},
    function::{Function, Parameter::Text},
    quote,
    value::{Object, Value},
};

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("semver", &[Text], |scope, a| read(scope, &a[0]).map(|version| object(&version, &a[0]))),
    Function::new("semverCompare", &[Text, Text], |scope, a| {
        let constraint = String::from_utf8_lossy(text(&a[0])).into_owned();
        scope.spend_items(constraint.len())?;
        let range = Range::parse(&constraint).map_err(|_| format!("improper constraint: {}", quote::double(constraint.as_bytes())))?;
        Ok(range.matches(&read(scope, &a[1])?).into())
    }),
];

fn read(scope: &mut Scope, written: &Value) -> Result<Version, Fault> {
    scope.spend_bytes(text(written).len())?;
    let parsed = std::str::from_utf8(text(written)).ok().and_then(Version::parse);
    parsed.ok_or_else(|| "invalid semantic version".into())
}

fn object(version: &Version, written: &Value) -> Value {
    let parts: [(&str, Value); 6] = [
        ("Major", Value::Uint64(version.major)),
        ("Minor", Value::Uint64(version.minor)),
        ("Patch", Value::Uint64(version.patch)),
        ("Prerelease", version.pre.as_str().into()),
        ("Metadata", version.build.as_str().into()),
        ("Original", written.clone()),
    ];
    let object = Object::new("*semver.Version").display(version.to_string());
    let object = parts
        .into_iter()
        .fold(object, |object, (name, value)| object.method(name, 0, move |_| Ok(value.clone())));
    let judges: [(&str, Judge); 4] = [
        ("Compare", |ordering| Value::Int(ordering as i64)),
        ("Equal", |ordering| ordering.is_eq().into()),
        ("GreaterThan", |ordering| ordering.is_gt().into()),
        ("LessThan", |ordering| ordering.is_lt().into()),
    ];
    let object = judges.into_iter().fold(object, |object, (name, judge)| {
        let version = version.clone();
        object.method(name, 1, move |arguments: &[Value]| {
            let other =
                other(&arguments[0]).ok_or("wrong type for value; expected *semver.Version")?;
            Ok(judge(version.cmp(&other)))
        })
    });
    object.into()
}

/// What a comparison makes of an order.
type Judge = fn(std::cmp::Ordering) -> Value;

/// The version that a value made by `semver` stands for.
fn other(value: &Value) -> Option<Version> {
    let Value::Object(object) = value else { return None };
    let original = (object.find_method("Original")?.body)(&[]).ok()?;
    Version::parse(&original.as_text()?.to_str())
}
