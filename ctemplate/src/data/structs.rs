//! Go's structs as values of templates.

use std::borrow::Cow;

use gotemplate::{Object, Value};

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
}

/// Something with a text and nothing else: Go's times and durations.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// Its type as Go prints it.
    pub kind: &'static str,
    /// What it prints.
    pub text: String,
    /// What encoders write.
    pub encoded: String,
}

impl Object for Stamp {
    fn type_name(&self) -> &str {
        self.kind
    }

    fn text(&self) -> Option<String> {
        Some(self.text.clone())
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
