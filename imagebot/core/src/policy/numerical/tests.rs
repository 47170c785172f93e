//! Tests of `numerical`.

use proptest::prelude::*;

use super::*;

#[test]
fn numbers_are_those_of_go() {
    #[rustfmt::skip]
    let numbers = [
        "0", "-0", "+5", "007", ".5", "5.", "1e3", "1E+3", "1e-3", "1_000", "1_0.0_1", "0x10p0",
        "0x1.8p1", "0X_Ap-1", "1e308", "0e999", "1e-999", "20240101123456789",
        "0x1.00000000000000001p4",
    ];
    #[rustfmt::skip]
    let others = [
        "", ".", "-", "+", "e3", "1e", "1e+", "1a", " 5", "5 ", "1__0", "_1", "1_", "1_.0", "1._0",
        "0x10", "0x", "0xp1", "inf", "-Inf", "nan", "1e400", "--1", "1.2.3", "١", "1e1.5", "0b1",
    ];
    for text in numbers {
        assert!(Number::parse(text).is_some(), "`{text}` is a number");
    }
    for text in others {
        assert_eq!(Number::parse(text), None, "`{text}` is no number");
    }
}

#[test]
fn every_digit_counts() {
    #[rustfmt::skip]
    let ascending = [
        "-1e3", "-999.5", "-2", "-1.5", "-0.1", "0", "1e-999", "0.09", ".1", "0.11", "1", "1.10",
        "1.9", "0x10p-2", "9", "10", "999", "1_000.5", "9007199254740992", "9007199254740993",
        "20240101123456788", "20240101123456789", "123456789012345678901234567890",
    ];
    for pair in ascending.windows(2) {
        let [low, high] = [pair[0], pair[1]].map(|text| Number::parse(text).unwrap());
        assert!(low < high, "{} < {}", pair[0], pair[1]);
    }
    for (left, right) in [("1.0", "1"), ("-0", "0"), ("1e3", "1000"), ("0x10p0", "16")] {
        assert_eq!(Number::parse(left), Number::parse(right), "{left} = {right}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "[-+0-9._exXpP]{0,16}|\\PC{0,12}") {
        let _ = Number::parse(&text);
    }

    #[test]
    fn whole_numbers_compare_as_whole_numbers(left in any::<i128>(), right in any::<i128>()) {
        let [a, b] = [left, right].map(|number| Number::parse(&number.to_string()).unwrap());
        prop_assert_eq!(a.cmp(&b), left.cmp(&right));
    }

    #[test]
    fn floats_compare_as_floats(left in -1e9..1e9, right in -1e9..1e9) {
        let [a, b] = [left, right].map(|number: f64| Number::parse(&number.to_string()).unwrap());
        prop_assert_eq!(a.cmp(&b), left.partial_cmp(&right).unwrap());
    }
}
