//! Types: what elements, parameters and messages are about.

use std::{fmt, sync::Arc};

use super::{List, Map, Value};

/// The signed integer types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Go's types of the same names")]
pub enum IntKind {
    Int,
    Int8,
    Int16,
    Int32,
    Int64,
}

impl IntKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
        }
    }

    /// The lower bits, with the sign that they give.
    pub(crate) const fn wrap(self, int: i64) -> i64 {
        let unused = match self {
            Self::Int8 => 56,
            Self::Int16 => 48,
            Self::Int32 => 32,
            Self::Int | Self::Int64 => 0,
        };
        int << unused >> unused
    }
}

/// The unsigned integer types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Go's types of the same names")]
pub enum UintKind {
    Uint,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Uintptr,
}

impl UintKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Uint => "uint",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Uintptr => "uintptr",
        }
    }

    /// The lower bits.
    pub(crate) const fn wrap(self, uint: u64) -> u64 {
        let unused = match self {
            Self::Uint8 => 56,
            Self::Uint16 => 48,
            Self::Uint32 => 32,
            Self::Uint | Self::Uint64 | Self::Uintptr => 0,
        };
        uint << unused >> unused
    }
}

/// The float types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Go's types of the same names")]
pub enum FloatKind {
    Float32,
    Float64,
}

/// A type, as the declaration of a parameter or as part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// `interface {}`: anything; a missing value arrives as nil.
    Any,
    /// Anything, and a missing value stays missing (Go's `reflect.Value`).
    Value,
    /// `bool`
    Bool,
    /// `string`
    String,
    /// A signed integer.
    Int(IntKind),
    /// An unsigned integer.
    Uint(UintKind),
    /// A float.
    Float(FloatKind),
    /// `complex128`
    Complex,
    /// A slice.
    List(Arc<Self>),
    /// A map from keys to elements.
    Map(Arc<(Self, Self)>),
    /// An object or a function, by the name of its type.
    Named(Arc<str>),
}

impl Type {
    /// Go's `int`.
    pub const INT: Self = Self::Int(IntKind::Int);
    /// Go's `float64`.
    pub const FLOAT64: Self = Self::Float(FloatKind::Float64);

    /// `[]element`
    pub fn list(element: Self) -> Self {
        Self::List(Arc::new(element))
    }

    /// `map[key]element`
    pub fn map(key: Self, element: Self) -> Self {
        Self::Map(Arc::new((key, element)))
    }

    /// What a variable of the type holds before something is assigned.
    pub(crate) fn zero(&self) -> Value {
        match self {
            Self::Any | Self::Named(_) => Value::Nil,
            Self::Value => Value::Missing,
            Self::Bool => Value::Bool(false),
            Self::String => Value::from(""),
            Self::Int(kind) => Value::Int(*kind, 0),
            Self::Uint(kind) => Value::Uint(*kind, 0),
            Self::Float(kind) => Value::Float(*kind, 0.0),
            Self::Complex => Value::Complex(0.0, 0.0),
            Self::List(element) => List::nil(element.as_ref().clone()).into(),
            Self::Map(types) => Map::nil(types.0.clone(), types.1.clone()).into(),
        }
    }

    /// Whether nil is a value of the type.
    pub(crate) fn can_be_nil(&self) -> bool {
        match self {
            Self::Any | Self::Value | Self::List(_) | Self::Map(_) => true,
            Self::Named(name) => name.starts_with('*') || name.starts_with("func("),
            Self::Bool
            | Self::String
            | Self::Int(_)
            | Self::Uint(_)
            | Self::Float(_)
            | Self::Complex => false,
        }
    }

    /// Whether a value may be passed for the type.
    pub(crate) fn accepts(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any | Self::Value, _)
            | (Self::Bool, Value::Bool(_))
            | (Self::String, Value::String(_))
            | (Self::Complex, Value::Complex(..)) => true,
            (Self::Int(kind), Value::Int(other, _)) => kind == other,
            (Self::Uint(kind), Value::Uint(other, _)) => kind == other,
            (Self::Float(kind), Value::Float(other, _)) => kind == other,
            (Self::List(element), Value::List(list)) => element.as_ref() == list.element(),
            (Self::List(element), Value::Bytes(_)) => **element == Self::Uint(UintKind::Uint8),
            (Self::Map(types), Value::Map(map)) => {
                types.0 == *map.key() && types.1 == *map.element()
            }
            // A pointer is dereferenced and a value addressed where the other is wanted.
            (Self::Named(name), Value::Object(object)) => {
                name.trim_start_matches('*') == object.type_name().trim_start_matches('*')
            }
            (Self::Named(name), value) => value.type_of().to_string() == **name,
            _ => false,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("interface {}"),
            Self::Value => f.write_str("reflect.Value"),
            Self::Bool => f.write_str("bool"),
            Self::String => f.write_str("string"),
            Self::Int(kind) => f.write_str(kind.name()),
            Self::Uint(kind) => f.write_str(kind.name()),
            Self::Float(FloatKind::Float32) => f.write_str("float32"),
            Self::Float(FloatKind::Float64) => f.write_str("float64"),
            Self::Complex => f.write_str("complex128"),
            Self::List(element) => write!(f, "[]{element}"),
            Self::Map(types) => write!(f, "map[{}]{}", types.0, types.1),
            Self::Named(name) => f.write_str(name),
        }
    }
}
