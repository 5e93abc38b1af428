//! Go's `reflect.DeepEqual`.

use std::sync::Arc;

use gotemplate::{Object, Value};

/// Whether two values are of the same type and equal all the way down.
#[expect(clippy::float_cmp, reason = "the question is whether they are equal")]
pub(crate) fn deep_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Nil | Value::Missing, Value::Nil | Value::Missing) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(kind, a), Value::Int(other, b)) => kind == other && a == b,
        (Value::Uint(kind, a), Value::Uint(other, b)) => kind == other && a == b,
        (Value::Float(kind, a), Value::Float(other, b)) => kind == other && a == b,
        (Value::Complex(a, b), Value::Complex(c, d)) => a == c && b == d,
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.type_of() == b.type_of()
                && a.is_nil() == b.is_nil()
                && a.len() == b.len()
                && a.iter().zip(b.iter()).all(|(a, b)| deep_equal(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            let (left, right) = (a.entries(), b.entries());
            a.type_of() == b.type_of()
                && a.is_nil() == b.is_nil()
                && left.len() == right.len()
                && left.iter().zip(right.iter()).all(|(left, right)| {
                    deep_equal(&left.0, &right.0) && deep_equal(&left.1, &right.1)
                })
        }
        (Value::Object(a), Value::Object(b)) => {
            Arc::ptr_eq(a, b)
                || (a.type_name() == b.type_name() && equal_objects(a.as_ref(), b.as_ref()))
        }
        _ => false,
    }
}

/// By their fields, which may be those of structs that pointers point at; without any, as `eq` compares them.
fn equal_objects(a: &dyn Object, b: &dyn Object) -> bool {
    let names = a.field_names();
    if names.is_empty() {
        return a.equals(b).unwrap_or(false);
    }
    names.iter().all(|name| match (a.field(name), b.field(name)) {
        (Some(a), Some(b)) => deep_equal(&a, &b),
        (a, b) => a.is_none() && b.is_none(),
    })
}
