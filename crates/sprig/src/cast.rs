//! How functions that take anything make numbers and text of it.

use std::borrow::Cow;

use gotemplate::{UintKind, Value};

/// An integer; 0 for what is none. Floats lose their fraction, and strings may have any base.
pub(crate) fn int(value: &Value) -> i64 {
    match value {
        Value::Int(_, int) => *int,
        Value::Uint(_, uint) => uint.cast_signed(),
        Value::Float(_, float) => float_as_int(*float),
        Value::String(text) => gotemplate::parse_int(without_zero_fraction(text)).unwrap_or(0),
        Value::Bool(value) => i64::from(*value),
        _ => 0,
    }
}

/// A float; 0 for what is none.
pub(crate) fn float(value: &Value) -> f64 {
    match value {
        Value::Int(_, int) => int_as_float(*int),
        Value::Uint(_, uint) => uint_as_float(*uint),
        Value::Float(_, float) => *float,
        Value::String(text) => parse_float(text).unwrap_or(0.0),
        Value::Bool(value) => f64::from(u8::from(*value)),
        _ => 0.0,
    }
}

/// Text as `toString` gives it.
pub(crate) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Bytes(bytes) => Cow::Owned(lossy(bytes)),
        Value::Object(object) if let Some(text) = object.text() => Cow::Owned(text),
        value => Cow::Owned(gotemplate::sprintf("%v", std::slice::from_ref(value))),
    }
}

/// The texts of the elements of a list; of anything else a single one, and none of nil.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match items(value) {
        Some(items) => items
            .iter()
            .filter(|item| !matches!(item, Value::Nil | Value::Missing))
            .map(|item| text(item).into_owned())
            .collect(),
        None if matches!(value, Value::Nil | Value::Missing) => Vec::new(),
        None => vec![text(value).into_owned()],
    }
}

/// The elements of a slice.
pub(crate) fn items(value: &Value) -> Option<Cow<'_, [Value]>> {
    match value {
        Value::List(list) => Some(Cow::Borrowed(list.items())),
        Value::Bytes(bytes) => {
            let byte = |byte: &u8| Value::Uint(UintKind::Uint8, u64::from(*byte));
            Some(Cow::Owned(bytes.iter().map(byte).collect()))
        }
        _ => None,
    }
}

/// The kind as Go's reflection names it.
pub(crate) fn kind(value: &Value) -> String {
    match value {
        Value::Missing | Value::Nil => "invalid".to_owned(),
        Value::List(_) | Value::Bytes(_) => "slice".to_owned(),
        Value::Map(_) => "map".to_owned(),
        Value::Object(object) if object.type_name().starts_with('*') => "ptr".to_owned(),
        Value::Object(_) => "struct".to_owned(),
        Value::Function(_) => "func".to_owned(),
        value => value.type_of().to_string(),
    }
}

/// Text of bytes, with U+FFFD for each byte that is not UTF-8: Go's strings are bytes.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(std::iter::repeat_n(char::REPLACEMENT_CHARACTER, chunk.invalid().len()));
    }
    text
}

/// A count as Go's `int`.
pub(crate) fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What Go makes of a float out of range is up to the processor; this is amd64's answer.
pub(crate) fn float_as_int(float: f64) -> i64 {
    let range = -9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    if range.contains(&float) { float as i64 } else { i64::MIN }
}

#[expect(clippy::cast_precision_loss, reason = "Go's conversion rounds in the same way")]
pub(crate) fn int_as_float(int: i64) -> f64 {
    int as f64
}

#[expect(clippy::cast_precision_loss, reason = "Go's conversion rounds in the same way")]
fn uint_as_float(uint: u64) -> f64 {
    uint as f64
}

/// Cuts `.000`.
fn without_zero_fraction(text: &str) -> &str {
    let head = text.trim_end_matches('0');
    match head.strip_suffix('.') {
        Some(whole) if head.len() < text.len() => whole,
        _ => text,
    }
}

fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => Some(sign * f64::INFINITY),
        "nan" if unsigned.len() == text.len() => Some(f64::NAN),
        _ => gotemplate::parse_float(text),
    }
}

/// A decimal integer, brought into the range if it is out of it; 0 for what is none.
pub(crate) fn decimal(text: &str) -> i64 {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    let out_of_range = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    text.parse().unwrap_or(out_of_range)
}
