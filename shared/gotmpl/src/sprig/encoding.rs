//! Base64, base32, hashes and JSON.

use sha2::Digest;

use super::{json, made, text};
use crate::{
    exec::Scope,
    function::{
        Function,
        Parameter::{Any, Text},
    },
    value::Value,
};

mod base;

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("adler32sum", &[Text], |scope, a| counted(scope, a).map(|text| adler32(text).to_string().into())),
    Function::new("b32dec", &[Text], |scope, a| Ok(base::decode(counted(scope, a)?, base::BASE32))),
    Function::new("b32enc", &[Text], |scope, a| { let out = base::encode(text(&a[0]), base::BASE32); made(scope, out) }),
    Function::new("b64dec", &[Text], |scope, a| Ok(base::decode(counted(scope, a)?, base::BASE64))),
    Function::new("b64enc", &[Text], |scope, a| { let out = base::encode(text(&a[0]), base::BASE64); made(scope, out) }),
    Function::new("fromJson", &[Text], |scope, a| match json::read(scope, text(&a[0])) {
        Err(crate::exec::Fault::Reason(_)) => Ok(Value::Nil),
        read => read,
    }),
    Function::new("mustFromJson", &[Text], |scope, a| json::read(scope, text(&a[0]))),
    Function::new("mustToJson", &[Any], |scope, a| json::write(scope, &a[0], json::Style::Escaped)),
    Function::new("mustToPrettyJson", &[Any], |scope, a| json::write(scope, &a[0], json::Style::Pretty)),
    Function::new("mustToRawJson", &[Any], |scope, a| json::write(scope, &a[0], json::Style::Raw)),
    Function::new("sha1sum", &[Text], |scope, a| counted(scope, a).map(|text| hexadecimal(&sha1::Sha1::digest(text)))),
    Function::new("sha256sum", &[Text], |scope, a| counted(scope, a).map(|text| hexadecimal(&sha2::Sha256::digest(text)))),
    Function::new("sha512sum", &[Text], |scope, a| counted(scope, a).map(|text| hexadecimal(&sha2::Sha512::digest(text)))),
    Function::new("toJson", &[Any], |scope, a| json::write(scope, &a[0], json::Style::Escaped)),
    Function::new("toPrettyJson", &[Any], |scope, a| json::write(scope, &a[0], json::Style::Pretty)),
    Function::new("toRawJson", &[Any], |scope, a| json::write(scope, &a[0], json::Style::Raw)),
];

/// The text of the first argument, paid for.
fn counted<'a>(scope: &mut Scope, arguments: &'a [Value]) -> Result<&'a [u8], crate::exec::Fault> {
    let text = text(&arguments[0]);
    scope.spend_bytes(text.len())?;
    Ok(text)
}

fn hexadecimal(digest: &[u8]) -> Value {
    let digits = |byte: &u8| {
        [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
    };
    digest.iter().flat_map(digits).collect::<String>().into()
}

fn adler32(text: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (low, high) = text.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % MODULUS;
        (low, (high + low) % MODULUS)
    });
    high << 16 | low
}
