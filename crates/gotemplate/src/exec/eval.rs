//! Pipelines, commands, operands and fields to values.

use std::sync::Arc;

use super::{At, Executed, State, Val};
use crate::{
    node::{Chain, Command, Operand, Pipeline, Variable},
    number::{Ideal, Number},
    template::MissingKey,
    value::{FloatKind, Type, Value},
};

/// Parentheses take about as much of the stack as so many nested templates.
const PARENTHESES_LEVELS: usize = 3;

impl<'a, C> State<'a, '_, C> {
    pub(super) fn pipeline(&mut self, dot: &Val, pipeline: &'a Pipeline) -> Executed<Value> {
        self.at = At::Pipeline(pipeline);
        let mut last = None;
        for command in &pipeline.commands {
            let value = self.command(dot, command, last.take())?.value;
            // A command unpacks interfaces, and there is nothing in a nil one.
            last = Some(if let Value::Nil = value { Value::Missing } else { value });
        }
        let value = last.unwrap_or_default();
        for variable in &pipeline.variables {
            let value = Val::from(value.clone());
            if pipeline.assign {
                self.assign(variable, value)?;
            } else {
                self.variables.push((variable.id, value));
            }
        }
        Ok(value)
    }

    fn command(&mut self, dot: &Val, command: &'a Command, last: Option<Value>) -> Executed<Val> {
        let arguments = command.arguments.as_slice();
        match &command.first {
            Operand::Field(field) => {
                self.at = At::Operand(&command.first);
                self.fields(dot, dot, &field.names, arguments, last)
            }
            Operand::Chain(chain) => {
                self.at = At::Operand(&command.first);
                self.chain(dot, chain, arguments, last)
            }
            Operand::Identifier(identifier) => {
                self.at = At::Operand(&command.first);
                self.function(dot, identifier, At::Command(command), arguments, last)
            }
            Operand::Pipeline(pipeline) => {
                self.refuse_arguments(command, last.as_ref())?;
                self.nested(dot, pipeline).map(Val::from)
            }
            Operand::Variable(variable) => {
                self.at = At::Operand(&command.first);
                if variable.fields.is_empty() {
                    let value = self.variable(variable)?;
                    self.refuse_arguments(command, last.as_ref())?;
                    return Ok(value);
                }
                let value = self.variable(variable)?;
                self.fields(dot, &value, &variable.fields, arguments, last)
            }
            operand => {
                self.at = At::Operand(operand);
                self.refuse_arguments(command, last.as_ref())?;
                match operand {
                    Operand::Dot(_) => Ok(dot.clone()),
                    Operand::Nil(_) => Err(self.error("nil is not a command")),
                    operand => self.constant(operand),
                }
            }
        }
    }

    /// A pipeline in parentheses.
    pub(super) fn nested(&mut self, dot: &Val, pipeline: &'a Pipeline) -> Executed<Value> {
        self.deeper(PARENTHESES_LEVELS)?;
        let value = self.pipeline(dot, pipeline)?;
        self.depth -= PARENTHESES_LEVELS;
        Ok(value)
    }

    fn refuse_arguments(&self, command: &Command, last: Option<&Value>) -> Executed<()> {
        if command.arguments.is_empty() && last.is_none() {
            return Ok(());
        }
        let first = &command.first;
        Err(self.error(format!("can't give argument to non-function {first}")))
    }

    /// The value of a constant whose type nothing else decides.
    pub(super) fn constant(&mut self, operand: &'a Operand) -> Executed<Val> {
        self.at = At::Operand(operand);
        Ok(match operand {
            Operand::Bool(_, value) => Value::Bool(*value),
            Operand::String(quoted) => quoted.value.clone(),
            Operand::Number(_, number) => self.ideal(number)?,
            operand => {
                return Err(self.error(format!(
                    "can't handle assignment of {operand} to empty interface argument"
                )));
            }
        }
        .into())
    }

    fn ideal(&self, number: &Number) -> Executed<Value> {
        match number.ideal {
            Ideal::Int(int) => Ok(Value::int(int)),
            Ideal::Float(float) => Ok(Value::Float(FloatKind::Float64, float)),
            Ideal::Complex(real, imaginary) => Ok(Value::Complex(real, imaginary)),
            Ideal::Overflow => Err(self.error(format!("{} overflows int", number.text))),
        }
    }

    pub(super) fn variable(&self, variable: &Variable) -> Executed<Val> {
        match self.scope().iter().rev().find(|(id, _)| *id == variable.id) {
            Some((_, value)) => Ok(value.clone()),
            None => Err(self.error(format!("undefined variable: {}", variable.name))),
        }
    }

    pub(super) fn assign(&mut self, variable: &Variable, value: Val) -> Executed<()> {
        let scope = self.variables.get_mut(self.base..).unwrap_or_default();
        match scope.iter_mut().enumerate().rev().find(|(_, (id, _))| *id == variable.id) {
            Some((index, (_, slot))) => {
                *slot = value;
                if let Some(memory) = self.memory.as_deref_mut() {
                    memory.assigned(self.base + index);
                }
                Ok(())
            }
            None => Err(self.error(format!("undefined variable: {}", variable.name))),
        }
    }

    pub(super) fn chain(
        &mut self,
        dot: &Val,
        chain: &'a Chain,
        arguments: &'a [Operand],
        last: Option<Value>,
    ) -> Executed<Val> {
        let node = self.at;
        let receiver = match &chain.operand {
            Operand::Nil(_) => {
                return Err(self.error(format!("indirection through explicit nil in {}", self.at)));
            }
            operand => self.untyped(dot, operand)?,
        };
        self.fields_at(dot, &receiver, &chain.fields, node, (arguments, last))
    }

    /// Follows fields; the arguments are for the last one.
    pub(super) fn fields(
        &mut self,
        dot: &Val,
        receiver: &Val,
        names: &'a [Arc<str>],
        arguments: &'a [Operand],
        last: Option<Value>,
    ) -> Executed<Val> {
        self.fields_at(dot, receiver, names, self.at, (arguments, last))
    }

    /// Methods of the receiver report their errors at the node, wherever their arguments stand.
    fn fields_at(
        &mut self,
        dot: &Val,
        receiver: &Val,
        names: &'a [Arc<str>],
        node: At<'a>,
        (arguments, last): (&'a [Operand], Option<Value>),
    ) -> Executed<Val> {
        let Some((name, before)) = names.split_last() else { return Ok(receiver.clone()) };
        let mut inner: Option<Val> = None;
        for name in before {
            let receiver = inner.as_ref().unwrap_or(receiver);
            inner = Some(self.field(dot, receiver, name, node, (&[], None))?);
        }
        self.field(dot, inner.as_ref().unwrap_or(receiver), name, node, (arguments, last))
    }

    fn field(
        &mut self,
        dot: &Val,
        receiver: &Val,
        name: &Arc<str>,
        node: At<'a>,
        (arguments, last): (&'a [Operand], Option<Value>),
    ) -> Executed<Val> {
        let has_arguments = !arguments.is_empty() || last.is_some();
        match &receiver.value {
            Value::Missing => self.field_of_missing(name),
            Value::Nil => Err(self.error(format!("nil pointer evaluating interface {{}}.{name}"))),
            Value::Map(map) if matches!(map.key(), Type::String | Type::Any) => {
                if has_arguments {
                    return Err(self.error(format!("{name} is not a method but has arguments")));
                }
                let boxed = *map.element() == Type::Any;
                match map.get(name) {
                    Some(value) => Ok(Val::new(value.into_owned(), boxed)),
                    None => self.missing_key(name, map.element()),
                }
            }
            Value::Object(object) => {
                if let Some(signature) = object.method(name) {
                    let call = (signature, arguments, last);
                    return self
                        .method(dot, name, node, call, |arguments| object.call(name, arguments));
                }
                let Some(value) = object.field(name) else {
                    return Err(self.no_field(receiver, name));
                };
                if !is_exported(name) {
                    let type_name = receiver.type_name();
                    return Err(self.error(format!(
                        "{name} is an unexported field of struct type {type_name}"
                    )));
                }
                if has_arguments {
                    return Err(self
                        .error(format!("{name} has arguments but cannot be invoked as function")));
                }
                let value = value.into_owned();
                let boxed = matches!(value, Value::Nil);
                Ok(Val::new(value, boxed))
            }
            Value::List(slice) => {
                let Some((signature, (_, body))) = slice.method(name) else {
                    return Err(self.no_field(receiver, name));
                };
                self.method(dot, name, node, (signature, arguments, last), |_| Ok(body(slice)))
            }
            _ => Err(self.no_field(receiver, name)),
        }
    }

    fn field_of_missing(&self, name: &str) -> Executed<Val> {
        if self.template.missing_key == MissingKey::Error {
            let name = crate::quote::quote(name);
            return Err(self.error(format!("nil data; no entry for key {name}")));
        }
        Ok(Val::missing())
    }

    fn missing_key(&self, name: &str, element: &Type) -> Executed<Val> {
        match self.template.missing_key {
            MissingKey::Default => Ok(Val::missing()),
            MissingKey::Zero => Ok(Val::new(element.zero(), *element == Type::Any)),
            MissingKey::Error => {
                let name = crate::quote::quote(name);
                Err(self.error(format!("map has no entry for key {name}")))
            }
        }
    }

    #[cold]
    fn no_field(&self, receiver: &Val, name: &str) -> crate::error::Error {
        let type_name = receiver.type_name();
        if let Value::Object(object) = &receiver.value
            && object.is_nil()
            && object.field_names().contains(&name)
        {
            return self.error(format!("nil pointer evaluating {type_name}.{name}"));
        }
        self.error(format!("can't evaluate field {name} in type {type_name}"))
    }
}

/// Whether templates may read a field: its name begins with a capital letter.
pub(super) fn is_exported(name: &str) -> bool {
    name.as_bytes().first().is_some_and(u8::is_ascii_uppercase)
        || name.starts_with(char::is_uppercase)
}
