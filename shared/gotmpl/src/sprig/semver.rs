//! Semantic versions, as Masterminds' library reads and compares them.

use super::text;
use crate::{
    exec::{Fault, Scope},
    function::{Function, Parameter::Text},
    quote,
    value::{Object, Value},
};

mod range;
mod version;

use version::Version;

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("semver", &[Text], |scope, a| read(scope, &a[0]).map(|version| object(&version))),
    Function::new("semverCompare", &[Text, Text], |scope, a| {
        let constraint = String::from_utf8_lossy(text(&a[0])).into_owned();
        scope.spend_items(constraint.len())?;
        let range = range::parse(&constraint).ok_or_else(|| format!("improper constraint: {}", quote::double(constraint.as_bytes())))?;
        Ok(range::admits(&range, &read(scope, &a[1])?).into())
    }),
];

fn read(scope: &mut Scope, written: &Value) -> Result<Version, Fault> {
    scope.spend_bytes(text(written).len())?;
    let parsed = std::str::from_utf8(text(written)).ok().and_then(Version::parse);
    parsed.ok_or_else(|| "invalid semantic version".into())
}

fn object(version: &Version) -> Value {
    let parts: [(&str, Value); 6] = [
        ("Major", Value::Uint64(version.major)),
        ("Minor", Value::Uint64(version.minor)),
        ("Patch", Value::Uint64(version.patch)),
        ("Prerelease", version.prerelease.as_str().into()),
        ("Metadata", version.metadata.as_str().into()),
        ("Original", version.original.as_str().into()),
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
            Ok(judge(version.precedence(&other)))
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
