//! JSON from values and back, as Go's `encoding/json` does it.

use gotemplate::{Error, IntKind, Map, Type, Value};
use serde_json::Value as Json;
use sprig::json::{Numbers, Style};

use super::Parameter::{Any, Text};
use super::{Function, exactly, texts, wrap};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("parseJSON", &[Text], parse_json).any(),
    Function::new("toJSON", &[Any], to_json),
    Function::new("toJSONPretty", &[Any], to_json_pretty),
    Function::new("toUnescapedJSON", &[Any], to_unescaped_json),
    Function::new("toUnescapedJSONPretty", &[Any], to_unescaped_json_pretty),
];

type Result = std::result::Result<Value, Error>;

/// `parseJSON TEXT`; an empty text is an empty map, and every number is a float.
pub fn parse_json(_: &Session, arguments: &[Value]) -> Result {
    parsed(arguments, Numbers::Floats)
}

/// The same, but integers stay integers, for a language that has only one type of numbers.
pub fn parse_json_with_integers(_: &Session, arguments: &[Value]) -> Result {
    parsed(arguments, Numbers::Kept)
}

fn parsed(arguments: &[Value], numbers: Numbers) -> Result {
    let [text] = texts(arguments)?;
    if text.is_empty() {
        return Ok(Value::map(Vec::<(String, Value)>::new()));
    }
    sprig::json::parse(text, numbers).map_err(|failure| Error::new(failure.message))
}

/// `toJSON VALUE`, with `<`, `>` and `&` as escapes.
pub fn to_json(_: &Session, arguments: &[Value]) -> Result {
    printed("toJSON", arguments, Style { escapes_html: true, is_indented: false })
}

/// `toJSONPretty VALUE`, indented by two spaces.
pub fn to_json_pretty(_: &Session, arguments: &[Value]) -> Result {
    printed("toJSONPretty", arguments, Style { escapes_html: true, is_indented: true })
}

/// `toUnescapedJSON VALUE`
pub fn to_unescaped_json(_: &Session, arguments: &[Value]) -> Result {
    printed("toUnescapedJSON", arguments, Style { escapes_html: false, is_indented: false })
}

/// `toUnescapedJSONPretty VALUE`
pub fn to_unescaped_json_pretty(_: &Session, arguments: &[Value]) -> Result {
    let style = Style { escapes_html: false, is_indented: true };
    printed("toUnescapedJSONPretty", arguments, style)
}

fn printed(name: &str, arguments: &[Value], style: Style) -> Result {
    let [value] = exactly(arguments)?;
    let text = sprig::json::write(value, style).map_err(|error| wrap(name, error))?;
    Ok(text.into())
}

/// A value of serde's as a value of templates.
pub fn from_serde(json: Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => value.into(),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => Value::Int(IntKind::Int, int),
            (None, Some(uint)) => uint.into(),
            (None, None) => number.as_f64().unwrap_or_default().into(),
        },
        Json::String(text) => text.into(),
        Json::Array(items) => Value::list(items.into_iter().map(from_serde)),
        Json::Object(entries) => Map::new(
            Type::String,
            Type::Any,
            entries.into_iter().map(|(key, value)| (key.into(), from_serde(value))),
        )
        .into(),
    }
}

/// A value of templates as one of serde's; lists and maps that are nil are empty ones.
pub fn to_serde(value: &Value) -> Json {
    match value {
        Value::Missing | Value::Nil | Value::Function(_) => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(_, int) => (*int).into(),
        Value::Uint(_, uint) => (*uint).into(),
        Value::Float(_, float) => (*float).into(),
        Value::Complex(..) | Value::Bytes(_) => value.to_string().into(),
        Value::String(text) => text.to_string().into(),
        Value::List(list) => list.iter().map(to_serde).collect(),
        Value::Map(map) => {
            map.entries().iter().map(|(key, value)| (key.to_string(), to_serde(value))).collect()
        }
        Value::Object(it) if it.is_nil() => Json::Null,
        Value::Object(it) => {
            if let Some(other) = it.json() {
                return other.map_or(Json::Null, |other| to_serde(&other));
            }
            let field =
                |name: &&str| ((*name).to_owned(), to_serde(&it.field(name).unwrap_or_default()));
            it.field_names().iter().map(field).collect()
        }
    }
}
