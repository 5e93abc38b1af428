//! Numbers and booleans from text, and counting.

use std::num::IntErrorKind;

use gotemplate::{Error, List, Type, Value, sprintf};

use super::Parameter::{Any, Text};
use super::{Function, texts, wrap};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("parseBool", &[Text], parse_bool),
    Function::new("parseFloat", &[Text], parse_float),
    Function::new("parseInt", &[Text], parse_int),
    Function::new("parseUint", &[Text], parse_uint),
    Function::new("loop", &[], count).rest(Any),
];

/// As many numbers as `loop` gives at most: Go makes them one by one, here they are a list.
const MOST: i64 = 1 << 24;

type Result = std::result::Result<Value, Error>;

/// `parseBool TEXT`; an empty text is false.
pub fn parse_bool(_: &Session, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true.into()),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false.into()),
        _ => Err(unreadable("Bool", text, "invalid syntax")),
    }
}

/// `parseInt TEXT`; an empty text is 0.
pub fn parse_int(_: &Session, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    int(text).map(Value::from)
}

fn int(text: &str) -> std::result::Result<i64, Error> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse()
        .map_err(|error: std::num::ParseIntError| unreadable("Int", text, reason(*error.kind())))
}

/// `parseUint TEXT`; an empty text is 0.
pub fn parse_uint(_: &Session, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    if text.is_empty() {
        return Ok(0_u64.into());
    }
    // Unlike Rust, Go takes no plus sign here.
    let parsed = if text.starts_with('+') { "?".parse::<u64>() } else { text.parse() };
    parsed.map(Value::from).map_err(|error| unreadable("Uint", text, reason(*error.kind())))
}

/// `parseFloat TEXT`; an empty text is 0.
pub fn parse_float(_: &Session, arguments: &[Value]) -> Result {
    let [text] = texts(arguments)?;
    if text.is_empty() {
        return Ok(0.0.into());
    }
    let float = text.parse::<f64>().map_err(|_| unreadable("Float", text, "invalid syntax"))?;
    let is_infinity = text.trim_start_matches(['+', '-']).starts_with(['i', 'I']);
    if float.is_infinite() && !is_infinity {
        return Err(unreadable("Float", text, "value out of range"));
    }
    Ok(float.into())
}

/// `loop [FROM] TO`: the integers from FROM, or 0, up to below TO.
pub fn count(_: &Session, arguments: &[Value]) -> Result {
    let (from, to) = match arguments {
        [to] => (0, bound(to)?),
        [from, to] => (bound(from)?, bound(to)?),
        other => {
            return Err(Error::new(format!(
                "loop: wrong number of arguments, expected 1 or 2, but got {}",
                other.len()
            )));
        }
    };
    if to.saturating_sub(from) > MOST {
        return Err(Error::new(format!("loop: more than {MOST} numbers")));
    }
    Ok(List::new(Type::Int(gotemplate::IntKind::Int64), (from..to).map(Value::from)).into())
}

fn bound(value: &Value) -> std::result::Result<i64, Error> {
    match value {
        Value::Int(_, int) => Ok(*int),
        Value::Uint(_, uint) => Ok(uint.cast_signed()),
        Value::String(text) => int(text),
        other => {
            Err(Error::new(sprintf("loop: bad argument type: %T", std::slice::from_ref(other))))
        }
    }
}

fn reason(kind: IntErrorKind) -> &'static str {
    match kind {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    }
}

/// `parseInt: strconv.ParseInt: parsing "x": invalid syntax`
fn unreadable(kind: &str, text: &str, reason: &str) -> Error {
    let format = format!("strconv.Parse{kind}: parsing %q: {reason}");
    wrap(&format!("parse{kind}"), sprintf(&format, &[text.into()]))
}
