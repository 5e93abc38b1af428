//! Looking into lists and texts.

use gotemplate::{Error, Value};

use super::Parameter::{Any, List};
use super::{Function, exactly, items};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("contains", &[Any, Any], contains),
    Function::new("containsAll", &[List, Any], contains_all),
    Function::new("containsAny", &[List, Any], contains_any),
    Function::new("containsNone", &[List, Any], contains_none),
    Function::new("containsNotAll", &[List, Any], contains_not_all),
    Function::new("in", &[Any, Any], is_in),
];

type Result = std::result::Result<Value, Error>;

/// `contains ITEM LIST`: whether a list has an item, or a text a part.
pub fn contains(_: &Session, arguments: &[Value]) -> Result {
    let [item, list] = exactly(arguments)?;
    Ok(has(list, item).into())
}

/// `in LIST ITEM`: the same with its arguments the other way round.
pub fn is_in(_: &Session, arguments: &[Value]) -> Result {
    let [list, item] = exactly(arguments)?;
    Ok(has(list, item).into())
}

/// `containsAll ITEMS LIST`: whether all of the items are in the list.
pub fn contains_all(_: &Session, arguments: &[Value]) -> Result {
    let [wanted, list] = exactly(arguments)?;
    Ok(items(wanted).iter().all(|item| has(list, item)).into())
}

/// `containsAny ITEMS LIST`: whether one of the items is in the list.
pub fn contains_any(_: &Session, arguments: &[Value]) -> Result {
    let [wanted, list] = exactly(arguments)?;
    Ok(items(wanted).iter().any(|item| has(list, item)).into())
}

/// `containsNone ITEMS LIST`: whether none of the items is in the list.
pub fn contains_none(_: &Session, arguments: &[Value]) -> Result {
    let [wanted, list] = exactly(arguments)?;
    Ok((!items(wanted).iter().any(|item| has(list, item))).into())
}

/// `containsNotAll ITEMS LIST`: whether one of the items is not in the list.
pub fn contains_not_all(_: &Session, arguments: &[Value]) -> Result {
    let [wanted, list] = exactly(arguments)?;
    Ok((!items(wanted).iter().all(|item| has(list, item))).into())
}

/// Whether a list has a number or text of the same kind, or a text a part. Anything else has nothing.
fn has(list: &Value, item: &Value) -> bool {
    match list {
        Value::List(list) => list.iter().any(|it| is_same(it, item)),
        Value::String(text) => item.as_str().is_some_and(|part| text.contains(part)),
        _ => false,
    }
}

#[expect(clippy::float_cmp, reason = "the question is whether they are equal")]
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(_, a), Value::Int(_, b)) => a == b,
        (Value::Float(_, a), Value::Float(_, b)) => a == b,
        (Value::String(a), Value::String(b)) => a == b,
        _ => false,
    }
}
