//! The values that templates work with: Go's kinds, as far as a template can tell them apart.

mod list;
mod map;
mod object;
mod same;
mod types;

use std::{cmp::Ordering, fmt, sync::Arc};

pub use self::{
    list::{List, Method},
    map::{Entries, Map},
    object::{Callable, Object},
    types::{FloatKind, IntKind, Type, UintKind},
};

/// A value. Cloning costs at most one reference count.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// What a map gives for an unknown key; prints `<no value>`.
    #[default]
    Missing,
    /// A nil interface: a value that is there and is nil.
    Nil,
    /// A boolean.
    Bool(bool),
    /// A signed integer.
    Int(IntKind, i64),
    /// An unsigned integer.
    Uint(UintKind, u64),
    /// A float; of a `float32` the nearest `f64`.
    Float(FloatKind, f64),
    /// A complex number.
    Complex(f64, f64),
    /// A string.
    String(Arc<str>),
    /// `[]byte`
    Bytes(Arc<[u8]>),
    /// A slice.
    List(Arc<List>),
    /// A map.
    Map(Arc<Map>),
    /// A struct, or anything else with fields and methods.
    Object(Arc<dyn Object>),
    /// A function, for `call`.
    Function(Arc<Callable>),
}

impl Value {
    /// Go's `int`.
    pub const fn int(int: i64) -> Self {
        Self::Int(IntKind::Int, int)
    }

    /// A string.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// An object.
    pub fn object(object: impl Object) -> Self {
        Self::Object(Arc::new(object))
    }

    /// `[]interface {}`
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        List::new(Type::Any, items).into()
    }

    /// `[]string`
    pub fn strings<T: Into<Arc<str>>>(items: impl IntoIterator<Item = T>) -> Self {
        List::new(Type::String, items.into_iter().map(Self::string)).into()
    }

    /// `map[string]interface {}`
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Map::new(Type::String, Type::Any, entries.into_iter().map(|(k, v)| (Self::string(k), v)))
            .into()
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number of a signed or unsigned integer that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(_, int) => Some(*int),
            Self::Uint(_, uint) => i64::try_from(*uint).ok(),
            _ => None,
        }
    }

    /// What `if` decides by: false, zero, nil, missing and empty values are not true. Objects are, unless they are nil
    /// pointers.
    pub fn truth(&self) -> bool {
        match self {
            Self::Missing | Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(_, int) => *int != 0,
            Self::Uint(_, uint) => *uint != 0,
            Self::Float(_, float) => *float != 0.0,
            Self::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Object(object) => !object.is_nil(),
            Self::Function(_) => true,
        }
    }

    /// Whether it is missing or nil.
    pub fn is_nil(&self) -> bool {
        match self {
            Self::Missing | Self::Nil => true,
            Self::Object(object) => object.is_nil(),
            _ => false,
        }
    }

    /// Its type.
    pub fn type_of(&self) -> Type {
        match self {
            Self::Missing | Self::Nil => Type::Any,
            Self::Bool(_) => Type::Bool,
            Self::Int(kind, _) => Type::Int(*kind),
            Self::Uint(kind, _) => Type::Uint(*kind),
            Self::Float(kind, _) => Type::Float(*kind),
            Self::Complex(..) => Type::Complex,
            Self::String(_) => Type::String,
            Self::Bytes(_) => Type::list(Type::Uint(UintKind::Uint8)),
            Self::List(list) => list.type_of(),
            Self::Map(map) => map.type_of(),
            Self::Object(object) => Type::Named(object.type_name().into()),
            Self::Function(callable) => Type::Named(callable.type_name()),
        }
    }

    /// The order of map keys: by kind, and within a kind as one expects.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(_, a), Self::Int(_, b)) => a.cmp(b),
            (Self::Uint(_, a), Self::Uint(_, b)) => a.cmp(b),
            (Self::Float(_, a), Self::Float(_, b)) => a.total_cmp(b),
            (Self::Complex(a, b), Self::Complex(c, d)) => a.total_cmp(c).then(b.total_cmp(d)),
            (Self::String(a), Self::String(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Missing | Self::Nil => 0,
            Self::Bool(_) => 1,
            Self::Int(..) => 2,
            Self::Uint(..) => 3,
            Self::Float(..) => 4,
            Self::Complex(..) => 5,
            Self::String(_) => 6,
            Self::Bytes(_) => 7,
            Self::List(_) => 8,
            Self::Map(_) => 9,
            Self::Object(_) => 10,
            Self::Function(_) => 11,
        }
    }

    /// The number of elements, for those that have some.
    pub(crate) fn count(&self) -> Option<usize> {
        Some(match self {
            Self::String(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(list) => list.len(),
            Self::Map(map) => map.len(),
            _ => return None,
        })
    }
}

/// Prints like `print` and `{{.}}`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        crate::printf::write_value(&mut text, self);
        f.write_str(&text)
    }
}

macro_rules! from {
    ($($from:ty => |$value:ident| $into:expr),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $into
            }
        })*
    };
}

from! {
    bool => |value| Self::Bool(value),
    i8 => |value| Self::Int(IntKind::Int8, value.into()),
    i16 => |value| Self::Int(IntKind::Int16, value.into()),
    i32 => |value| Self::Int(IntKind::Int32, value.into()),
    i64 => |value| Self::Int(IntKind::Int64, value),
    u8 => |value| Self::Uint(UintKind::Uint8, value.into()),
    u16 => |value| Self::Uint(UintKind::Uint16, value.into()),
    u32 => |value| Self::Uint(UintKind::Uint32, value.into()),
    u64 => |value| Self::Uint(UintKind::Uint64, value),
    f32 => |value| Self::Float(FloatKind::Float32, value.into()),
    f64 => |value| Self::Float(FloatKind::Float64, value),
    &str => |value| Self::String(value.into()),
    String => |value| Self::String(value.into()),
    Arc<str> => |value| Self::String(value),
    List => |value| Self::List(Arc::new(value)),
    Map => |value| Self::Map(Arc::new(value)),
    Callable => |value| Self::Function(Arc::new(value)),
}

impl FromIterator<Self> for Value {
    fn from_iter<T: IntoIterator<Item = Self>>(items: T) -> Self {
        Self::list(items)
    }
}

impl From<Vec<Self>> for Value {
    fn from(items: Vec<Self>) -> Self {
        Self::list(items)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(option: Option<T>) -> Self {
        option.map_or(Self::Nil, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_small() {
        assert!(size_of::<Value>() <= 24);
    }

    #[test]
    fn prints_as_go_does() {
        let map = Value::map([("b", Value::list([Value::int(1), Value::Nil])), ("a", true.into())]);
        assert_eq!(map.to_string(), "map[a:true b:[1 <nil>]]");
        assert_eq!(Value::Missing.to_string(), "<no value>");
        assert_eq!(Value::from(1e21).to_string(), "1e+21");
    }
}
