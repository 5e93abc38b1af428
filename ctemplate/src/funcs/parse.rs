//! Numbers, JSON and base64 from text and back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use super::{Arguments, FunctionError, wrong};
use crate::render::session::Session;

type Result = std::result::Result<Json, FunctionError>;

/// `parseInt TEXT`; an empty text is 0.
pub fn parse_int(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    number::<i64>(arguments, "integer")
}

/// `parseFloat TEXT`; an empty text is 0.
pub fn parse_float(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    number::<f64>(arguments, "number")
}

/// `parseBool TEXT`, in Go's spellings; an empty text is false.
pub fn parse_bool(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [text] = arguments.texts()?;
    match &*text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true.into()),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false.into()),
        _ => Err(FunctionError(format!("'{text}' is no boolean"))),
    }
}

/// `parseJSON TEXT`; an empty text is an empty map.
pub fn parse_json(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [text] = arguments.texts()?;
    if text.is_empty() {
        return Ok(Json::Object(Map::new()));
    }
    serde_json::from_str(&text).map_err(wrong)
}

/// `toJSON VALUE`
pub fn to_json(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [value] = arguments.exactly()?;
    Ok(value.to_string().into())
}

/// `toJSONPretty VALUE`, indented by two spaces.
pub fn to_json_pretty(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [value] = arguments.exactly()?;
    serde_json::to_string_pretty(value).map(Json::from).map_err(wrong)
}

/// `base64Decode TEXT`
pub fn base64_decode(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [text] = arguments.texts()?;
    let bytes = STANDARD.decode(text.as_bytes()).map_err(wrong)?;
    Ok(String::from_utf8_lossy(&bytes).into())
}

/// `base64Encode TEXT`
pub fn base64_encode(_: &Session<'_>, arguments: &Arguments<'_>) -> Result {
    let [text] = arguments.texts()?;
    Ok(STANDARD.encode(text.as_bytes()).into())
}

fn number<N>(arguments: &Arguments<'_>, name: &str) -> Result
where
    N: std::str::FromStr + Default + Into<Json>,
{
    let [text] = arguments.texts()?;
    if text.is_empty() {
        return Ok(N::default().into());
    }
    text.parse::<N>().map(Into::into).map_err(|_| FunctionError(format!("'{text}' is no {name}")))
}
