//! Go's structs as values of templates.

use std::any::Any;
use std::borrow::Cow;
use std::iter;
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

    fn json(&self) -> Option<Result<Value, Error>> {
        Some(Ok(Value::object(Encoded::new(self)?)))
    }

    fn is_same(&self, other: &dyn Object) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| {
            (self.kind.name, self.kind.fields) == (other.kind.name, other.kind.fields)
                && self.values.iter().zip(&other.values).all(|(a, b)| a.is_same(b))
        })
    }
}

/// A struct as JSON has it, when the tags of its fields say something else than their names.
struct Encoded {
    names: Vec<&'static str>,
    values: Vec<Value>,
}

impl Encoded {
    /// `None` when the struct has no such tags.
    fn new(it: &Struct) -> Option<Self> {
        let tag = tags(it.kind.name)?;
        let (names, values) = it
            .fields()
            .filter_map(|(name, value)| match tag(name) {
                Tag::Name(name) => Some((name, value)),
                Tag::UnlessEmpty if value.truth() => Some((name, value)),
                Tag::UnlessEmpty | Tag::Never => None,
            })
            .map(|(name, value)| {
                (name, Self::definition(name, value).unwrap_or_else(|| value.clone()))
            })
            .unzip();
        Some(Self { names, values })
    }

    /// The definition of a check, which has its own encoder as a part of a check, but not on its own.
    fn definition(name: &str, value: &Value) -> Option<Value> {
        let Value::Object(object) = value else { return None };
        let any: &dyn Any = object.as_ref();
        let it = any.downcast_ref::<Struct>().filter(|_| name == "Definition")?;
        let Self { mut names, mut values } = Self::new(it)?;
        for value in &mut values {
            if let Value::Object(duration) = &*value {
                *value = duration.text().unwrap_or_default().into();
            }
        }
        // The durations, which are last, come first.
        names.rotate_right(3);
        values.rotate_right(3);
        Some(Value::object(Self { names, values }))
    }
}

/// How a field stands in JSON.
enum Tag {
    /// By this name.
    Name(&'static str),
    /// By its own name, but not when it is empty.
    UnlessEmpty,
    Never,
}

/// The tags of a struct that has some.
fn tags(kind: &str) -> Option<fn(&'static str) -> Tag> {
    Some(match kind {
        "*api.CARoot" => |field| match field {
            "RootCertPEM" => Tag::Name("RootCert"),
            field => Tag::Name(field),
        },
        "*api.LeafCert" => |field| match field {
            "CertPEM" | "PrivateKeyPEM" => Tag::UnlessEmpty,
            field => Tag::Name(field),
        },
        "*api.HealthCheck" => |field| match field {
            "Namespace" | "Partition" | "PeerName" => Tag::UnlessEmpty,
            field => Tag::Name(field),
        },
        "api.HealthCheckDefinition" => |field| match field {
            "SessionName" => Tag::UnlessEmpty,
            field if field.ends_with("Duration") => Tag::Never,
            field => Tag::Name(field),
        },
        _ => return None,
    })
}

impl Object for Encoded {
    fn type_name(&self) -> &'static str {
        "struct"
    }

    fn field_names(&self) -> &[&str] {
        &self.names
    }

    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        let mut fields = iter::zip(&self.names, &self.values);
        fields.find(|(known, _)| **known == name).map(|(_, value)| Cow::Borrowed(value))
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

    fn json(&self) -> Option<Result<Value, Error>> {
        Some(Ok(self.nanoseconds.into()))
    }

    fn is_same(&self, other: &dyn Object) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref() == Some(self)
    }
}

/// What Go's encoders of YAML and TOML write of a value that is an object here, but no struct there: a number or a text.
pub fn scalar(it: &dyn Object) -> Option<Value> {
    let any: &dyn Any = it;
    let is_duration = any.downcast_ref::<Duration>().is_some_and(|it| it.kind == DURATION);
    // Of all types of numbers only this one has a text for them.
    if !is_duration && let Some(Ok(value @ (Value::Int(..) | Value::String(_)))) = it.json() {
        return Some(value);
    }
    it.text().map(Value::from)
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
