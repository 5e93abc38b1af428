//! JSON to what functions take: Handlebars is not particular about types, so numbers are as good as their texts.

use gotemplate::{List, Type, Value};
use serde_json::Value as Json;

use crate::funcs::{Function, Parameter, json};

/// The arguments of a call.
///
/// # Errors
///
/// There are too many or too few of them, or one is nothing that the function takes.
pub(super) fn arguments(function: &Function, values: &[&Json]) -> Result<Vec<Value>, String> {
    let (wanted, given) = (function.parameters.len(), values.len());
    if given < wanted || (given > wanted && function.rest.is_none()) {
        let plural = if wanted == 1 { "" } else { "s" };
        return Err(format!("takes {wanted} argument{plural}, got {given}"));
    }
    let parameters = function.parameters.iter().copied().chain(std::iter::repeat_n(
        function.rest.unwrap_or(Parameter::Any),
        given.saturating_sub(wanted),
    ));
    parameters.zip(values).map(|(parameter, value)| argument(parameter, value)).collect()
}

fn argument(parameter: Parameter, value: &Json) -> Result<Value, String> {
    Ok(match parameter {
        Parameter::Any => json::from_serde(value.clone()),
        Parameter::Number => number(value)?,
        Parameter::Bool => value.as_bool().ok_or_else(|| other("a boolean", value))?.into(),
        Parameter::Text => text(value)?.into(),
        Parameter::Int => {
            let text = text(value)?;
            Value::int(text.parse().map_err(|_| format!("'{text}' is no integer"))?)
        }
        Parameter::Texts => {
            let texts = list(value)?.iter().map(|item| text(item).map(Value::from));
            List::new(Type::String, texts.collect::<Result<Vec<_>, _>>()?).into()
        }
        Parameter::List | Parameter::Pairs | Parameter::Instances => {
            Value::list(list(value)?.iter().cloned().map(json::from_serde))
        }
        Parameter::Map if value.is_object() => json::from_serde(value.clone()),
        Parameter::Map => return Err(other("a map", value)),
    })
}

fn number(value: &Json) -> Result<Value, String> {
    if value.is_number() {
        return Ok(json::from_serde(value.clone()));
    }
    let text = text(value)?;
    if let Ok(int) = text.parse::<i64>() {
        return Ok(int.into());
    }
    text.parse::<f64>().map(Value::from).map_err(|_| format!("'{text}' is no number"))
}

fn text(value: &Json) -> Result<String, String> {
    match value {
        Json::String(text) => Ok(text.clone()),
        Json::Number(_) | Json::Bool(_) => Ok(value.to_string()),
        _ => Err(other("a text", value)),
    }
}

fn list(value: &Json) -> Result<&Vec<Json>, String> {
    value.as_array().ok_or_else(|| other("a list", value))
}

fn other(wanted: &str, value: &Json) -> String {
    format!("expected {wanted}, got {}", kind(value))
}

const fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}
