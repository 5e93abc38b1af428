//! Values to JSON.

use std::fmt::Write as _;

use data_encoding::BASE64;
use gotemplate::{Error, FloatKind, Map, Object, Type, Value, sprintf};

/// How JSON is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether `<`, `>` and `&` are escapes.
    pub escapes_html: bool,
    /// Whether it is spread over lines, indented by two spaces.
    pub is_indented: bool,
}

/// The JSON of a value; maps in the order of their keys.
///
/// # Errors
///
/// What Go says of values that JSON does not know: numbers that are none, and types like functions.
pub fn write(value: &Value, style: Style) -> Result<String, Error> {
    let mut writer = Writer { out: String::new(), style, depth: 0 };
    writer.value(value)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    style: Style,
    depth: usize,
}

impl Writer {
    fn value(&mut self, value: &Value) -> Result<(), Error> {
        match value {
            Value::Nil | Value::Missing => self.out.push_str("null"),
            Value::Bool(_) | Value::Int(..) | Value::Uint(..) => {
                self.out.push_str(&value.to_string());
            }
            Value::Float(kind, float) => self.float(*kind, *float)?,
            Value::String(text) => self.string(text),
            Value::Bytes(bytes) => {
                self.out.push('"');
                BASE64.encode_append(bytes, &mut self.out);
                self.out.push('"');
            }
            Value::List(list) if list.is_nil() => self.out.push_str("null"),
            Value::List(list) => self.block('[', ']', list.iter(), Self::value)?,
            Value::Map(map) => self.map(map)?,
            Value::Object(object) => self.object(object.as_ref())?,
            Value::Complex(..) | Value::Function(_) => return Err(unsupported(value)),
        }
        Ok(())
    }

    /// What stands in brackets: each item after a comma, on a line of its own if that is the style.
    fn block<T>(
        &mut self,
        open: char,
        close: char,
        items: impl Iterator<Item = T>,
        write: impl Fn(&mut Self, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.out.push(open);
        self.depth += 1;
        let mut is_empty = true;
        for item in items {
            if !is_empty {
                self.out.push(',');
            }
            is_empty = false;
            self.line();
            write(self, item)?;
        }
        self.depth -= 1;
        if !is_empty {
            self.line();
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self) {
        if self.style.is_indented {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", self.depth));
        }
    }

    fn entry(&mut self, key: &str, value: &Value) -> Result<(), Error> {
        self.string(key);
        self.out.push_str(if self.style.is_indented { ": " } else { ":" });
        self.value(value)
    }

    fn map(&mut self, map: &Map) -> Result<(), Error> {
        if !matches!(map.key(), Type::String | Type::Int(_) | Type::Uint(_)) {
            return Err(format!("json: unsupported type: {}", map.type_of()).into());
        }
        if map.is_nil() {
            self.out.push_str("null");
            return Ok(());
        }
        let entries = map.entries();
        // Go sorts numbers by their text.
        let mut sorted: Vec<(String, &Value)> =
            entries.iter().map(|(key, value)| (key.to_string(), value)).collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        self.block('{', '}', sorted.into_iter(), |writer, (key, value)| writer.entry(&key, value))
    }

    fn object(&mut self, object: &dyn Object) -> Result<(), Error> {
        if object.is_nil() {
            self.out.push_str("null");
            return Ok(());
        }
        if let Some(other) = object.json() {
            return self.value(&other?);
        }
        let names = object.field_names().iter();
        let exported = names.filter(|name| name.starts_with(char::is_uppercase));
        self.block('{', '}', exported, |writer, name| {
            writer.entry(name, &object.field(name).unwrap_or_default())
        })
    }

    fn float(&mut self, kind: FloatKind, float: f64) -> Result<(), Error> {
        if !float.is_finite() {
            let float = sprintf("%v", &[float.into()]);
            return Err(format!("json: unsupported value: {float}").into());
        }
        let size = float.abs();
        let (small, large) = match kind {
            FloatKind::Float32 => (f64::from(1e-6_f32), f64::from(1e21_f32)),
            FloatKind::Float64 => (1e-6, 1e21),
        };
        let exponent = size != 0.0 && (size < small || size >= large);
        let text = shortest(kind, float, exponent);
        self.out.push_str(&text);
        Ok(())
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.out.extend(['\\', c]),
                '\x08' => self.out.push_str("\\b"),
                '\x0c' => self.out.push_str("\\f"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '<' | '>' | '&' if self.style.escapes_html => self.code(c),
                // Line ends to JavaScript.
                '\0'..' ' | '\u{2028}' | '\u{2029}' => self.code(c),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn code(&mut self, c: char) {
        let written = write!(self.out, "\\u{:04x}", u32::from(c));
        debug_assert!(written.is_ok(), "writing into a string cannot fail");
    }
}

/// The fewest digits that stand for the float. Negative exponents have no zero in front.
fn shortest(kind: FloatKind, float: f64, exponent: bool) -> String {
    let text = sprintf("%v", &[Value::Float(kind, float)]);
    match text.split_once('e') {
        None => text,
        Some((digits, power)) if exponent => match power.strip_prefix("-0") {
            Some(power) => format!("{digits}e-{power}"),
            None => text,
        },
        // JSON writes more numbers without an exponent than `%v` does.
        Some((digits, power)) => without_exponent(digits, power.parse().unwrap_or(0)),
    }
}

/// Moves the point of `d.ddd` to its place.
fn without_exponent(digits: &str, power: i32) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let digits = digits.replace('.', "");
    let Ok(power) = usize::try_from(power) else {
        let zeros = usize::try_from(power.unsigned_abs()).unwrap_or(1) - 1;
        return format!("{sign}0.{}{digits}", "0".repeat(zeros));
    };
    match digits.split_at_checked(power + 1) {
        None | Some((_, "")) => format!("{sign}{digits:0<width$}", width = power + 1),
        Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
    }
}

fn unsupported(value: &Value) -> Error {
    format!("json: unsupported type: {}", value.type_of()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_floats_as_go_does() {
        let style = Style { escapes_html: false, is_indented: false };
        for (float, want) in [
            (1.0, "1"),
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (-2.5e-10, "-2.5e-10"),
        ] {
            assert_eq!(write(&float.into(), style).as_deref().ok(), Some(want));
        }
    }
}
