//! YAML from values and back, as Go's `yaml.v2` does it: mostly YAML 1.1.

mod parse;
mod print;
mod resolve;

use gotemplate::{Error, Value};

use super::Parameter::{Any, Text};
use super::{Function, exactly, texts, wrap};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("parseYAML", &[Text], parse_yaml).any(),
    Function::new("toYAML", &[Any], to_yaml),
];

type Result = std::result::Result<Value, Error>;

/// `parseYAML TEXT`; an empty text is an empty map.
pub fn parse_yaml(_: &Session, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    if text.is_empty() {
        return Ok(Value::map(Vec::<(String, Value)>::new()));
    }
    parse::parse(text).map_err(|error| wrap("yaml", error))
}

/// `toYAML VALUE`
pub fn to_yaml(_: &Session, arguments: &[Value]) -> Result {
    let [value] = exactly(arguments)?;
    let text = print::print(value).map_err(|error| wrap("toYAML", error))?;
    Ok(text.trim().into())
}
