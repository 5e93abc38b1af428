//! Integers and floats.

use gotemplate::{Error, List, Type, Value};

use crate::{
    cast,
    decimal::Decimal,
    function::{ANY, Arguments, Function, INT, STRING, function},
    panics,
};

/// The longest list of numbers.
const MAX_COUNT: u128 = 1 << 24;

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = conversions();
    functions.extend(integers());
    functions.extend(floats());
    functions.extend(ranges());
    functions
}

fn conversions() -> Vec<Function> {
    vec![
        function("atoi", [STRING], |a| Ok(Value::int(cast::decimal(a.text(0))))),
        function("int", [ANY], |a| Ok(Value::int(cast::int(a.value(0))))),
        function("int64", [ANY], |a| Ok(cast::int(a.value(0)).into())),
        function("float64", [ANY], |a| Ok(cast::float(a.value(0)).into())),
        function("toDecimal", [ANY], |a| {
            let text = gotemplate::sprintf("%v", &[a.value(0).clone()]);
            Ok(i64::from_str_radix(&text, 8).unwrap_or(0).into())
        }),
    ]
}

fn integers() -> Vec<Function> {
    vec![
        function("add1", [ANY], |a| Ok(cast::int(a.value(0)).wrapping_add(1).into())),
        function("add", [], |a| Ok(fold(a, 0, i64::wrapping_add))).rest(ANY),
        function("sub", [ANY, ANY], |a| {
            Ok(cast::int(a.value(0)).wrapping_sub(cast::int(a.value(1))).into())
        }),
        function("mul", [ANY], |a| Ok(fold(a, 1, i64::wrapping_mul))).rest(ANY),
        function("div", [ANY, ANY], |a| divide(a, i64::wrapping_div)),
        function("mod", [ANY, ANY], |a| divide(a, i64::wrapping_rem)),
        function("max biggest", [ANY], |a| Ok(fold(a, i64::MIN, i64::max))).rest(ANY),
        function("min", [ANY], |a| Ok(fold(a, i64::MAX, i64::min))).rest(ANY),
        function("randInt", [INT, INT], random),
    ]
}

fn floats() -> Vec<Function> {
    vec![
        function("add1f", [ANY], |a| {
            let one = Decimal::from_float(1.0)?;
            Ok(Decimal::from_float(cast::float(a.value(0)))?.add(&one).to_float().into())
        }),
        function("addf", [], |a| decimals(0.0, a.all(), |a, b| Ok(a.add(b)))).rest(ANY),
        function("subf", [ANY], |a| {
            decimals(cast::float(a.value(0)), a.from(1), |a, b| Ok(a.subtract(b)))
        })
        .rest(ANY),
        function("mulf", [ANY], |a| {
            decimals(cast::float(a.value(0)), a.from(1), |a, b| Ok(a.multiply(b)))
        })
        .rest(ANY),
        function("divf", [ANY], |a| decimals(cast::float(a.value(0)), a.from(1), Decimal::divide))
            .rest(ANY),
        function("maxf", [ANY], |a| Ok(extreme(a, f64::INFINITY, |a, b| a > b))).rest(ANY),
        function("minf", [ANY], |a| Ok(extreme(a, f64::NEG_INFINITY, |a, b| a < b))).rest(ANY),
        function("floor", [ANY], |a| Ok(cast::float(a.value(0)).floor().into())),
        function("ceil", [ANY], |a| Ok(cast::float(a.value(0)).ceil().into())),
        function("round", [ANY, INT], |a| Ok(round(a).into())).rest(Type::FLOAT64),
    ]
}

fn ranges() -> Vec<Function> {
    vec![
        function("until", [INT], |a| {
            let count = a.int(0);
            Ok(int_list(numbers(0, count, if count < 0 { -1 } else { 1 })?))
        }),
        function("untilStep", [INT, INT, INT], |a| {
            Ok(int_list(numbers(a.int(0), a.int(1), a.int(2))?))
        }),
        function("seq", [], sequence).rest(INT),
    ]
}

fn fold(a: &Arguments<'_>, start: i64, operation: fn(i64, i64) -> i64) -> Value {
    a.all().iter().map(cast::int).fold(start, operation).into()
}

fn divide(a: &Arguments<'_>, operation: fn(i64, i64) -> i64) -> Result<Value, Error> {
    let (dividend, divisor) = (cast::int(a.value(0)), cast::int(a.value(1)));
    if divisor == 0 {
        Err(panics::divide_by_zero())
    } else {
        Ok(operation(dividend, divisor).into())
    }
}

fn random(a: &Arguments<'_>) -> Result<Value, Error> {
    use rand::RngExt as _;
    let (min, span) = (a.int(0), a.int(1).wrapping_sub(a.int(0)));
    if span <= 0 {
        return Err("invalid argument to Intn".into());
    }
    Ok(Value::int(rand::rng().random_range(0..span).wrapping_add(min)))
}

/// Calculates with decimal digits, so that 0.1 and 0.2 make 0.3.
fn decimals(
    start: f64,
    others: &[Value],
    operation: fn(&Decimal, &Decimal) -> Result<Decimal, Error>,
) -> Result<Value, Error> {
    let mut result = Decimal::from_float(start)?;
    for other in others {
        result = operation(&result, &Decimal::from_float(cast::float(other))?)?;
    }
    Ok(result.to_float().into())
}

/// The largest or smallest number. One that is not a number makes the result none, but for the `absolute` extreme.
fn extreme(a: &Arguments<'_>, absolute: f64, is_better: fn(f64, f64) -> bool) -> Value {
    let mut best = cast::float(a.value(0));
    #[expect(clippy::float_cmp, reason = "infinities are exact")]
    for value in a.from(1).iter().map(cast::float) {
        best = if best == absolute || value == absolute {
            absolute
        } else if best.is_nan() || value.is_nan() {
            f64::NAN
        } else if is_better(value, best) || (value == best && is_better(sign(value), sign(best))) {
            value
        } else {
            best
        };
    }
    best.into()
}

/// Of zeros, the positive one is larger.
fn sign(float: f64) -> f64 {
    if float.is_sign_negative() { -1.0 } else { 1.0 }
}

/// Rounds to a number of places; `round_on` is the fraction from which on it rounds up.
fn round(a: &Arguments<'_>) -> f64 {
    let round_on = a.from(2).first().map_or(0.5, cast::float);
    let power = 10_f64.powf(cast::int_as_float(a.int(1)));
    let digits = power * cast::float(a.value(0));
    let fraction = if digits.is_infinite() { f64::NAN } else { digits - digits.trunc() };
    let rounded = if fraction >= round_on { digits.ceil() } else { digits.floor() };
    rounded / power
}

fn numbers(start: i64, end: i64, step: i64) -> Result<Vec<i64>, Error> {
    let forwards = start < end && step > 0;
    let backwards = end < start && step < 0;
    if !forwards && !backwards {
        return Ok(Vec::new());
    }
    let count = (i128::from(end) - i128::from(start)).unsigned_abs();
    let count = count.div_ceil(u128::from(step.unsigned_abs()));
    if count > MAX_COUNT {
        return Err(format!("too many numbers: {count}").into());
    }
    let next = |number: &i64| {
        let next = number.checked_add(step)?;
        (if forwards { next < end } else { next > end }).then_some(next)
    };
    Ok(std::iter::successors(Some(start), next).collect())
}

/// `[]int`
fn int_list(numbers: Vec<i64>) -> Value {
    List::new(Type::INT, numbers.into_iter().map(Value::int)).into()
}

/// The numbers from the first to the last as text.
fn sequence(a: &Arguments<'_>) -> Result<Value, Error> {
    let (start, end, step) = match a.all().len() {
        1 => (1, a.int(0), None),
        2 => (a.int(0), a.int(1), None),
        3 => (a.int(0), a.int(2), Some(a.int(1))),
        _ => return Ok("".into()),
    };
    let direction = if end < start { -1 } else { 1 };
    let step = match step {
        Some(step) if end < start && step > 0 => return Ok("".into()),
        step => step.unwrap_or(direction),
    };
    let numbers = numbers(start, end.wrapping_add(direction), step)?;
    let texts: Vec<String> = numbers.iter().map(i64::to_string).collect();
    Ok(texts.join(" ").into())
}
