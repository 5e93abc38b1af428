//! Values for people who look for a mistake in a template (Go's `spew`).

use std::io::{self, Write};

use gotemplate::{Error, Object, Value, sprintf};

use super::Parameter::{Any, Text};
use super::{Function, put, text_of, wrong};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[
    Function::new("spew_dump", &[], dump).rest(Any),
    Function::new("spew_sdump", &[], sdump).rest(Any),
    Function::new("spew_printf", &[Text], printf).rest(Any),
    Function::new("spew_sprintf", &[Text], sprint).rest(Any),
];

type Result = std::result::Result<Value, Error>;

/// `spew_dump VALUE …`: prints values with their types on standard output.
pub fn dump(session: &Session, arguments: &[Value]) -> Result {
    show(&sdump(session, arguments)?)
}

/// `spew_printf FORMAT VALUE …`: prints on standard output.
pub fn printf(session: &Session, arguments: &[Value]) -> Result {
    show(&sprint(session, arguments)?)
}

fn show(text: &Value) -> Result {
    io::stdout().write_all(text_of(text)?.as_bytes()).map_err(wrong)?;
    Ok("".into())
}

/// `spew_sprintf FORMAT VALUE …`: a text with values in it, like `printf`.
pub fn sprint(_: &Session, arguments: &[Value]) -> Result {
    let Some((format, values)) = arguments.split_first() else { return Ok("".into()) };
    Ok(sprintf(text_of(format)?, values).into())
}

/// `spew_sdump VALUE …`: values with their types.
pub fn sdump(_: &Session, arguments: &[Value]) -> Result {
    let mut text = String::new();
    for value in arguments {
        describe(&mut text, value, 0);
        text.push('\n');
    }
    Ok(text.into())
}

fn describe(out: &mut String, value: &Value, depth: usize) {
    let kind = value.type_of();
    match value {
        Value::Missing | Value::Nil => out.push_str("(interface {}) <nil>"),
        Value::String(text) => {
            let quoted = sprintf("%q", std::slice::from_ref(value));
            put(out, format_args!("(string) (len={}) {quoted}", text.len()));
        }
        Value::List(list) if list.is_nil() => put(out, format_args!("({kind}) <nil>")),
        Value::List(list) => {
            // Go shows the capacity, which only it knows.
            let count = list.len();
            put(out, format_args!("({kind}) (len={count} cap={count}) {{\n"));
            for (index, item) in list.iter().enumerate() {
                indent(out, depth + 1);
                describe(out, item, depth + 1);
                out.push_str(if index + 1 < count { ",\n" } else { "\n" });
            }
            indent(out, depth);
            out.push('}');
        }
        Value::Map(map) if map.is_nil() => put(out, format_args!("({kind}) <nil>")),
        Value::Map(map) => {
            put(out, format_args!("({kind}) (len={}) {{\n", map.len()));
            for (index, (key, item)) in map.entries().iter().enumerate() {
                indent(out, depth + 1);
                describe(out, key, depth + 1);
                out.push_str(": ");
                describe(out, item, depth + 1);
                out.push_str(if index + 1 < map.len() { ",\n" } else { "\n" });
            }
            indent(out, depth);
            out.push('}');
        }
        Value::Object(it) => {
            put(out, format_args!("({kind}) {{\n"));
            fields(out, it.as_ref(), depth);
            indent(out, depth);
            out.push('}');
        }
        value => put(out, format_args!("({kind}) {value}")),
    }
}

fn fields(out: &mut String, it: &dyn Object, depth: usize) {
    let names = it.field_names();
    for (index, name) in names.iter().enumerate() {
        indent(out, depth + 1);
        put(out, format_args!("{name}: "));
        describe(out, &it.field(name).unwrap_or_default(), depth + 1);
        out.push_str(if index + 1 < names.len() { ",\n" } else { "\n" });
    }
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n(' ', depth));
}
