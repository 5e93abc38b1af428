//! What a table of functions is made of.

use gotemplate::{Error, Map, Signature, Type, Value};

/// `int`
pub(crate) const INT: Type = Type::INT;
/// `string`
pub(crate) const STRING: Type = Type::String;
/// `interface {}`
pub(crate) const ANY: Type = Type::Any;

pub(crate) type Body = fn(&Arguments<'_>) -> Result<Value, Error>;

/// A function under all its names.
pub(crate) struct Function {
    /// Separated by spaces. Those with `must` differ in Go only by how they fail: they return an error where the others
    /// panic, and a template shows both alike.
    pub(crate) names: &'static str,
    pub(crate) signature: Signature,
    pub(crate) body: Body,
}

/// A function of a fixed number of parameters.
pub(crate) fn function(
    names: &'static str,
    parameters: impl Into<Vec<Type>>,
    body: Body,
) -> Function {
    Function { names, signature: Signature::new(parameters), body }
}

impl Function {
    /// Any number of further arguments.
    pub(crate) fn rest(mut self, rest: Type) -> Self {
        self.signature = self.signature.variadic(rest);
        self
    }

    /// The result is declared as `interface {}`.
    pub(crate) fn any(mut self) -> Self {
        self.signature = self.signature.returning_any();
        self
    }
}

/// The arguments of a call, which the engine has checked against the signature.
pub(crate) struct Arguments<'a>(pub(crate) &'a [Value]);

static NIL: Value = Value::Nil;

impl<'a> Arguments<'a> {
    pub(crate) fn value(&self, index: usize) -> &'a Value {
        self.0.get(index).unwrap_or(&NIL)
    }

    pub(crate) fn all(&self) -> &'a [Value] {
        self.0
    }

    /// The arguments from one on.
    pub(crate) fn from(&self, index: usize) -> &'a [Value] {
        self.0.get(index..).unwrap_or_default()
    }

    pub(crate) fn text(&self, index: usize) -> &'a str {
        self.value(index).as_str().unwrap_or_default()
    }

    pub(crate) fn int(&self, index: usize) -> i64 {
        self.value(index).as_i64().unwrap_or_default()
    }

    pub(crate) fn truth(&self, index: usize) -> bool {
        self.value(index).truth()
    }

    pub(crate) fn map(&self, index: usize) -> Result<&'a Map, Error> {
        match self.value(index) {
            Value::Map(map) => Ok(map),
            other => Err(format!("{} is not a map", other.type_of()).into()),
        }
    }
}

/// `map[string]interface {}`
pub(crate) fn dictionary() -> Type {
    Type::map(Type::String, Type::Any)
}

/// `[]interface {}`
pub(crate) fn any_list() -> Type {
    Type::list(Type::Any)
}
