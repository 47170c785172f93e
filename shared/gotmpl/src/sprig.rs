//! sprig's pure functions.
//!
//! What reads the environment, the network, the clock or randomness is not here: see [`IMPURE`].
//! Nor are `decryptAES` and `derivePassword`, which nobody has asked for yet.
//! Where sprig answers bad input with a panic, these answer with an error.

use crate::{
    exec::{Fault, Scope},
    function::Function,
    print,
    value::Value,
};

mod bytes;
mod case;
mod convert;
mod date;
mod decimal;
mod default;
mod dict;
mod encoding;
mod integer;
mod json;
mod list;
mod path;
mod reflect;
mod regex;
mod semver;
mod string;
mod url;

pub(crate) use date::{ago, time};
pub(crate) use list::slice;

type Answer = Result<Value, Fault>;

/// All of sprig that is pure.
pub(crate) fn functions() -> impl Iterator<Item = &'static Function> {
    [
        case::FUNCTIONS,
        date::FUNCTIONS,
        decimal::FUNCTIONS,
        default::FUNCTIONS,
        dict::FUNCTIONS,
        encoding::FUNCTIONS,
        integer::FUNCTIONS,
        list::FUNCTIONS,
        path::FUNCTIONS,
        reflect::FUNCTIONS,
        regex::FUNCTIONS,
        semver::FUNCTIONS,
        string::FUNCTIONS,
        url::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// What sprig has and a sandbox cannot.
pub(crate) const IMPURE: &[&str] = &[
    "ago",
    "bcrypt",
    "buildCustomCert",
    "encryptAES",
    "env",
    "expandenv",
    "genCA",
    "genCAWithKey",
    "genPrivateKey",
    "genSelfSignedCert",
    "genSelfSignedCertWithKey",
    "genSignedCert",
    "genSignedCertWithKey",
    "getHostByName",
    "htpasswd",
    "now",
    "randAlpha",
    "randAlphaNum",
    "randAscii",
    "randBytes",
    "randInt",
    "randNumeric",
    "shuffle",
    "uuidv4",
];

/// The bytes of an argument that is declared to be a string.
fn text(argument: &Value) -> &[u8] {
    argument.as_text().map(crate::Text::as_bytes).unwrap_or_default()
}

/// The number that an argument that is declared to be an integer holds.
fn int(argument: &Value) -> i64 {
    match argument {
        Value::Int(number) | Value::Int64(number) => *number,
        _ => 0,
    }
}

/// The number of an argument as a length; negative is `None`.
fn count(argument: &Value) -> Option<usize> {
    usize::try_from(int(argument)).ok()
}

/// Text as sprig's `toString` makes it.
fn shown(scope: &mut Scope, value: &Value) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    print::value(scope, value, &mut out)?;
    Ok(out)
}

/// A string that was just made.
fn made(scope: &mut Scope, bytes: Vec<u8>) -> Answer {
    scope.spend_bytes(bytes.len())?;
    Ok(bytes.into())
}
