//! The texts of Go's own panics, with which a function fails where it did not look at its arguments.

use gotemplate::{Error, Value};

pub(crate) fn nil_dereference() -> Error {
    "runtime error: invalid memory address or nil pointer dereference".into()
}

pub(crate) fn divide_by_zero() -> Error {
    "runtime error: integer divide by zero".into()
}

pub(crate) fn length_out_of_range() -> Error {
    "runtime error: makeslice: len out of range".into()
}

/// A type assertion of an `interface {}` that fails.
pub(crate) fn conversion(value: &Value, wanted: &str) -> Error {
    let is = match value {
        Value::Nil | Value::Missing => "nil".to_owned(),
        value => value.type_of().to_string(),
    };
    format!("interface conversion: interface {{}} is {is}, not {wanted}").into()
}

/// `bytes[from:to]`; an end that is absent is the length.
pub(crate) fn cut(bytes: &[u8], from: Option<i64>, to: Option<i64>) -> Result<&[u8], Error> {
    let length = bytes.len();
    let end = match to {
        None => length,
        Some(to) => match usize::try_from(to) {
            Ok(end) if end <= length => end,
            Ok(_) => return Err(bounds(&format!("[:{to}] with length {length}"))),
            Err(_) => return Err(bounds(&format!("[:{to}]"))),
        },
    };
    let begin = match from {
        None => 0,
        Some(from) => match usize::try_from(from) {
            Ok(begin) if begin <= end => begin,
            Ok(_) => return Err(bounds(&format!("[{from}:{end}]"))),
            Err(_) => return Err(bounds(&format!("[{from}:]"))),
        },
    };
    Ok(bytes.get(begin..end).unwrap_or_default())
}

fn bounds(range: &str) -> Error {
    format!("runtime error: slice bounds out of range {range}").into()
}
