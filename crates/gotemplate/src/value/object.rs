//! Structs, methods and function values.

use std::{any::Any, borrow::Cow, fmt, sync::Arc};

use super::{Type, Value};
use crate::{error::Error, funcs::Signature};

/// A struct, or anything else that has fields or methods.
///
/// Unlike a map, an object refuses unknown fields: `can't evaluate field X in type T`. To get a Rust value back out of a
/// [`Value::Object`], go through [`Any`], which every object is.
pub trait Object: Any + Send + Sync {
    /// The type as Go prints it, like `main.Service`, or `*main.Service` for a pointer.
    fn type_name(&self) -> &str;

    /// The names of the fields in the order in which the struct is printed. As in Go, those that do not begin with a
    /// capital letter are printed, but templates cannot read them.
    fn field_names(&self) -> &[&str] {
        &[]
    }

    /// The value of a field; `None` when the type has no such field, or this is a nil pointer.
    ///
    /// [`Value::Nil`] stands for a field that is a nil interface. Fields that are kept as values are best lent, for then
    /// printing them copies nothing.
    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        let _ = name;
        None
    }

    /// What a method takes; `None` when there is no such method. A field of the same name hides it.
    fn method(&self, name: &str) -> Option<&Signature> {
        let _ = name;
        None
    }

    /// Calls a method, with arguments that fit its signature.
    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, Error> {
        let _ = arguments;
        Err(Error::new(format!("no method {name}")))
    }

    /// The text of a type that prints itself (Go's `String` and `Error` methods).
    fn text(&self) -> Option<String> {
        None
    }

    /// What stands in its place in JSON, or why nothing can (Go's `MarshalJSON` and the tags of fields); `None` when that
    /// are its exported fields by their names.
    fn json(&self) -> Option<Result<Value, Error>> {
        None
    }

    /// Whether it is a nil pointer; its fields cannot be read then.
    fn is_nil(&self) -> bool {
        false
    }

    /// Whether it equals another object, for `eq`. By default objects cannot be compared, like a struct that contains
    /// a slice.
    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let _ = other;
        None
    }

    /// Whether nothing that a template does with them can tell the two objects apart, and neither ever changes: see
    /// [`Value::is_same`]. Only of such objects a [`Memory`](crate::Memory) can make use.
    fn is_same(&self, other: &dyn Object) -> bool {
        let _ = other;
        false
    }
}

impl fmt::Debug for dyn Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Object").field(&self.type_name()).finish()
    }
}

type Body = dyn Fn(&[Value]) -> Result<Value, Error> + Send + Sync;

/// A function as a value: `{{call .function 1 2}}`.
pub struct Callable {
    signature: Signature,
    result: Type,
    body: Box<Body>,
}

impl Callable {
    /// A function value that returns a `result`.
    pub fn new(
        signature: Signature,
        result: Type,
        body: impl Fn(&[Value]) -> Result<Value, Error> + Send + Sync + 'static,
    ) -> Self {
        Self { signature, result, body: Box::new(body) }
    }

    pub(crate) const fn signature(&self) -> &Signature {
        &self.signature
    }

    pub(crate) fn call(&self, arguments: &[Value]) -> Result<Value, Error> {
        (self.body)(arguments)
    }

    pub(crate) fn type_name(&self) -> Arc<str> {
        format!("func{} {}", self.signature, self.result).into()
    }
}

impl fmt::Debug for Callable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.type_name())
    }
}
