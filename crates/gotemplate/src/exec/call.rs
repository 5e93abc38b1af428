//! Calls: arguments are evaluated, counted and checked, then the function runs.

use super::{At, Executed, State, Val, quick};
use crate::{
    error::Error,
    funcs::{Body, Builtin, Callee, Purity, Signature, fit},
    node::{Identifier, Operand},
    template::Scope,
    value::{Type, Value},
};

/// The signature of a method and what it is called with.
type MethodCall<'s, 'a> = (&'s Signature, &'a [Operand], Option<Value>);

impl<'a, C> State<'a, '_, C> {
    /// Calls a function; `node` is the place of its errors.
    pub(super) fn function(
        &mut self,
        dot: &Val,
        identifier: &'a Identifier,
        node: At<'a>,
        arguments: &'a [Operand],
        last: Option<Value>,
    ) -> Executed<Val> {
        let name = &identifier.name;
        let index = match identifier.callee {
            Callee::Builtin(builtin) => {
                return self.builtin(dot, builtin, name, node, (arguments, last)).map(Val::from);
            }
            Callee::Host(index) => index,
        };
        let template = self.template;
        let Some(function) = template.functions.get(index) else {
            let name = crate::quote::quote(name);
            return Err(self.error(format!("{name} is not a defined function")));
        };
        let base = self.prepare(dot, &function.signature, name, arguments, last)?;
        self.called(function.purity);
        let called = match &function.body {
            Body::Plain(body) => body(self.context, self.arguments.get(base..).unwrap_or_default()),
            Body::Scoped(body) => {
                let arguments = self.arguments.split_off(base);
                let context = &mut *self.context;
                body(&mut Scope { context, template, depth: self.depth }, &arguments)
            }
        };
        self.arguments.truncate(base);
        match called {
            Ok(value) => {
                let boxed = function.signature.returns_any() || matches!(value, Value::Nil);
                Ok(Val::new(value, boxed))
            }
            Err(error) => Err(self.call_error(node, name, error)),
        }
    }

    fn builtin(
        &mut self,
        dot: &Val,
        builtin: Builtin,
        name: &str,
        node: At<'a>,
        (arguments, last): (&'a [Operand], Option<Value>),
    ) -> Executed<Value> {
        let signature = builtin.signature();
        if let Builtin::And | Builtin::Or = builtin {
            self.count(signature, name, arguments.len(), last.is_some())?;
            return self.short_circuit(dot, builtin == Builtin::Or, arguments, last);
        }
        if let ([first, second], None) = (arguments, &last)
            && let Some(answer) = self.compare(dot, builtin, first, second)
        {
            self.at = At::Operand(second);
            return Ok(Value::Bool(answer));
        }
        let callee = if builtin == Builtin::Call { callee(arguments, last.as_ref()) } else { None };
        let base = self.prepare(dot, signature, name, arguments, last)?;
        let prepared = self.arguments.get(base..).unwrap_or_default();
        let result = if builtin == Builtin::Call {
            if let Some(memory) = self.memory.as_deref_mut() {
                memory.called(Purity::Mutating);
            }
            call(&callee.unwrap_or_default(), prepared)
        } else {
            builtin.call(prepared)
        };
        self.arguments.truncate(base);
        result.map_err(|error| self.call_error(node, name, error))
    }

    /// Compares two operands that are at hand; leaves what is not so simple, and errors, to the usual way.
    fn compare(
        &self,
        dot: &Val,
        builtin: Builtin,
        first: &Operand,
        second: &Operand,
    ) -> Option<bool> {
        let compare = builtin.comparison()?;
        let first = quick::operand(self.scope(), dot, first)?;
        let second = quick::operand(self.scope(), dot, second)?;
        compare(&first, &second).ok()
    }

    /// `and` and `or` evaluate no more than they need.
    fn short_circuit(
        &mut self,
        dot: &Val,
        until: bool,
        arguments: &'a [Operand],
        last: Option<Value>,
    ) -> Executed<Value> {
        let mut value = Value::Missing;
        for argument in arguments {
            value = self.argument(dot, &Type::Value, argument)?;
            if value.truth() == until {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    pub(super) fn method(
        &mut self,
        dot: &Val,
        name: &str,
        node: At<'a>,
        (signature, arguments, last): MethodCall<'_, 'a>,
        call: impl FnOnce(&[Value]) -> Result<Value, Error>,
    ) -> Executed<Val> {
        let base = self.prepare(dot, signature, name, arguments, last)?;
        self.called(Purity::Impure);
        let called = call(self.arguments.get(base..).unwrap_or_default());
        self.arguments.truncate(base);
        match called {
            Ok(value) => {
                let boxed = signature.returns_any() || matches!(value, Value::Nil);
                Ok(Val::new(value, boxed))
            }
            Err(error) => Err(self.call_error(node, name, error)),
        }
    }

    fn call_error(&mut self, node: At<'a>, name: &str, error: Error) -> Error {
        if error.is_stop() {
            return error;
        }
        self.at = node;
        self.error(format!("error calling {name}: {error}"))
    }

    fn count(&self, signature: &Signature, name: &str, given: usize, piped: bool) -> Executed<()> {
        let wanted = signature.parameters().len();
        let all = given + usize::from(piped);
        if signature.rest().is_some() {
            if all < wanted {
                return Err(self.error(format!(
                    "wrong number of args for {name}: want at least {wanted} got {given}"
                )));
            }
        } else if all != wanted {
            return Err(
                self.error(format!("wrong number of args for {name}: want {wanted} got {all}"))
            );
        }
        Ok(())
    }

    /// Evaluates the arguments of a call onto the stack, and returns where they begin.
    pub(super) fn prepare(
        &mut self,
        dot: &Val,
        signature: &Signature,
        name: &str,
        arguments: &'a [Operand],
        last: Option<Value>,
    ) -> Executed<usize> {
        self.count(signature, name, arguments.len(), last.is_some())?;
        let base = self.arguments.len();
        for (index, argument) in arguments.iter().enumerate() {
            let wanted = signature.parameter(index).unwrap_or(&Type::Any);
            let value = match quick::operand(self.scope(), dot, argument) {
                Some(value) if wanted.accepts(&value) && !value.is_nil() => {
                    let value = value.into_owned();
                    self.at = At::Operand(argument);
                    value
                }
                _ => self.argument(dot, wanted, argument)?,
            };
            self.arguments.push(value);
        }
        if let Some(last) = last {
            let wanted = signature.parameter(arguments.len()).unwrap_or(&Type::Any);
            let value = self.check(last.into(), wanted)?;
            self.arguments.push(value);
        }
        Ok(base)
    }

    /// The value of an argument for a parameter of a type.
    fn argument(&mut self, dot: &Val, wanted: &Type, operand: &'a Operand) -> Executed<Value> {
        self.at = At::Operand(operand);
        match operand {
            Operand::Nil(_) if wanted.can_be_nil() => Ok(wanted.zero()),
            Operand::Nil(_) => Err(self.error(format!("cannot assign nil to {wanted}"))),
            Operand::Bool(..) | Operand::Number(..) | Operand::String(_) => {
                self.typed_constant(wanted, operand)
            }
            operand => {
                let value = self.untyped(dot, operand)?;
                self.check(value, wanted)
            }
        }
    }

    /// The value of an operand wherever its type does not matter.
    pub(super) fn untyped(&mut self, dot: &Val, operand: &'a Operand) -> Executed<Val> {
        self.at = At::Operand(operand);
        match operand {
            Operand::Dot(_) => Ok(dot.clone()),
            Operand::Field(field) => self.fields(dot, dot, &field.names, &[], None),
            Operand::Variable(variable) => {
                let value = self.variable(variable)?;
                self.fields(dot, &value, &variable.fields, &[], None)
            }
            Operand::Pipeline(pipeline) => self.nested(dot, pipeline).map(Val::from),
            Operand::Identifier(identifier) => {
                self.function(dot, identifier, At::Operand(operand), &[], None)
            }
            Operand::Chain(chain) => self.chain(dot, chain, &[], None),
            operand => self.constant(operand),
        }
    }

    /// A constant becomes what the parameter wants, if it can.
    fn typed_constant(&mut self, wanted: &Type, operand: &'a Operand) -> Executed<Value> {
        let number = match operand {
            Operand::Number(_, number) => Some(number),
            _ => None,
        };
        let (value, expected) = match wanted {
            Type::Any | Type::Value => return self.constant(operand).map(|val| val.value),
            Type::Bool => match operand {
                Operand::Bool(_, value) => (Some(Value::Bool(*value)), "bool"),
                _ => (None, "bool"),
            },
            Type::String => match operand {
                Operand::String(quoted) => (Some(quoted.value.clone()), "string"),
                _ => (None, "string"),
            },
            Type::Int(kind) => {
                let int = number.and_then(|number| number.int);
                (int.map(|int| Value::Int(*kind, kind.wrap(int))), "integer")
            }
            Type::Uint(kind) => {
                let uint = number.and_then(|number| number.uint);
                (uint.map(|uint| Value::Uint(*kind, kind.wrap(uint))), "unsigned integer")
            }
            Type::Float(kind) => {
                let float = number.and_then(|number| number.float);
                (float.map(|float| Value::Float(*kind, float)), "float")
            }
            Type::Complex => {
                let complex = number.and_then(|number| number.complex);
                (complex.map(|(real, imaginary)| Value::Complex(real, imaginary)), "complex")
            }
            Type::List(_) | Type::Map(_) | Type::Named(_) => {
                let message = format!("can't handle {operand} for arg of type {wanted}");
                return Err(self.error(message));
            }
        };
        value.ok_or_else(|| self.error(format!("expected {expected}; found {operand}")))
    }

    /// Whether a value may be passed for a type; what is missing becomes nil.
    fn check(&self, val: Val, wanted: &Type) -> Executed<Value> {
        match (&val.value, wanted) {
            (Value::Missing, wanted) if wanted.can_be_nil() => Ok(wanted.zero()),
            (Value::Missing, wanted) => {
                Err(self.error(format!("invalid value; expected {wanted}")))
            }
            (Value::Object(object), Type::Named(name))
                if object.is_nil() && !name.starts_with('*') && wanted.accepts(&val.value) =>
            {
                Err(self.error(format!("dereference of nil pointer of type {wanted}")))
            }
            (value, wanted) if wanted.accepts(value) => Ok(val.value),
            (value, wanted) => {
                let got = value.type_of();
                Err(self.error(format!("wrong type for value; expected {wanted}; got {got}")))
            }
        }
    }
}

/// How messages of `call` name the function: as the template does, or by its type when it came through a pipe.
fn callee(arguments: &[Operand], last: Option<&Value>) -> Option<String> {
    match (arguments.first(), last) {
        (Some(operand), _) => Some(operand.to_string()),
        (None, Some(Value::String(text))) => Some(text.to_string()),
        (None, last) => last.map(|last| format!("<{} Value>", last.type_of())),
    }
}

/// The builtin `call`; `name` is how the template names the function.
fn call(name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let Some((function, arguments)) = arguments.split_first() else {
        return Err("call of nil".into());
    };
    let callable = match function {
        Value::Function(callable) => callable,
        Value::Missing | Value::Nil => return Err("call of nil".into()),
        other => {
            return Err(format!("non-function {name} of type {}", other.type_of()).into());
        }
    };
    let signature = callable.signature();
    let (given, wanted) = (arguments.len(), signature.parameters().len());
    if signature.rest().is_some() && given < wanted {
        let message =
            format!("wrong number of args for {name}: got {given} want at least {wanted}");
        return Err(message.into());
    }
    if signature.rest().is_none() && given != wanted {
        return Err(format!("wrong number of args for {name}: got {given} want {wanted}").into());
    }
    let mut fitted = Vec::with_capacity(given);
    for (index, argument) in arguments.iter().enumerate() {
        let wanted = signature.parameter(index).unwrap_or(&Type::Any);
        let argument =
            fit(argument, wanted).map_err(|error| Error::new(format!("arg {index}: {error}")))?;
        fitted.push(argument);
    }
    callable.call(&fitted)
}
