//! Constants of a template.

use golang::strconv::{parse_float, parse_int, parse_uint};

use crate::{
    ast::Number,
    lex::{Sort, Token},
    quote,
};

/// Reads a number or character constant of a template.
pub(crate) fn constant(token: &Token<'_>) -> Result<Number, String> {
    let text = &*token.text;
    if token.sort == Sort::CharConstant {
        return match quote::unquote_character(text) {
            Ok(Some(code)) => Ok(whole(text, code.into())),
            Ok(None) => Err(format!("malformed character constant: {text}")),
            Err(malformed) => Err(malformed.to_string()),
        };
    }
    if token.sort == Sort::Complex || text.ends_with('i') {
        return Err(format!(
            "complex constants are not supported: {}",
            quote::double(text.as_bytes())
        ));
    }
    let quoted = || quote::double(text.as_bytes());
    let int = parse_int(text, 0);
    let uint = parse_uint(text, 0);
    if int.is_some() || uint.is_some() {
        #[expect(clippy::cast_precision_loss, reason = "Go rounds here as well")]
        let float = int.map(|int| int as f64).or_else(|| uint.map(|uint| uint as f64));
        return Ok(Number { text: text.into(), int, float });
    }
    let Some(float) = parse_float(text) else {
        return Err(format!("illegal number syntax: {}", quoted()));
    };
    if !text.contains(['.', 'e', 'E', 'p', 'P']) {
        return Err(format!("integer overflow: {}", quoted()));
    }
    Ok(Number { text: text.into(), int: exact_int(float), float: Some(float) })
}

fn whole(text: &str, code: i64) -> Number {
    #[expect(clippy::cast_precision_loss, reason = "a code point is far below 2^53")]
    let float = code as f64;
    Number { text: text.into(), int: Some(code), float: Some(float) }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    clippy::cast_precision_loss,
    reason = "the round trip is the check"
)]
fn exact_int(float: f64) -> Option<i64> {
    let int = float as i64;
    (float < 9.3e18 && int as f64 == float).then_some(int)
}
