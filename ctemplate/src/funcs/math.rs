//! Arithmetic on integers, or on floating-point numbers as soon as one argument is one.

use serde_json::Value as Json;

use super::{Arguments, FunctionError};
use crate::render::session::Session;

type Result = std::result::Result<Json, FunctionError>;

/// `add B A` is A + B.
pub fn add(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    calculate(arguments, i64::checked_add, |a, b| a + b)
}

/// `subtract B A` is A − B.
pub fn subtract(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    calculate(arguments, i64::checked_sub, |a, b| a - b)
}

/// `multiply B A` is A × B.
pub fn multiply(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    calculate(arguments, i64::checked_mul, |a, b| a * b)
}

/// `divide B A` is A ÷ B, without remainder for integers.
pub fn divide(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    calculate(arguments, i64::checked_div, |a, b| a / b)
}

/// `modulo B A` is the remainder of A ÷ B.
pub fn modulo(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    calculate(arguments, i64::checked_rem, |a, b| a % b)
}

/// `minimum B A`
pub fn minimum(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    calculate(arguments, |a, b| Some(a.min(b)), f64::min)
}

/// `maximum B A`
pub fn maximum(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    calculate(arguments, |a, b| Some(a.max(b)), f64::max)
}

fn calculate(
    arguments: &Arguments<'_>,
    integers: fn(i64, i64) -> Option<i64>,
    floats: fn(f64, f64) -> f64,
) -> Result {
    let [b, a] = arguments.texts()?;
    if let (Ok(a), Ok(b)) = (a.parse(), b.parse()) {
        let result = integers(a, b);
        return result
            .map(Json::from)
            .ok_or_else(|| FunctionError(format!("no result for {a} and {b}")));
    }
    let float = |text: &str| {
        text.parse::<f64>().map_err(|_| FunctionError(format!("'{text}' is no number")))
    };
    Ok(floats(float(&a)?, float(&b)?).into())
}
