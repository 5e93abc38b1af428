//! The short way to values that are at hand: constants, variables and fields, borrowed where they are.
//!
//! Whatever calls something, is nil or missing, or goes wrong is left to the long way, which knows the messages.

use std::{borrow::Cow, sync::Arc};

use super::{Val, eval::is_exported};
use crate::{
    node::{Operand, Pipeline},
    number::Ideal,
    value::{FloatKind, Value},
};

type Found<'v> = Option<Cow<'v, Value>>;

/// The value of a pipeline that is a single operand and declares nothing.
pub(super) fn pipeline<'v>(
    scope: &'v [(usize, Val)],
    dot: &'v Val,
    pipeline: &'v Pipeline,
) -> Found<'v> {
    match pipeline.commands.as_slice() {
        [command] if command.arguments.is_empty() && pipeline.variables.is_empty() => {
            operand(scope, dot, &command.first)
        }
        _ => None,
    }
}

/// The value of an operand.
pub(super) fn operand<'v>(
    scope: &'v [(usize, Val)],
    dot: &'v Val,
    operand: &'v Operand,
) -> Found<'v> {
    let value = match operand {
        Operand::Dot(_) => Cow::Borrowed(&dot.value),
        Operand::Bool(_, value) => Cow::Owned(Value::Bool(*value)),
        Operand::String(quoted) => Cow::Borrowed(&quoted.value),
        Operand::Number(_, number) => Cow::Owned(match number.ideal {
            Ideal::Int(int) => Value::int(int),
            Ideal::Float(float) => Value::Float(FloatKind::Float64, float),
            Ideal::Complex(..) | Ideal::Overflow => return None,
        }),
        Operand::Field(field) => follow(&dot.value, &field.names)?,
        Operand::Variable(variable) => {
            let (_, value) = scope.iter().rev().find(|(id, _)| *id == variable.id)?;
            follow(&value.value, &variable.fields)?
        }
        Operand::Nil(_) | Operand::Identifier(_) | Operand::Chain(_) | Operand::Pipeline(_) => {
            return None;
        }
    };
    match *value {
        Value::Missing | Value::Nil | Value::Function(_) => None,
        _ => Some(value),
    }
}

#[inline]
fn follow<'v>(value: &'v Value, names: &[Arc<str>]) -> Found<'v> {
    let mut value = Cow::Borrowed(value);
    for name in names {
        value = match value {
            Cow::Borrowed(value) => field(value, name)?,
            Cow::Owned(value) => Cow::Owned(field(&value, name)?.into_owned()),
        };
    }
    Some(value)
}

/// A field that is there.
#[inline]
fn field<'v>(value: &'v Value, name: &str) -> Found<'v> {
    match value {
        Value::Map(map) => map.get(name),
        Value::Object(object) if is_exported(name) => object.field(name),
        _ => None,
    }
}
