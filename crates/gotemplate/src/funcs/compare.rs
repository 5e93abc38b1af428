//! `eq`, `lt` and their relatives: which kinds compare, and how.

use std::cmp::Ordering;

use crate::{error::Error, printf, value::Value};

/// The kinds that comparisons know. Signed and unsigned integers compare with each other.
#[derive(Clone, Copy)]
enum Basic<'a> {
    Bool(bool),
    Complex(f64, f64),
    Int(i64),
    Uint(u64),
    Float(f64),
    String(&'a str),
    Other,
}

fn basic(value: &Value) -> Basic<'_> {
    match value {
        Value::Bool(value) => Basic::Bool(*value),
        Value::Complex(real, imaginary) => Basic::Complex(*real, *imaginary),
        Value::Int(_, int) => Basic::Int(*int),
        Value::Uint(_, uint) => Basic::Uint(*uint),
        Value::Float(_, float) => Basic::Float(*float),
        Value::String(text) => Basic::String(text),
        _ => Basic::Other,
    }
}

fn integers(int: i64, uint: u64) -> Ordering {
    u64::try_from(int).map_or(Ordering::Less, |int| int.cmp(&uint))
}

fn incompatible(a: &Value, b: &Value) -> Error {
    Error::new(format!("incompatible types for comparison: {} and {}", a.type_of(), b.type_of()))
}

/// Whether the value equals one of the others.
pub(super) fn equal(value: &Value, others: &[Value]) -> Result<bool, Error> {
    if others.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for other in others {
        if equal_one(value, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[expect(clippy::float_cmp, reason = "the question is whether they are equal")]
pub(super) fn equal_one(a: &Value, b: &Value) -> Result<bool, Error> {
    Ok(match (basic(a), basic(b)) {
        (Basic::Bool(a), Basic::Bool(b)) => a == b,
        (Basic::Complex(a, b), Basic::Complex(c, d)) => a == c && b == d,
        (Basic::Int(a), Basic::Int(b)) => a == b,
        (Basic::Uint(a), Basic::Uint(b)) => a == b,
        (Basic::Float(a), Basic::Float(b)) => a == b,
        (Basic::String(a), Basic::String(b)) => a == b,
        (Basic::Int(a), Basic::Uint(b)) | (Basic::Uint(b), Basic::Int(a)) => integers(a, b).is_eq(),
        (Basic::Other, Basic::Other) => return equal_others(a, b),
        _ if is_untyped_nil(a) || is_untyped_nil(b) => false,
        _ => return Err(incompatible(a, b)),
    })
}

fn is_untyped_nil(value: &Value) -> bool {
    matches!(value, Value::Missing | Value::Nil)
}

/// Slices and maps can be nil, too.
fn is_nil(value: &Value) -> bool {
    match value {
        Value::List(list) => list.is_nil(),
        Value::Map(map) => map.is_nil(),
        value => value.is_nil(),
    }
}

/// Go's `reflect.Kind`, which decides whether two other values compare at all.
fn kind(value: &Value) -> u8 {
    match value {
        Value::Bytes(_) | Value::List(_) => 1,
        Value::Map(_) => 2,
        Value::Function(_) => 3,
        Value::Object(object) if object.type_name().starts_with('*') => 4,
        Value::Object(_) => 5,
        _ => 0,
    }
}

fn equal_others(a: &Value, b: &Value) -> Result<bool, Error> {
    let (kind_a, kind_b) = (kind(a), kind(b));
    if kind_a != kind_b && kind_a != 0 && kind_b != 0 {
        return Err(Error::new(format!(
            "non-comparable types {}: {}, {}: {}",
            printf::to_text(a, 's'),
            a.type_of(),
            b.type_of(),
            printf::to_text(b, 'v')
        )));
    }
    if is_nil(a) || is_nil(b) {
        return Ok(is_nil(a) == is_nil(b));
    }
    let (Value::Object(first), Value::Object(second)) = (a, b) else {
        return Err(not_comparable(b));
    };
    if std::sync::Arc::ptr_eq(first, second) && kind_a == 4 {
        return Ok(true);
    }
    match second.equals(first.as_ref()) {
        Some(equal) => Ok(equal),
        None if kind_a == 4 => Ok(false),
        None => Err(not_comparable(b)),
    }
}

fn not_comparable(value: &Value) -> Error {
    Error::new(format!("non-comparable type {}: {}", printf::to_text(value, 's'), value.type_of()))
}

/// `lt`; only integers, floats and strings have an order.
pub(super) fn less(a: &Value, b: &Value) -> Result<bool, Error> {
    Ok(match (basic(a), basic(b)) {
        (Basic::Other, _) | (_, Basic::Other) => return Err("invalid type for comparison".into()),
        (Basic::Bool(_), Basic::Bool(_)) | (Basic::Complex(..), Basic::Complex(..)) => {
            return Err("invalid type for comparison".into());
        }
        (Basic::Int(a), Basic::Int(b)) => a < b,
        (Basic::Uint(a), Basic::Uint(b)) => a < b,
        (Basic::Float(a), Basic::Float(b)) => a < b,
        (Basic::String(a), Basic::String(b)) => a < b,
        (Basic::Int(a), Basic::Uint(b)) => integers(a, b).is_lt(),
        (Basic::Uint(a), Basic::Int(b)) => integers(b, a).is_gt(),
        _ => return Err(incompatible(a, b)),
    })
}

pub(super) fn less_or_equal(a: &Value, b: &Value) -> Result<bool, Error> {
    Ok(less(a, b)? || equal_one(a, b)?)
}
