//! Tests of `strconv`, against what Go answers.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const GOLDEN: &str = include_str!("../../tests/golden/strconv.json");

fn golden() -> Vec<Value> {
    serde_json::from_str(GOLDEN).unwrap()
}

#[test]
fn numbers_and_booleans_are_read_as_in_go() {
    for row in golden() {
        let text = row["text"].as_str().unwrap();
        let integers = [
            ("int", parse_int(text, 10).map(|number| number.to_string())),
            ("octal", parse_int(text, 8).map(|number| number.to_string())),
            ("prefixed", parse_int(text, 0).map(|number| number.to_string())),
            ("uint", parse_uint(text, 0).map(|number| number.to_string())),
        ];
        for (kind, read) in integers {
            assert_eq!(read.as_deref(), row[kind].as_str(), "{kind} `{text}`");
        }
        assert_eq!(parse_bool(text), row["bool"].as_bool(), "`{text}`");
        let expected = row["floatBits"].as_str().map(float_of_bits);
        let read = parse_float(text);
        let agrees = match (read, expected) {
            (Some(read), Some(expected)) if expected.is_nan() => read.is_nan(),
            (read, expected) => read.map(f64::to_bits) == expected.map(f64::to_bits),
        };
        assert!(agrees, "`{text}` is {read:?}, should be {expected:?}");
    }
}

#[test]
fn floats_are_written_as_in_go() {
    for row in golden() {
        let Some(formatted) = row["formatted"].as_object() else { continue };
        let number = float_of_bits(row["floatBits"].as_str().unwrap());
        for (form, expected) in formatted {
            let (verb, precision) = form.split_at(1);
            let written =
                format_float(number, verb.chars().next().unwrap(), precision.parse().ok());
            assert_eq!(written, expected.as_str().unwrap(), "{number:?} by {form}");
        }
    }
}

fn float_of_bits(bits: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(bits, 16).unwrap())
}

proptest! {
    #[test]
    fn no_text_panics(text in "[-+0-9._exXpPoObB]{0,16}|\\PC{0,12}") {
        let _ = (parse_int(&text, 0), parse_uint(&text, 0), parse_float(&text));
    }

    #[test]
    fn floats_survive_being_written(number: f64, verb in prop::sample::select(vec!['e', 'f', 'g', 'x'])) {
        let read = parse_float(&format_float(number, verb, None)).unwrap();
        prop_assert!(read.to_bits() == number.to_bits() || number.is_nan());
    }
}
