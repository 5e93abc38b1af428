//! Go's structs as values of templates.

use std::any::Any;
use std::borrow::Cow;
use std::sync::LazyLock;

use gotemplate::{Error, Object, Signature, Value};
use sprig::duration;

/// The type of a struct.
#[derive(Debug)]
pub struct Kind {
    /// As Go prints it; with a star when values are pointers.
    pub name: &'static str,
    /// The names of its fields.
    pub fields: &'static [&'static str],
}

/// A struct, or a pointer to one.
#[derive(Clone, Debug)]
pub struct Struct {
    kind: &'static Kind,
    values: Box<[Value]>,
}

impl Struct {
    /// A struct with the values of its fields, in their order.
    pub fn new(kind: &'static Kind, values: impl Into<Box<[Value]>>) -> Self {
        Self { kind, values: values.into() }
    }

    /// The fields with their values.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.kind.fields.iter().copied().zip(&self.values)
    }

    /// The same with another value in a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        let index = self.kind.fields.iter().position(|field| *field == name);
        if let Some(field) = index.and_then(|index| self.values.get_mut(index)) {
            *field = value;
        }
        self
    }
}

impl Object for Struct {
    fn type_name(&self) -> &str {
        self.kind.name
    }

    fn field_names(&self) -> &[&str] {
        self.kind.fields
    }

    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        let index = self.kind.fields.iter().position(|field| *field == name)?;
        self.values.get(index).map(Cow::Borrowed)
    }

    fn is_same(&self, other: &dyn Object) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| {
            (self.kind.name, self.kind.fields) == (other.kind.name, other.kind.fields)
                && self.values.iter().zip(&other.values).all(|(a, b)| a.is_same(b))
        })
    }
}

/// Go's type of durations.
pub const DURATION: &str = "time.Duration";

/// Go's `time.Duration`, or a type that is made of it, with the methods that templates use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duration {
    /// Its type as Go prints it.
    pub kind: &'static str,
    /// How long it is.
    pub nanoseconds: i64,
}

impl Duration {
    fn in_units(&self, nanoseconds: i64) -> Value {
        (self.nanoseconds / nanoseconds).into()
    }

    /// Go divides the whole units and the rest apart, which rounds otherwise than one division.
    #[expect(clippy::cast_precision_loss, reason = "as Go converts them")]
    fn in_parts(&self, nanoseconds: i64) -> Value {
        let (whole, rest) = (self.nanoseconds / nanoseconds, self.nanoseconds % nanoseconds);
        (whole as f64 + rest as f64 / nanoseconds as f64).into()
    }
}

impl Object for Duration {
    fn type_name(&self) -> &str {
        self.kind
    }

    fn method(&self, name: &str) -> Option<&Signature> {
        static NOTHING: LazyLock<Signature> = LazyLock::new(|| Signature::new([]));
        let is_known = match name {
            "String" => true,
            "Duration" => self.kind != DURATION,
            "Hours" | "Minutes" | "Seconds" | "Milliseconds" | "Microseconds" | "Nanoseconds" => {
                self.kind == DURATION
            }
            _ => false,
        };
        is_known.then_some(&*NOTHING)
    }

    fn call(&self, name: &str, _: &[Value]) -> Result<Value, Error> {
        const SECOND: i64 = 1_000_000_000;
        Ok(match name {
            "Hours" => self.in_parts(3600 * SECOND),
            "Minutes" => self.in_parts(60 * SECOND),
            "Seconds" => self.in_parts(SECOND),
            "Milliseconds" => self.in_units(1_000_000),
            "Microseconds" => self.in_units(1_000),
            "Nanoseconds" => self.in_units(1),
            "Duration" => Value::object(Self { kind: DURATION, ..*self }),
            _ => duration::format(self.nanoseconds).into(),
        })
    }

    fn text(&self) -> Option<String> {
        Some(duration::format(self.nanoseconds))
    }

    fn is_same(&self, other: &dyn Object) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref() == Some(self)
    }
}

/// A value of a struct, written as in Go: `record!("*pkg.Type" { Field: value })`.
macro_rules! record {
    ($name:literal { $($field:ident: $value:expr),* $(,)? }) => {{
        const KIND: &$crate::data::structs::Kind =
            &$crate::data::structs::Kind { name: $name, fields: &[$(stringify!($field)),*] };
        gotemplate::Value::object($crate::data::structs::Struct::new(KIND, [$($value),*]))
    }};
}

pub(crate) use record;
