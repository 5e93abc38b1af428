//! Whether values are the same for every template, now and later.

use std::sync::Arc;

use super::{List, Map, Value};

impl Value {
    /// Whether nothing that a template does with them can tell the two values apart, and neither ever changes.
    ///
    /// It can say no of values that are the same: function values, maps that have changed, and objects, unless they
    /// [say otherwise](super::Object::is_same).
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Missing, Self::Missing) | (Self::Nil, Self::Nil) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(kind_a, a), Self::Int(kind_b, b)) => kind_a == kind_b && a == b,
            (Self::Uint(kind_a, a), Self::Uint(kind_b, b)) => kind_a == kind_b && a == b,
            (Self::Float(kind_a, a), Self::Float(kind_b, b)) => {
                kind_a == kind_b && a.to_bits() == b.to_bits()
            }
            (Self::Complex(a, b), Self::Complex(c, d)) => {
                a.to_bits() == c.to_bits() && b.to_bits() == d.to_bits()
            }
            (Self::String(a), Self::String(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Bytes(a), Self::Bytes(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::List(a), Self::List(b)) => a.is_same(b),
            (Self::Map(a), Self::Map(b)) => a.is_same(b),
            (Self::Object(a), Self::Object(b)) => a.is_same(b.as_ref()),
            _ => false,
        }
    }
}

impl List {
    fn is_same(&self, other: &Self) -> bool {
        self.is_nil() == other.is_nil()
            && self.len() == other.len()
            && self.type_of() == other.type_of()
            && self.element() == other.element()
            && self.iter().zip(other).all(|(a, b)| a.is_same(b))
    }
}

impl Map {
    fn is_same(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.entries(), other.entries());
        !self.has_changed()
            && !other.has_changed()
            && self.is_nil() == other.is_nil()
            && mine.len() == theirs.len()
            && self.type_of() == other.type_of()
            && self.key() == other.key()
            && self.element() == other.element()
            && mine.iter().zip(theirs.iter()).all(|(a, b)| a.0.is_same(&b.0) && a.1.is_same(&b.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Callable, IntKind, Signature, Type};

    #[test]
    fn is_as_strict_as_a_template_can_be() {
        let named = |name: &str| Value::from(List::new(Type::String, ["a".into()]).named(name));
        let map = || Value::map([("a", Value::list([Value::int(1), Value::Nil]))]);
        for (a, b, want) in [
            (Value::Missing, Value::Missing, true),
            (Value::Missing, Value::Nil, false),
            (Value::int(1), Value::int(1), true),
            (Value::int(1), Value::Int(IntKind::Int64, 1), false),
            (0.0.into(), (-0.0).into(), false),
            (f64::NAN.into(), f64::NAN.into(), true),
            ("ab".into(), "ab".into(), true),
            ("ab".into(), "ac".into(), false),
            (map(), map(), true),
            (map(), Value::map([("a", Value::Nil)]), false),
            (Value::list([]), List::nil(Type::Any).into(), false),
            (Value::strings(["a"]), Value::list(["a".into()]), false),
            (named("x"), named("x"), true),
            (named("x"), named("y"), false),
        ] {
            assert_eq!(a.is_same(&b), want, "{a:?} {b:?}");
            assert_eq!(b.is_same(&a), want, "{b:?} {a:?}");
        }
    }

    #[test]
    fn what_can_differ_later_is_not_the_same() {
        let callable = Callable::new(Signature::new([]), Type::Any, |_| Ok(Value::Nil));
        let function = Value::from(callable);
        assert!(!function.is_same(&function));
        let map = Arc::new(Map::new(Type::String, Type::Any, []));
        let value = Value::list([Value::Map(Arc::clone(&map))]);
        assert!(value.is_same(&value));
        map.insert("a".into(), Value::Nil).unwrap();
        map.remove(&"a".into());
        assert!(!value.is_same(&value));
    }
}
