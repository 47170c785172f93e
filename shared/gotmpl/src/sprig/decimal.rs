//! Arithmetic with fractions.
//!
//! sprig adds and multiplies in decimal, so that 0.1 and 0.2 make 0.3. Here too, with 38 digits;
//! beyond those the result is the nearest float.

use golang::strconv::shortest;

use super::{Answer, convert::float64, int};
use crate::{
    function::{
        Function,
        Parameter::{Any, Float, Int},
    },
    value::Value,
};

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("add1f", &[Any], |_, a| fold(1.0, a, Decimal::add, |one, two| one + two)),
    Function::new("addf", &[], |_, a| fold(0.0, a, Decimal::add, |one, two| one + two)).rest(Any),
    Function::new("ceil", &[Any], |_, a| Ok(float64(&a[0]).ceil().into())),
    Function::new("divf", &[Any], |_, a| {
        if a[1..].iter().any(|divisor| float64(divisor) == 0.0) {
            return Err("decimal division by 0".into());
        }
        fold(float64(&a[0]), &a[1..], Decimal::divide, |one, two| one / two)
    })
    .rest(Any),
    Function::new("float64", &[Any], |_, a| Ok(float64(&a[0]).into())),
    Function::new("floor", &[Any], |_, a| Ok(float64(&a[0]).floor().into())),
    Function::new("maxf", &[Any], |_, a| Ok(a.iter().map(float64).fold(f64::NEG_INFINITY, f64::max).into())).rest(Any),
    Function::new("minf", &[Any], |_, a| Ok(a.iter().map(float64).fold(f64::INFINITY, f64::min).into())).rest(Any),
    Function::new("mulf", &[Any], |_, a| fold(float64(&a[0]), &a[1..], Decimal::multiply, |one, two| one * two)).rest(Any),
    Function::new("round", &[Any, Int], |_, a| Ok(round(a))).rest(Float),
    Function::new("subf", &[Any], |_, a| fold(float64(&a[0]), &a[1..], Decimal::subtract, |one, two| one - two)).rest(Any),
];

/// How many digits a quotient has after the point.
const PLACES: i32 = 16;

/// A whole number times a power of ten.
#[derive(Clone, Copy)]
struct Decimal {
    whole: i128,
    exponent: i32,
}

fn fold(
    start: f64,
    arguments: &[Value],
    exact: fn(Decimal, Decimal) -> Option<Decimal>,
    near: fn(f64, f64) -> f64,
) -> Answer {
    let numbers = || arguments.iter().map(float64);
    if !start.is_finite() || !numbers().all(f64::is_finite) {
        return Err("not a finite number".into());
    }
    let decimal =
        numbers().try_fold(Decimal::new(start), |so_far, next| exact(so_far, Decimal::new(next)));
    let nearest = || numbers().fold(start, near);
    Ok(decimal.map_or_else(nearest, Decimal::to_float).into())
}

impl Decimal {
    fn new(number: f64) -> Self {
        let (digits, point) = shortest(number);
        let whole = digits.parse::<i128>().unwrap_or(0);
        let exponent = point - i32::try_from(digits.len()).unwrap_or(0);
        Self { whole: if number < 0.0 { -whole } else { whole }, exponent }
    }

    fn to_float(self) -> f64 {
        format!("{}e{}", self.whole, self.exponent).parse().unwrap_or(f64::NAN)
    }

    /// The same number with a smaller exponent.
    fn scaled(self, exponent: i32) -> Option<i128> {
        let power = u32::try_from(self.exponent - exponent).ok()?;
        if self.whole == 0 { Some(0) } else { self.whole.checked_mul(10_i128.checked_pow(power)?) }
    }

    fn add(self, other: Self) -> Option<Self> {
        let exponent = self.exponent.min(other.exponent);
        Some(Self { whole: self.scaled(exponent)?.checked_add(other.scaled(exponent)?)?, exponent })
    }

    fn subtract(self, other: Self) -> Option<Self> {
        self.add(Self { whole: -other.whole, ..other })
    }

    fn multiply(self, other: Self) -> Option<Self> {
        Some(Self {
            whole: self.whole.checked_mul(other.whole)?,
            exponent: self.exponent + other.exponent,
        })
    }

    /// Rounded half away from zero at sixteen places.
    fn divide(self, other: Self) -> Option<Self> {
        let shift = self.exponent - other.exponent + PLACES;
        let power = 10_i128.checked_pow(shift.unsigned_abs())?;
        let (over, under) = if shift < 0 {
            (self.whole, other.whole.checked_mul(power)?)
        } else {
            (self.whole.checked_mul(power)?, other.whole)
        };
        let (quotient, rest) = (over / under, over % under);
        let away = rest.abs().checked_mul(2)? >= under.abs();
        let sign = if (over < 0) == (under < 0) { 1 } else { -1 };
        Some(Self { whole: quotient + if away { sign } else { 0 }, exponent: -PLACES })
    }
}

fn round(arguments: &[Value]) -> Value {
    let places = i32::try_from(int(&arguments[1])).unwrap_or(i32::MAX);
    let threshold = arguments.get(2).map_or(0.5, float64);
    let power = 10_f64.powi(places);
    let scaled = power * float64(&arguments[0]);
    let rounded = if scaled.fract() >= threshold { scaled.ceil() } else { scaled.floor() };
    (rounded / power).into()
}
