//! Arithmetic. Integers stay integers, `uint64` only among themselves; with a float everything is one.

use std::cmp::Ordering;

use gotemplate::{Error, Value, sprintf};

use super::Parameter::Number;
use super::{Function, exactly};
use crate::render::session::Session;

const TWO: &[super::Parameter] = &[Number, Number];

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("add", TWO, add).any(),
    Function::new("subtract", TWO, subtract).any(),
    Function::new("multiply", TWO, multiply).any(),
    Function::new("divide", TWO, divide).any(),
    Function::new("modulo", TWO, modulo).any(),
    Function::new("minimum", TWO, minimum).any(),
    Function::new("maximum", TWO, maximum).any(),
];

type Result = std::result::Result<Value, Error>;

/// Two numbers in the type in which Go calculates with them.
enum Pair {
    Int(i64, i64),
    Uint(u64, u64),
    Float(f64, f64),
}

/// `add B A` is A + B; like all of these it wraps around at the ends of the integers.
pub fn add(_: &Session, arguments: &[Value]) -> Result {
    Ok(match pair("add", arguments)? {
        Pair::Int(a, b) => a.wrapping_add(b).into(),
        Pair::Uint(a, b) => a.wrapping_add(b).into(),
        Pair::Float(a, b) => (a + b).into(),
    })
}

/// `subtract B A` is A − B.
pub fn subtract(_: &Session, arguments: &[Value]) -> Result {
    Ok(match pair("subtract", arguments)? {
        Pair::Int(a, b) => a.wrapping_sub(b).into(),
        Pair::Uint(a, b) => a.wrapping_sub(b).into(),
        Pair::Float(a, b) => (a - b).into(),
    })
}

/// `multiply B A` is A × B.
pub fn multiply(_: &Session, arguments: &[Value]) -> Result {
    Ok(match pair("multiply", arguments)? {
        Pair::Int(a, b) => a.wrapping_mul(b).into(),
        Pair::Uint(a, b) => a.wrapping_mul(b).into(),
        Pair::Float(a, b) => (a * b).into(),
    })
}

/// `divide B A` is A ÷ B, without remainder for integers.
pub fn divide(_: &Session, arguments: &[Value]) -> Result {
    Ok(match pair("divide", arguments)? {
        Pair::Int(_, 0) | Pair::Uint(_, 0) => return Err(divided_by_zero()),
        Pair::Int(a, b) => a.wrapping_div(b).into(),
        Pair::Uint(a, b) => (a / b).into(),
        Pair::Float(a, b) => (a / b).into(),
    })
}

/// `modulo B A` is the remainder of A ÷ B, of integers only.
pub fn modulo(_: &Session, arguments: &[Value]) -> Result {
    Ok(match pair("modulo", arguments)? {
        Pair::Int(_, 0) | Pair::Uint(_, 0) => return Err(divided_by_zero()),
        Pair::Int(a, b) => a.wrapping_rem(b).into(),
        Pair::Uint(a, b) => (a % b).into(),
        Pair::Float(..) => {
            let [b, a] = exactly(arguments)?;
            return Err(unknown("modulo", if matches!(a, Value::Float(..)) { a } else { b }));
        }
    })
}

/// `minimum B A`: the smaller one, in its own type; B when they are equal.
pub fn minimum(_: &Session, arguments: &[Value]) -> Result {
    extreme("minimum", arguments, Ordering::Less)
}

/// `maximum B A`: the greater one, in its own type; B when they are equal.
pub fn maximum(_: &Session, arguments: &[Value]) -> Result {
    extreme("maximum", arguments, Ordering::Greater)
}

fn extreme(name: &str, arguments: &[Value], wanted: Ordering) -> Result {
    let [b, a] = exactly(arguments)?;
    let order = match pair(name, arguments)? {
        Pair::Int(a, b) => Some(a.cmp(&b)),
        Pair::Uint(a, b) => Some(a.cmp(&b)),
        Pair::Float(a, b) => a.partial_cmp(&b),
    };
    Ok(match if order == Some(wanted) { a } else { b } {
        Value::Int(_, int) => (*int).into(),
        Value::Uint(_, uint) => (*uint).into(),
        Value::Float(_, float) => (*float).into(),
        other => other.clone(),
    })
}

/// A and B.
#[expect(clippy::cast_precision_loss, reason = "Go converts integers to floats in the same way")]
fn pair(name: &str, arguments: &[Value]) -> std::result::Result<Pair, Error> {
    let [b, a] = exactly(arguments)?;
    Ok(match (a, b) {
        (Value::Int(_, a), Value::Int(_, b)) => Pair::Int(*a, *b),
        (Value::Int(_, a), Value::Uint(_, b)) => Pair::Int(*a, b.cast_signed()),
        (Value::Uint(_, a), Value::Int(_, b)) => Pair::Int(a.cast_signed(), *b),
        (Value::Uint(_, a), Value::Uint(_, b)) => Pair::Uint(*a, *b),
        (Value::Float(_, a), Value::Float(_, b)) => Pair::Float(*a, *b),
        (Value::Float(_, a), Value::Int(_, b)) => Pair::Float(*a, *b as f64),
        (Value::Float(_, a), Value::Uint(_, b)) => Pair::Float(*a, *b as f64),
        (Value::Int(_, a), Value::Float(_, b)) => Pair::Float(*a as f64, *b),
        (Value::Uint(_, a), Value::Float(_, b)) => Pair::Float(*a as f64, *b),
        (Value::Int(..) | Value::Uint(..) | Value::Float(..), b) => return Err(unknown(name, b)),
        (a, _) => return Err(unknown(name, a)),
    })
}

fn unknown(name: &str, value: &Value) -> Error {
    let quoted = match value {
        Value::Missing | Value::Nil => "<invalid reflect.Value>".to_owned(),
        value => sprintf("%q", std::slice::from_ref(value)),
    };
    let kind = sprintf("%T", std::slice::from_ref(value));
    Error::new(format!("{name}: unknown type for {quoted} ({kind})"))
}

fn divided_by_zero() -> Error {
    Error::new("runtime error: integer divide by zero")
}
